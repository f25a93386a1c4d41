"""Paths, links, patches and odd files: each listed attack, and another one of its class."""

import ctypes
import hashlib
import os
import socket
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.test_tool import Blobs, NoJobs, git, patch, tool, tree
from tuiagent.engine.claimed import claimed
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation
from tuiagent.kernel.policy import MODES, Verdict, judge
from tuiagent.ports import Kit
from tuiagent.runtimes import files
from tuiagent.runtimes.local import LocalRuntime

READING = ("read", "list", "search")
CHANGING = ("write", "edit", "delete", "move")
MORE: dict[str, dict[str, Any]] = {
    "search": {"pattern": "x"},
    "write": {"content": "x"},
    "edit": {"old": "a", "new": "b"},
    "move": {"to": "moved"},
}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("one\ntwo\nthree\n")
    return folder


@pytest.fixture
def kit(work: Path) -> Kit:
    home = work.parent / "home"
    home.mkdir()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(home)}
    runtime = LocalRuntime(str(work), env, str(work.parent / "spools"))
    return Kit("s1.p1.1.1", runtime, Blobs(), lambda text: None, NoJobs())


async def said(kit: Kit, name: str, path: str, mode: str = "auto") -> Verdict:
    """What the policy says of a tool's call on a path."""
    args = {**MORE.get(name, {}), "path": path}
    return judge(await claimed(tool(name), args, kit.runtime), (), mode)


async def run(kit: Kit, name: str, **args: Any) -> str:
    """What a call says, whatever the policy would."""
    made = tool(name)
    await made.claims(args, kit.runtime)
    done = await made.run(args, kit, await made.note(args, kit))
    assert isinstance(done, Observation)
    return done.text


async def fails(kit: Kit, name: str, **args: Any) -> str:
    """What is said instead of doing it."""
    with pytest.raises(ToolError) as caught:
        await run(kit, name, **args)
    assert str(caught.value)
    return str(caught.value)


UP = "../" * 40
SECRET = (
    *(f"{UP}etc/passwd", "/etc/shadow", "~/.ssh/id_rsa", "$HOME/.aws/credentials"),
    *("/etc/gshadow", "~/.gnupg/x", f"{UP}etc/ssh/ssh_host_rsa_key", "/proc/self/environ"),
    *("~/.config/gh/hosts.yml", "./.././work/../../../../../../../../../etc/shadow"),
    *("/proc/1/mem", "~/.netrc", "~/.ssh", "/etc//shadow", "/etc/./shadow", "/ETC/shadow"),
)


@pytest.mark.parametrize("path", SECRET)
async def test_c01_secrets_elsewhere_are_refused(kit: Kit, path: str) -> None:
    for name in READING:
        for mode in MODES:
            assert (await said(kit, name, path, mode)).decision == "deny", (name, mode)


@pytest.mark.parametrize("path", SECRET)
async def test_c01_nor_are_they_changed(kit: Kit, path: str) -> None:
    for name in CHANGING:
        try:
            found = await said(kit, name, path)
        except ToolError:
            continue  # such a file cannot even be looked at
        assert found.decision == "deny", name


async def test_c03_a_link_is_what_it_leads_to(kit: Kit, work: Path) -> None:
    (work / "link").symlink_to("/etc/passwd")
    (work / "second").symlink_to("link")
    (work / "keys").symlink_to(work.parent / "home/.ssh")
    (work / "up").symlink_to("..")
    for path in ("link", "second", "keys/id_rsa", "keys", "up/home/.ssh/config"):
        for name in READING:
            found = await said(kit, name, path, "ask")
            assert (found.decision, found.gate) == ("deny", "secrets"), (name, path)
    assert (await said(kit, "read", "up/other", "ask")).gate == "folder"
    assert (await run(kit, "search", pattern="root:")) == "no match"
    assert (await run(kit, "glob", pattern="*")) == "a.txt"


