"""Runs, by their ids: lists and shows them, waits for one, follows, cancels or answers it."""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from tuiagent.clients.approve import answer
from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.cli.printers import Printer, brief, printer, say, say_json
from tuiagent.clients.find import ALL, named
from tuiagent.clients.host import Host
from tuiagent.clients.waits import told
from tuiagent.kernel.call import AnswerQuestion
from tuiagent.kernel.errors import ConfigError, Refused, StoreError, TuiagentError
from tuiagent.kernel.event import CaughtUp, Event, Intent
from tuiagent.kernel.prompts import PromptSubmitted, WithdrawPrompt
from tuiagent.kernel.run import Halted, InterruptRun, RunStarted
from tuiagent.ports import Client
from tuiagent.views.runs import ENDS

PATIENCE = 20.0
"""Seconds in which a run that is to end should have ended."""
Row = dict[str, Any]


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`runs list`, and what is done with one run: show, wait, follow, cancel, answer."""
    stream = (await named(client, args.session_id))["stream"] if args.session_id else ""
    if args.what == "list":
        return await _list(client, stream, args)
    if not args.run:
        raise ConfigError(f"say which run: tuiagent runs {args.what} ID; runs list has them")
    row = await _found(client, args.run, stream)
    return await ACTS[args.what](client, row, args, host)


async def _found(client: Client, name: str, stream: str = "") -> Row:
    """The run with this id, or whose id begins so. Raises ConfigError."""
    rows = [row for row in await _every(client, stream) if row["id"].startswith(name)]
    found = [row for row in rows if row["id"] == name] or rows
    if not found:
        raise ConfigError(f"there is no run {name!r}; see `tuiagent runs list`")
    if len(found) > 1:
        same = len({row["id"] for row in found}) == 1
        some = ", ".join(row["stream" if same else "id"] for row in found[-3:])
        more = "say which with --session-id" if same else "say more"
        raise ConfigError(f"{name!r} is the start of {len(found)} runs ({some} …): {more}")
    return found[0]


async def _every(client: Client, stream: str) -> list[Row]:
    return (await client.read("runs", stream, ALL)).data


async def _waiting(client: Client, row: Row) -> list[Row]:
    """What the run asks of a person."""
    asked = (await client.read("inbox", row["stream"], ALL)).data
    return [
        item
        for item in asked
        if item["call"].startswith(row["id"] + ".") and item["kind"] != "outcome"
    ]


async def _list(client: Client, stream: str, args: argparse.Namespace) -> int:
    rows = [r for r in await _every(client, stream) if args.status in ("", r["status"])]
    shown = rows[-args.limit :]
    if args.output == "json":
        say_json(shown)
        return DONE
    for row in reversed(shown):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["queued"]))
        ident = row["stream"].partition("/")[2]
        words = " ".join(row["prompt"].split())[:60]
        line = f"{row['id']}  {when}  {row['status']:<20}  {ident}  {row['model']}  {words}"
        line += f"  ({told(row['needs'], row['again'])})" if row["needs"] else ""
        say(clean(line + "\n"))
    if len(shown) < len(rows):
        say(f"({len(rows) - len(shown)} older ones: --limit {len(rows)})\n")
    if not rows:
        say("no runs yet\n" if not args.status else f"no run is {args.status}\n")
    return DONE


async def _show(client: Client, row: Row, args: argparse.Namespace, host: Host) -> int:
    asked = await _waiting(client, row)
    if args.output == "json":
        say_json({**row, "waits": asked})
        return DONE
    times = {
        name: time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row[name]))
        for name in ("queued", "started", "ended")
        if row[name] is not None
    }
    lines = {
        "run": row["id"],
        "session": row["stream"].partition("/")[2],
        "folder": row["folder"],
        "model": row["model"],
        "status": row["status"],
        "waits": told(row["needs"], row["again"]) if row["needs"] else "",
        "error": row["error"],
        **times,
        "used": f"{row['turns']} replies, {row['calls']} calls, ${row['cost']:.4f}",
        "prompt": " ".join(row["prompt"].split()),
    }
    for name, value in lines.items():
        if value:
            say(clean(f"{name:<8} {value}\n"))
    for item in asked:
        say(clean(f"asks     {_asks(item)}\n"))
    if asked:
        say(f"answer with: tuiagent runs answer {row['id']} {_how(asked[0])}\n")
    return DONE


async def _wait(client: Client, row: Row, args: argparse.Namespace, host: Host) -> int:
    if args.output == "events":
        raise ConfigError("wait tells how it ended: for events, tuiagent runs follow ID")
    try:
        async with asyncio.timeout(args.timeout or None):
            return await _watched(
                client, row, host, printer(args.output, host.console), sys.maxsize
            )
    except TimeoutError:
        now = (await _found(client, row["id"], row["stream"]))["status"]
        text = f"tuiagent: after {args.timeout:g} s run {row['id']} is {now}; it goes on"
        print(text, file=sys.stderr)
        return ERROR


async def _follow(client: Client, row: Row, args: argparse.Namespace, host: Host) -> int:
    return await _watched(client, row, host, printer(args.output, host.console), args.after)


async def _watched(client: Client, row: Row, host: Host, out: Printer, after: int) -> int:
    """Prints what happens in the run after this position, until it is over or needs a person."""
    if row["status"] not in ENDS:
        await host.background(row["folder"])  # somebody has to go on with it
    follow = Follow(row["id"])
    begun = live = False
    async for seen in client.watch(row["stream"], row["position"] - 1):
        if isinstance(seen, Event):
            fact, over = seen.fact, bool(follow.status)
            follow.apply(seen)
            begun = begun or (isinstance(fact, RunStarted) and fact.run == row["id"])
            own = isinstance(fact, PromptSubmitted) and fact.prompt == row["id"]
            if (own or begun or follow.status) and not over and seen.position > after:
                out.seen(seen, follow)
        elif isinstance(seen, Halted):
            raise StoreError(seen.why)
        elif isinstance(seen, CaughtUp):
            live = True
            out.live()
        if live and (follow.status or follow.waits):
            break
    out.end(row["stream"], follow)
    return follow.exit


async def _cancel(client: Client, row: Row, args: argparse.Namespace, host: Host) -> int:
    """Ends this run alone, and waits for that; one that is over stays as it is."""
    stream, ident = row["stream"], row["id"]
    if row["status"] not in ENDS:
        server = await host.background(row["folder"])
        for intent in (
            WithdrawPrompt(stream, ident),
            InterruptRun(stream, cancel=True, run=ident),
        ):
            try:
                await server.submit(intent)
                break
            except Refused:
                continue  # it does not wait any more; it is being stopped, or over by now
        try:
            async with asyncio.timeout(PATIENCE):
                row = await _ended(client, row)
        except TimeoutError:
            say(f"{ident} is to end, but has not within {PATIENCE:g} s\n")
            return ERROR
    say(f"{ident} is {row['status']}\n")
    return DONE


async def _ended(client: Client, row: Row) -> Row:
    """The run, once it is over."""
    follow = Follow(row["id"])
    async for seen in client.watch(row["stream"], row["position"] - 1):
        if isinstance(seen, Event):
            follow.apply(seen)
        if follow.status:
            break
    return await _found(client, row["id"], row["stream"])


async def _answer(client: Client, row: Row, args: argparse.Namespace, host: Host) -> int:
    asked = await _waiting(client, row)
    if not asked:
        raise TuiagentError(f"run {row['id']} asks nothing: it is {row['status']}")
    meant = [item for item in asked if item["call"].endswith(args.call)]
    if len(meant) != 1:
        raise ConfigError("say which:\n" + clean("\n".join(map(_asks, asked))))
    if args.reason and not args.no:
        raise ConfigError("a --reason goes with --deny")
    intent = _intent(meant[0], args)
    server = await host.background(row["folder"])
    await server.submit(intent)
    say(clean(f"answered: {_asks(meant[0])}\n"))
    return DONE


def _intent(item: Row, args: argparse.Namespace) -> Intent:
    """What is answered, by the flags. Raises ConfigError, TuiagentError."""
    stream, call = item["stream"], item["call"]
    if item["kind"] == "question":
        if args.answer is None:
            raise ConfigError(f"that is a question: {_how(item)}")
        return AnswerQuestion(stream, call, args.answer)
    row = {"id": call, "digest": item["digest"], "args": item["args"]}
    if args.yes:
        return answer(stream, row, "y", "", 0.0)
    if args.no:
        return answer(stream, row, "/deny", args.reason, 0.0)
    if args.rule is not None:
        row["offer"] = item["verdict"]["offer"]
        return answer(stream, row, "/session", args.rule, time.time())
    if args.edit is not None:
        return answer(stream, row, "/edit", args.edit, 0.0)
    raise ConfigError("that asks for an approval: say --allow, --deny, --rule or --edit")


def _asks(item: Row) -> str:
    """What a person is asked, in one line."""
    if item["kind"] == "question":
        return f"[{item['call']}] {item['question']['text']}"
    return f"[{item['call']}] {item['tool']} {brief(item['args'])}"


def _how(item: Row) -> str:
    return "--answer TEXT" if item["kind"] == "question" else "--allow"


Act = Callable[[Client, Row, argparse.Namespace, Host], Awaitable[int]]
ACTS: dict[str, Act] = {
    "show": _show,
    "get": _show,
    "wait": _wait,
    "follow": _follow,
    "stream": _follow,
    "cancel": _cancel,
    "answer": _answer,
}
"""What is done with one run."""
