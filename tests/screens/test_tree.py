"""The tree model, the disk and git beneath the file pane: whatever happens, as a fresh reading."""

import asyncio
import errno
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuiagent.clients.tui.files import disk, git
from tuiagent.clients.tui.files.disk import Watch
from tuiagent.clients.tui.files.git import Git, parsed
from tuiagent.clients.tui.files.place import Place
from tuiagent.clients.tui.files.tree import Entry, Listing, Tree, above
from tuiagent.folder import FULL

NAMES = st.sampled_from(["a", "b", "B", "a/a", "a/b", "a/a/c", "b/a", ".git"])
ACTS = st.sampled_from(["folder", "file", "gone", "open", "close", "hide", "read"])


def repository(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)


def commit(folder: Path) -> None:
    who = ("-c", "user.email=a@b", "-c", "user.name=a")
    subprocess.run(["git", "add", "-A"], cwd=folder, check=True)
    subprocess.run(["git", *who, "commit", "-qm", "x"], cwd=folder, check=True)


def fresh(known: Tree, root: Path, plain: Git) -> Tree:
    """A tree in which the same folders are open, read just now."""
    found = Tree(known.hide)
    for path in sorted(known.open, key=lambda path: path.count("/") if path else -1):
        if path:
            found.expand(path)
        found.put(path, disk.folder(str(root), path, plain))
    return found


@settings(max_examples=60)
@given(st.lists(st.tuples(ACTS, NAMES), max_size=25))
def test_whatever_is_done_the_tree_is_as_a_fresh_reading(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str]]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    nobody = Git(str(root))
    nobody.ignored = lambda path, names: set()  # type: ignore[method-assign]
    known = Tree()
    for act, path in [*acts, ("read", "")]:
        where = root / path
        if act == "folder" and not os.path.lexists(where) and where.parent.is_dir():
            where.mkdir()
        elif act == "file" and not where.exists() and where.parent.is_dir():
            where.touch()
        elif act == "gone" and os.path.lexists(where):
            shutil.rmtree(where) if where.is_dir() else where.unlink()
        elif act == "open":
            shown = [row.path for row in known.rows if row.entry.folder]
            if path in shown:
                known.expand(path)
        elif act == "close":
            known.collapse(path)
        elif act == "hide":
            known.hide = not known.hide
            known.rebuild()
        for folder in sorted(known.open, key=len):
            known.put(folder, disk.folder(str(root), folder, nobody))
    assert known.rows == fresh(known, root, nobody).rows
    assert all(known.find(row.path) == n for n, row in enumerate(known.rows) if not row.note)


def test_a_folder_that_is_too_large_is_shown_in_part_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "SHOWN", 20)
    for number in range(disk.SHOWN + 7):
        (tmp_path / f"f{number:05}").touch()
    listing = disk.folder(str(tmp_path), "", Git(str(tmp_path)))
    assert (len(listing.entries), listing.more) == (disk.SHOWN, 7)
    assert listing.entries[0].name == "f00000"


def test_folders_that_stand_there_only_while_a_command_is_held_are_not_shown(
    tmp_path: Path,
) -> None:
    for name in (".idea", ".tuiagent", ".vscode/used", "refs", "empty"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".cursor").write_text("a file")
    (tmp_path / ".hg").symlink_to("empty")
    listing = disk.folder(str(tmp_path), "", Git(str(tmp_path)))
    shown = {entry.name for entry in listing.entries}
    assert shown == {".vscode", "empty", ".cursor", ".hg"}


def test_nested_rules_and_what_is_tracked_decide_what_is_ignored(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / ".gitignore").write_text("*.log\nbuild/\n")
    (tmp_path / "sub/build").mkdir(parents=True)
    (tmp_path / "sub/.gitignore").write_text("!kept.log\nonly\n")
    (tmp_path / ".git/info/exclude").write_text("mine\n")
    for name in ("a.log", "mine", "only", "sub/kept.log", "sub/other.log", "sub/only", "sub/a\nb"):
        (tmp_path / name).touch()
    (tmp_path / "tracked.log").touch()
    subprocess.run(["git", "add", "-f", "tracked.log"], cwd=tmp_path, check=True)

    def hidden(path: str) -> set[str]:
        listing = disk.folder(str(tmp_path), path, Git(str(tmp_path)))
        return {entry.name for entry in listing.entries if entry.ignored}

    assert hidden("") == {".git", "a.log", "mine"}
    assert hidden("sub") == {"build", "other.log", "only"}


