"""The file pane, differences and undo, driven by keys, over a client of each kind."""

import os
import re
import shutil
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.widget import Widget

from tests.house import call, say
from tests.screens.kit import KINDS, SIZES, Screen, screen
from tests.screens.looks import check_looks
from tests.screens.test_tree import commit, repository
from tuiagent.clients.tui.diff.screens import ChangeList, ChangesScreen, DiffScreen, FileScreen
from tuiagent.clients.tui.diff.view import DiffView
from tuiagent.clients.tui.files import Files, disk, place
from tuiagent.clients.tui.prompt import Prompt

CODE = "import os\n\n\ndef one(x):\n    return x + 1\n\n\nclass Two:\n    name = 'two'\n"
LONG = CODE + "# same\n" * 12 + "end = 1\n"
PATCH = """\
*** Begin Patch
*** Update File: src/a.py
@@
-    return x + 1
+    return x + 2
@@
-end = 1
+end = [2]
*** Add File: new.txt
+[bold]new[/]
*** End Patch"""
TURNS = [call("write", path="src/a.py", content=LONG), call("patch", patch=PATCH), say("done")]


@asynccontextmanager
async def worked(
    folder: Path, size: str = "wide", kind: str = "local"
) -> AsyncGenerator[tuple[Screen, Files]]:
    """A repository in which the agent changed files, with the file pane at hand."""
    work = folder / "work"
    work.mkdir()
    repository(work)
    (work / ".gitignore").write_text("build/\n")
    (work / "build").mkdir()
    (work / "docs").mkdir()
    (work / "docs/guide.md").write_text("# Guide\n")
    (work / "old.txt").write_text("old\n")
    commit(work)
    (work / "old.txt").write_text("older\n")
    async with screen(folder, TURNS, SIZES[size], kind, mode="auto") as it:
        await it.type("go\n")
        await it.until(lambda: it.app.desk.conversation and it.app.desk.conversation.status.ended)
        await it.press("f2")
        pane = it.app.query_one(Files)
        await it.until(lambda: pane.place.by_agent("src/a.py") and pane.place.in_git("new.txt"))
        await it.until(lambda: "src" in [row.path for row in pane.place.tree.rows])
        yield it, pane


def drawn(widget: Widget) -> str:
    """What a widget draws, line by line."""
    region = widget.scrollable_content_region
    return "\n".join(widget.render_line(y).text.rstrip() for y in range(region.height)).rstrip()


def told(it: Screen) -> str:
    """What was said beside."""
    return "\n".join(one.message for one in it.app._notifications)


def timeless(text: str) -> str:
    """Without the time of day."""
    return re.sub(r"\b\d\d:\d\d\b", "hh:mm", text)


async def at_hand(it: Screen, pane: Files, path: str) -> None:
    """Goes to a file, opening the folders above it."""
    await pane.place.reveal(path)
    pane.go(pane.place.tree.find(path))
    await it.pilot.pause()


async def test_the_tree_shows_what_changed_and_hides_what_is_ignored(tmp_path: Path) -> None:
    async with worked(tmp_path) as (it, pane):
        await at_hand(it, pane, "src/a.py")
        await check_looks(it, "files-tree", "Files")
        await it.press("i")
        assert "build" in drawn(pane)
        await it.press("i")
        assert "build" not in drawn(pane)


@pytest.mark.parametrize("kind", KINDS)
async def test_keys_move_open_and_close(tmp_path: Path, kind: str) -> None:
    async with worked(tmp_path, kind=kind) as (it, pane):
        rows = pane.place.tree.rows
        assert [row.path for row in pane.place.tree.rows][:2] == ["docs", "src"]
        await it.press("g", "l")
        await it.until("guide.md")
        await it.press("right")
        assert pane.place.tree.rows[pane.at].path == "docs/guide.md"
        await it.press("left")
        assert pane.at == 0
        await it.press("h")
        assert "guide.md" not in drawn(pane)
        await it.press("enter")
        await it.until("guide.md")
        await it.press("enter", "G", "k", "j", "home", "end", "pageup", "down", "up", "pagedown")
        assert pane.at == len(pane.place.tree.rows) - 1
        assert len(rows) == len(pane.place.tree.rows)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_hunk_a_file_and_an_undo_are_undone(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "work/src/a.py"
    async with worked(tmp_path, kind=kind) as (it, pane):
        await at_hand(it, pane, "src/a.py")
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, DiffScreen))
        await it.until("+ end = [2]")
        view = it.app.screen.query_one(DiffView)
        assert view.at == (1, 1)
        await it.press("n", "u")
        await it.until("change 2 was undone (undo1)")
        assert file.read_text() == LONG.replace("x + 1", "x + 2")
        await it.press("u")
        await it.until(lambda: "end = [2]" in file.read_text())
        await it.until(lambda: "undo of undo1 undo2" in view.sections[-1].title)
        view.at = (0, 1)
        await it.press("U")
        await it.until("changed since; nothing was undone")
        assert "Undo the later change first" in it.shown
        view.at = (1, 1)
        await it.press("U")
        await it.until(lambda: file.read_text() == LONG)


@pytest.mark.parametrize("kind", KINDS)
async def test_every_change_of_the_session_is_listed_and_taken_back(
    tmp_path: Path, kind: str
) -> None:
    work = tmp_path / "work"
    async with worked(tmp_path, kind=kind) as (it, _):
        await it.press("f8")
        await it.until("src/a.py  created +22 −0")
        listed = it.app.screen.query_one(ChangeList)
        assert [one.diff.path if one.diff else "" for one in listed._lines] == [
            *("", "src/a.py", "new.txt"),
            *("", "src/a.py"),
        ]
        await it.press("j", "j", "u")
        await it.until("new.txt  created +1 −0  undone (undo1)")
        assert not (work / "new.txt").exists()
        assert listed.at == 4
        await it.press("u")
        await it.until(lambda: (work / "new.txt").exists())
        await it.until("undo of undo1 undo2")
        await it.press("g", "j", "enter")
        await it.until(lambda: isinstance(it.app.screen, DiffScreen))
        await it.until("[bold]new[/]")
        await it.press("escape", "escape")
        assert not isinstance(it.app.screen, ChangesScreen)


