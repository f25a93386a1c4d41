"""What happened in a session while nobody was at it here: a line above the conversation."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar, cast

import msgspec
from textual.binding import Binding, BindingType

from tuiagent.clients.tui import places
from tuiagent.clients.tui.bridge import Conversation
from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.sheet import Rows, span
from tuiagent.clients.tui.seen import Seen
from tuiagent.clients.tui.status import money
from tuiagent.clients.tui.transcript.calls import telling
from tuiagent.kernel import event as kernel
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.ports import Client
from tuiagent.views.digest import Digest, DigestView
from tuiagent.views.transcript import Item

APPROVALS = "approvals"
"""Where a line leads that leads to no item of the transcript."""
TALLEST = 10
"""Lines that are seen at once."""

Told = tuple[list[Piece], str]
"""A line, and the item that it leads to, or APPROVALS."""


class DigestPanel(Rows):
    """Folded to one line until it is asked for; Esc closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Go there", show=False, id="digest.take"),
    ]

    def __init__(self) -> None:
        super().__init__("digest")
        self.can_focus = False
        self._head: list[Piece] = []
        self._told: list[Told] = []
        self._digest = Digest()
        self._began = time.time()
        self._at: Conversation | None = None
        self._open = False

    def on_mount(self) -> None:
        """Looks at each session that is shown."""
        self._seen = Seen(self.app.desk.host.settings.root)
        self.display = False
        self._waits = self._places()
        self.app.desk.listen("conversation", self._news)
        self.app.desk.listen("waiting", self._answered)

    def on_unmount(self) -> None:
        """Remembers up to where the session was seen."""
        self._leave()

    def _news(self, changed: list[str]) -> None:
        conversation = self.app.desk.conversation
        if conversation is self._at:
            return
        self._leave()
        self.close()
        self._at = conversation
        if conversation is not None:
            self.app.desk.spawn(self._look(conversation))

    def _leave(self) -> None:
        if self._at is not None:
            self._seen.keep(self._at.stream, self._at.position)

    async def _look(self, conversation: Conversation) -> None:
        since = self._seen.of(conversation.stream)
        own = self._began if since is None else None
        digest = await digest_of(self.app.desk.client, conversation.stream, since or 0, own)
        if self._at is conversation and digest is not None and not digest.empty:
            self._tell(digest, conversation)
            self._fold(False)

    def _tell(self, digest: Digest, conversation: Conversation) -> None:
        self._digest = digest
        self._head = heading(digest, time.time())
        self._told = lines(digest, conversation)

    def _places(self) -> set[tuple[str, str]]:
        return {(one.stream, one.call) for one in self.app.desk.waiting}

    def _answered(self, changed: list[str]) -> None:
        """Tells no more of what waited and waits no more."""
        gone, self._waits = self._waits - self._places(), self._places()
        left = [one for one in self._digest.waiting if (one.stream, one.call) not in gone]
        if not self.display or self._at is None or left == self._digest.waiting:
            return
        digest = msgspec.structs.replace(self._digest, waiting=left)
        if digest.empty:
            self.close()
            return
        at = self.at
        self._tell(digest, self._at)
        self._fold(self._open)
        self.go(at)

    def close(self) -> bool:
        """Shows it no more; whether it was shown."""
        was = bool(self.display)
        inside = self.has_focus
        self.display = self.can_focus = self._open = False
        if was and inside:
            self.app.action_pane("conversation")
        return was

    def toggle(self) -> None:
        """Unfolds it, or folds it again; nothing where there is none."""
        if not self.display:
            self.app.notify("Nothing happened here while you were away.", markup=False)
            return
        self._fold(not self._open)
        if self._open:
            self.focus()
            self.call_after_refresh(self.go, 1)
        else:
            self.app.action_pane("conversation")

    def _fold(self, unfolded: bool) -> None:
        self._open = self.can_focus = unfolded
        self.display = True
        self.styles.height = min(TALLEST, self.count())
        self.renew()
        self.go(0)

    def count(self) -> int:
        """See Pane."""
        return 1 + len(self._told) if self._open else 1

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        if number:
            return self._told[number - 1][0]
        keys = keyed(self, "Alt+D folds" if self._open else "Alt+D more")
        return [(" ▾ " if self._open else " ▸ ", "mark"), *self._head, (f"  {keys}, Esc", "dim")]

    def action_take(self) -> None:
        """Chooses the line at hand."""
        self.post_message(self.Taken())

    def on_rows_taken(self) -> None:
        """Goes where the line at hand leads."""
        if not self.at:
            self.toggle()
        elif self._told[self.at - 1][1] == APPROVALS:
            self.app.action_pane(APPROVALS)
        else:
            places.go_to(self.app, self._told[self.at - 1][1])


async def digest_of(client: Client, stream: str, since: int, own: float | None) -> Digest | None:
    """What happened after a position; None for a session that was opened after `own`."""
    view = DigestView(stream)
    watch = cast(AsyncGenerator[kernel.Seen], client.watch(stream, since))
    async with aclosing(watch):
        async for seen in watch:
            if isinstance(seen, kernel.CaughtUp):
                break
            if not isinstance(seen, kernel.Event):
                continue
            if own is not None and isinstance(seen.fact, SessionOpened) and seen.at >= own:
                return None
            view.apply(seen)
    return view.digest()


def heading(digest: Digest, now: float) -> list[Piece]:
    """The digest in one line."""
    bad = sum(ran.exit != 0 for ran in digest.commands)
    added = sum(file.added for file in digest.files)
    removed = sum(file.removed for file in digest.files)
    parts: list[Piece] = []
    if digest.waiting:
        parts.append((f"{len(digest.waiting)} waiting for you", "warn"))
    if digest.failures:
        parts.append((_many(len(digest.failures), "failure"), "bad"))
    if digest.files:
        parts.append((f"{_many(len(digest.files), 'file')} +{added} -{removed}", ""))
    if digest.commands:
        ran = _many(len(digest.commands), "command")
        parts.append((f"{ran}, {bad} failed" if bad else ran, ""))
    if digest.spent.cost:
        parts.append((money(digest.spent.cost), ""))
    if digest.outcome:
        parts.append((digest.outcome, "good" if digest.outcome == "done" else "bad"))
    joined: list[Piece] = [(f"While you were away ({span(now - digest.began)})", "strong")]
    for number, part in enumerate(parts):
        joined += [(" · " if number else ": ", "dim"), part]
    return joined


def lines(digest: Digest, conversation: Conversation) -> list[Told]:
    """A line for each thing, what needs somebody first."""
    found: list[Told] = []
    for one in digest.waiting:
        item = conversation.item(one.call) or Item(one.call, "call", args=one.args)
        tool = one.tool or item.name
        text = one.text or (one.question.text if one.question else telling(item))
        found.append(([("   ? ", "warn"), (f"{one.kind} {tool} ", ""), (text, "dim")], APPROVALS))
    found += [([("   ✗ ", "bad"), (one.text, "")], one.item) for one in digest.failures]
    for ran in digest.commands:
        sign: Piece = ("   $ ", "good") if ran.exit == 0 else ("   $ ", "bad")
        ended = "" if ran.exit == 0 else "  killed" if ran.exit is None else f"  exit {ran.exit}"
        found.append(([sign, (ran.command, ""), (ended, "bad")], ran.item))
    for file in digest.files:
        word = "A" if not file.first else "D" if not file.last else "M"
        counts: list[Piece] = [(f"  +{file.added}", "good"), (f" -{file.removed}", "bad")]
        found.append(([(f"   {word} ", "mark"), (file.path, ""), *counts], file.calls[-1]))
    return found


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
