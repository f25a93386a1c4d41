"""Line by line: watch a session, type to it, answer what it asks."""

import argparse
import asyncio
import os
import sys
import threading
from collections.abc import AsyncGenerator, Callable
from typing import Any

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, Host
from tuiagent.clients.cli.find import named, newest
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.cli.printers import brief, progress, say
from tuiagent.kernel import call as calls
from tuiagent.kernel import lifecycle, session, undo
from tuiagent.kernel import run as runs
from tuiagent.kernel.errors import ConfigError, TuiagentError
from tuiagent.kernel.event import CaughtUp, Event, Intent
from tuiagent.kernel.jobs import StopJob
from tuiagent.kernel.message import Diff
from tuiagent.ports import Client, Window
from tuiagent.views.transcript import NOTICES

SHOWN = 20
"""Lines of each argument that are shown for an approval."""
HELP = """\
type to speak · y or n answers an approval · /approve [CALL] · /deny [CALL] [REASON] · /always
/answer TEXT · /resume (go on here) · /interrupt · /mode MODE · /model PROVIDER/MODEL
/undo [CALL [FILE [HUNK]]] (without CALL the last change) · /compact (shorten what the model sees)
/name NAME · /kill JOB (ends what runs in the background) · /quit (the run goes on elsewhere)
"""


