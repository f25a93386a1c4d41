"""What fills the context window of the session at hand, and what its cache has missed."""

import time
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen

from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.pane import Pane
from tuiagent.clients.tui.status import tokens
from tuiagent.clients.tui.wrap import worded
from tuiagent.kernel.errors import TuiagentError
from tuiagent.views.context import Asked, Breakdown

BAR = 24
"""Cells of a full bar."""


class Context(Pane):
    """The parts by size, then the model's newest calls, the last one on top."""

    BORDER_TITLE = "Context"
    BORDER_SUBTITLE = "Esc leave"
    EMPTY = "No session is open, or nothing was said in it yet."

    def __init__(self) -> None:
        super().__init__()
        self._found: Breakdown | None = None
        self._lines: list[list[Piece]] = []

    def on_mount(self) -> None:
        """Reads it once: it is looked at, not watched."""
        self.border_subtitle = Content(keyed(self, self.BORDER_SUBTITLE))
        if self.app.desk.conversation is not None:
            self.app.desk.spawn(self._read(self.app.desk.conversation.stream))

    async def _read(self, stream: str) -> None:
        try:
            found = (await self.app.desk.client.read("context", stream)).data
        except TuiagentError as error:
            self._lines = [[(str(error), "warn")]]
        else:
            self._found = msgspec.convert(found[-1], Breakdown) if found else None
        self._fill()

    def on_resize(self) -> None:
        """Wraps anew."""
        self._fill()

    def _fill(self) -> None:
        if self._found is not None and (self._found.context or self._found.asked):
            self._lines = lines(self._found, max(20, self.scrollable_content_region.width))
        self.renew()

    def count(self) -> int:
        """See Pane."""
        return len(self._lines)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        return self._lines[number]


class ContextScreen(ModalScreen[None]):
    """The breakdown over the whole screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Leave", id="context.leave")
    ]

    def compose(self) -> ComposeResult:
        """The list alone."""
        yield Context()


def lines(found: Breakdown, width: int) -> list[list[Piece]]:
    """The breakdown as lines."""
    window = f" of {tokens(found.window)}" if found.window else ""
    made: list[list[Piece]] = [
        [(f"{tokens(found.context)}{window} tokens", "strong"), (f"  {found.model}", "dim")],
        [],
    ]
    total = sum(part.tokens for part in found.parts) or 1
    for part in found.parts:
        full = round(BAR * part.tokens / total)
        made.append(
            [
                (f"{part.name:<18}", ""),
                (f"{tokens(part.tokens):>7} ", "strong"),
                ("━" * full, "mark"),
                ("─" * (BAR - full), "dim"),
                (f" {part.count}", "dim"),
            ]
        )
    made += [[], [("parts are about, by their letters; the sum is the provider's", "dim")], []]
    made.append([("What was sent, the newest first", "strong")])
    for one in reversed(found.asked):
        made += _asked(one, width)
    return made


def _asked(one: Asked, width: int) -> list[list[Piece]]:
    when = time.strftime("%H:%M:%S", time.localtime(one.at))
    share = f" ({100 * one.cached // one.input}%)" if one.input else ""
    text = f"{when}  {tokens(one.input)} in, {tokens(one.cached)}{share} from the cache"
    made: list[list[Piece]] = [[("✗ " if one.missed else "✓ ", "warn" if one.missed else "good")]]
    made[0].append((text, ""))
    if one.missed:
        rows = worded(f"{tokens(one.missed)} read anew: {one.why}", width - 4)
        made += [[(f"    {row}", "warn")] for row in rows]
    return made
