"""What goes on here, and what this installation can do."""

import argparse
import time
from typing import Any

from tuiagent import __version__
from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.find import ALL
from tuiagent.clients.host import Host
from tuiagent.ports import Client
from tuiagent.server import ServerRecord, server_record
from tuiagent.views.runs import ENDS


async def status(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`status`: the server, the runs that are not over, what waits for a person, the journal."""
    health = (await client.read("health")).data
    server = server_record(host.settings.root)
    runs = [r for r in (await client.read("runs", "", ALL)).data if r["status"] not in ENDS]
    waiting = (await client.read("inbox", "", ALL)).data
    if args.output == "json":
        found = {
            "version": __version__,
            "server": server,
            "runs": runs,
            "waiting": [
                {name: item[name] for name in ("stream", "call", "kind")} for item in waiting
            ],
            **{name: health[name] for name in ("root", "bytes", "events")},
        }
        say_json(found)
        return DONE
    say(f"tuiagent {__version__}\n")
    say(clean(f"server   {_server(server)}\n"))
    say(clean(f"journal  {health['root']}: {_size(health['bytes'])}, {health['events']} events\n"))
    say(f"runs     {len(runs)} not over\n")
    for row in runs:
        ident = row["stream"].partition("/")[2]
        words = " ".join(row["prompt"].split())[:60]
        say(clean(f"  {row['id']}  {row['status']:<20}  {ident}  {words}\n"))
    say(f"waiting  {len(waiting)} for a person\n")
    for item in waiting:
        say(clean(f"  {item['kind']} in {item['stream'].partition('/')[2]}: {item['call']}\n"))
    return DONE


async def capabilities(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`capabilities`: the version, and what it has of each kind."""
    found: dict[str, Any] = (await client.read("capabilities")).data
    if args.output == "json":
        say_json(found)
        return DONE
    for name, value in found.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        say(clean(f"{name:<10} {shown or 'none yet'}\n"))
    return DONE


def _server(server: ServerRecord | None) -> str:
    if server is None:
        return "not running; tuiagent serve starts one, and so does what needs one"
    since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(server.started))
    where = ", ".join(server.addresses) or "this machine's clients only"
    return f"process {server.pid}, version {server.version}, since {since}; {where}"


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB"