def test_what_git_says_changed(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("same", "changed", "gone", "sub/moved from", "sub/é"):
        (tmp_path / name).write_text(name * 20)
    commit(tmp_path)
    (tmp_path / "changed").write_text("x")
    (tmp_path / "gone").unlink()
    (tmp_path / "sub/moved from").rename(tmp_path / "sub/moved\nto")
    (tmp_path / "new").mkdir()
    (tmp_path / "new/in it").touch()
    (tmp_path / os.fsdecode(b"\xff")).touch()
    subprocess.run(["git", "add", "-A", "sub"], cwd=tmp_path, check=True)
    state = Git(str(tmp_path)).state()
    assert state.files == {
        "changed": "M",
        "gone": "D",
        "sub/moved\nto": "R",
        "new": "?",
        os.fsdecode(b"\xff"): "?",
    }
    assert state.folders == {"sub"}
    assert [state.mark(path) for path in ("changed", "same", "new/in it")] == ["M", "", "?"]
    assert Git(str(tmp_path / "sub")).state().files == {"moved\nto": "R"}
    assert "+x" in Git(str(tmp_path)).diff("changed")
    assert Git("/").state().files == {}


@given(st.binary(max_size=60))
def test_no_answer_of_git_raises(answer: bytes) -> None:
    parsed(answer)


def test_a_repository_runs_nothing_by_being_looked_at(tmp_path: Path) -> None:
    work, ran = tmp_path / "work", tmp_path / "ran"
    repository(work)
    (work / "f").write_text("one\n")
    commit(work)
    (work / ".gitattributes").write_text("* filter=evil diff=evil\n")
    for name in (
        "core.fsmonitor",
        "filter.evil.clean",
        "filter.evil.process",
        "diff.evil.command",
        "diff.evil.textconv",
        "diff.external",
        "core.pager",
    ):
        command = ["git", "config", name, f"touch {ran}; cat"]
        subprocess.run(command, cwd=work, check=True)
    (work / "f").write_text("two\n")
    known = Git(str(work))
    assert known.state().files["f"] == "M"
    assert known.ignored("", ["f"]) == set()
    assert "+two" in known.diff("f")
    assert "f" in known.every()
    assert not ran.exists()


def test_a_git_inside_the_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "git"
    fake.write_text("#!/bin/sh\ntouch ran\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no git" in Git(str(tmp_path)).state().problem
    assert not (tmp_path / "ran").exists()


def test_a_git_that_hangs_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "work").mkdir()
    fake = tmp_path / "bin/git"
    fake.write_text("#!/bin/sh\nexec sleep 600\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(git, "SECONDS", 0.05)
    assert "took longer" in Git(str(tmp_path / "work")).state().problem


def test_the_beginning_of_a_file_whatever_it_is(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"a\xffb\n")
    (tmp_path / "binary").write_bytes(b"\0\1A" * 1000)
    with open(tmp_path / "huge", "wb") as file:
        file.write(b"x\n" * disk.HEAD)
        file.truncate(10**12)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")

    def head(name: str) -> disk.Head:
        return disk.head(str(tmp_path), name)

    assert head("text") == ("a�b\n", "4 bytes", True)
    assert head("binary").note == "binary, 3,000 bytes"
    assert head("binary").text.startswith("00000000  00 01 41 00")
    assert head("huge").note == "1,000,000,000,000 bytes, the first 524,288 are shown"
    assert head("pipe").note == "not a file"
    assert head("link") == ("", "a link to /etc/passwd", False)
    assert head("nothing").note == "No such file or directory"


async def test_news_of_followed_folders_and_of_no_others(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    heard: list[set[str]] = []
    news = asyncio.Event()

    def told(folders: set[str]) -> None:
        heard.append(folders)
        news.set()

    watch = Watch(told, lambda why: told({why}))
    watch.follow(frozenset({str(tmp_path / "in")}))
    try:
        async with asyncio.timeout(20):
            await news.wait()  # the look back: from here on it stands
            news.clear()
            (tmp_path / "out/f").touch()
            (tmp_path / "in/f").touch()
            await news.wait()
    finally:
        watch.close()
    assert set().union(*heard) == {str(tmp_path / "in")}


async def test_a_folder_that_has_gone_is_news(tmp_path: Path) -> None:
    heard: asyncio.Future[set[str]] = asyncio.get_running_loop().create_future()
    watch = Watch(heard.set_result, lambda why: None)
    folders = {str(tmp_path), str(tmp_path / "nothing")}
    watch.follow(frozenset(folders))
    async with asyncio.timeout(20):
        assert await heard == folders
    watch.close()


async def test_what_cannot_be_followed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*args: object) -> AsyncIterator[set[str]]:
        raise OSError(errno.ENOSPC, FULL)
        yield set()

    monkeypatch.setattr(disk, "changes", full)
    said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    watch = Watch(lambda folders: None, said.set_result)
    watch.follow(frozenset({str(tmp_path)}))
    async with asyncio.timeout(20):
        assert await said == FULL


def test_a_search_finds_by_words_and_counts_the_rest() -> None:
    paths = [f"src/{n}/module.py" for n in range(disk.FOUND + 3)] + ["docs/Module", "x"]
    found = disk.matching(paths, "module", bool)
    assert found.entries[0].name == "docs/Module"
    assert (len(found.entries), found.more) == (disk.FOUND, 4)
    assert [e.name for e in disk.matching(paths, "docs mod", bool).entries] == ["docs/Module"]
    assert above("a/b") == "a"


async def test_folders_that_were_read_at_once_are_told_at_once(tmp_path: Path) -> None:
    told = asyncio.Event()
    times: list[int] = []

    def tell() -> None:
        times.append(len(place.tree.rows))
        told.set()

    place = Place(str(tmp_path), lambda work: work.close(), tell)
    for number in range(40):
        place.tree.open.add(f"d{number}")
    place._put("", Listing(tuple(Entry(f"d{number}", True) for number in range(40))))
    for number in range(40):
        place._put(f"d{number}", Listing((Entry("f"),)))
    async with asyncio.timeout(20):
        await told.wait()
    assert times == [80]
    place.close()