async def test_differences_one_below_the_other_and_side_by_side(tmp_path: Path) -> None:
    async with worked(tmp_path) as (it, pane):
        await at_hand(it, pane, "src/a.py")
        await it.press("d")
        await it.until(lambda: isinstance(it.app.screen, DiffScreen))
        view = it.app.screen.query_one(DiffView)
        await it.until(lambda: view._rows)
        await check_looks(it, "diff", told=timeless)
        await it.press("s")
        await it.until(lambda: any("│" in seen.row.text for seen in view._rows) == view.sides)
        await check_looks(it, "diff-other", told=timeless)
        await it.press("p", "p", "k", "j", "space", "g", "G", "y")
        assert view.at == (0, 1)
        assert it.app.clipboard == LONG.rstrip("\n")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_file_is_compared_with_git_and_read(tmp_path: Path, kind: str) -> None:
    async with worked(tmp_path, kind=kind) as (it, pane):
        await at_hand(it, pane, "old.txt")
        await it.press("enter")
        await it.until("+ older")
        assert "since git's HEAD" in it.shown
        await it.press("u")
        await it.until(lambda: "no call of the agent" in told(it))
        await it.press("d")
        await it.until("Nothing differs.")
        await it.press("q")
        await at_hand(it, pane, "docs/guide.md")
        await it.press("enter")
        await it.until("# Guide")
        assert isinstance(it.app.screen, FileScreen)
        await it.press("y", "escape")
        assert it.app.clipboard == "# Guide"


async def test_a_search_finds_a_file_and_goes_to_it(tmp_path: Path) -> None:
    async with worked(tmp_path) as (it, pane):
        await it.press("slash")
        await it.type("mdz")
        await it.until("nothing found")
        await it.press("backspace")
        await it.until("guide.md  docs")
        await it.press("enter")
        await it.until(lambda: pane._search is None)
        assert pane.place.tree.rows[pane.at].path == "docs/guide.md"
        await it.press("slash", "q", "escape")
        assert pane._search is None


async def test_a_path_is_spoken_of_copied_and_edited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", "true")
    async with worked(tmp_path) as (it, pane):
        await at_hand(it, pane, "docs/guide.md")
        await it.press("y", "o")
        assert it.app.clipboard == "docs/guide.md"
        # a test has no terminal to give away
        await it.until(lambda: "no editor can be run here" in told(it))
        await it.press("at")
        editor = it.app.query_one(Prompt).editor
        await it.until(lambda: "@docs/guide.md " in editor.text)


async def test_the_tree_follows_the_disk(tmp_path: Path) -> None:
    async with worked(tmp_path) as (it, pane):
        work = tmp_path / "work"
        await it.until(lambda: pane.place._watch._followed)
        (work / "fresh").write_text("x")
        await it.until(lambda: "fresh" in drawn(pane))
        await it.until(lambda: pane.place.in_git("fresh") == "?")
        shutil.rmtree(work / "docs")
        await it.until(lambda: "docs" not in drawn(pane))
        await it.press("r", "f2")  # the second time hides it
        assert not pane.place._watch._followed


HOSTILE = ("a\x1b]52;c;ZXZpbA==\x07b", "new\nline", "\u202eevil", "[red]not red", "e\x9b31mx")


async def test_hostile_names_stay_names(tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    for name in HOSTILE:
        (work / name).write_text("x")
    (work / os.fsdecode(b"\xff")).touch()
    async with screen(tmp_path) as it:
        await it.press("f2")
        await it.until("not red")
        await check_looks(it, "files-hostile", "Files")
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", it.shown)
        it.app.query_one(Files).go(1)
        await it.press("enter")
        await it.until(lambda: isinstance(it.app.screen, FileScreen))
        assert "\x1b" not in it.shown
        await it.press("escape", "y", "at")
        await it.until(lambda: "cannot be typed" in told(it))


async def test_an_empty_folder_one_that_is_gone_and_one_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, held = disk.folder, threading.Event()

    def held_up(root: str, path: str, git: disk.Git) -> disk.Listing:
        held.wait(30)
        return real(root, path, git)

    async with screen(tmp_path) as it:
        pane = it.app.query_one(Files)
        await it.press("f2")
        await it.until("empty")
        monkeypatch.setattr(place, "PATIENCE", 0.05)
        monkeypatch.setattr(disk, "folder", held_up)
        await it.press("r")
        await it.until(lambda: "still waiting" in "".join(r.note for r in pane.place.tree.rows))
        await it.press("j", "k")
        (it.work).rmdir()
        held.set()
        await it.until(lambda: "No such file" in "".join(r.note for r in pane.place.tree.rows))
        await it.until(lambda: pane.place.state.problem)
        await check_looks(it, "files-gone", "Files")
        it.work.mkdir()
        await it.press("r")
        await it.until("empty")
        await check_looks(it, "files-empty", "Files")


async def test_what_cannot_be_followed_is_read_again_when_looked_at(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        pane = it.app.query_one(Files)
        await it.press("f2")
        await it.until("empty")
        pane.place._unwatched("OS file watch limit reached")
        (it.work / "fresh").touch()
        await it.press("f5")
        await it.press("f2")
        await it.until("fresh")
