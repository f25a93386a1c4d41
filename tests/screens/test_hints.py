"""Keys that a line of help names are pressed by a click on them."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

from tests.house import call, say
from tests.screens.judging import asked, clocked
from tests.screens.kit import KINDS, Screen, screen
from tuiagent.actions import ACTIONS
from tuiagent.clients import tui
from tuiagent.clients.tui.hints import parts, pressed, written
from tuiagent.config_file import ScreenTable

SHIFT = "shift+left"


async def click(it: Screen, words: str) -> None:
    """Clicks on the first letter of these words, where they stand last."""
    rows = it.shown.splitlines()
    row = max(number for number, line in enumerate(rows) if words in line)
    await it.pilot.click(offset=(rows[row].index(words), row))
    await it.settle()


async def test_every_key_that_is_named_below_can_be_clicked(tmp_path: Path) -> None:
    async with screen(tmp_path, model="") as it:
        await it.until("no server of models was found")
        await it.press("end")  # the third way
        await click(it, "move")
        await click(it, "Enter choose")
        await it.until("its base URL")
        await click(it, "leave")
        await it.until(lambda: "its base URL" not in it.shown)
        await click(it, "later")
        await it.until("F1 help")
        await click(it, "help")
        await it.until("Keys here")
        await click(it, "Esc back")
        await it.until(lambda: len(it.app.screen_stack) == 1)


@pytest.mark.parametrize("kind", KINDS)
async def test_keys_that_were_moved_are_named_where_they_are_now(tmp_path: Path, kind: str) -> None:
    keys = {
        "help": "alt+h",
        "sessions": "f12",
        "pane.approvals": "alt+a",
        "approve": "alt+y",
        "approvals.y": "k",
        "back": "ctrl+b",
    }
    wished = ScreenTable(keys=keys)
    turns = [call("shell", command="touch made"), say("It is made.")]
    async with screen(tmp_path, turns, kind=kind, tui=wished) as it:
        shown = await it.until("Alt+A approvals")
        for words in ("Alt+H help        ^P", "F12 sessions", "Alt+H help  F2 files"):
            assert words in shown
        assert "F1 " not in shown
        await click(it, "help")
        await it.until("^B back")
        await click(it, "^B back")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        await it.type("make it\n")
        await it.until("Alt+Y yes")
        shown = await it.until("waiting for you (Alt+A)")
        assert " k once" in shown
        assert "F4" not in shown
        await asked(it, clocked(it))
        await click(it, "k once")
        await it.until("It is made.")


def test_every_action_that_has_a_key_is_known_by_its_name() -> None:
    for module in pkgutil.walk_packages(tui.__path__, f"{tui.__name__}."):
        importlib.import_module(module.name)
    named = {
        binding.id
        for kind in _kinds(DOMNode)
        if kind.__module__.startswith(tui.__name__)
        for binding in kind.__dict__.get("BINDINGS", ())
        if isinstance(binding, Binding) and binding.id
    }
    assert named == ACTIONS


def _kinds(kind: type[Any]) -> Iterator[type[Any]]:
    for below in kind.__subclasses__():
        yield below
        yield from _kinds(below)


async def test_a_name_that_no_action_has_is_told_of(tmp_path: Path) -> None:
    keys = {"prompt.quue": "alt+w", "qwertz": "f12"}
    async with screen(tmp_path, tui=ScreenTable(keys=keys)) as it:
        await it.until(lambda: "did you mean 'prompt.queue'?" in it.told)
        assert "'qwertz', and there is no such action; help" in it.told


@pytest.mark.parametrize(
    "key", ["f4", "ctrl+x", "alt+t", "alt+up", "shift+left", "G", "g", "escape", "slash"]
)
def test_a_key_is_written_as_it_is_read(key: str) -> None:
    assert pressed(written(key)) == key


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        (
            " n p change  u undo, or so",
            [("n", "n"), (" p", "p"), (" change", "n"), ("u", "u"), (" undo, or so", "u")],
        ),
        (
            "←/→ event  ⇧←/⇧→",
            [
                ("←/", "left"),
                ("→", "right"),
                (" event", "left"),
                ("⇧←/", SHIFT),
                ("⇧→", "shift+right"),
            ],
        ),
        (
            "↑↓ move  ^R rename  …",
            [("↑", "up"), ("↓", "down"), (" move", "up"), ("^R", "ctrl+r"), (" rename", "ctrl+r")],
        ),
        ("~/a b  Alt+T takes over", [("Alt+T", "alt+t"), (" takes over", "alt+t")]),
        ("● it says so  Home/End ", [("Home/", "home"), ("End", "end")]),
        ("   ", []),
    ],
)
def test_a_line_names_keys_before_what_they_do(line: str, keys: list[tuple[str, str]]) -> None:
    found = list(parts(line))
    assert "".join(text for text, _ in found) == line
    assert [one for one in found if one[1]] == keys
