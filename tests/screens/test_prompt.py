"""The prompt: every key of it, what it offers, keeps and sends."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.containers import VerticalScroll
from textual.events import Key
from textual.geometry import Region
from textual.screen import ModalScreen
from textual.widgets import Static

from tests.house import call, say
from tests.screens.kit import KINDS, SIZES, Screen, screen
from tests.screens.looks import check_looks
from tuiagent.clients.tui.commands import COMMANDS
from tuiagent.clients.tui.prompt import Prompt
from tuiagent.clients.tui.prompt.chips import GAP
from tuiagent.clients.tui.prompt.complete import Wanted
from tuiagent.clients.tui.prompt.editor import Editor
from tuiagent.clients.tui.prompt.finder import Finder, Found
from tuiagent.clients.tui.prompt.popup import Choice
from tuiagent.config_file import ScreenTable
from tuiagent.kernel.errors import Refused
from tuiagent.ports import Window

TURNS = [say("one"), say("two"), say("three"), say("four")]
HELD = [call("write", path="f", content="x"), *TURNS]
"""The run waits for an answer, so that what is said meanwhile has to wait too."""
LONG = "\n".join(f"line {n}" for n in range(120))


def editor(it: Screen) -> Editor:
    return it.app.query_one(Editor)


def prompt(it: Screen) -> Prompt:
    return it.app.query_one(Prompt)


async def said(it: Screen) -> list[str]:
    """What the journal holds of what was said, in order."""
    assert it.app.desk.conversation is not None
    stream = it.app.desk.conversation.stream
    found = await it.client.read("transcript", stream, Window(100))
    return [item["text"] for item in found.data if item["kind"] == "prompt"]


async def until_said(it: Screen, *texts: str) -> None:
    async with asyncio.timeout(60):
        while it.app.desk.conversation is None or await said(it) != list(texts):
            await it.pilot.pause(0.01)


async def running(it: Screen) -> None:
    """A run that waits for a person goes on."""
    await it.type("begin\n")
    await it.until(lambda: it.app.desk.waiting)


# ---------------------------------------------------------------- typing


@pytest.mark.parametrize("key", ["shift+enter", "ctrl+j", "alt+enter"])
async def test_a_new_line_has_its_keys_and_enter_sends(tmp_path: Path, key: str) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("one")
        await it.press(key)
        await it.type("two")
        assert editor(it).text == "one\ntwo"
        await it.press("enter")
        await until_said(it, "one\ntwo")
        assert editor(it).text == ""


async def test_a_backslash_at_the_end_makes_a_new_line(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("one")
        await it.press("backslash", "enter")
        await it.type("two")
        assert editor(it).text == "one\ntwo"


async def test_keys_that_come_all_at_once_keep_their_order(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        for key in (*"one", "enter", *"two", "alt+enter", *"x", "left", *"y", "enter", *"more"):
            it.app.post_message(Key(key, key if len(key) == 1 else None))
        await until_said(it, "one", "two\nyx")
        await it.until(lambda: editor(it).text == "more")


async def test_an_empty_prompt_is_not_sent(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.press("space", "enter")
        assert it.app.desk.conversation is None
        assert editor(it).text == " "


async def test_it_grows_up_to_a_third_of_the_screen(tmp_path: Path) -> None:
    async with screen(tmp_path, size=(80, 30)) as it:
        assert editor(it).size.height == 1
        for _ in range(4):
            await it.press("ctrl+j")
        await it.until(lambda: editor(it).size.height == 5)
        for _ in range(20):
            await it.press("ctrl+j")
        await it.until(lambda: 8 <= editor(it).size.height <= 10)


async def test_letters_with_alt_are_no_text(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.type("a")
        await it.press("alt+o", "alt+up")
        assert editor(it).text == "a"


WIDE = [("日本", 4), ("👩‍👩‍👧", 2), ("é", 1), ("🇩🇪", 2)]


@pytest.mark.parametrize(("text", "cells"), WIDE[:3])
async def test_the_terminals_cursor_stands_at_the_caret(
    tmp_path: Path, text: str, cells: int
) -> None:
    async with screen(tmp_path) as it:
        start = it.app.cursor_position
        assert start == editor(it).content_region.offset
        editor(it).take_paste(text)
        await it.pilot.pause()
        assert it.app.cursor_position - start == (cells, 0)
        await it.pilot.resize_terminal(90, 20)
        await it.pilot.pause()
        assert it.app.cursor_position == editor(it).cursor_screen_offset


@pytest.mark.parametrize("text", ["👩‍👩‍👧", "e\u0301", "👍🏽"])
async def test_a_character_of_many_parts_is_one_for_the_cursor(tmp_path: Path, text: str) -> None:
    async with screen(tmp_path) as it:
        editor(it).take_paste(f"a{text}b")
        await it.press("left")
        assert editor(it).cursor_location == (0, 1 + len(text))
        await it.press("left")
        assert editor(it).cursor_location == (0, 1)
        await it.press("right", "backspace")
        assert editor(it).text == "ab"


async def test_highlights_do_not_change_the_text(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        text = "see @src/a.py and `code` #skill\n```\nfenced @x\n```\n[bold]no[/bold]"
        editor(it).put(text)
        await it.pilot.pause()
        for line in text.split("\n"):
            assert line in it.shown
        fenced = editor(it).get_line(2)
        assert len(fenced.spans) == 1
        assert len(editor(it).get_line(0).spans) == 3
        assert not editor(it).get_line(4).spans


async def test_what_is_pasted_loses_its_escapes(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        editor(it).take_paste("a\x1b[31mred\x1b]0;t\x07\r\nb\rc\U000e0041")
        assert editor(it).text == "ared\nb\nc\\U000e0041"


# ---------------------------------------------------------------- chips


async def test_a_long_paste_is_a_chip_that_is_sent_whole(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS, size=(80, 24)) as it:
        await it.type("read ")
        editor(it).take_paste(LONG)
        await it.type(" now")
        await it.until(f"120{GAP}lines")
        await check_looks(it, "prompt-chip", "#conversation")
        await it.press("enter")
        await until_said(it, f"read {LONG} now")


async def test_a_chip_is_one_unit_to_move_over_delete_and_bring_back(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        editor(it).take_paste(LONG)
        label = f"[pasted{GAP}120{GAP}lines{GAP}#1]"
        assert editor(it).text == label
        await it.press("left")
        assert editor(it).cursor_location == (0, 0)
        await it.press("right")
        assert editor(it).cursor_location == (0, len(label))
        await it.press("backspace")
        assert editor(it).text == ""
        await it.press("ctrl+z")
        assert editor(it).sent == LONG
        await it.press("home", "delete")
        assert editor(it).text == ""


async def test_half_a_selected_chip_is_replaced_whole(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        editor(it).take_paste(LONG)
        await it.press("left", "a", "shift+right", "b")
        assert editor(it).text == "ab"


async def test_what_looks_like_a_chip_is_none(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        editor(it).take_paste(LONG)
        await it.type("[pasted 120 lines #1]")
        assert editor(it).sent == f"{LONG}[pasted 120 lines #1]"


async def test_a_chip_is_shown_and_unfolded(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        editor(it).take_paste(LONG)
        await it.press("alt+o")
        await it.until("line 7")
        await it.press("escape")
        await it.until(lambda: len(it.app.screen_stack) == 1)
        await it.press("alt+o")
        await it.until("line 7")
        await it.press("u")
        await it.until(lambda: editor(it).text == LONG)


@pytest.mark.parametrize("how", ["plain", "quoted", "escaped", "url", "relative"])
async def test_the_path_of_an_image_becomes_a_chip(tmp_path: Path, how: str) -> None:
    async with screen(tmp_path) as it:
        path = it.work / "my pic.PNG"
        path.write_bytes(b"x" * 120_000)
        text = {
            "plain": str(path),
            "quoted": f"'{path}'",
            "escaped": str(path).replace(" ", "\\ "),
            "url": path.as_uri(),
            "relative": "my pic.PNG",
        }[how]
        editor(it).take_paste(text + " ")
        assert editor(it).text == f"[image{GAP}my{GAP}pic.PNG{GAP}120{GAP}kB{GAP}#1]"
        assert editor(it).sent == '@"my pic.PNG"'


async def test_of_several_images_that_are_dropped_at_once_each_becomes_a_chip(
    tmp_path: Path,
) -> None:
    async with screen(tmp_path) as it:
        for name in ("my pic.png", "b.jpg"):
            (it.work / name).write_bytes(b"x")
        first, second = str(it.work / "my pic.png"), (it.work / "b.jpg").as_uri()
        for text in (f"'{first}' {second} ", f"{first.replace(' ', chr(92) + ' ')}\n{second}\n"):
            editor(it).put("")
            editor(it).take_paste(text)
            assert editor(it).sent == '@"my pic.png" @b.jpg'
            assert len(editor(it).shown) == 2
        for text in (f"'{first}' and b.jpg", "it's b.jpg", "b.jpg none.png"):
            editor(it).put("")
            editor(it).take_paste(text)
            assert editor(it).text == text


async def test_a_path_of_no_image_stays_text(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        editor(it).take_paste("/nowhere/a.png")
        assert editor(it).text == "/nowhere/a.png"


# ---------------------------------------------------------------- lists


def tree(folder: Path) -> None:
    """Some files, of which git ignores one."""
    work = folder / "work"
    for name in ("README.md", "src/app.py", "src/two words.txt", "tests/test_app.py", "no/x.log"):
        path = work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("class Apple:\n    def core(self): pass\n")
    (work / ".gitignore").write_text("*.log\n")
    (work / ".agents/skills/review").mkdir(parents=True)
    (work / ".agents/skills/review/SKILL.md").write_text(
        "---\nname: review\ndescription: Reads a change.\n---\nbody\n"
    )
    subprocess.run(["git", "init", "-q", str(work)], check=True)


def chosen(it: Screen, words: str) -> bool:
    """Whether the list is at this choice, as what was typed has it."""
    choice = prompt(it).popup.chosen
    return choice is not None and words in choice.insert


async def test_files_are_found_and_taken(tmp_path: Path) -> None:
    tree(tmp_path)
    async with screen(tmp_path, TURNS, size=(80, 24)) as it:
        await it.type("see @ap")
        await it.until(lambda: "src/app.py" in it.shown and "README" not in it.shown)
        await it.settle()
        await check_looks(it, "prompt-files", "#conversation")
        await it.press("down", "enter")
        assert editor(it).text == "see @tests/test_app.py "
        await it.type("@word")
        await it.until(lambda: chosen(it, "two words.txt"))
        await it.press("tab")
        await it.until(lambda: editor(it).text == 'see @tests/test_app.py @"src/two words.txt" ')
        await it.type("@log")
        await it.until("no file matches")
        await it.press("tab")
        assert editor(it).text.endswith("@log")


async def test_folders_lead_on_and_symbols_are_found(tmp_path: Path) -> None:
    tree(tmp_path)
    async with screen(tmp_path) as it:
        await it.type("@src/")
        await it.until("src/app.py")
        await it.press("ctrl+u")
        await it.type("@src/app.py:c")
        await it.until(lambda: chosen(it, "core"))
        await it.press("tab")
        await it.until(lambda: editor(it).text == "@src/app.py:core ")
        await it.type("@Appl")
        await it.until(lambda: chosen(it, "Apple"))
        await it.press("tab")
        await it.until(lambda: editor(it).text == "@src/app.py:core @src/app.py:Apple ")


async def test_escape_closes_the_list_for_this_word(tmp_path: Path) -> None:
    tree(tmp_path)
    async with screen(tmp_path, TURNS) as it:
        await it.type("@ap")
        await it.until("src/app.py")
        await it.press("escape")
        assert not prompt(it).popup.open
        await it.type("p")
        await it.pilot.pause()
        assert not prompt(it).popup.open
        await it.press("enter")
        await until_said(it, "@app")


@pytest.mark.parametrize("key", ["tab", "enter"])
async def test_a_list_of_what_stood_there_before_is_not_taken_from(
    tmp_path: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path)
    looked = asyncio.Event()
    look = Finder.look

    async def slowly(self: Finder, wanted: Wanted) -> AsyncIterator[Found]:
        await looked.wait()
        async for found in look(self, wanted):
            yield found

    async with screen(tmp_path, TURNS) as it:
        await it.type("@")
        await it.until(lambda: prompt(it).popup.chosen)
        monkeypatch.setattr(Finder, "look", slowly)
        editor(it).insert("words")  # so fast that nobody was told of it when the key comes
        (prompt(it).action_accept if key == "tab" else prompt(it).action_send)()
        looked.set()
        if key == "enter":
            await until_said(it, "@words")
        else:
            await it.until(lambda: editor(it).text == '@"src/two words.txt" ')


async def test_what_is_found_once_the_screen_closes_is_not_drawn(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        popup = prompt(it).popup
    popup.show([Choice("late", "late", positions=(0,))], "", 0, Region(0, 20, 40, 3))
    assert not popup.open


async def test_going_on_to_type_takes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path)
    asked = list[str]()
    looked = asyncio.Event()

    async def never(self: Finder, wanted: Wanted) -> AsyncIterator[Found]:
        asked.append(wanted.query)
        await looked.wait()
        yield [Choice(wanted.query, f"taken {wanted.query}")], ""

    monkeypatch.setattr(Finder, "look", never)
    async with screen(tmp_path, TURNS) as it:
        await it.type("@a")
        await it.until(lambda: asked[-1:] == ["a"])
        await it.press("tab", "b")
        looked.set()
        await it.until(lambda: chosen(it, "taken ab"))
        assert editor(it).text == "@ab"


async def test_a_file_that_was_written_out_is_sent_at_once(tmp_path: Path) -> None:
    tree(tmp_path)
    async with screen(tmp_path, TURNS) as it:
        await it.type("@README.md")
        await it.until(lambda: prompt(it).popup.choices)
        await it.press("enter")
        await until_said(it, "@README.md")


async def test_skills_are_offered(tmp_path: Path) -> None:
    tree(tmp_path)
    async with screen(tmp_path) as it:
        await it.type("#re")
        await it.until("Reads a change.")
        await it.press("tab")
        await it.until(lambda: editor(it).text == "#review ")


async def test_a_choice_is_clicked_on(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.type("/")
        await it.until("/compact")
        await it.pilot.click("Popup", offset=(3, 1))
        assert editor(it).text == "/copy"


# ---------------------------------------------------------------- commands


async def test_commands_are_listed_with_what_they_do(tmp_path: Path) -> None:
    async with screen(tmp_path, size=(80, 24)) as it:
        await it.type("/")
        await it.until("/compact")
        await check_looks(it, "prompt-commands", "#conversation")
        await it.press("up")
        assert prompt(it).popup.index == len(COMMANDS) - 1


async def test_a_typo_runs_nothing_and_says_what_is_near(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("/qit\n")
        await it.until(lambda: "did you mean /quit?" in it.told)
        assert editor(it).text == "/qit"
        assert it.app.is_running
        assert it.app.desk.conversation is None


async def test_enter_on_a_part_of_a_name_completes_and_does_not_run(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.type("/qui\n")
        assert editor(it).text == "/quit"
        assert it.app.is_running
        await it.press("enter")
        await it.until(lambda: it.app.return_code == 0)


async def test_a_path_and_an_indented_slash_are_said(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("/etc/hosts is odd\n")
        await until_said(it, "/etc/hosts is odd")
        await it.type(" /quit\n")
        await until_said(it, "/etc/hosts is odd", " /quit")


async def test_mode_model_name_and_compact_reach_the_session(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("go\n")
        await it.until("● one")
        await it.type("/mode plan\n")
        await it.until(lambda: it.app.desk.conversation.status.mode == "plan")
        await it.type("/model scripted/y\n")
        await it.until(lambda: it.app.desk.conversation.status.model == "scripted/y")
        await it.type("/rename better\n")
        await it.until(lambda: it.app.desk.conversation.status.name == "better")
        await it.type("/mode\n")
        await it.until("changes nothing")
        await it.press("escape")
        await it.type("/resume better\n")
        await it.until(lambda: it.app.desk.conversation.items)
        await it.type("/resume nobody\n")
        await it.until(lambda: "there is no session 'nobody'" in it.told)
        await it.type("/export talk.md\n")
        await it.until((it.work / "talk.md").exists)
        assert "one" in (it.work / "talk.md").read_text()
        before = it.app.desk.conversation.stream
        await it.type("/fork\n")
        await it.until(lambda: (now := it.app.desk.conversation) and now.stream != before)
        await it.until("forked from")


async def test_a_defect_in_a_task_of_the_screen_is_told(tmp_path: Path) -> None:
    async def broken() -> None:
        raise ZeroDivisionError("here")

    async with screen(tmp_path) as it:
        it.app.desk.spawn(broken())
        await it.until(lambda: "a defect in tuiagent: ZeroDivisionError" in it.told)


async def test_undo_takes_back_the_last_change(tmp_path: Path) -> None:
    turns = [call("write", path="f", content="x"), say("done")]
    async with screen(tmp_path, turns, mode="accept-edits") as it:
        await it.type("go\n")
        await it.until(lambda: (it.work / "f").exists())
        await it.until("done")
        await it.type("/undo\n")
        await it.until(lambda: not (it.work / "f").exists())


async def test_copy_theme_new_and_what_needs_a_session(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("/undo\n")
        await it.until(lambda: "no call has changed a file" in it.told)
        await it.type("/compact\n")
        await it.until(lambda: "say something first" in it.told)
        await it.type("go\n")
        await it.until("● one")
        await it.until(lambda: not it.app.desk.conversation.running)
        await it.type("/copy\n")
        await it.until(lambda: it.app.clipboard == "one")
        await it.type("/theme forest\n")
        await it.until(lambda: it.app.theme == "forest")
        await it.type("/theme nowhere\n")
        await it.until(lambda: "there is no theme 'nowhere'" in it.told)
        await it.type("/new\n")
        await it.until(lambda: it.app.desk.conversation is None)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    assert name == name.lower().strip("/")
    assert COMMANDS[name].help


# ---------------------------------------------------------------- history


async def test_what_was_said_comes_back_and_what_is_written_stays(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("first\n")
        await it.until("● one")
        await it.type("second\n")
        await it.until("two")
        await it.type("third")
        await it.press("up")
        assert editor(it).text == "second"
        await it.press("up", "up", "up")
        assert editor(it).text == "first"
        await it.press("down", "down")
        assert editor(it).text == "third"
        await it.press("down")
        assert editor(it).text == "third"


@pytest.mark.parametrize("kind", KINDS)
async def test_the_journal_is_the_history(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await it.type("first\n")
        await it.until("● one")
        prompt(it).past.begin([])
        await prompt(it).past.load(it.client, str(it.work))
        assert prompt(it).past.said == ["first"]
        await prompt(it).past.load(it.client, "/elsewhere")
        await it.press("ctrl+r")
        await it.until("Search what you said")
        await it.type("fir")
        await it.until(lambda: [c.label for c in prompt(it).popup.choices] == ["first"])
        await it.press("enter")
        assert editor(it).text == "first"


async def test_a_search_goes_on_and_back(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        prompt(it).past.begin(["fix the bug", "write a test", "fix the Test"])
        await it.type("draft")
        await it.press("ctrl+r")
        await it.type("fix")
        assert [c.label for c in prompt(it).popup.choices] == ["fix the Test", "fix the bug"]
        await it.press("ctrl+r", "enter")
        assert editor(it).text == "fix the bug"
        await it.press("ctrl+r")
        await it.type("nothing")
        await it.until("nothing said holds that")
        await it.press("escape")
        assert editor(it).text == "fix the bug"


# ---------------------------------------------------------------- drafts

TYPE = """
import asyncio, os, sys
from collections.abc import AsyncIterator
from pathlib import Path
from tests.screens.kit import screen
from tests.screens.test_prompt import editor, prompt
async def main():
    async with screen(Path(sys.argv[1])) as it:
        await it.type("half a thou")
        editor(it).take_paste("x\\n" * 50)
        await it.type("ght")
        while prompt(it).drafts.pending:
            await it.pilot.pause(0.01)
        os.write(1, b"typed\\n")
        await asyncio.Event().wait()
