"""How every screen looks in each of its states; the panes and lists have more beside their keys."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest
from textual.screen import Screen as AnyScreen

from tests.house import call, prompt, say, until
from tests.screens.judging import utc
from tests.screens.kit import GOLDEN, Screen, screen
from tests.screens.looks import THEMES, check_looks
from tests.screens.rolling import every
from tests.screens.test_files import at_hand
from tuiagent.clients import tui
from tuiagent.clients.trusting import Brought
from tuiagent.clients.tui.diff.screens import DiffScreen, FileScreen
from tuiagent.clients.tui.files import Files
from tuiagent.clients.tui.form import Field, Form
from tuiagent.clients.tui.prompt.editor import Editor
from tuiagent.clients.tui.prompt.folded import FoldedScreen
from tuiagent.clients.tui.screens.trust import Trust
from tuiagent.clients.tui.transcript import Talk
from tuiagent.kernel.call import CallJudged
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.presence import TYPING, ShowPresence
from tuiagent.kernel.run import RunFinished
from tuiagent.kernel.session import OpenSession
from tuiagent.ports import Offer

S = "session/s1"
pytestmark = pytest.mark.timeout(300)
TODO = [{"text": "look", "state": "done"}, {"text": "mend 漢字", "state": "doing"}]
TURNS = [
    call("todo", items=TODO),
    say("I looked at **both** files:\n\n- `a.py` is fine\n- `b.py` is *not*\n"),
    call("write", path="a.py", content="one = 1\n"),
    say("Done."),
]


@pytest.fixture(autouse=True)
def same_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The person's own folder is where the test works, and it is always UTC."""
    monkeypatch.setenv("HOME", str(tmp_path))
    utc(monkeypatch)


def timeless(text: str) -> str:
    """Without what differs with the clock: times, ages, and how long things took."""
    text = re.sub(r"\b\d\d:\d\d(:\d\d)?\b", lambda m: re.sub(r"\d", "0", m[0]), text)
    return re.sub(r" +(\d+ms|\d+\.\d+ ?s)\b", " 0s", text)


