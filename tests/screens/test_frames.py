"""Frames: what has changed is drawn, as a whole frame would show it, and nothing else."""

import math
import random
import time

import pyte
import pytest
from textual.app import App, ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Region
from textual.strip import Segment, Strip
from textual.widget import Widget

from tuiagent.clients.tui.driver import SOON, TerminalScreen
from tuiagent.clients.tui.frames import Frames, around

SIZE = (40, 20)
ROUND = 0
"""What every widget shows: each time it is another letter."""


class Letters(Widget):
    """Shows the letter of the round, two cells wide where it is wide."""

    def __init__(self, letters: str, **more: str) -> None:
        super().__init__(**more)
        self.letters = letters

    def render_line(self, y: int) -> Strip:
        letter = self.letters[ROUND % len(self.letters)]
        return Strip([Segment(letter * self.size.width)]).crop(0, self.size.width)


class Stage(App[None]):
    """Widgets beside, within and over one another."""

    CSS = """
    Screen { layers: below above; layout: horizontal; }
    #left { width: 13; border: round red; }
    VerticalScroll { width: 1fr; height: 1fr; }
    VerticalScroll Letters { height: 30; }
    #over { layer: above; width: 9; height: 5; offset: 7 4; border: solid blue; }
    #corner { layer: above; width: 7; height: 3; offset: 20 16; }
    """

    def get_default_screen(self) -> TerminalScreen:
        return TerminalScreen(id="_default")

    def compose(self) -> ComposeResult:
        yield Letters("ab", id="left")
        with VerticalScroll():
            yield Letters("漢字", id="wide")
        yield Letters("xy", id="over")
        yield Letters("mn", id="corner")


def cells(screen: pyte.Screen) -> dict[tuple[int, int], pyte.screens.Char]:
    return {(x, y): screen.buffer[y][x] for x in range(SIZE[0]) for y in range(SIZE[1])}


def fed(*texts: str) -> pyte.Screen:
    screen = pyte.Screen(*SIZE)
    for text in texts:
        pyte.Stream(screen).feed(text)
    return screen


def regions(chance: random.Random, within: Region) -> list[Region]:
    """Some parts of a widget that begin and end with whole letters; none for all of it."""
    found = [
        Region(chance.randrange(13) & ~1, chance.randrange(18), 6, chance.randint(1, 9))
        for _ in range(chance.randint(0, 3))
    ]
    return [part for one in found if (part := one.intersection(within))]


@pytest.mark.parametrize("seed", range(12))
async def test_a_part_of_the_screen_is_drawn_as_all_of_it_would_be(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    app = Stage()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        compositor = app.screen._compositor
        assert isinstance(compositor, Frames)
        before = compositor.render_full_update().render_segments(app.console)
        monkeypatch.setattr(f"{__name__}.ROUND", 1)
        widgets = chance.sample([*app.query(Letters)], chance.randint(1, 3))
        for widget in widgets:
            widget.refresh(*regions(chance, widget.size.region))
        compositor.update_widgets(set(widgets))
        dirty = set(compositor._dirty_regions)
        frame = compositor.render_partial_update()
        assert frame
        part = frame.render_segments(app.console)
        after = cells(fed(compositor.render_full_update().render_segments(app.console)))
        drawn, old = cells(fed(before, part)), cells(fed(before))
        changed = {(x, y) for x, y in drawn if any(one.contains(x, y) for one in dirty)}
        for place, cell in drawn.items():
            assert cell == (after if place in changed else old)[place], place


async def test_where_nothing_has_changed_nothing_is_written() -> None:
    app = Stage()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        compositor = app.screen._compositor
        compositor.render_full_update()
        assert compositor.render_partial_update() is None
        app.query_one("#wide").refresh(Region(0, 25, 5, 2))  # scrolled out of sight
        compositor.update_widgets({app.query_one("#wide")})
        assert compositor.render_partial_update() is None


def test_around_a_part_lies_all_of_the_rest_and_none_of_it_twice() -> None:
    whole = Region(2, 3, 8, 6)
    for part in (Region(2, 3, 8, 6), Region(4, 5, 2, 1), Region(2, 8, 3, 1), Region(9, 3, 1, 6)):
        pieces = [part, *around(whole, part)]
        found = [(x, y) for one in pieces for y in one.line_range for x in one.column_range]
        assert len(found) == len(set(found)) == whole.area


async def test_what_comes_by_itself_waits_for_a_key_but_not_for_many() -> None:
    app = Stage()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        screen = app.screen
        assert isinstance(screen, TerminalScreen)
        app._driver.hurried = True  # type: ignore[union-attr] - as TerminalDriver says
        screen._drawn = math.inf
        app.query_one("#left").refresh()
        screen._dirty_widgets.add(app.query_one("#left"))
        screen._on_timer_update()
        assert screen._dirty_widgets
        screen._drawn = time.monotonic() - 2 * SOON
        screen._on_timer_update()
        assert not screen._dirty_widgets
        screen._drawn = math.inf
        screen._dirty_widgets.add(app.query_one("#left"))
        screen.draw()  # the key has done what it does
        assert not screen._dirty_widgets
