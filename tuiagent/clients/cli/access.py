"""Who may use the server, and with which keys: lists, issues and takes back."""

import argparse
import re
import secrets
import sys
import time
from typing import Any

import msgspec

from tuiagent.clients.approve import UNITS
from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.host import Host
from tuiagent.kernel import keys
from tuiagent.kernel.directory import OWNER, STREAM, IssueKey, RemoveActor, RevokeKey
from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client

TERM = re.compile(r"(\d{1,6})([smhd])")


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`access list`, `access issue ACTOR`, `access revoke KEY`, `access remove ACTOR`."""
    if args.what == "list":
        return await _list(client, args)
    if not args.name:
        raise ConfigError(f"say which {'key' if args.what == 'revoke' else 'actor'}")
    if args.what == "issue":
        return await _issue(client, args, host)
    if args.what == "remove":
        await client.submit(RemoveActor(STREAM, args.name))
        say(clean(f"removed: {args.name}; its keys are revoked\n"))
        return DONE
    row = await _found(client, args.name)
    await client.submit(RevokeKey(STREAM, row["key"]))
    say(clean(f"revoked: {row['key']} of {row['actor']}\n"))
    return DONE


async def _issue(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Prints the new key, once, and nothing else on standard output."""
    known = (await client.read("directory")).data["actors"]
    kinds = {row["actor"]: row["kind"] for row in known if row["removed"] is None}
    kind = {OWNER: OWNER, **kinds}.get(args.name) or args.kind
    if not kind:
        raise ConfigError(
            f"there is no actor {args.name}: for a new one, add --kind person, agent or service"
        )
    text = keys.make(kind, secrets.token_bytes(keys.CHANCE))
    scopes, until = tuple(args.scope), _until(args.expires)
    issue = IssueKey(STREAM, host.new_id(), args.name, keys.mark(text), scopes, args.kind, until)
    await client.submit(msgspec.structs.replace(issue, name=args.label))
    say(f"{text}\n")
    may = ", ".join(scopes) or "nothing: it has no --scope"
    note = f"tuiagent: {issue.key} of {args.name}, may {may}; it is shown only this once"
    print(clean(note), file=sys.stderr)
    return DONE


async def _list(client: Client, args: argparse.Namespace) -> int:
    found = (await client.read("directory")).data
    if args.output == "json":
        say_json(found)
        return DONE
    for row in found["keys"]:
        say(clean(_line(row)))
    holders = {row["actor"] for row in found["keys"]}
    for row in found["actors"]:
        if row["actor"] not in holders:
            gone = "" if row["removed"] is None else ", removed"
            say(clean(f"{'no key':<15}  {row['actor']} ({row['kind']}{gone})\n"))
    if not found["keys"] and not found["actors"]:
        say(
            "nobody has a key yet: tuiagent access issue NAME --kind person --scope sessions:read\n"
        )
    return DONE


async def _found(client: Client, name: str) -> dict[str, Any]:
    """The row of the key with this id, or whose id begins so. Raises ConfigError."""
    if name.startswith("tua_"):
        raise ConfigError("say the key's id, not the key: see `tuiagent access list`")
    rows = (await client.read("directory")).data["keys"]
    exact = [row for row in rows if row["key"] == name]
    found = exact or [row for row in rows if row["key"].startswith(name)]
    if len(found) != 1:
        many = f"{name!r} is the start of {len(found)} keys: say more"
        none = f"there is no key {name!r}; see `tuiagent access list`"
        raise ConfigError(many if found else none)
    return found[0]


def _until(text: str) -> float:
    """When a key of this term expires, in seconds since 1970; 0 for "". Raises ConfigError."""
    if not text:
        return 0.0
    term = TERM.fullmatch(text)
    if term is None or not int(term[1]):
        raise ConfigError(f"--expires {text}: write how long it counts, such as 12h or 30d")
    return time.time() + int(term[1]) * UNITS[term[2]]


def _line(row: dict[str, Any]) -> str:
    state = ""
    if row["revoked"] is not None:
        state = f"  revoked {_day(row['revoked'])} by {row['revoker']}"
    elif row["until"] is not None:
        over = row["until"] <= time.time()
        state = f"  {'expired' if over else 'until'} {_day(row['until'])}"
    label = f" {' '.join(row['name'].split())}" if row["name"] else ""
    scopes = ", ".join(row["scopes"]) or "nothing"
    return f"{row['key']:<15}  {row['actor']} ({row['kind']}){label}: {scopes}{state}\n"


def _day(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