@pytest.mark.parametrize("name", [".env", "sub/.config/server.pem"])
async def test_c03_another_name_of_a_file_for_keys_is_as_good_as_its_own(
    kit: Kit, work: Path, name: str
) -> None:
    keys = work / name
    keys.parent.mkdir(parents=True, exist_ok=True)
    keys.write_text("A=secret-word\n")
    os.link(keys, work / "notes.txt")
    os.link(work / "a.txt", work / "b.txt")
    for mode in MODES:
        for made in ("read", "write", "edit", "delete"):
            found = await said(kit, made, "notes.txt", mode)
            plain = await said(kit, made, name, mode)
            assert (found.decision, found.gate) == (plain.decision, plain.gate), (made, mode)
            assert str(keys) in found.reason
        assert (await said(kit, "read", "b.txt", mode)).decision == "allow"
    shell = tool("shell")
    for command in ("cat notes.txt", "cat *.txt", "sh x notes.txt ./notes.txt", "rg word"):
        found = await claimed(shell, {"command": command}, kit.runtime)
        assert judge(found, (), "ask").gate == "secrets", command
    plain = await claimed(shell, {"command": "cat b.txt"}, kit.runtime)
    assert judge(plain, (), "ask").decision == "allow"
    assert await run(kit, "search", pattern="secret-word|two") == "a.txt:2: two\nb.txt:2: two"
    assert "secret-word" in await run(kit, "search", pattern="secret-word", path="notes.txt")


async def test_c03_nor_is_a_key_of_the_home_folder_read_by_another_name(
    kit: Kit, work: Path
) -> None:
    key = work.parent / "home/.ssh/id_rsa"
    key.parent.mkdir()
    key.write_text("x")
    os.link(key, work / "notes.txt")
    for name in READING:
        found = await said(kit, name, "notes.txt", "ask")
        assert (found.decision, found.gate) == ("deny", "secrets"), name


async def test_c03_controls_a_link_that_stays_inside_is_followed(kit: Kit, work: Path) -> None:
    (work / "inside").symlink_to("a.txt")
    assert (await said(kit, "write", "inside", "accept-edits")).decision == "allow"
    await run(kit, "write", path="inside", content="new")
    assert (work / "a.txt").read_text() == "new"
    assert (work / "inside").is_symlink()


@pytest.mark.parametrize(
    "target", ["home/.ssh/authorized_keys", "home/x", "nowhere/x", "work/.tuiagent/x"]
)
async def test_c05_no_file_is_made_through_a_dangling_link(
    kit: Kit, work: Path, target: str
) -> None:
    (work / "out").symlink_to(work.parent / target)
    for name in ("write", "patch"):
        args = {
            "write": {"path": "out", "content": "x"},
            "patch": {"patch": patch("*** Add File: out", "+x")},
        }[name]
        verdict = judge(await tool(name).claims(args, kit.runtime), (), "auto")
        assert verdict.decision == "deny", (name, verdict)
        gate = "secrets" if ".ssh" in target else "own" if ".tuiagent" in target else "folder"
        assert verdict.gate == gate
    with pytest.raises(ToolError, match="symbolic link"):
        await kit.runtime.write("out", b"x")
    assert not (work.parent / target).exists()


@pytest.fixture
def swapped(work: Path) -> Iterator[list[int]]:
    """A folder `place` that is exchanged with a link that leads out, all the time."""
    outside = work.parent / "outside"
    outside.mkdir()
    (outside / "f").write_text("secret")
    (work / "place").mkdir()
    (work / "place" / "f").write_text("mine")
    (work / "trap").symlink_to(outside)
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    if exchange is None:
        pytest.skip("two names cannot be exchanged in one step here")
    names = [str(work / name).encode() for name in ("place", "trap")]
    stop, count = threading.Event(), [0]

    def swap() -> None:
        while not stop.is_set():
            exchange(-100, names[0], -100, names[1], 2)
            count[0] += 1

    thread = threading.Thread(target=swap)
    thread.start()
    yield count
    stop.set()
    thread.join()