async def test_the_work_place(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        _timeless(it)
        await check_looks(it, "place-empty")
        it.app.layout.hide("files")  # they are the machine's
        await it.client.submit(OpenSession(S, SessionOpened("/", "scripted/x", "ask")))
        await it.app.desk.open(S)
        await prompt(it.client, "look at a.py and b.py")
        await until(it.client, RunFinished)
        await it.until("mend 漢字")
        await check_looks(it, "place-answered", "#conversation", timeless)
        await prompt(it.client, "change it", "p2")
        await until(it.client, CallJudged, count=2)
        await prompt(it.client, "and then, 漢字", "p3")
        await it.client.submit(ShowPresence(S, "other", "ann at tty9", TYPING))
        await it.until("ann at tty9 is")
        await it.until("and then")
        await it.until(lambda: it.app.desk.waiting)
        await check_looks(it, "place-waiting", told=timeless)
        await it.press("ctrl+q")
        await it.until("A run is going on")
        await check_looks(it, "leaving", told=timeless)
        await it.press("escape")
        it.app.notify("It could not be written: the disk is full.", severity="error", timeout=600)
        await it.until("the disk is full")
        await check_looks(it, "place-trouble", told=timeless)


async def test_every_kind_of_item(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        talk = it.app.query_one(Talk)
        talk.show(every())
        talk.focus()
        await it.press("end")
        await check_looks(it, "talk-end", "Talk", timeless)
        for number in range(3):
            await it.press("pageup")
            await check_looks(it, f"talk-{number}", "Talk", timeless)
        await it.press("slash")
        await it.type("line")
        await check_looks(it, "talk-search", "Talk", timeless)


SHEETS = {
    "palette": "Palette",
    "theme": "contrast-dark",
    "mode": "asks before anything else",
    "models": "scripted/tour",
    "keys": "openai",
    "settings": "retention_days",
    "help": "Keys here",
    "runs": "Nothing was asked",
    "jobs": "Nothing runs",
    "grants": "Nothing was granted",
    "context": "No session is open",
    "changes": "No call has changed",
    "servers": "No MCP server",
}


async def test_every_screen_with_nothing_in_it(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        for name, words in SHEETS.items():
            it.app.dress(THEMES[0])  # one of them says which is worn
            await it.settle()
            await it.app.run_action(name)
            await it.until(words)
            await check_looks(it, name, told=_nowhere(tmp_path))
            if name == "keys":
                await it.press("enter")
                await it.until("The key of")
                await check_looks(it, "key-asked", told=_nowhere(tmp_path))
                await it.press("escape")
            if name == "help":
                await it.press("end", "enter")
                await it.until(lambda: len(it.app.screen_stack) == 3)
                await check_looks(it, "guide", told=_nowhere(tmp_path))
                await it.press("escape")
            await it.press("escape")
            await it.until(lambda: len(it.app.screen_stack) == 1)


async def test_every_screen_with_something_in_it(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS[2:], mode="auto") as it:
        _timeless(it)
        await it.type("write it\n")
        await it.until("Done.")
        for name, words in {"runs": "write it", "context": "replies and calls"}.items():
            await it.app.run_action(name)
            await it.until(words)
            await check_looks(it, f"{name}-some", told=timeless)
            await it.press("escape")
        await it.app.run_action("changes")
        await it.until("created +1")
        await check_looks(it, "changes-some", told=timeless)
        await it.press("escape")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        await it.press("f2")
        await it.until(lambda: it.app.focused is it.app.query_one(Files))
        await it.until(lambda: it.app.query_one(Files).place.by_agent("a.py"))
        await at_hand(it, it.app.query_one(Files), "a.py")
        await it.press("d")
        await it.until(lambda: isinstance(it.app.screen, DiffScreen))
        await it.until("one = 1")
        await check_looks(it, "change", told=timeless)
        await it.press("escape")
        (it.work / "same.txt").write_text("one\n\ttwo 漢字 \x1b[31mred\n" + "long " * 60)
        await it.press("r")
        await it.until("same.txt")
        await at_hand(it, it.app.query_one(Files), "same.txt")
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, FileScreen))
        await it.until("two 漢字")
        await check_looks(it, "file", told=timeless)
        await it.press("escape", "f5")
        it.app.query_one(Editor).take_paste("\n".join(f"line {n} 漢字" for n in range(120)))
        await it.press("alt+o")
        await it.until(lambda: isinstance(it.app.screen, FoldedScreen))
        await check_looks(it, "folded", told=timeless)


async def test_the_first_start_and_what_is_asked(tmp_path: Path) -> None:
    async with screen(tmp_path, model="") as it:
        await it.until("no server of models was found")
        await check_looks(it, "welcome")
        fields = [Field("url", "its base URL", hint="http://127.0.0.1:8080/v1"), Field("m", "漢字")]
        await it.app.push_screen(Form("Another server", ["What is said before."], fields, print))
        await it.until("its base URL")
        await check_looks(it, "form")
        await it.press("escape")
        runs = ("make test 漢字", "echo \x1b[31mred\x1b[0m \u202eevil [bold]words[/]", "long " * 60)
        offers = [
            Brought(Offer("/srv/shop/hooks.toml", "hooks", "ab", runs), "new"),
            Brought(Offer("/srv/shop/mcp.toml", "mcp", "cd", (), "it cannot be read"), "broken"),
        ]
        await it.app.push_screen(Trust(offers))
        await it.until("Trust this folder?")
        await check_looks(it, "trust")


def _timeless(it: Screen) -> None:
    """All takes no time."""
    now = it.engine.journal.world.now()
    it.engine.journal.world.now = lambda: now  # type: ignore[method-assign]


def _nowhere(folder: Path) -> Any:
    return lambda text: text.replace(str(folder), "~")


# ---------------------------------------------------------------- none is forgotten


def screens() -> set[str]:
    """The names of all screens that are shown, not of what they have in common."""
    modules = [import_module(one.name) for one in walk_packages(tui.__path__, f"{tui.__name__}.")]
    kinds = {
        one
        for module in modules
        for one in vars(module).values()
        if inspect.isclass(one) and issubclass(one, AnyScreen) and one.__module__ == module.__name__
    }
    return {one.__name__ for one in kinds if not kinds.intersection(one.__subclasses__())}


def test_every_screen_is_looked_at() -> None:
    files = (path.read_text() for path in GOLDEN.glob("*.txt"))
    seen = {name for text in files for name in re.findall(r"^--- colours of (\w+)$", text, re.M)}
    assert screens() <= seen
