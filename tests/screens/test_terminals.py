"""What terminals get that differ: without colours, behind tmux, and slow ones."""

import base64
import os
import re
import select
from pathlib import Path

import pytest
from rich.segment import Segment

from tests.flows.test_cli import Cli
from tests.screens.kit import SIZES, Screen, screen
from tests.screens.terminal import Terminal, terminal
from tests.screens.test_sessions import USUAL, shows
from tuiagent.clients.tui.clipboard import MOST, sequence
from tuiagent.clients.tui.driver import colorless

READY = "Say what is to be done."
COLOUR = re.compile(rb"\x1b\[(?:\d+;)*(?:3[0-7]|4[0-7]|9[0-7]|10[0-7]|[34]8;[25];[\d;]+)[;m]")

# ---------------------------------------------------------------- no colours


def segments(it: Screen) -> list[Segment]:
    """All that is drawn."""
    return [one for strip in it.app.screen._compositor.render_strips() for one in strip]


def reversed_(it: Screen) -> str:
    """The words that are drawn in reverse."""
    return "".join(one.text for one in segments(it) if one.style and one.style.reverse)


async def test_without_colours_what_is_at_hand_is_reversed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with screen(tmp_path, size=SIZES["small"]) as it:
        assert reversed_(it) == " ", "the cursor where one types"
        await it.type("/co")
        await it.until("/copy")
        await it.until(lambda: "/co" in reversed_(it))
        await it.press("escape", "ctrl+u", "ctrl+o")
        await shows(it, USUAL)
        await it.until(lambda: "number 40" in reversed_(it))
        await it.press("down")
        await it.until(lambda: "nice name" in reversed_(it))
        assert "number 40" not in reversed_(it)
        colours = [
            c for one in segments(it) if one.style for c in (one.style.color, one.style.bgcolor)
        ]
        assert all(colour is None or colour.is_default for colour in colours)


async def test_an_empty_wish_for_no_colours_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "")
    async with screen(tmp_path) as it:
        assert any(one.style and one.style.bgcolor for one in segments(it))
        assert not it.app.has_pseudo_class("nocolor")


@pytest.mark.parametrize(
    ("wish", "term"), [("1", "xterm-256color"), ("", "vt100"), ("", "xterm-256color")]
)
def test_no_byte_asks_for_a_colour(tmp_path: Path, wish: str, term: str) -> None:
    cli = Cli(tmp_path, {"text": "```python\nx = 1\n```"})
    cli.environ |= {"NO_COLOR": wish, "TERM": term}
    for _ in range(2):  # the second one begins with the shape that the first one kept
        with terminal(cli, "--new") as one:
            one.until(READY)
            one.type("go\r")
            one.until("x = 1")
            one.type("\x11")
            assert one.end() == 0
            assert bool(COLOUR.search(one.raw)) is not (bool(wish) or term == "vt100")


@pytest.mark.parametrize(
    ("environ", "none"),
    [
        ({"TERM": "vt100", "COLORTERM": "truecolor"}, False),
        ({"TERM": "vt100", "TEXTUAL_DRIVER": "a browser's"}, False),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({}, False),
    ],
)
def test_who_wants_or_has_no_colours(environ: dict[str, str], none: bool) -> None:
    assert colorless(environ) is none


# ---------------------------------------------------------------- the clipboard


@pytest.mark.parametrize("tmux", ["", "/tmp/tmux-0/default,1,0"])
def test_what_is_copied_reaches_the_terminal(tmp_path: Path, tmux: str) -> None:
    text = "漢字 and " + "long " * 10_000 + "end"
    cli = Cli(tmp_path, {"text": text})
    cli.environ["TMUX"] = tmux
    with terminal(cli) as one:
        one.until(READY)
        one.type("go\r")
        one.until("─ done")
        one.forget()
        one.type("/copy\r")
        encoded = base64.b64encode(text.encode())
        plain = b"\x1b]52;c;" + encoded + b"\x07"
        wrapped = b"\x1bPtmux;\x1b" + plain + b"\x1b\\"
        one.until(wrapped if tmux else plain)
        assert one.raw.count(encoded) == 1 + bool(tmux)
        one.type("\x11")
        assert one.end() == 0
        one.check()


async def test_what_is_too_long_for_a_terminal_is_said_and_can_be_pasted_here(
    tmp_path: Path,
) -> None:
    fits, not_any_more = "x" * (MOST // 4 * 3), "x" * (MOST // 4 * 3 + 1)
    assert len(sequence(fits, tmux=False)) == MOST + len("\x1b]52;c;\a")
    async with screen(tmp_path) as it:
        written: list[str] = []
        it.app._driver.write = written.append  # type: ignore[union-attr, method-assign]
        it.app.copy_to_clipboard(not_any_more)
        await it.until(lambda: "75,001 characters" in it.told)
        assert not any("]52;" in one for one in written)
        assert it.app.clipboard == not_any_more
        it.app.copy_to_clipboard(fits)
        assert sum("]52;" in one for one in written) == 1


# ---------------------------------------------------------------- slow ones

RATE = 96
"""Bytes that are read at once, so that whoever writes is always ahead."""
ANSWER = [f"word{n} " for n in range(20_000)] + ["the very last one"]


def sip(one: Terminal) -> int:
    """Reads a few bytes, as a slow line would bring them; how many there were."""
    if not select.select([one.master], [], [], 0.02)[0]:
        return 0
    data = os.read(one.master, RATE)
    one.take(data)
    return len(data)


def sips(one: Terminal, words: str) -> int:
    """How many bytes come until these words are shown."""
    count = 0
    while words not in one.shown:
        count += sip(one)
        assert count < 1_000_000, one.shown
    return count


def test_a_slow_terminal_gets_the_newest_state_and_what_is_typed_soon(tmp_path: Path) -> None:
    with terminal(Cli(tmp_path, {"text": ANSWER}), size=(80, 24)) as one:
        one.until(READY)
        one.type("go\r")
        sips(one, "word")
        one.type("typed")
        kernel = 1 << 16
        """Bytes that the terminal itself may hold: they come first, whoever writes."""
        frame = 20_000
        """More than what 80 by 24 cells can take."""
        assert sips(one, "typed") < kernel + 3 * frame
        assert sips(one, "very last") < kernel + 20 * frame
        one.until("─ done")
