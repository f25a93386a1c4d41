"""Line by line: open or watch a session, type to it, answer what it asks."""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from tuiagent.clients.approve import SHORT, WORDS, answer
from tuiagent.clients.begin import begin, left, place, words
from tuiagent.clients.cli import NEEDS_PERSON, trust
from tuiagent.clients.cli.follow import EXITS, Follow
from tuiagent.clients.cli.talk import person, talk
from tuiagent.clients.cli.voice import Voice
from tuiagent.clients.find import watched
from tuiagent.clients.host import Host
from tuiagent.clients.slash import SLASH, commands, given
from tuiagent.kernel import call as calls
from tuiagent.kernel import lifecycle, session, standing, undo
from tuiagent.kernel import run as runs
from tuiagent.kernel.effort import ChangeEffort
from tuiagent.kernel.errors import StoreError, TuiagentError
from tuiagent.kernel.event import CaughtUp, Event, Intent
from tuiagent.kernel.jobs import StopJob
from tuiagent.kernel.message import Diff
from tuiagent.kernel.presence import GONE, HERE, TYPING, Presence, ShowPresence
from tuiagent.kernel.standing import KeepRule
from tuiagent.ports import ASK, KILL, Client, Window

HELP = """\
Type to speak; while the agent works, it reads that before its next step.
When it asks:
  y                      yes, this once
  n                      no
  s                      yes, and the rule that is named, for this session
  s for 1h               the same, until then (30m, 1h, 2d)
  s for 5 uses           the same, so often
  /session RULE [for 1h] yes, and this rule, such as shell(git *), for this session
  /always [RULE]         yes, and the rule, for all sessions of this folder
  /edit NAME VALUE       yes, with this argument changed (or JSON: /edit {"NAME": ...})
  /deny REASON           no, and why
  /answer TEXT           answers a question
If several calls ask, say which: /approve, /deny, … and then the id in brackets.
Else:
  /interrupt             stop what is going on
  /undo [CALL [FILE [HUNK]]]   take back what a call changed (the last one)
  /mode MODE, /model PROVIDER/MODEL, /name NAME
  /kill JOB              end what runs in the background
  /compact               shorten what the model sees
  /tools                 tell the model of the tools that servers lend now; its cache is lost
  /resume                go on here with what another process left
  /take                  go on here with what another process does now, once it lets go
  /take now              the same, but kill that process first: it hangs
  /NAME [ARGUMENTS]      a command of commands/NAME.md; tuiagent skills list shows them
  /trust [yes|no]        what this folder's files would run, and whether they may
  /detach                leave; what goes on does so in the background
  /quit                  leave, asked what is to become of a run; also exit, quit, :q and Ctrl-D
What was begun is kept when you leave: tuiagent --plain --continue goes on with it.
"""

TAKES = {"/take": ASK, "/take now": KILL}
PRESENCE = {HERE: "is here", TYPING: "is typing", GONE: "has left"}
CLOSED = runs.ReplyReceived | runs.AttemptFailed | runs.ReplyInterrupted
SIMPLE: dict[str, Callable[[str, str], Intent]] = {
    "/interrupt": lambda stream, rest: runs.InterruptRun(stream),
    "/mode": session.ChangeMode,
    "/model": session.ChangeModel,
    "/effort": ChangeEffort,
    "/compact": lambda stream, rest: session.ShortenConversation(stream),
    "/tools": lambda stream, rest: session.RenewTools(stream),
    "/name": lifecycle.NameSession,
    "/kill": StopJob,
}
"""What is typed, and what is meant by it and the rest of the line."""


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Shows the end of the transcript, then everything live, until the input ends or /quit."""
    row = await watched(client, args.session, os.path.realpath(args.cwd))
    conversation = Attached(client, row["stream"], host)
    await conversation.show_past()
    return await talk(conversation, host, args.window, interrupts=False)


async def plain(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Opens a session, or takes one up again, and talks in it."""
    if person() and (row := await left(client, args, host)):
        since = time.strftime("%H:%M", time.localtime(row["opened"]))
        Voice().line(f"note: this was begun here at {since}; tuiagent --new begins another")
        args.resume = row["stream"].removeprefix("session/")
    if person():
        await trust.take(client, place(args, host), Voice(), "asked")
    begun = await begin(client, args, host, await words(client, args, host))
    conversation = Attached(client, begun.stream, host)
    if args.newest or args.resume:
        await conversation.show_past()
        if not await host.adopt(begun.stream):
            conversation.voice.line("note: another process drives this session")
    else:
        conversation.introduce(begun.after)
    return await talk(conversation, host, args.window)


