"""The work place, driven by keys, over a client of each kind."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from textual.css.stylesheet import Stylesheet
from textual.dom import DOMNode
from textual.widget import Widget
from textual.widgets._toast import Toast

from tests.house import Fakes, call, engine, opened, prompt, say, until
from tests.screens.kit import KINDS, SIZES, TestHost, arguments, screen, shown
from tuiagent.clients.tui import app as tui
from tuiagent.clients.tui.app import TuiApp
from tuiagent.clients.tui.files import Files
from tuiagent.clients.tui.lines import strip
from tuiagent.clients.tui.presence import OwnerBar
from tuiagent.clients.tui.prompt import Prompt
from tuiagent.clients.tui.severed import ServerBar
from tuiagent.clients.tui.status import Footer, Header
from tuiagent.kernel.call import AnswerApproval
from tuiagent.kernel.presence import ShowPresence
from tuiagent.kernel.run import RunFinished
from tuiagent.providers.scripted import ScriptedError, Turn

TURNS = [call("write", path="f", content="one\n"), say("All ", "done.")]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_prompt_is_answered_and_what_waits_is_shown(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await it.type("do it\n")
        await it.until(lambda: it.app.desk.waiting)
        (one,) = it.app.desk.waiting
        await it.until("1 waiting for you")
        assert "do it" in it.shown
        await it.app.desk.send(AnswerApproval(one.stream, one.call, one.digest, True))
        await it.until("All done.")
        assert (it.work / "f").read_text() == "one\n"
        await it.until(lambda: not it.app.desk.waiting)


async def test_the_first_screen_is_read_and_styled_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    styled, again = Counter[str](), list[object]()
    apply, reparse = Stylesheet.apply, Stylesheet.reparse

    def applied(self: Stylesheet, node: DOMNode, *args: Any, **more: Any) -> None:
        styled[type(node).__name__] += 1
        apply(self, node, *args, **more)

    def reparsed(self: Stylesheet) -> None:
        again.append(self)
        reparse(self)

    monkeypatch.setattr(Stylesheet, "apply", applied)
    monkeypatch.setattr(Stylesheet, "reparse", reparsed)
    async with screen(tmp_path) as it:
        assert it.app.screen.has_class("-wide")
        assert {name: styled[name] for name in ("Header", "Talk", "Trace", "Approvals")} == {
            "Header": 1,
            "Talk": 1,
            "Trace": 1,
            "Approvals": 1,
        }
    assert not again


async def test_news_of_an_answer_draws_nothing_but_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(tmp_path, [say("All done.")]) as it:
        await it.type("do it\n")
        await it.until("All done.")
        conversation = it.app.desk.conversation
        assert conversation is not None
        await it.until(lambda: not conversation.running)
        await it.until(lambda: "working" not in it.shown)
        told = asyncio.Event()
        it.app.desk.listen("items", lambda changed: told.set())
        drawn: list[str] = []
        refresh = Widget.refresh

        def refreshed(self: Widget, *args: Any, **more: Any) -> Widget:
            drawn.append(type(self).__name__)
            return refresh(self, *args, **more)

        monkeypatch.setattr(Widget, "refresh", refreshed)
        (answer,) = (item for item in conversation.items if item.kind == "reply")
        conversation.news.tell([answer.id])
        async with asyncio.timeout(20):
            await told.wait()
        assert not {"Trace", "Header", "Footer", "TodoList"} & set(drawn)


async def test_a_run_says_for_how_long_it_has_been_going_on(tmp_path: Path) -> None:
    asked = call("shell", command="touch made")
    async with screen(tmp_path, [asked, Turn(["All ", "done."], delay=3600.0)]) as it:
        footer = it.app.query_one(Footer)
        await it.type("do it\n")
        await it.until("1 waiting for you")
        assert "working" not in it.shown
        assert footer._second._active.is_set() is False
        (one,) = it.app.desk.waiting
        await it.app.desk.send(AnswerApproval(one.stream, one.call, one.digest, True))
        conversation = it.app.desk.conversation
        assert conversation is not None
        footer._clock = lambda: conversation.status.since + 3725.0
        await it.until(" working 1:02:05 ")
        footer._clock = lambda: conversation.status.since + 3726.0
        await it.until(" working 1:02:06 ")  # by itself
        await it.press("escape")
        await it.until(lambda: "working" not in it.shown)
        assert footer._second._active.is_set() is False  # nothing wakes it at rest


async def test_an_interruption_that_nobody_takes_blocks_no_key(tmp_path: Path) -> None:
    async with screen(tmp_path, [Turn(["All ", "done."], delay=3600.0)]) as it:
        await it.type("do it\n")
        await it.until("working")
        submit, answers = it.app.desk.client.submit, asyncio.Event()

        async def late(intent: Any, once: str = "") -> int:
            await answers.wait()
            return await submit(intent, once)

        it.app.desk.client.submit = late  # type: ignore[method-assign]
        await it.press("escape", "f1")
        await it.until("Keys here")
        answers.set()
        await it.press("escape")
        await it.until("interrupted")


WORDS = {"tuiagent": "a few letters", "scripted/x": "Models", "ask": "plan  reads"}


async def test_what_is_told_covers_no_prompt(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        it.app.notify("something was done", timeout=3600)
        await it.until("something was done")
        (toast,) = it.app.screen.query(Toast)
        assert toast.region.y == 2  # below the tabs, where there are any
        assert not toast.region.overlaps(it.app.query_one(Prompt).region)


@pytest.mark.parametrize("size", SIZES.values())
async def test_what_is_told_covers_no_bar(tmp_path: Path, size: tuple[int, int]) -> None:
    async with screen(tmp_path, size=size) as it:
        bars = [it.app.query_one(OwnerBar), it.app.query_one(ServerBar)]
        it.app.notify("something was done", timeout=3600)
        await it.until("something")
        for bar in bars:
            bar.display = True
            await it.settle()
            (toast,) = it.app.screen.query(Toast)
            assert not any(toast.region.overlaps(one.region) for one in bars)
        bars[0].display = bars[1].display = False
        await it.settle()
        assert toast.region.y == 2


@pytest.mark.parametrize("kind", KINDS)
async def test_words_of_the_header_open_what_they_are_about(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, [say("Done.")], kind=kind, size=(80, 24)) as it:
        for words, shown in WORDS.items():
            head = it.shown.partition("\n")[0]
            await it.pilot.click(offset=(head.rindex(words), 0))
            await it.until(shown)
            await it.press("escape")
            await it.until(lambda: len(it.app.screen_stack) == 1)
        await it.type("go\n")
        await it.until("Done.")
        await it.pilot.click(offset=(14, 0))  # the folder
        await it.until("type to filter")


async def test_panes_become_tabs_where_there_is_little_room(tmp_path: Path) -> None:
    async with screen(tmp_path, size=(80, 24)) as it:
        assert "Conversation" in it.shown.split("\n")[1]
        await it.press("f3")
        await it.until("No tool was called yet.")
        await it.press("f5")
        assert "No tool was called yet." not in it.shown


async def test_escape_leads_back_to_the_prompt(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        for pane in ("f2", "f3", "f4"):
            await it.press(pane)
            assert it.app.focused is not it.app.query_one(Prompt).editor
            await it.press("escape")
            assert it.app.focused is it.app.query_one(Prompt).editor


async def test_a_pane_is_hidden_and_stays_so(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        assert "─ Trace" in it.shown
        await it.press("f3", "f3")
        assert "─ Trace" not in it.shown
    async with screen(tmp_path) as it:
        assert "─ Trace" not in it.shown


async def test_what_the_command_line_says_first_is_said_with_its_files(tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("the plan\n")
    said = {"prompt": "look", "file": [str(tmp_path / "note.txt")], "name": "mine"}
    async with screen(tmp_path, [say("Seen.")], **said) as it:
        await it.until("Seen.")
        (block,) = it.means.prompts[0].messages[-1].blocks
        assert "look" in block.text  # type: ignore[union-attr]
        assert "the plan" in block.text  # type: ignore[union-attr]
        assert it.app.desk.conversation is not None
        assert it.app.desk.conversation.status.name == "mine"


async def test_a_command_of_ones_own_is_meant_on_the_command_line_too(tmp_path: Path) -> None:
    commands = tmp_path / "home/commands"
    commands.mkdir(parents=True)
    (commands / "fix.md").write_text("---\ndescription: Mend it\n---\nFix $1 now.")
    async with screen(tmp_path, [say("Seen.")], prompt="/fix f.py") as it:
        await it.until("Fix f.py now.")


async def test_what_cannot_be_said_at_first_stands_in_the_prompt(tmp_path: Path) -> None:
    async with screen(tmp_path, prompt="look", file=[str(tmp_path / "none")]) as it:
        await it.until(lambda: "cannot be read" in it.told or "not a regular file" in it.told)
        await it.until(lambda: it.app.query_one(Prompt).editor.text == "look")
        assert it.app.desk.conversation is None


async def test_without_a_prompt_the_first_session_is_called_and_placed_as_was_said(
    tmp_path: Path,
) -> None:
    place = tmp_path / "else"
    place.mkdir()
    async with screen(tmp_path, [say("Done.")], name="mine", cwd=str(place)) as it:
        assert it.app.query_one(Files).place.root == str(place)
        await it.type("go\n")
        await it.until("Done.")
        assert it.app.desk.conversation is not None
        status = it.app.desk.conversation.status
        assert (status.name, status.folder) == ("mine", str(place))


async def test_what_cannot_hold_is_refused_also_without_a_prompt(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        it.app.args.cwd = str(tmp_path / "none")
        await it.type("go\n")
        await it.until(lambda: "is not a folder" in it.told)
        await it.until(lambda: it.app.query_one(Prompt).editor.text == "go")


async def test_a_prompt_waits_for_a_model(tmp_path: Path) -> None:
    async with screen(tmp_path, [say("Seen.")], model="", prompt="look") as it:
        await it.until("Welcome to tuiagent")
        it.host.settings = replace(it.host.settings, model="scripted/x")
        it.app.screen.dismiss()
        await it.until("Seen.")


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 10, 20, 50])
async def test_it_may_be_left_at_any_moment_of_its_start(tmp_path: Path, turns: int) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        app = TuiApp(made.seat(), arguments(), TestHost(tmp_path))

        def leave(later: int) -> None:
            if later:
                asyncio.get_running_loop().call_soon(leave, later - 1)
            else:
                app.leave(129)

        leave(turns)
        await app.run_async(headless=True)
        assert app.return_code == 129


async def begun(app: TuiApp) -> str:
    """What the conversation shows when the first frame has just been drawn."""
    seen = asyncio.Future[str]()

    def look() -> None:
        seen.set_result(shown(app))

    app._look = look
    async with app.run_test(size=(120, 40)):
        return await seen


async def test_a_session_that_is_named_stands_on_the_first_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with engine(Fakes(tmp_path, [say("here it is")])) as made:
        host, client = TestHost(tmp_path, "ask"), made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, RunFinished)
        app = TuiApp(client, arguments(newest=True, new=False), host)
        done: list[object] = []

        async def submit(intent: object, once: str = "") -> None:
            done.append(intent)

        monkeypatch.setattr(client, "submit", submit)
        assert "here it is" in await begun(app)
        assert [type(one) for one in done] == [ShowPresence], "nothing but that one leaves"


async def test_the_first_frame_does_not_wait_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tui, "PATIENCE", 0.01)
    async with engine(Fakes(tmp_path, [])) as made:
        client = made.seat()
        monkeypatch.setattr(client, "read", lambda *_: asyncio.Event().wait())
        app = TuiApp(client, arguments(newest=True, new=False), TestHost(tmp_path, "ask"))
        assert "F1 help" in await begun(app)


@pytest.mark.parametrize("kind", KINDS)
async def test_tries_in_vain_take_one_line(tmp_path: Path, kind: str) -> None:
    fault = ScriptedError("network", "example.org could not be reached: no route to host. Check it")
    tries = [Turn(error=fault), Turn(error=fault), Turn(error=fault), say("Here I am.")]
    async with screen(tmp_path, lambda prompt: tries.pop(0), kind=kind) as it:
        await it.type("go\n")
        shown = await it.until("Here I am.")
        assert shown.count("✗") == 1
        assert "try 3 · again" in shown


async def test_a_line_says_that_it_is_cut_unless_only_columns_are_left_out(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        line = it.app.query_one(Header)

        def drawn(*pieces: str) -> str:
            return strip(line, [(text, "") for text in pieces], 12).text

        assert drawn("name        ", "price of it") == "name        "
        assert drawn("name", "price of it") == "nameprice o…"
        assert drawn("name      ", "x y") == "name      x…"
        assert drawn(f"rm x{' ' * 40}; rm y") == f"rm x{' ' * 7}…", "no gap hides what follows"
        assert drawn("name  ", f"rm {' ' * 40}; rm y") == "name  rm   …"