async def test_c06_nothing_escapes_while_links_are_swapped(work: Path, swapped: list[int]) -> None:
    place = str(work / "place")
    digest = hashlib.sha256(b"secret").hexdigest()
    counts = {"mine": 0, "refused": 0}
    while swapped[0] < 10_000 or min(counts.values()) < 20:
        for act in (
            lambda: files.read(f"{place}/f", 100),
            lambda: files.write(f"{place}/new", b"x", None),
            lambda: files.remove(f"{place}/f", digest),
            lambda: [entry.path for entry in files.list_of(place)],
        ):
            try:
                assert act() != b"secret"
                counts["mine"] += 1
            except ToolError:
                counts["refused"] += 1
    assert tree(work.parent / "outside") == {"f": b"secret"}


@pytest.mark.parametrize(
    ("odd", "plain"),
    [
        (".GIT/config", ".git/config"),
        (".Env", ".env"),
        (".TuiAgent/Settings.json", ".tuiagent/settings.json"),
        ("SUB/.Mcp.JSON", "sub/.mcp.json"),
        ("~/.SSH/ID_RSA", "~/.ssh/id_rsa"),
        ("Server.PEM", "server.pem"),
        (".VSCode/tasks.json", ".vscode/tasks.json"),
        (".Git/Hooks/pre-commit", ".git/hooks/pre-commit"),
    ],
)
async def test_c08_the_case_of_letters_changes_nothing(kit: Kit, odd: str, plain: str) -> None:
    for name in ("read", "write"):
        for mode in MODES:
            ours, theirs = await said(kit, name, odd, mode), await said(kit, name, plain, mode)
            assert (ours.decision, ours.gate, ours.risk) == (
                theirs.decision,
                theirs.gate,
                theirs.risk,
            )
        assert (await said(kit, "write", plain, "accept-edits")).decision != "allow"


@pytest.mark.parametrize(
    "path",
    ["a.txt\0.png", "x/" * 2500, "n" * 300, "", "\ud800", "a.txt/x", ".", "..", "/", "~"],
)
async def test_c10_odd_paths_are_clear_errors(kit: Kit, work: Path, path: str) -> None:
    before = tree(work.parent)
    for name in ("read", *CHANGING):
        assert len(await fails(kit, name, **{**MORE.get(name, {}), "path": path})) > 20
    for to in (path, f"{path}/"):
        await fails(kit, "move", path="a.txt", to=to)
    assert tree(work.parent) == before


