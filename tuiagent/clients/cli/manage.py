"""Looks after sessions: lists, shows and verifies them."""

import argparse
import time

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR, Host
from tuiagent.clients.cli.find import ALL, named
from tuiagent.clients.cli.printers import say
from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client


async def sessions(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions list` and `sessions show ID`."""
    if args.what == "show":
        if not args.session:
            raise ConfigError("say which session: tuiagent sessions show ID")
        return await _show(client, (await named(client, args.session))["stream"], args.output)
    rows = (await client.read("sessions", "", ALL)).data
    if args.output == "json":
        say(msgspec.json.encode(rows).decode() + "\n")
        return DONE
    for row in reversed(rows):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["changed"]))
        ident = row["stream"].partition("/")[2]
        line = f"{ident}  {when}  {row['status']:<11} {row['model']:<24} {row['folder']}"
        say(clean(f"{line}  {row['title'][:60]}\n"))
    if not rows:
        say("no sessions yet\n")
    return DONE


async def _show(client: Client, stream: str, output: str) -> int:
    snapshot = await client.read("transcript", stream, ALL)
    if output == "json":
        say(msgspec.json.encode(snapshot.data).decode() + "\n")
        return DONE
    for item in snapshot.data:
        head = " ".join(filter(None, (item["kind"], item["name"], item["status"])))
        say(clean(f"[{head}]\n"))
        args = msgspec.json.encode(item["args"]).decode() if item["args"] else ""
        for text in (args, item["text"], item["output"]):
            if text:
                say(clean(text.rstrip("\n") + "\n"))
    return DONE


async def verify(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`verify [SESSION]`: the chains, and the seals over them."""
    stream = (await named(client, args.session))["stream"] if args.session else ""
    found = (await client.read("verify", stream)).data
    problem = found["problem"]
    if problem:
        place = f"{problem['stream']}, version {problem['version']}"
        say(f"NOT AS IT WAS WRITTEN: {place}: {problem['reason']}\n")
        return ERROR
    say(
        f"{found['streams']} streams with {found['events']} events: gapless, unchanged; "
        f"{found['seals']} seals hold\n"
    )
    for name in found["unsealed"]:
        say(f"not sealed to its end yet: {name}\n")
    say("(This shows changes by others, not by a program that runs as you.)\n")
    return DONE
