"""From rows to what Textual draws."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tuiagent.clients.tui.styled import Styled
from tuiagent.clients.tui.transcript.palette import CSS, NAMES, PREFIX, Palette
from tuiagent.clients.tui.transcript.rows import Row, Span, cut

Spots = Sequence[tuple[int, int, Style]]
"""Characters of a row that look otherwise, and how."""
BAR = "▌"
"""Before every row of the block at hand."""


class Painted(Styled, ScrollView, can_focus=True):
    """Draws rows as the theme has them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {PREFIX + name for name in NAMES}
    DEFAULT_CSS = CSS

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.palette = Palette(self)

    def notify_style_update(self) -> None:
        """Another theme: everything is drawn anew."""
        super().notify_style_update()
        self.palette.clear()


def painted(row: Row, palette: Palette, width: int, y: int, bar: bool, spots: Spots) -> Strip:
    """One row in exactly this width; `y` is what a selection knows it by."""
    lead = palette["cursor" if bar else ""]
    segments = [Segment(BAR if bar else " ", lead + Style.from_meta({"offset": (0, y)}))]
    at, used = 0, 1
    for text, look in row.spans:
        for part, style in _split(text, palette[look], at, spots):
            segments.append(Segment(part, style + Style.from_meta({"offset": (at, y)})))
            at += len(part)
        used += cell_len(text)
    if used < width:
        rest = palette[row.fill] + Style.from_meta({"offset": (at, y)})
        segments.append(Segment(" " * (width - used), rest))
    strip = Strip(segments, max(used, width))
    return strip if used <= width else strip.crop(0, width)


def _split(text: str, style: Style, at: int, spots: Spots) -> list[tuple[str, Style]]:
    """The text where spots begin and end; `at` is the number of its first character."""
    found: list[tuple[str, Style]] = []
    edges = {edge - at for start, end, _ in spots for edge in (start, end)}
    edges = {0, len(text), *(edge for edge in edges if 0 < edge < len(text))}
    stops = sorted(edges)
    for start, end in pairwise(stops):
        look = style
        for first, last, over in spots:
            if first <= at + start < last:
                look += over
        found.append((text[start:end], look))
    return found


def banner(spans: Sequence[Span], palette: Palette, width: int) -> Strip:
    """A line of our own over the conversation."""
    segments: list[Segment] = []
    left = width
    for text, look in spans:
        part = cut(text, left)
        left -= cell_len(part)
        segments.append(Segment(part, palette[look]))
    if left > 0:
        look = spans[-1][1] if spans else ""
        segments.append(Segment(" " * left, palette[look]))
    return Strip(segments, width)
