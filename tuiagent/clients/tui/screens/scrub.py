"""The time scrubber: a session as of any of its events."""

import asyncio
import bisect
import re
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import ClassVar, cast

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from tuiagent.clients.tui import places
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.pane import Pane
from tuiagent.clients.tui.screens.sheet import Ends, Says, Sheet
from tuiagent.clients.tui.screens.slider import Slider
from tuiagent.clients.tui.status import filled, money, tokens
from tuiagent.clients.tui.transcript import Excerpt
from tuiagent.kernel.event import CaughtUp, Event, Seen
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.ports import Client
from tuiagent.views.timeline import APPROVAL, FAILURE, PROMPT, Timeline, item_of

PIECE = 0.004
"""Seconds for which events are folded before others have their turn."""
BIG = 20
"""A big step is this part of all events."""


class Scrub(Sheet):
    """A slider, the conversation as of there, and how the session stood."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step(-1)", "Event", priority=True, id="scrub.left"),
        Binding("right", "step(1)", show=False, priority=True, id="scrub.right"),
        Binding("ctrl+left", "big(-1)", show=False, priority=True, id="scrub.big_left"),
        Binding("ctrl+right", "big(1)", show=False, priority=True, id="scrub.big_right"),
        Binding("shift+left,p", f"mark('{PROMPT}', -1)", show=False, id="scrub.prompt_left"),
        Binding("shift+right,n", f"mark('{PROMPT}', 1)", "Prompt", id="scrub.prompt_right"),
        Binding("E", f"mark('{FAILURE}', -1)", show=False, id="scrub.failure_left"),
        Binding("e", f"mark('{FAILURE}', 1)", "Failure", id="scrub.failure_right"),
        Binding("A", f"mark('{APPROVAL}', -1)", show=False, id="scrub.approval_left"),
        Binding("a", f"mark('{APPROVAL}', 1)", "Approval", id="scrub.approval_right"),
        Binding("home", "to(0)", show=False, priority=True, id="scrub.first"),
        Binding("end", "to(1)", show=False, priority=True, id="scrub.last"),
        Binding("f", "fork", "Fork", id="scrub.fork"),
        Binding("enter", "jump", "Go there", priority=True, id="scrub.jump"),
    ]

    def __init__(self, stream: str, position: int = 0) -> None:
        super().__init__()
        self.timeline = Timeline(stream)
        self._stream = stream
        self._position = position
        self._read = False
        self._positions: list[int] = []

    def compose(self) -> ComposeResult:
        """Where in time, the conversation then, and beside it the rest."""
        yield Says(self._head, "head")
        yield Slider()
        yield Says(self._event, "event")
        with Horizontal(id="body"):
            yield Excerpt(id="then")
            yield Stood(self.timeline, "stood")
        yield Says(self._foot, "foot")

    def on_mount(self) -> None:
        """Reads the session's events, and those to come."""
        self.add_class("-moment")
        self.query_one(Excerpt).focus()
        self.later(self._follow())

    async def _follow(self) -> None:
        client = self.app.desk.client
        timeline, began = self.timeline, time.perf_counter()
        async with aclosing(lineage(client, self._stream)) as events:
            async for event in events:
                timeline.add(event)
                self._positions.append(event.position)
                if time.perf_counter() - began > PIECE:
                    await asyncio.sleep(0)
                    began = time.perf_counter()
        self._read = True
        self.go(self._place_of(self._position) if self._position else len(timeline.events))
        after = self._positions[-1] if self._positions else 0
        async for seen in client.watch(self._stream, after):
            if isinstance(seen, Event):
                live = timeline.place == len(timeline.events)
                timeline.add(seen)
                self._positions.append(seen.position)
                self._show() if live else self._draw()

    def _place_of(self, position: int) -> int:
        """How many events had happened once the one in this position had."""
        return bisect.bisect_right(self._positions, position)

    def go(self, place: int) -> None:
        """Shows what was after so many events."""
        self.timeline.go(place)
        self._show()

    def _show(self) -> None:
        self.query_one(Excerpt).show(self.timeline.items)
        self.query_one(Stood).renew()
        self._draw()

    def _draw(self) -> None:
        timeline = self.timeline
        self.query_one(Slider).show(timeline.place, len(timeline.events), timeline.marks)
        self.said("head", "event")

    @property
    def _now(self) -> Event | None:
        """The last event that has happened."""
        timeline = self.timeline
        return timeline.events[timeline.place - 1] if timeline.place else None

    def _head(self) -> Ends:
        status = self.timeline.status
        name = status.name or status.title or self._stream.partition("/")[2]
        number = f"event {self.timeline.place} of {len(self.timeline.events)} "
        right = number if self._read else f"reading, {len(self.timeline.events)} events so far "
        return [(" Time ", "strong"), (name, "")], [(right, "dim")]

    def _event(self) -> Ends:
        event = self._now
        if event is None:
            return [(" before the first event", "dim")], []
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event.at))
        words = re.sub("(?<=[a-z])(?=[A-Z])", " ", event.kind).lower()
        return [(f" {when}  ", "dim"), (words, "strong"), (_about(event), "")], [
            (f"by {event.actor} ", "dim")
        ]

    def _foot(self) -> Ends:
        keys = (
            " ←/→ event  ⇧←/⇧→ prompt  ^←/^→ far  e failure  a approval  Home/End  f fork here  "
            "Enter go there"
        )
        return [(keys, "keys")], [("Esc back ", "keys")]

    # ------------------------------------------------------------ keys

    def on_slider_slid(self, message: Slider.Slid) -> None:
        """Goes where the mouse went."""
        self.go(message.place)

    def action_step(self, by: int) -> None:
        """Goes so many events on."""
        self.go(self.timeline.place + by)

    def action_big(self, by: int) -> None:
        """Goes a good part of all events on."""
        self.action_step(by * max(1, len(self.timeline.events) // BIG))

    def action_to(self, end: int) -> None:
        """Goes to the beginning or to the end."""
        self.go(end * len(self.timeline.events))

    def action_mark(self, kind: str, by: int) -> None:
        """Goes to the next thing of this kind, or to the one before."""
        timeline = self.timeline
        self.go(timeline.next(kind) if by > 0 else timeline.previous(kind))

    def action_fork(self) -> None:
        """Begins another session where this one stood here."""
        event, status = self._now, self.timeline.status
        if event is not None:
            self._leave()
            fork = places.fork(self.app, self._stream, status.folder, status.model, event.position)
            self.app.desk.spawn(fork)

    def action_jump(self) -> None:
        """Shows the place of this event in the conversation."""
        event = self._now
        if event is not None:
            self._leave()
            self.app.desk.spawn(places.show_item(self.app, self._stream, item_of(event)))

    def _leave(self) -> None:
        """Back to the work place, whatever was opened on the way here."""
        while len(self.app.screen_stack) > 1:
            self.app.pop_screen()


class Stood(Pane):
    """How the session stood: context, money, what waited, and the files."""

    def __init__(self, timeline: Timeline, ident: str) -> None:
        super().__init__(id=ident)
        self._timeline = timeline
        self._lines: list[list[Piece]] = []

    def renew(self, changed: list[str] | None = None) -> None:
        """See Pane."""
        status = self._timeline.status
        facts = [
            ("model", status.model),
            ("mode", status.mode),
            ("context", filled(status.context, status.window) if status.context else ""),
            ("cost", money(status.session.cost) if status.session.cost else ""),
            ("tokens", f"{tokens(status.session.input)} in, {tokens(status.session.output)} out"),
            ("run", "going on" if status.run else status.ended),
            ("needs", status.needs),
            ("queue", ", ".join(one.text for one in status.queue)),
            ("jobs", ", ".join(status.jobs)),
        ]
        self._lines = [[(f"{name:<8} ", "dim"), (text, "")] for name, text in facts if text]
        files = self._timeline.files
        self._lines += [[], [(f"files changed: {len(files)}", "strong")]] if files else []
        super().renew(changed)

    def count(self) -> int:
        """See Pane."""
        return len(self._lines) + len(self._timeline.files)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        if number < len(self._lines):
            return self._lines[number]
        path = list(self._timeline.files)[number - len(self._lines)]
        file = self._timeline.files[path]
        sign = "A" if not file.first else "D" if not file.last else "M"
        same = file.first == file.last
        counts: list[Piece] = [(f" +{file.added}", "good"), (f" -{file.removed}", "bad")]
        return [(f"{'=' if same else sign} ", "mark"), (file.path, ""), *counts]


async def lineage(client: Client, stream: str) -> AsyncGenerator[Event]:
    """The events of a session so far and, of a forked one, those of its origin before them."""
    watch = cast(AsyncGenerator[Seen], client.watch(stream))
    first = True
    async with aclosing(watch):
        async for seen in watch:
            if isinstance(seen, CaughtUp):
                return
            if not isinstance(seen, Event):
                continue
            origin = seen.fact.origin if isinstance(seen.fact, SessionOpened) and first else None
            first = False
            if origin is not None and origin.position < seen.position:
                async with aclosing(lineage(client, origin.stream)) as before:
                    async for event in before:
                        if event.position > origin.position:
                            break
                        yield event
            yield seen


def _about(event: Event) -> str:
    """What the event is about, in a few words of its own."""
    fact = event.fact
    for name in ("text", "tool", "call", "error", "model", "mode", "name", "status", "why"):
        told = getattr(fact, name, "")
        if isinstance(told, str) and told:
            return "  " + " ".join(told.split())[:200]
    return ""
