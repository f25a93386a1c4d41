"""Keeps the shape of the screen, without what stands on it, as the next start's first frame."""

import os
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import TextArea

from tuiagent.clients.tui.paint import Shape, place

KEPT = 8
"""How many shapes are kept: those that were seen last."""


def keep(app: App[Any], root: str) -> None:
    """Writes the shape of what is shown now. A full disk keeps nobody from working."""
    screen = app.screen
    found = shape(app, screen) if not screen.is_modal else None
    if found is None:
        return
    path = place(root, *screen.size)
    other = f"{path}.{os.getpid()}"
    with suppress(OSError):
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        with open(os.open(other, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(found.written())
        os.replace(other, path)
        _forget(os.path.dirname(path))


def shape(app: App[Any], screen: Screen[Any]) -> Shape | None:
    """The shape of a screen; None where nobody can type on it."""
    prompts = [one for one in screen.query(TextArea) if one.region]
    if not prompts or not screen.size:
        return None
    inside = prompts[0].content_region
    text, cursor = prompts[0].rich_style, prompts[0].get_component_rich_style("text-area--cursor")
    strips = screen._compositor.render_strips()
    blank = list(_changing(screen))
    lines = (
        f"\x1b[{row + 1};1H{_blanked(strip, row, blank).render(app.console)}"
        for row, strip in enumerate(strips)
    )
    box = (inside.x, inside.y, inside.width)
    return Shape("".join(lines), box, _sgr(app, text), _sgr(app, text + cursor))


def _changing(screen: Screen[Any]) -> Iterator[Region]:
    """Where stands what may be something else the next time."""
    for widget, (region, clip) in screen._compositor.visible_widgets.items():
        if not widget.children:
            yield region.shrink(widget.gutter).intersection(clip)


def _blanked(strip: Strip, row: int, blank: list[Region]) -> Strip:
    """The line with nothing but colours in these places."""
    for x, y, width, height in blank:
        if y <= row < y + height and width:
            cuts = sorted({x, x + width, strip.cell_length} - {0})
            parts = strip.divide(cuts)
            parts = [
                _wiped(part) if start == x else part
                for start, part in zip([0, *cuts], parts, strict=False)
            ]
            strip = Strip.join(parts)
    return strip


def _wiped(strip: Strip) -> Strip:
    return Strip(
        Segment(" " * segment.cell_length, segment.style and Style(bgcolor=segment.style.bgcolor))
        for segment in strip
    )


def _sgr(app: App[Any], style: Style) -> str:
    """The parameters that draw in this style."""
    drawn = style.without_color if app.no_color else style
    return drawn.render("x", color_system=app.console._color_system)[2:].partition("m")[0]


def _forget(folder: str) -> None:
    """Removes all but the newest."""
    with os.scandir(folder) as found:
        newest = sorted(found, key=lambda entry: entry.stat().st_mtime, reverse=True)
    for entry in newest[KEPT:]:
        os.unlink(entry.path)
