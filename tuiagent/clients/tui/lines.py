"""Widgets that draw their lines themselves, from text that is not markup."""

from collections.abc import Iterable

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from tuiagent.clients.clean import clean
from tuiagent.clients.tui import hints

Piece = tuple[str, str]
"""Words, and the component class that they are drawn with; "" for the widget's own style."""
KEYS = "keys"
"""The class of lines that say which keys help, and hold no word of others."""


def strip(widget: Widget, pieces: Iterable[Piece], width: int) -> Strip:
    """One line of exactly this width; what is too long is cut with an ellipsis.

    There is none where only whole pieces have no room, which would stand behind a gap.
    """
    base = widget.rich_style
    line = Strip(_segments(widget, pieces))
    if line.cell_length > width:
        whole, line = line, line.crop(0, max(0, width - 1))
        if width and not (line.text.endswith("  ") and _begins(whole, width - 1)):
            line = Strip([*line, Segment("…", base)])
    return line.adjust_cell_length(width, base)


def spread(widget: Widget, left: list[Piece], right: list[Piece], width: int) -> Strip:
    """One line with something at both ends; the left end gives way."""
    base = widget.rich_style
    end = Strip(_segments(widget, right))
    if end.cell_length > width:
        return strip(widget, right, width)
    room = width - end.cell_length
    left = _whole(widget, left, room)
    gap = sum(cell_len(clean(text)) for text, _ in left) > room > 1
    return Strip.join([strip(widget, left, room - gap), Strip([Segment(" " * gap, base)]), end])


def _begins(line: Strip, at: int) -> bool:
    """Whether every piece of which something stands behind there begins there, or behind it."""
    end = 0
    for text, *_ in line:
        begin, end = end, end + cell_len(text)
        if begin < at < end - len(text) + len(text.rstrip()):
            return False
    return True


def _whole(widget: Widget, left: list[Piece], room: int) -> list[Piece]:
    """Keys that help, of which there are as many as there is room for, none in part."""
    if len(left) != 1 or left[0][1] != KEYS or cell_len(hints.keyed(widget, left[0][0])) <= room:
        return left
    kept = left[0][0].rpartition("  ")[0]
    while kept and cell_len(hints.keyed(widget, kept)) > room - 4:
        kept = kept.rpartition("  ")[0]
    return [(f"{kept}  …", KEYS)] if kept else left


def _segments(widget: Widget, pieces: Iterable[Piece]) -> list[Segment]:
    """The pieces as they are drawn; keys are pressed by a click on them."""
    base = widget.rich_style
    found: list[Segment] = []
    now = hints.in_force(widget)
    for text, name in pieces:
        style = widget.get_component_rich_style(name) if name else base
        flat = clean(text).replace("\n", " ").replace("\t", " ")
        for part, key in hints.parts(flat, now) if name == KEYS else ((flat, ""),):
            act = Style.from_meta({"@click": f"app.simulate_key({key!r})"}) if key else Style.null()
            found += [Segment(part, style + act)] if part else []
    return found


def lit(widget: Widget, line: Strip, name: str = "cursor") -> Strip:
    """The line with a component class over what it was drawn with, as where a cursor is."""
    return Strip(Segment.apply_style(line, post_style=over(widget, name)), line.cell_length)


def over(widget: Widget, name: str) -> Style:
    """What a component class changes of what it is laid over, with its ground mixed with that."""
    style = widget.get_component_rich_style(name, partial=True)
    if style.bgcolor is None:
        return style
    return style + Style(bgcolor=widget.get_component_rich_style(name).bgcolor)