asyncio.run(main())
"""


async def test_a_draft_survives_a_kill(tmp_path: Path) -> None:
    typing = await asyncio.create_subprocess_exec(
        sys.executable, "-c", TYPE, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert typing.stdout is not None
    try:
        assert await typing.stdout.readline() == b"typed\n"
        async with screen(tmp_path) as it:
            assert editor(it).text == "", "it stands in the editor of a process that lives"
    finally:
        typing.send_signal(signal.SIGKILL)
        await typing.wait()
    drafts = list((tmp_path / "state/drafts").iterdir())
    assert [os.stat(path).st_mode & 0o777 for path in drafts] == [0o600]
    async with screen(tmp_path, TURNS) as it:
        assert editor(it).sent == "half a thou" + "x\n" * 50 + "ght"
        await it.press("enter")
        await until_said(it, "half a thou" + "x\n" * 50 + "ght")
    assert not list((tmp_path / "state/drafts").iterdir())


async def test_each_session_has_its_own_draft(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("go\n")
        await until_said(it, "go")
        stream = it.app.desk.conversation.stream
        await it.type("of the session")
        await it.app.desk.leave()
        await it.until(lambda: editor(it).text == "")
        await it.type("of the folder")
        await it.app.desk.open(stream)
        await it.until(lambda: editor(it).text == "of the session")
        await it.app.desk.leave()
        await it.until(lambda: editor(it).text == "of the folder")


async def test_what_is_typed_while_a_session_begins_stays(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:
        await it.type("go\n")
        await it.type("more")
        await it.until("● one")
        assert editor(it).text == "more"


async def test_a_draft_that_cannot_be_kept_is_said_and_typing_goes_on(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state/drafts").write_text("in the way")
    async with screen(tmp_path) as it:
        await it.type("a")
        await it.until(lambda: prompt(it).drafts.trouble)
        await it.type("b")
        await it.until(lambda: "not kept for the case of a crash" in it.told)
        assert editor(it).text == "ab"


# ---------------------------------------------------------------- while a run goes on


async def test_enter_steers_and_another_key_queues(tmp_path: Path) -> None:
    async with screen(tmp_path, HELD) as it:
        await running(it)
        await it.type("steer\n")
        await it.until("next step steer")
        await it.type("later")
        await it.press("alt+q")
        await it.until("after it  later")
        queue = it.app.desk.conversation.status.queue
        assert [(q.text, q.steer) for q in queue] == [("steer", True), ("later", False)]


async def test_what_waits_is_taken_back_moved_and_removed(tmp_path: Path) -> None:
    async with screen(tmp_path, HELD) as it:
        await running(it)
        for text in ("a1", "b2", "c3"):
            await it.type(text)
            await it.press("alt+q")
        texts = lambda: [q.text for q in prompt(it).queue.queued]  # noqa: E731
        await it.until(lambda: texts() == ["a1", "b2", "c3"])
        await it.press("alt+up", "up", "shift+down")
        await it.until(lambda: texts() == ["a1", "c3", "b2"])
        await it.press("x")
        await it.until(lambda: texts() == ["a1", "c3"])
        await it.press("up", "enter")
        await it.until(lambda: texts() == ["c3"])
        assert editor(it).text == "a1"
        assert editor(it).has_focus


@pytest.mark.parametrize(("kind", "size"), [("local", "wide"), ("remote", "tiny")])
async def test_what_waits_is_changed_by_the_mouse_alone(
    tmp_path: Path, kind: str, size: str
) -> None:
    async with screen(tmp_path, HELD, kind=kind, size=SIZES[size]) as it:
        await running(it)
        for text in ("a1", "b2", "c3"):
            await it.type(text)
            await it.press("alt+q")
        texts = lambda: [q.text for q in prompt(it).queue.queued]  # noqa: E731
        await it.until(lambda: texts() == ["a1", "b2", "c3"])
        assert editor(it).region.height, "what is typed is seen at any size"
        keys = {"move": "K J move", "remove": "x remove"} if size == "wide" else {}
        if size == "tiny":
            await it.pilot._post_mouse_events([events.MouseScrollDown], prompt(it).queue)
        await click(it, "c3", "after it")
        await click(it, keys.get("move", "K J"), "c3")
        await it.until(lambda: texts() == ["a1", "c3", "b2"])
        await click(it, keys.get("move", "K J"), "c3")
        await it.until(lambda: texts() == ["c3", "a1", "b2"])
        await click(it, keys.get("remove", "x K"), "c3")
        await it.until(lambda: texts() == ["a1", "b2"])
        await it.until(lambda: "a1" in it.shown.partition("╭───")[2])
        await it.pilot.click(prompt(it).queue, offset=(12, 0), times=2)
        await it.until(lambda: texts() == ["b2"])
        assert editor(it).text == "a1"


async def click(it: Screen, words: str, beside: str = "") -> None:
    """Clicks on these words, beside others."""
    await it.settle()
    rows = it.shown.splitlines()
    row = max(number for number, line in enumerate(rows) if words in line and beside in line)
    await it.pilot.click(offset=(rows[row].rindex(words), row))
    await it.settle()


async def test_a_prompt_that_steers_can_be_taken_back_before_it_is_seen(tmp_path: Path) -> None:
    async with screen(tmp_path, HELD) as it:
        await running(it)
        await it.type("oops\n")
        await it.until("next step oops")
        await it.until("Alt+↑ change")
        await it.press("alt+up")
        await it.until("e edit  x remove")
        await it.press("e")
        await it.until(lambda: editor(it).text == "oops")
        await it.until(lambda: not it.app.desk.conversation.status.queue)


async def test_escape_stops_the_run_and_keeps_what_is_typed(tmp_path: Path) -> None:
    async with screen(tmp_path, HELD) as it:
        await running(it)
        await it.type("more")
        await it.press("escape")
        await it.until(lambda: not it.app.desk.conversation.running)
        assert editor(it).text == "more"


async def test_escape_twice_clears_and_undo_brings_it_back(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.type("words")
        await it.press("escape")
        await it.until("Esc again clears")
        assert editor(it).text == "words"
        await it.type("!")
        await it.press("escape")
        assert editor(it).text == "words!"
        await it.press("escape")
        assert editor(it).text == ""
        await it.press("alt+z")
        assert editor(it).text == "words!"
        await it.press("alt+y")
        assert editor(it).text == ""
        await it.press("ctrl+underscore", "ctrl+y")
        assert editor(it).text == "words!", "Ctrl+Y allows, and does nothing else"
        await it.press("alt+y", "ctrl+z")
        assert editor(it).text == "words!", "Ctrl+Z undoes where there is no shell to go back to"


async def test_what_could_not_be_said_stands_in_the_prompt_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with screen(tmp_path) as it:

        async def refuse(*args: Any) -> bool:
            return False

        monkeypatch.setattr(it.app.desk, "begin", refuse)
        await it.type("hello\n")
        await it.until(lambda: editor(it).text == "hello")


# ---------------------------------------------------------------- the person's own commands


@pytest.mark.parametrize("kind", KINDS)
async def test_a_command_of_ones_own_is_run_and_shown(tmp_path: Path, kind: str) -> None:
    async with screen(tmp_path, TURNS, kind=kind) as it:
        await it.type("!")
        editor(it).insert("echo $((6*7)) > made; cat made")
        await it.press("enter")
        await it.until(lambda: (it.work / "made").exists())
        await it.until("│ 42")
        assert not it.app.desk.waiting
        assert not it.app.desk.conversation.running


async def test_a_command_that_cannot_be_run_stands_in_the_prompt_again(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS) as it:

        async def refuse(intent: Any, once: str = "") -> int:
            raise Refused("not now")

        it.app.desk.client.submit = refuse
        await it.type("!!ls\n")
        await it.until(lambda: editor(it).text == "!!ls")
        assert "not now" in it.told


# ---------------------------------------------------------------- keys


async def test_a_theme_and_stillness_are_wished_for_in_the_file(tmp_path: Path) -> None:
    wished = ScreenTable(theme="forest", reduced_motion=True)
    async with screen(tmp_path, tui=wished, size=(80, 24)) as it:
        assert it.app.theme == "forest"
        scrolls = VerticalScroll(Static(LONG))
        await it.app.push_screen(ModalScreen())
        await it.app.screen.mount(scrolls)
        scrolls.focus()
        await it.until(lambda: scrolls.max_scroll_y)
        moved = list[float]()
        it.app.watch(scrolls, "scroll_y", lambda y: moved.append(y), init=False)
        for key in ("end", "home", "pagedown", "pageup"):
            moved.clear()
            await it.press(key)
            await it.until(lambda: moved)
            assert len(moved) == 1, "it goes there at once"
        it.app.notify("words")
        await it.until("words")
        assert not it.app._animator._animations


@pytest.mark.parametrize("pressed", [("alt+e",), ("ctrl+x", "ctrl+e")])
async def test_an_editor_outside_needs_a_terminal_and_loses_nothing(
    tmp_path: Path, pressed: tuple[str, ...]
) -> None:
    async with screen(tmp_path) as it:
        await it.type("draft")
        await it.press(*pressed)
        await it.until(lambda: "no terminal here" in it.told)
        assert editor(it).text == "draft"


async def test_what_is_selected_is_cut(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await it.type("draft")
        await it.press("ctrl+x", "shift+left", "ctrl+x")
        assert (editor(it).text, it.app.clipboard) == ("draf", "t")


async def test_keys_can_be_moved(tmp_path: Path) -> None:
    async with screen(tmp_path, tui=ScreenTable(keys={"prompt.newline": "f9"})) as it:
        await it.type("a")
        await it.press("f9")
        assert editor(it).text == "a\n"


def test_every_binding_has_a_name() -> None:
    for kind in (Prompt, Editor):
        for binding in kind.BINDINGS:
            assert not isinstance(binding, tuple)
            assert binding.id, binding


VIM = [
    ("one two", "0 d w", "two"),
    ("one two", "0 w c w x escape", "one x"),
    ("one two three", "0 2 d w", "three"),
    ("one two", "0 w i n escape", "one ntwo"),
    ("one two", "$ x", "one tw"),
    ("one\ntwo", "d d", "one"),
    ("one\ntwo", "g g d d", "two"),
    ("one\ntwo", "g g y y p", "one\none\ntwo"),
    ("one\ntwo", "g g d d p", "two\none"),
    ("one\ntwo\nsix", "g g V j d", "six"),
    ("one two", "0 w c i w n o escape", "one no"),
    ("one two six", "0 d w .", "six"),
    ("one", "x x u u", "one"),
    ("one", "0 x u ctrl+r", "ne"),
    ("one", "o t w o escape", "one\ntwo"),
    ("two", "O o n e escape", "one\ntwo"),
    ("  one", "I x escape", "  xone"),
    ("one", "0 A x escape", "onex"),
    ("one", "0 a x escape", "oxne"),
    ("one\ntwo", "k 0 l D", "o\ntwo"),
    ("one two six", "0 e e b D", "one "),
    ("one\ntwo\nsix", "g g j d G", "one"),
    ("one two", "0 d w i n escape .", "nntwo"),
]


@pytest.mark.parametrize(("text", "typed", "after"), VIM)
async def test_vims_keys(tmp_path: Path, text: str, typed: str, after: str) -> None:
    async with screen(tmp_path, tui=ScreenTable(vim=True)) as it:
        await it.type(text.replace("\n", ""))
        editor(it).put(text)
        await it.press("escape")
        await it.until("normal")
        names = {"$": "dollar_sign", ".": "full_stop"}
        await it.press(*(names.get(key, key) for key in typed.split()))
        assert editor(it).text == after


async def test_with_vims_keys_each_prompt_begins_in_insert_mode(tmp_path: Path) -> None:
    async with screen(tmp_path, TURNS, tui=ScreenTable(vim=True)) as it:
        await it.type("one")
        await it.press("escape", "enter")
        await it.type("dd")
        assert editor(it).text == "dd"


async def test_escape_in_vims_normal_mode_is_the_prompts(tmp_path: Path) -> None:
    async with screen(tmp_path, HELD, tui=ScreenTable(vim=True)) as it:
        await running(it)
        await it.type("x")
        await it.press("escape")
        assert it.app.desk.conversation.running
        await it.press("escape")
        await it.until(lambda: not it.app.desk.conversation.running)
