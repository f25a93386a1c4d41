"""Looks after sessions: lists, shows and verifies them."""

import argparse
import time
from typing import Any

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.find import ALL, every, named
from tuiagent.clients.host import Host
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.lifecycle import (
    ArchiveSession,
    DeleteSession,
    EraseSession,
    NameSession,
    RestoreSession,
)
from tuiagent.ports import Client
from tuiagent.registry import load

ELSEWHERE = {
    "create": "tuiagent.clients.cli.named_sessions:create",
    "input": "tuiagent.clients.cli.named_sessions:put_in",
    "search": "tuiagent.clients.cli.search:search",
    "export": "tuiagent.clients.cli.transfer:export",
    "import": "tuiagent.clients.cli.transfer:bring_in",
}
"""What has a file of its own."""


async def sessions(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions list`, and what is done with one: show, rename, archive, delete …"""
    args.words = [args.session, *args.words] if args.session else []
    if args.what in ELSEWHERE:
        return await load(ELSEWHERE[args.what])(client, args, host)
    args.session, args.name, *more = (*args.words, "", "")
    if any(more):
        raise ConfigError(f"that is one word too many: {more[0]!r}; put names in quotes")
    if args.what != "list":
        if not args.session:
            raise ConfigError(f"say which session: tuiagent sessions {args.what} NAME-OR-ID")
        row = await named(client, args.session, deleted=args.what == "restore")
        if args.what in ("show", "get"):
            return await _show(client, row, args)
        return await _put_away(client, row["stream"], args, host)
    rows = [row for row in await every(client) if args.all or not _hidden(row)]
    if args.output == "json":
        say_json(rows)
        return DONE
    for row in reversed(rows):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["changed"]))
        ident = row["stream"].partition("/")[2]
        line = f"{ident}  {when}  {row['status']:<11} {row['model']:<24} {row['folder']}"
        marks = [word for word in ("archived", "deleted") if row[word] not in (False, None)]
        title = f"{row['name']}: {row['title']}" if row["name"] else row["title"]
        say(clean(f"{line}  {title[:60]}{' (' + ', '.join(marks) + ')' if marks else ''}\n"))
    if not rows:
        say("no sessions yet\n")
    return DONE


def _hidden(row: dict[str, Any]) -> bool:
    return row["archived"] or row["deleted"] is not None


async def _put_away(client: Client, stream: str, args: argparse.Namespace, host: Host) -> int:
    """Renames, archives, deletes or restores a session."""
    ident = stream.partition("/")[2]
    if args.what == "rename":
        if not args.name:
            raise ConfigError("say how it shall be called: tuiagent sessions rename ID NAME")
        await client.submit(NameSession(stream, args.name))
        done = f"is called {args.name}"
    elif args.what in ("archive", "unarchive"):
        await client.submit(ArchiveSession(stream, args.what == "archive"))
        done = "is put away" if args.what == "archive" else "is taken out again"
    elif args.what == "delete":
        days = host.settings.retention_days
        await client.submit(DeleteSession(stream, days * 86400))
        done = f"is deleted; for {days} days `tuiagent sessions restore {ident}` brings it back"
        if args.now:
            await client.submit(EraseSession(stream, now=True))
            done = "is erased"
    else:
        await client.submit(RestoreSession(stream))
        done = "is back"
    say(clean(f"{ident} {done}\n"))
    return DONE


async def _show(client: Client, row: dict[str, Any], args: argparse.Namespace) -> int:
    """What was said and done in the session; `get` tells first what it is."""
    items = (await client.read("transcript", row["stream"], ALL)).data
    if args.output == "json":
        found = {**row, "transcript": items} if args.what == "get" else items
        say_json(found)
        return DONE
    for name in ("stream", "name", "folder", "model", "status") if args.what == "get" else ():
        if row[name]:
            say(clean(f"{name:<7} {row[name]}\n"))
    for item in items:
        head = " ".join(filter(None, (item["kind"], item["name"], item["status"])))
        say(clean(f"[{head}]\n"))
        given = msgspec.json.encode(item["args"]).decode() if item["args"] else ""
        for text in (given, item["text"], item["output"]):
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
