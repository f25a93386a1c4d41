"""`sessions search`: finds what was said, in all sessions."""

import argparse
import sys
import time
from typing import Any

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.find import named
from tuiagent.clients.host import Host
from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client


async def search(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions search WORDS…`: the newest texts in which all of the words stand."""
    if not args.words:
        raise ConfigError("say what to look for: tuiagent sessions search WORDS…")
    stream = (await named(client, args.within))["stream"] if args.within else ""
    asked = {"text": " ".join(args.words), "session": stream, "limit": args.limit, "all": args.all}
    found = (await client.read("search", msgspec.json.encode(asked).decode())).data
    if args.output == "json":
        say_json(found)
        return DONE
    if found["note"]:
        print(clean(f"tuiagent: {found['note']}"), file=sys.stderr)
    for hit in found["hits"]:
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(hit["at"]))
        title = ": ".join(filter(None, (hit["name"], hit["title"][:60])))
        ident = hit["stream"].partition("/")[2]
        say(clean(f"{ident}  {when}  {hit['kind']:<8} @{hit['position']}  {title}\n"))
        say(clean(f"    {_marked(hit)}\n"))
    if not found["hits"]:
        say("nothing was found\n")
    return DONE


def _marked(hit: dict[str, Any]) -> str:
    """The snippet with its matches in guillemets."""
    text, out, last = hit["snippet"], "", 0
    for start, end in hit["marks"]:
        if start >= last:
            out += f"{text[last:start]}«{text[start:end]}»"
            last = end
    return (out + text[last:]).replace("\t", " ")