class Attached:
    """One person at one session."""

    def __init__(self, client: Client, stream: str, host: Host) -> None:
        self.voice = Voice()
        self._id = host.new_id()
        self._client = client
        self._stream = stream
        self._host = host
        self._follow = Follow("")
        self.running = False
        self._ended = "done"
        self._printed: dict[str, int] = {}
        self._asks: dict[str, Event] = {}
        """What each call last asked of a person."""
        self._seen = self._asked_for = 0
        """Positions: what was watched up to, and what was submitted from here."""
        self._asking: asyncio.Future[int] | None = None
        """What is being submitted, or was last."""
        self._news = asyncio.Event()
        self._undoing: set[str] = set()
        self._folder = ""
        self._changed = ""
        """The last call that changed files."""
        self._position = 0
        self._own: set[str] = set()
        """Prompts that were typed here, on a terminal that shows what is typed."""
        self.caught_up = asyncio.Event()
        """Set once all history was seen: before, nobody knows what a y would answer."""
        self.turn = asyncio.Event()
        """Set while the session waits for whoever types."""
        self.warned = False
        """Whether Ctrl-C was pressed, and nothing typed since."""

    @property
    def exit(self) -> int:
        """The exit code for a script that has ended: what the last run came to."""
        return NEEDS_PERSON if self._follow.waits else EXITS[self._ended]

    async def show_past(self) -> None:
        """The last items of the transcript, and where this is."""
        past = await self._client.read("transcript", self._stream, Window(50))
        self.introduce(past.position)
        for item in past.data:
            self.voice.past(item)

    async def show(self, doing: str) -> None:
        """Lets others at the session see that somebody is here, or has gone."""
        where = os.ttyname(0).removeprefix("/dev/") if person() else f"process {os.getpid()}"
        name = f"{self._client.actor} at {where}"
        await self._client.submit(ShowPresence(self._stream, self._id, name, doing))

    def introduce(self, position: int) -> None:
        """Says where this is; what happened up to this position is not told again."""
        self.voice.line(f"session {self.ident}. Type to speak; /help lists what else can be typed.")
        self._position = position

    @property
    def ident(self) -> str:
        """The session's id."""
        return self._stream.partition("/")[2]

    @property
    def busy(self) -> bool:
        """Whether something goes on, or waits, that a server can look after."""
        return self.running or bool(self._undoing or self._follow.jobs)

    async def seen(self) -> None:
        """Waits until all that was asked for from here was seen; only then is it known what is."""
        await self.caught_up.wait()
        if self._asking:
            with suppress(TuiagentError):
                self._asked_for = await self._asking
        while self._seen < self._asked_for:
            self._news.clear()
            await self._news.wait()

    def left(self) -> None:
        """Says what becomes of what is going on."""
        if self.running:
            waits = "waits for a person" if self._follow.waits else "is not done"
            self.voice.line(
                f"left: the run {waits}; what was begun is kept. "
                f"Go on with: tuiagent --plain --resume {self.ident}"
            )

    async def watch(self) -> None:
        """Tells tokens as they come and facts as they happen."""
        async for seen in self._client.watch(self._stream):
            if isinstance(seen, Event):
                self._note(seen)
                if seen.position > self._position:
                    self._show(seen)
                if isinstance(seen.fact, CLOSED):
                    self._printed[seen.fact.attempt] = sys.maxsize  # the rest comes too late
            elif isinstance(seen, runs.Delta) and not seen.reasoning:
                self._delta(seen)
            elif isinstance(seen, runs.Progress) and seen.call not in self._follow.jobs:
                self.voice.text(seen.text)
            elif isinstance(seen, runs.Halted):
                if not person():
                    raise StoreError(seen.why)
                self.voice.line(f"halted: {seen.why}; it goes on here once that is done")
            elif isinstance(seen, Presence) and seen.client != self._id:
                self.voice.aside(f"note: {seen.name} {PRESENCE[seen.doing]}")
            elif isinstance(seen, CaughtUp):
                self._show_open()
                await self.show(HERE)
                self.caught_up.set()
            if isinstance(seen, Event | CaughtUp):
                self._seen = seen.position
                self._news.set()
                self._take_turns()

    def _take_turns(self) -> None:
        """It is the person's turn once all that was asked for was seen, and nothing goes on."""
        quiet = not self.running and not self._undoing
        if self._seen >= self._asked_for and (quiet or self._follow.waits):
            self.turn.set()
        else:
            self.turn.clear()

    def _show_open(self) -> None:
        """What waits for a person since before."""
        for name, asked in self._asks.items():
            row = self._follow.calls.get(name, {})
            waits = row.get("status") in ("asked", "deferred")
            if waits and asked.position <= self._position:
                self._show(asked)

    def _note(self, seen: Event) -> None:
        fact = seen.fact
        self._follow.apply(seen)
        if isinstance(fact, calls.CallJudged | calls.CallDeferred):
            self._asks[fact.call] = seen
        elif isinstance(fact, calls.CallFinished):
            changed = any(isinstance(block, Diff) for block in fact.observation.blocks)
            self._changed = fact.call if changed else self._changed
            self._undoing.discard(fact.call)
        elif isinstance(fact, undo.UndoRequested):
            self._undoing.add(fact.undo)
        elif isinstance(fact, session.SessionOpened):
            self._folder = fact.folder
        elif isinstance(fact, runs.RunStarted):
            self.running = True
        elif isinstance(fact, runs.RunFinished):
            self.running, self._ended = False, fact.status

    def _delta(self, delta: runs.Delta) -> None:
        """Only what was not said yet, whatever comes twice."""
        done = self._printed.get(delta.attempt, 0)
        fresh = delta.text[max(0, done - delta.offset) :]
        if fresh and delta.offset <= done:
            if delta.attempt not in self._printed:
                self.voice.speaker("assistant")
            self.voice.text(fresh)
            self._printed[delta.attempt] = delta.offset + len(delta.text)

    def _show(self, seen: Event) -> None:
        fact = seen.fact
        if isinstance(fact, CLOSED):
            self.voice.end()
        if isinstance(fact, runs.ReplyReceived):
            done = self._printed.get(fact.attempt, 0)
            if not done and fact.reply.text:
                self.voice.speaker("assistant")
            self.voice.text(fact.reply.text[done:])
            self.voice.end()
        if not (isinstance(fact, session.PromptSubmitted) and fact.prompt in self._own):
            self.voice.tell(seen, self._follow, self._client.actor)

    async def typed(self, line: str) -> None:
        """Does what was typed. What is refused is said, never raised."""
        word, _, rest = line.partition(" ")
        self.warned = self.warned and line == "/interrupt"
        try:
            if word == "/help":
                self.voice.line(HELP.rstrip("\n"))
            elif line == "/resume" or line in TAKES:
                taken = await self._host.adopt(self._stream, TAKES.get(line, ""))
                other = "another process drives it; /take takes it over"
                self.voice.line(f"note: {'going on here' if taken else other}")
            elif word == "/trust":
                await trust.take(self._client, self._folder, self.voice, rest.strip())
            elif line:
                if text := await self._said(word, line):
                    word, line = "", text
                intent = self._intent(word, rest.strip(), line)
                self._asking = asyncio.ensure_future(self._client.submit(intent))
                self._asked_for = await asyncio.shield(self._asking)
                if word == "/always" and isinstance(intent, calls.AnswerApproval):
                    keep = KeepRule(standing.STREAM, intent.grant, self._folder, intent.until)
                    await self._client.submit(keep)
                self._take_turns()
        except TuiagentError as error:
            self.voice.line(f"refused: {error}")

    def _intent(self, word: str, rest: str, line: str) -> Intent:
        stream = self._stream
        if word in WORDS or (SHORT.fullmatch(line) and self._asked()):
            return self._answer(word, rest)
        if self.running and SHORT.fullmatch(line):
            raise TuiagentError("nothing asks now; perhaps somebody else was quicker")
        if word == "/answer":
            return calls.AnswerQuestion(stream, self._waiting("deferred")["id"], rest)
        if word == "/undo":
            return self._undo(rest.split())
        if word in SIMPLE:
            return SIMPLE[word](stream, rest)
        if word.startswith("/"):
            raise TuiagentError(f"there is no command {word}; /help lists them")
        prompt, limits = self._host.new_id(), self._host.settings.limits
        if person():
            self._own.add(prompt)
        return session.SubmitPrompt(stream, prompt, line, steer=self.running, limits=limits)

    async def _said(self, word: str, line: str) -> str:
        """What is said for a command of people's own; "" for anything else, and for ours."""
        found = SLASH.fullmatch(line)
        if found is None or word in SIMPLE or word in WORDS or word in ("/answer", "/undo"):
            return ""
        if found[1] not in await commands(self._client, self._folder):
            return ""
        return await given(self._client, self._folder, found[1], found[2] or "")

    def _undo(self, words: list[str]) -> Intent:
        call = words[0] if words else self._changed
        if not call:
            raise TuiagentError("no call has changed a file here yet")
        hunk = int(words[2]) if len(words) > 2 and words[2].isdecimal() else 0
        return undo.UndoCall(self._stream, call, words[1] if len(words) > 1 else "", hunk)

    def _answer(self, word: str, rest: str) -> Intent:
        name, _, after = rest.partition(" ")
        if name in self._follow.calls:
            return answer(self._stream, self._follow.calls[name], word, after.strip(), time.time())
        return answer(self._stream, self._waiting("asked"), word, rest, time.time())

    def _asked(self) -> list[dict[str, Any]]:
        return [row for row in self._follow.calls.values() if row["status"] == "asked"]

    def _waiting(self, status: str) -> dict[str, Any]:
        """The one call that waits so. Raises TuiagentError."""
        rows = [row for row in self._follow.calls.values() if row["status"] == status]
        if len(rows) != 1:
            names = ", ".join(row["id"] for row in rows)
            raise TuiagentError(f"say which: {names}" if rows else "nothing waits for that")
        return rows[0]