SIMPLE: dict[str, Callable[[str, str], Intent]] = {
    "/interrupt": lambda stream, rest: runs.InterruptRun(stream),
    "/mode": session.ChangeMode,
    "/model": session.ChangeModel,
    "/compact": lambda stream, rest: session.ShortenConversation(stream),
    "/name": lifecycle.NameSession,
    "/kill": StopJob,
}
"""What is typed, and what is meant by it and the rest of the line."""


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Shows the end of the transcript, then everything live, until the input ends or /quit."""
    if args.session:
        row = await named(client, args.session)
    else:
        try:
            row = await newest(client, os.path.realpath(args.cwd))
        except ConfigError:
            row = await newest(client, "")
    attached = Attached(client, row["stream"], host)
    await attached.show_past()
    watching = asyncio.create_task(attached.watch())
    caught_up = asyncio.create_task(attached.caught_up.wait())
    try:
        await asyncio.wait({watching, caught_up}, return_when=asyncio.FIRST_COMPLETED)
        async for line in _lines():
            if not await attached.typed(line.strip()):
                break
        else:
            attached.alone = not sys.stdin.isatty()
            if attached.alone and not attached.idle:
                await watching
    finally:
        watching.cancel()
        caught_up.cancel()
        await asyncio.gather(watching, caught_up, return_exceptions=True)
    return DONE


class Attached:
    """One person at one session."""

    def __init__(self, client: Client, stream: str, host: Host) -> None:
        self._client = client
        self._stream = stream
        self._host = host
        self._follow = Follow("")
        self._running = False
        self._printed: dict[str, int] = {}
        self._asks: dict[str, Event] = {}
        """What each call last asked of a person."""
        self.alone = False
        """Whether nobody will type any more: it ends once nothing goes on."""
        self._seen = self._asked_for = 0
        """Positions: what was watched up to, and what was submitted from here."""
        self._undoing: set[str] = set()
        self._changed = ""
        """The last call that changed files."""
        self._position = 0
        self.caught_up = asyncio.Event()
        """Set once all history was seen: before, nobody knows what a y would answer."""

    async def show_past(self) -> None:
        """The last items of the transcript, and who drives the session."""
        past = await self._client.read("transcript", self._stream, Window(50))
        say(f"— session {self._stream.partition('/')[2]} · /help\n")
        for item in past.data:
            text = item.get("text") or item.get("output") or ""
            name = f" {item['name']}" if item.get("name") else ""
            head = f"[{item['kind']}{name} {item.get('status', '')}]"
            say(clean(" ".join(filter(None, (head, brief(item.get("args")), text[:400]))) + "\n"))
        self._position = past.position

    async def watch(self) -> None:
        """Prints tokens as they come and facts as they happen."""
        async for seen in self._client.watch(self._stream):
            if isinstance(seen, Event):
                self._running = self._note(seen)
                if seen.position > self._position:
                    self._show(seen)
            elif isinstance(seen, runs.Delta) and not seen.reasoning:
                self._delta(seen)
            elif isinstance(seen, runs.Progress):
                say(clean(seen.text))
            elif isinstance(seen, runs.Halted):
                say(clean(f"! {seen.why}; it goes on here once that is done\n"))
            elif isinstance(seen, CaughtUp):
                self._show_open()
                self.caught_up.set()
            if isinstance(seen, Event | CaughtUp):
                self._seen = seen.position
                if self.alone and self.idle:
                    return

    @property
    def idle(self) -> bool:
        """Whether all that was asked for here was seen, and nothing goes on."""
        return self._seen >= self._asked_for and not self._running and not self._undoing

    def _show_open(self) -> None:
        """What waits for a person since before."""
        for name, asked in self._asks.items():
            row = self._follow.calls.get(name, {})
            waits = row.get("status") in ("asked", "deferred")
            if waits and asked.position <= self._position:
                self._show(asked)

    def _note(self, seen: Event) -> bool:
        self._follow.apply(seen)
        if isinstance(seen.fact, calls.CallJudged | calls.CallDeferred):
            self._asks[seen.fact.call] = seen
        if isinstance(seen.fact, calls.CallFinished):
            changed = any(isinstance(block, Diff) for block in seen.fact.observation.blocks)
            self._changed = seen.fact.call if changed else self._changed
            self._undoing.discard(seen.fact.call)
        if isinstance(seen.fact, undo.UndoRequested):
            self._undoing.add(seen.fact.undo)
        if isinstance(seen.fact, runs.RunStarted):
            return True
        return self._running and not isinstance(seen.fact, runs.RunFinished)

    def _delta(self, delta: runs.Delta) -> None:
        """Only what was not printed yet, whatever comes twice."""
        done = self._printed.get(delta.attempt, 0)
        fresh = delta.text[max(0, done - delta.offset) :]
        if fresh and delta.offset <= done:
            say(clean(fresh))
            self._printed[delta.attempt] = delta.offset + len(delta.text)

    def _show(self, seen: Event) -> None:
        fact = seen.fact
        if isinstance(fact, runs.ReplyReceived):
            done = self._printed.pop(fact.attempt, 0)
            say(clean(fact.reply.text[done:]) + ("\n" if fact.reply.text else ""))
        elif isinstance(fact, session.PromptSubmitted):
            say(clean(f"\n> {fact.text}\n"))
        elif isinstance(fact, calls.CallJudged) and fact.verdict.decision == "ask":
            self._show_approval(fact)
        elif isinstance(fact, calls.CallDeferred):
            choices = f" ({' / '.join(fact.question.choices)})" if fact.question.choices else ""
            say(clean(f"? {fact.question.text}{choices}   /answer TEXT\n"))
        elif isinstance(fact, runs.RunFinished):
            say(clean(f"— {fact.status}{': ' + fact.error if fact.error else ''}\n"))
        elif isinstance(fact, session.PromptRebased) and fact.shortened:
            say(clean(f"— the conversation was made shorter: {fact.reason}\n"))
        elif type(fact) in NOTICES:
            say(clean(f"— {NOTICES[type(fact)](fact)}\n"))
        else:
            line = progress(seen, self._follow)
            if line:
                say(clean(line) + "\n")

    def _show_approval(self, fact: calls.CallJudged) -> None:
        row = self._follow.calls.get(fact.call, {})
        verdict = fact.verdict
        say(clean(f"? may it? {row.get('name')} [{fact.call}]: {fact.claims.subject}\n"))
        for name, value in (row.get("args") or {}).items():
            lines = str(value).strip("\n").split("\n")
            hidden = f"    … {len(lines) - SHOWN} more lines\n" if len(lines) > SHOWN else ""
            say(clean("".join(f"    {name}: {line}\n" for line in lines[:SHOWN])) + hidden)
        say(clean(f"  asked because {verdict.reason}; y, n, or /always for {verdict.offer}\n"))

    async def typed(self, line: str) -> bool:
        """Does what was typed; False to leave. What is refused is said, never raised."""
        word, _, rest = line.partition(" ")
        try:
            if word in ("/quit", "/detach"):
                return False
            if word == "/help":
                say(HELP)
            elif word == "/resume":
                taken = await self._host.adopt(self._stream)
                say("— going on here\n" if taken else "— another process drives it\n")
            elif line:
                self._asked_for = await self._client.submit(self._intent(word, rest, line))
        except TuiagentError as error:
            say(f"! {clean(str(error))}\n")
        return True

    def _intent(self, word: str, rest: str, line: str) -> Intent:
        stream = self._stream
        if word in ("/approve", "/deny", "/always") or (line in ("y", "n") and self._asked()):
            return self._answer(word, rest)
        if word == "/answer":
            return calls.AnswerQuestion(stream, self._waiting("deferred")["id"], rest)
        if word == "/undo":
            return self._undo(rest.split())
        if word in SIMPLE:
            return SIMPLE[word](stream, rest)
        if word.startswith("/"):
            raise TuiagentError(f"there is no command {word}; /help lists them")
        return session.SubmitPrompt(stream, self._host.new_id(), line, steer=self._running)

    def _undo(self, words: list[str]) -> Intent:
        call = words[0] if words else self._changed
        if not call:
            raise TuiagentError("no call has changed a file here yet")
        hunk = int(words[2]) if len(words) > 2 and words[2].isdecimal() else 0
        return undo.UndoCall(self._stream, call, words[1] if len(words) > 1 else "", hunk)

    def _answer(self, word: str, rest: str) -> Intent:
        name, _, reason = rest.partition(" ")
        if name not in self._follow.calls:
            name, reason = "", rest
        row = self._follow.calls[name] if name else self._waiting("asked")
        allow = word in ("/approve", "/always", "y")
        grant = row.get("offer", "") if word == "/always" else ""
        digest = row.get("digest", "")
        return calls.AnswerApproval(self._stream, row["id"], digest, allow, reason, grant)

    def _asked(self) -> list[dict[str, Any]]:
        return [row for row in self._follow.calls.values() if row["status"] == "asked"]

    def _waiting(self, status: str) -> dict[str, Any]:
        """The one call that waits so. Raises TuiagentError."""
        rows = [row for row in self._follow.calls.values() if row["status"] == status]
        if len(rows) != 1:
            names = ", ".join(row["id"] for row in rows)
            raise TuiagentError(f"say which: {names}" if rows else "nothing waits for that")
        return rows[0]


async def _lines() -> AsyncGenerator[str]:
    """Lines of standard input, read by a thread of its own, until it ends."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line)
        loop.call_soon_threadsafe(lines.put_nowait, None)

    threading.Thread(target=read, daemon=True, name="input").start()
    while (line := await lines.get()) is not None:
        yield line
