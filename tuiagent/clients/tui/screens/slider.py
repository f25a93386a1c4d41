"""A slider over a row of events, with marks above it, moved by keys and by the mouse."""

from collections.abc import Mapping, Sequence

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tuiagent.clients.tui.lines import Piece, strip
from tuiagent.clients.tui.styled import Styled
from tuiagent.views.timeline import APPROVAL, FAILURE, PROMPT

SIGNS = {PROMPT: ("▾", "mark"), APPROVAL: ("?", "warn"), FAILURE: ("✗", "bad")}
"""The later ones are seen where several fall on one cell."""


class Slider(Styled, Widget, can_focus=False):
    """Two lines: what people look for, and where they are."""

    COMPONENT_CLASSES = {"dim", "strong", "mark", "warn", "bad"}

    class Slid(Message):
        """The mouse went to another place."""

        def __init__(self, place: int) -> None:
            super().__init__()
            self.place = place

    def __init__(self) -> None:
        super().__init__()
        self._place = self._end = 0
        self._marks: Mapping[str, Sequence[int]] = {}
        self._above: tuple[tuple[int, int], list[Piece]] = ((0, 0), [])
        """The line of marks, for a width and an end."""

    def show(self, place: int, end: int, marks: Mapping[str, Sequence[int]]) -> None:
        """Shows that so many of these events have happened."""
        self._place, self._end, self._marks = place, end, marks
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        width = self.size.width
        if y == 0:
            return strip(self, self._marked(width), width)
        at = self._cell(self._place, width)
        line: list[Piece] = [("━" * at, "mark"), ("●", "strong"), ("─" * (width - at - 1), "dim")]
        return strip(self, line, width)

    def _cell(self, place: int, width: int) -> int:
        return place * (width - 1) // self._end if self._end and width else 0

    def _marked(self, width: int) -> list[Piece]:
        shape = (width, self._end)
        if self._above[0] != shape:
            cells: list[Piece] = [(" ", "")] * width
            for kind, sign in SIGNS.items():
                for place in self._marks.get(kind, ()):
                    cells[self._cell(place, width)] = sign
            self._above = (shape, cells)
        return self._above[1]

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Goes where the mouse is, and with it from there on."""
        self.capture_mouse()
        self._slide(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Goes with the mouse."""
        if self.app.mouse_captured is self:
            self._slide(event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Stays there."""
        self.release_mouse()

    def _slide(self, x: int) -> None:
        last = max(1, self.size.width - 1)
        place = round(max(0, min(x, last)) * self._end / last)
        if place != self._place:
            self.post_message(self.Slid(place))
