"""What was used, and what was changed: tokens and money, files."""

import argparse
from typing import Any

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.find import ALL, named
from tuiagent.clients.host import Host
from tuiagent.ports import Client

NUMBERS = ("replies", "input", "output", "cache_read", "cost", "unpriced")


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`usage [SESSION]`, by day, model or session."""
    stream = (await named(client, args.session))["stream"] if args.session else ""
    rows = (await client.read("usage", stream, ALL)).data
    sums: dict[str, dict[str, Any]] = {}
    for row in rows:
        group = sums.setdefault(row[args.by].removeprefix("session/"), dict.fromkeys(NUMBERS, 0))
        for name in NUMBERS:
            group[name] += row[name]
    if args.output == "json":
        say_json(sums)
        return DONE
    for name, group in sums.items():
        cost = f"${group['cost']:.4f}" if group["replies"] > group["unpriced"] else "price unknown"
        more = f" and {group['unpriced']} replies of unknown price" if group["unpriced"] else ""
        known = group["replies"] > group["unpriced"]
        say(
            clean(
                f"{name:<32} {group['replies']:>6} replies  {group['input']:>10} in "
                f"({group['cache_read']} cached)  {group['output']:>9} out  "
                f"{cost}{more if known else ''}\n"
            )
        )
    if not sums:
        say("nothing was used yet\n")
    elif any(group["cost"] for group in sums.values()):
        known = (await client.read("prices")).data
        say(f"prices as of {known['date']} ({known['source']}), and yours of config.toml\n")
    return DONE


async def files(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`files SESSION`: what its calls changed."""
    row = await named(client, args.session)
    rows = (await client.read("files", row["stream"], ALL)).data
    if args.output == "json":
        say_json(rows)
        return DONE
    for file in rows:
        word = "changed" if file["first"] and file["last"] else "deleted"
        word = "created" if not file["first"] and file["last"] else word
        word = "as before" if file["first"] == file["last"] else word
        undone = f", undone: {', '.join(file['undone'])}" if file["undone"] else ""
        calls = ", ".join(file["calls"])
        counts = f"+{file['added']} -{file['removed']}"
        say(clean(f"{word:<10} {file['path']}  {counts}  (calls {calls}{undone})\n"))
    if not rows:
        say("no call of it has changed a file\n")
    return DONE