@pytest.mark.parametrize(
    "path",
    [
        *("/dev/zero", "/dev/stdin", "/dev/tty", "/dev/full", "/dev/fd/0", "/proc/self/fd/0"),
        *("pipe", "socket", "to-pipe", "to-zero", "sub", "/proc/self/root/dev/zero"),
    ],
)
async def test_c11_only_regular_files_are_opened(kit: Kit, work: Path, path: str) -> None:
    os.mkfifo(work / "pipe")
    (work / "sub").mkdir()
    (work / "to-pipe").symlink_to("pipe")
    (work / "to-zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as opened:
        here = os.getcwd()
        os.chdir(work)  # the name of a socket may only be short
        opened.bind("socket")
        os.chdir(here)
        if path.startswith("/") or path == "to-zero":
            assert (await said(kit, "read", path)).decision == "deny"
        for name in ("read", *CHANGING):
            await fails(kit, name, **{**MORE.get(name, {}), "path": path})
        await fails(kit, "move", path="a.txt", to=path)
        assert (await run(kit, "search", pattern="two")) == "a.txt:2: two"
    assert stat.S_ISFIFO((work / "pipe").stat().st_mode)


@pytest.mark.parametrize(
    "text",
    [
        patch("*** Update File: a.txt", "@@", "-one", "+1", "@@", "-nine", "+9"),
        patch("*** Update File: a.txt", "@@", "-one", "+1", "*** Update File: b", "@@", "-x", "+y"),
        patch("*** Add File: new", "+x", "*** Update File: a.txt", "@@", "-nine", "+9"),
        patch("*** Delete File: a.txt", "*** Add File: a.txt/x", "+x", "*** Delete File: none"),
        patch("*** Update File: a.txt", "*** Move to: b", "@@", "-nine", "+9"),
        "--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-one\n+1\n@@ -3 +3 @@\n-nine\n+9\n",
    ],
)
async def test_c13_a_patch_is_applied_as_a_whole_or_not_at_all(
    kit: Kit, work: Path, text: str
) -> None:
    before = tree(work)
    await fails(kit, "patch", patch=text)
    assert tree(work) == before


async def test_c15_a_git_folder_elsewhere_is_neither_trusted_nor_written(
    kit: Kit, work: Path
) -> None:
    outside = work.parent / "outside"
    canary = work.parent / "canary"
    evil = work.parent / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {canary}\n")
    evil.chmod(0o755)
    outside.mkdir()
    git(outside, "init", "-q")
    for key in ("core.fsmonitor", "core.pager", "diff.external", "core.hooksPath"):
        git(outside, "config", key, str(evil))
    (work / ".git").write_text(f"gitdir: {outside}/.git\n")
    for name in ("git_status", "git_diff"):
        made = tool(name)
        await made.run({}, kit, await made.note({}, kit))
    assert not canary.exists()
    for path in (".git", ".git/commondir", "sub/.git", str(outside / ".git/config")):
        for name in ("write", "edit", "delete"):
            try:
                found = await said(kit, name, path, "accept-edits")
            except ToolError:
                continue  # .git is a file here: nothing lies below it
            assert found.decision == "ask", (name, path)


async def test_c16_nothing_that_lay_there_before_is_taken_for_ours(
    kit: Kit, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = work.parent / "outside"
    outside.mkdir()
    spools = work.parent / "spools"
    spools.mkdir(0o755)
    (spools / kit.call).symlink_to(outside)
    made = Path(await kit.runtime.prepare(kit.call))
    assert made != spools / kit.call
    assert [stat.S_IMODE(path.lstat().st_mode) for path in (spools, made)] == [0o700, 0o700]
    monkeypatch.setattr(os, "urandom", lambda size: b"\0" * size)
    guessed = work / f".a.txt.tuiagent-{'00' * 6}"
    guessed.symlink_to(outside / "taken")
    await fails(kit, "write", path="a.txt", content="new")
    assert list(outside.iterdir()) == []
    assert (work / "a.txt").read_text() == "one\ntwo\nthree\n"


async def test_c18_circles_and_crowds_end(
    kit: Kit, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (work / "loop").symlink_to("loop")
    (work / "round").symlink_to(".")
    (work / "a").mkdir()
    (work / "a" / "back").symlink_to("../a")
    for path in ("loop", "loop/x"):
        for name in ("read", "write", "list"):
            await fails(kit, name, **{**MORE.get(name, {}), "path": path})
    assert await run(kit, "glob", pattern="**/**/**/*") == "a.txt"
    assert await run(kit, "glob", pattern="*" * 200 + "z") == "no file fits"
    assert await run(kit, "search", pattern="two") == "a.txt:2: two"
    for number in range(60):
        (work / "a" / f"f{number}").touch()
    monkeypatch.setattr(files, "ENTRIES", 50)
    assert "more than 50 entries" in await fails(kit, "list", path="a")
    assert await run(kit, "glob", pattern="*.txt") == "a.txt"


BODIES = {
    "crlf": b"one\r\ntwo\r\nthree\r\n",
    "bom": b"\xef\xbb\xbfone\ntwo\nthree\n",
    "bom and crlf": b"\xef\xbb\xbfone\r\ntwo\r\nthree\r\n",
    "latin": b"\xe9\ntwo\n\xfc\n",
    "no last end": b"one\ntwo\nthree",
    "no last end, crlf": b"one\r\ntwo\r\nthree",
    "mixed": b"one\r\ntwo\nthree\r\n",
    "mixed, lone cr": b"one\rtow\r\ntwo\nthree\r",
    "form feeds": b"one\x0c\ntwo\n\x1cthree\xc2\x85\n",
    "blanks": b"one \t\ntwo\n   \nthree\t\n\n\n",
    "broken": b"one\xff\xfe\ntwo\n\x80three\n",
}


@pytest.mark.parametrize("name", BODIES)
async def test_c20_bytes_outside_of_the_change_stay(kit: Kit, work: Path, name: str) -> None:
    body = BODIES[name]
    (work / "f").write_bytes(body)
    if body.count(b"two") == 1:
        await run(kit, "edit", path="f", old="two", new="2")
        assert (work / "f").read_bytes() == body.replace(b"two", b"2")
        (work / "f").write_bytes(body)
    await run(kit, "patch", patch=patch("*** Update File: f", "@@", "-two", "+2"))
    end = b"\r\n" if b"\n" in body and b"\n" not in body.replace(b"\r\n", b"") else b"\n"
    before, _, after = body.partition(b"\ntwo") if b"\ntwo" in body else body.partition(b"two")
    now = (work / "f").read_bytes()
    assert now.startswith(before)
    assert now.endswith(after.lstrip(b"\r\n"))
    assert b"2" + end in now or now.endswith(b"2")
    assert len(now) == len(body) - 2


async def test_c21_large_and_binary_files_are_not_read_into_memory(kit: Kit, work: Path) -> None:
    (work / "binary").write_bytes(b"\0\1two\xff" * 100)
    assert "binary" in await fails(kit, "read", path="binary")
    for name, size in (("two-gib", 2 << 30), ("sparse", 1 << 40)):
        with open(work / name, "wb") as file:
            file.truncate(size)
        for used in ("read", "edit", "write", "delete", "move"):
            text = await fails(kit, used, **{**MORE.get(used, {}), "path": name})
            assert "too large" in text
        assert "too large" in await fails(
            kit, "patch", patch=patch(f"*** Update File: {name}", "@@", "-x", "+y")
        )
        assert f"{name}  {size}" in await run(kit, "list")
    assert await run(kit, "search", pattern="two") == "a.txt:2: two"


async def test_c21_a_file_that_becomes_huge_meanwhile_is_another(
    kit: Kit, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*args: Any) -> None:
        raise AssertionError("a huge file is read to its end")

    for name, args in (
        ("write", {"path": "a.txt", "content": "new"}),
        ("delete", {"path": "a.txt"}),
    ):
        note = await tool(name).note(args, kit)
        os.truncate(work / "a.txt", 1 << 40)
        monkeypatch.setattr(hashlib, "file_digest", read)
        with pytest.raises(ToolError, match="not what it was"):
            await tool(name).run(args, kit, note)
        monkeypatch.undo()
        os.truncate(work / "a.txt", 3)


async def test_c22_a_folder_that_is_gone_is_said(kit: Kit, work: Path) -> None:
    (work / "a.txt").unlink()
    work.rmdir()
    for name in ("read", "edit", "delete", "list"):
        await fails(kit, name, **{**MORE.get(name, {}), "path": "a.txt"})
    found = await tool("shell").claims({"command": "ls *"}, kit.runtime)
    assert judge(found, (), "ask").decision in ("allow", "ask")


async def test_c23_keys_are_not_searched_unless_they_are_named(kit: Kit, work: Path) -> None:
    (work / ".env").write_text("KEY=two\n")
    (work / "server.pem").write_text("two\n")
    assert await run(kit, "search", pattern="two") == "a.txt:2: two"
    assert (await said(kit, "search", ".env", "ask")).gate == "secrets"
    assert await run(kit, "search", pattern="two", path=".env") == ".env:1: KEY=two"


async def test_a43_the_shell_is_the_systems_whatever_the_environment_says(
    kit: Kit, work: Path
) -> None:
    for name in ("sh", "bash", "fish"):
        (work / name).write_text("#!/bin/sh\ntouch canary\n")
        (work / name).chmod(0o755)
    for shell in ("./sh", str(work / "fish"), "/usr/bin/fish", ""):
        env = {"SHELL": shell, "PATH": f"{work}:.:/usr/bin:/bin"}
        runtime = LocalRuntime(str(work), env, str(work.parent / "spools"))
        own = Kit(kit.call, runtime, kit.blobs, kit.progress, kit.jobs)
        assert (await run(own, "shell", command="echo ran")).strip() == "ran"
    assert not (work / "canary").exists()
