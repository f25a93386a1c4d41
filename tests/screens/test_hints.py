"""Keys that a line of help names are pressed by a click on them."""

from pathlib import Path

import pytest

from tests.screens.kit import Screen, screen
from tuiagent.clients.tui.hints import parts


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


@pytest.mark.parametrize(
    ("line", "keys"),
    [
        (" n p change  u undo, or undo the undo", {"n ": "n", "p ": "p", "change": "n", "u ": "u"}),
        (" ←/→ event  ⇧←/⇧→ prompt", {"→ ": "right", "event": "left", "⇧→ ": "shift+right"}),
        ("↑↓ move  ^R rename  …", {"↓ ": "down", "rename": "ctrl+r", "  …": None}),
        ("~/.config/a  Alt+T takes over", {"~/.config/a": "", "takes over": "alt+t"}),
        (
            " ● your file says so  Home/End  U file ",
            {"End": "end", "● your file says so": "", "file": "U"},
        ),
    ],
)
def test_a_line_names_keys_before_what_they_do(line: str, keys: dict[str, str | None]) -> None:
    found = list(parts(line))
    assert "".join(text for text, _ in found) == line
    for words, key in keys.items():
        assert dict(found).get(words) == key, words
