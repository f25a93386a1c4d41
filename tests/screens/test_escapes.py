"""The escape corpus on every carrier: no screen hands a byte of others' to the terminal."""

import os
import unicodedata
from pathlib import Path

import pytest

from tests.house import call, say
from tests.screens.kit import KINDS, Screen, screen
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.lifecycle import NameSession

CORPUS = (
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1b[2J\x1b[31m",
    "\x1bP1$r\x1b\\",
    "\x9b31m\x9d0;t\x9c",
    "\x1b[?1049l",
    "\u202eevil\u2069",
    "\U000e0041\u200b",
    "[red]no markup[/red]",
)
SCREENS = (
    "sessions scrub usage runs jobs context grants changes digest palette help settings models "
    "keys theme mode"
).split()


def harmless(it: Screen, where: str) -> None:
    """Nothing on the screen steers a terminal, or hides."""
    for strip in it.app.screen._compositor.render_strips():
        for segment in strip:
            wrong = [c for c in segment.text if unicodedata.category(c) in ("Cc", "Cf", "Co")]
            assert not wrong, f"{where}: {segment.text!r}"
            assert segment.control is None


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_of_others_reaches_the_terminal(tmp_path: Path, kind: str) -> None:
    evil = "".join(CORPUS)
    todo = [{"text": evil, "state": "doing"}]
    turns = [
        call("write", path=f"{CORPUS[0]}.py", content=f"{evil}\n"),
        call("shell", command=f"printf '%s' '{evil}'"),
        call("todo", items=todo),
        call("read", path=evil),
        say(
            evil, f"\n```python\n{evil}\n```\n| {evil} | b |\n|---|---|\n| {evil} | [x]({evil}) |\n"
        ),
        call("ask", question=evil, choices=[evil, "b"]),
        say("over"),
    ]
    async with screen(tmp_path, turns, kind=kind, mode="auto") as it:
        for name in CORPUS[:5]:
            (it.work / f"n{name.replace('/', '')}").touch()
        os.mkdir(it.work / "sub\x1b[31m")
        await it.app.desk.begin(f"go {evil}")
        await it.until(lambda: it.app.desk.conversation and not it.app.desk.conversation.running)
        assert it.app.desk.conversation
        with pytest.raises(Refused):
            await it.client.submit(NameSession(it.app.desk.conversation.stream, evil))
        harmless(it, "the work place")
        await it.press("f5", "tab")
        for action in SCREENS:
            await it.app.run_action(action)
            await it.settle()
            harmless(it, action)
            await it.press("escape")
            await it.until(lambda: len(it.app.screen_stack) == 1)
        await it.app.desk.begin("ask me")
        await it.until(lambda: it.app.desk.waiting)
        await it.press("f4")
        await it.settle()
        harmless(it, "approvals")
