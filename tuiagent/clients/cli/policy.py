"""What may be done: ask the policy about a call, list what was granted, take it back."""

import argparse
import os
import time
from typing import Any

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, NEEDS_PERSON, REFUSED
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.find import ALL, named
from tuiagent.clients.host import Host
from tuiagent.kernel import standing
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.grants import RevokeRule
from tuiagent.kernel.standing import DropRule, KeepRule
from tuiagent.ports import Client

CODES = {"allow": DONE, "ask": NEEDS_PERSON, "deny": REFUSED}


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`policy check -- COMMAND…`, `policy list`, `policy allow RULE`, `policy revoke RULE`."""
    stream = (await named(client, args.session))["stream"] if args.session else ""
    if args.what == "check":
        return await _check(client, args, stream)
    if args.what == "allow":
        return await _keep(client, args)
    rows = (await client.read("grants", stream, ALL)).data
    kept = (await client.read("kept")).data
    if args.what == "revoke":
        return await _revoke(client, args, rows, kept)
    if args.output == "json":
        say_json({"kept": kept, "granted": rows})
        return DONE
    for row in kept:
        say(clean(f"allow {row['rule']}  (always{_until(row)}, in {row['folder']})\n"))
    for row in rows:
        _show(row)
    if not rows and not kept:
        say("nothing was granted, and no rule has let anything through yet\n")
    return DONE


async def _check(client: Client, args: argparse.Namespace, stream: str) -> int:
    """Says what would become of a call; its exit code says it too."""
    if not args.words:
        raise ConfigError("say what to check: tuiagent policy check -- COMMAND…")
    subject = args.words[0] if len(args.words) == 1 else " ".join(args.words)
    asked = {"tool": args.tool, "subject": subject, "folder": args.cwd, "session": stream}
    asked["mode"] = args.mode
    verdict = (await client.read("check", msgspec.json.encode(asked).decode())).data
    if args.output == "json":
        say_json(verdict)
        return CODES[verdict["decision"]]
    say(clean(f"{verdict['decision']}: {verdict['reason']}\n"))
    lines = (
        ("gate", verdict["gate"]),
        ("risk", verdict.get("risk")),
        ("rule", verdict.get("rule")),
        ("nearest rule", verdict.get("nearest")),
        ("let through by", verdict.get("offer")),
        ("but that not", verdict.get("neighbour")),
    )
    for name, text in lines:
        if text:
            say(clean(f"  {name + ':':<16}{text}\n"))
    return CODES[verdict["decision"]]


async def _keep(client: Client, args: argparse.Namespace) -> int:
    """Lets a rule hold in this folder's sessions from now on."""
    if not args.words:
        raise ConfigError("say which rule: tuiagent policy allow 'shell(make *)'")
    rule, folder = " ".join(args.words), os.path.realpath(args.cwd)
    await client.submit(KeepRule(standing.STREAM, rule, folder))
    say(clean(f"allowed in sessions of {folder} from their next start on: {rule}\n"))
    return DONE


async def _revoke(
    client: Client,
    args: argparse.Namespace,
    rows: list[dict[str, Any]],
    kept: list[dict[str, Any]],
) -> int:
    """Takes the rule back wherever it was granted, and where it was kept."""
    rule = " ".join(args.words)
    places = [row["folder"] for row in kept if row["rule"] == rule and not args.session]
    for folder in places:
        await client.submit(DropRule(standing.STREAM, rule, folder))
        say(clean(f"not kept any more in {folder}: {rule}\n"))
        say("(a session that is open keeps it until it is resumed, or revoked there)\n")
    found = [
        row
        for row in rows
        if row["rule"] == rule and row["source"] == "session" and not row["revoked"]
    ]
    if not found and not places:
        raise ConfigError(f"no grant {rule!r} holds; see `tuiagent policy list`")
    for row in found:
        await client.submit(RevokeRule(row["stream"], rule))
        say(f"revoked in {row['stream'].partition('/')[2]}: {clean(rule)}\n")
    return DONE


def _until(row: dict[str, Any]) -> str:
    if not row["until"]:
        return ""
    return time.strftime(", until %Y-%m-%d %H:%M", time.localtime(row["until"]))


def _show(row: dict[str, Any]) -> None:
    state = "revoked" if row["revoked"] else f"from {row['source']}"
    state += _until(row)
    if row["uses"]:
        state += f", {len(row['ran'])} of {row['uses']} uses"
    ident = row["stream"].partition("/")[2]
    say(clean(f"{row['action']} {row['rule']}  ({state}, session {ident})\n"))
    for ran in row["ran"][-10:]:
        when = time.strftime("%m-%d %H:%M:%S", time.localtime(ran["at"]))
        say(clean(f"    {when}  {ran['subject'][:120]}\n"))
