"""What every runtime in the table must do with files."""

import asyncio
import ctypes
import hashlib
import os
import stat
import threading
from pathlib import Path

import pytest

from tests.contracts.test_runtime import make
from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Runtime
from tuiagent.runtimes import TABLE, files

MIB = 1 << 20


@pytest.fixture(params=sorted(TABLE))
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Runtime:
    return make(request.param, tmp_path)


async def test_paths_are_resolved_from_the_folder(runtime: Runtime, tmp_path: Path) -> None:
    Path(runtime.folder, "link").symlink_to(tmp_path)
    assert runtime.resolve("a/../b") == f"{runtime.folder}/b"
    assert runtime.resolve("link/../x") == str(tmp_path.resolve().parent / "x")
    assert runtime.resolve("link/x") == str(tmp_path.resolve() / "x")
    assert runtime.resolve("~/x") == str(tmp_path.resolve() / "x")
    assert runtime.resolve("/etc") == "/etc"
    for bad in ("", "a\0b", "\ud800"):
        with pytest.raises(ToolError, match="not a path"):
            runtime.resolve(bad)


async def test_stat_tells_kinds_apart(runtime: Runtime) -> None:
    folder = Path(runtime.folder)
    (folder / "file").write_bytes(b"12345")
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to("file")
    (folder / "loop").symlink_to("loop")
    found = {name: await runtime.stat(name) for name in ("file", "pipe", "link", "loop", "no", ".")}
    assert {name: one.kind for name, one in found.items()} == {
        "file": "file",
        "pipe": "other",
        "link": "file",
        "loop": "other",
        "no": "missing",
        ".": "folder",
    }
    assert (found["link"].path, found["link"].size) == (f"{runtime.folder}/file", 5)
    assert (await runtime.stat("file/below")).kind == "missing"


async def test_read_gives_regular_files_and_says_why_not(runtime: Runtime) -> None:
    folder = Path(runtime.folder)
    (folder / "big").write_bytes(b"x" * (3 * MIB))
    (folder / "sub").mkdir()
    os.mkfifo(folder / "pipe")
    assert await runtime.read("big", 3 * MIB) == b"x" * (3 * MIB)
    assert await runtime.read("/proc/self/cmdline", MIB) != b""
    for path, why in {
        "none": "does not exist",
        "sub": "is a folder",
        "pipe": "not a regular file",
        "/dev/zero": "not a regular file",
        "big/below": "not a folder",
        "n" * 300: "too long",
        "/proc/kallsyms": "too large",
        "big": "too large",
    }.items():
        with pytest.raises(ToolError, match=why):
            await asyncio.wait_for(runtime.read(path, 1000), 5)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
async def test_permission_is_explained(runtime: Runtime) -> None:
    path = Path(runtime.folder, "closed")
    path.write_text("x")
    path.chmod(0)
    with pytest.raises(ToolError, match="permission"):
        await runtime.read("closed", 100)


async def test_write_is_atomic_and_keeps_the_mode(runtime: Runtime) -> None:
    await runtime.write("a/b/c.txt", b"one")
    path = Path(runtime.folder, "a/b/c.txt")
    path.chmod(0o750)
    with open(path, "rb") as before:
        await runtime.write("a/b/c.txt", b"two")
        assert before.read() == b"one"
    assert path.read_bytes() == b"two"
    assert stat.S_IMODE(path.stat().st_mode) == 0o750
    assert os.listdir(path.parent) == ["c.txt"]


async def test_write_expects_what_was_read(runtime: Runtime) -> None:
    path = Path(runtime.folder, "f")
    await runtime.write("f", b"one", expect="")
    with pytest.raises(ToolError, match="Read it again"):
        await runtime.write("f", b"two", expect="")
    with pytest.raises(ToolError, match="Read it again"):
        await runtime.write("f", b"two", expect=hashlib.sha256(b"other").hexdigest())
    with pytest.raises(ToolError, match="Read it again"):
        await runtime.write("gone", b"two", expect=hashlib.sha256(b"other").hexdigest())
    assert path.read_bytes() == b"one"
    await runtime.write("f", b"two", expect=hashlib.sha256(b"one").hexdigest())
    assert path.read_bytes() == b"two"
    assert os.listdir(runtime.folder) == ["f"]


async def test_write_follows_links_but_not_to_nowhere(runtime: Runtime, tmp_path: Path) -> None:
    folder = Path(runtime.folder)
    (folder / "file").write_text("old")
    (folder / "link").symlink_to("file")
    await runtime.write("link", b"new")
    assert (folder / "link").is_symlink()
    assert (folder / "file").read_bytes() == b"new"
    (folder / "out").symlink_to(tmp_path / "authorized_keys")
    (folder / "way").symlink_to(tmp_path / "nowhere")
    (folder / "loop").symlink_to("loop")
    for path in ("out", "way/file", "loop"):
        with pytest.raises(ToolError, match="symbolic link"):
            await runtime.write(path, b"x")
    assert sorted(os.listdir(tmp_path)) in (["folder"], ["folder", "state"])


async def test_write_refuses_what_is_no_regular_file(runtime: Runtime) -> None:
    folder = Path(runtime.folder)
    os.mkfifo(folder / "pipe")
    (folder / "file").write_text("x")
    for path, why in {
        ".": "is a folder",
        "/": "is a folder",
        "pipe": "not a regular file",
        "file/below": "not a folder",
    }.items():
        with pytest.raises(ToolError, match=why):
            await runtime.write(path, b"x")
    assert sorted(os.listdir(folder)) == ["file", "pipe"]


async def test_a_link_that_is_swapped_in_meanwhile_is_never_followed(
    runtime: Runtime, tmp_path: Path
) -> None:
    folder, outside = Path(runtime.folder), tmp_path / "outside"
    outside.mkdir()
    (folder / "place").mkdir()
    (folder / "trap").symlink_to(outside)
    exchange = getattr(ctypes.CDLL(None), "renameat2", None)
    if exchange is None:
        pytest.skip("two names cannot be exchanged in one step here")
    names = [str(folder / name).encode() for name in ("place", "trap")]
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            exchange(-100, names[0], -100, names[1], 2)

    thread = threading.Thread(target=swap)
    thread.start()
    counts = {"written": 0, "refused": 0}
    try:
        while min(counts.values()) < 50:
            try:
                files.write(f"{runtime.folder}/place/f", b"x", None)
                counts["written"] += 1
            except ToolError:
                counts["refused"] += 1
    finally:
        stop.set()
        thread.join()
    assert os.listdir(outside) == []


async def test_list_is_sorted_and_does_not_follow_links(runtime: Runtime) -> None:
    folder = Path(runtime.folder)
    (folder / "b").write_text("22")
    (folder / "a").mkdir()
    (folder / "c").symlink_to("a")
    found = await runtime.list(".")
    assert [(one.path, one.kind, one.size) for one in found] == [
        (f"{folder}/a", "folder", 0),
        (f"{folder}/b", "file", 2),
        (f"{folder}/c", "other", 0),
    ]
    for path, why in {"none": "does not exist", "b": "not a folder"}.items():
        with pytest.raises(ToolError, match=why):
            await runtime.list(path)
