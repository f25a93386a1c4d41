"""News of folders, from either source."""

import asyncio
import errno
import gc
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from pathlib import Path

import pytest

from tuiagent import folder

Source = Callable[[Sequence[str], float], AsyncGenerator[set[str]]]
PATIENCE = 20
SOURCES = pytest.mark.parametrize("source", [folder._inotify, folder._elsewhere])


@SOURCES
async def test_what_changed_is_named_and_nothing_else(source: Source, tmp_path: Path) -> None:
    for name in ("a", "b", "a/deep"):
        (tmp_path / name).mkdir()
    other = tmp_path / "other"
    other.mkdir()
    wanted = [tmp_path / "a/new", tmp_path / "b/ü"]
    found = set[str]()
    async with asyncio.timeout(PATIENCE):
        async with aclosing(source([str(tmp_path / "a"), str(tmp_path / "b")], 0.01)) as news:
            assert await anext(news) == set()
            (tmp_path / "a/deep/no").touch()
            (other / "no").touch()
            for path in wanted:
                path.touch()
            while not found >= set(map(str, wanted)):
                found |= await anext(news)
            wanted[0].unlink()
            assert str(wanted[0]) in await anext(news)
    assert not any(path.endswith("no") for path in found)


@SOURCES
async def test_a_folder_that_is_not_there_is_said(source: Source, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async for _ in source([str(tmp_path), str(tmp_path / "nothing")], 0.01):
            pass


async def test_news_that_was_too_much_names_every_folder(tmp_path: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    for name in "ab":
        (tmp_path / name).mkdir()
    found = set[str]()
    async with asyncio.timeout(PATIENCE):
        async with aclosing(folder._inotify([str(tmp_path / "a"), str(tmp_path / "b")], 0)) as news:
            await anext(news)
            for _ in range(limit // 4 + 1):  # two names in turn: like events are taken together
                for name in "xy":
                    os.close(os.open(tmp_path / "a" / name, os.O_CREAT | os.O_WRONLY))
                    os.utime(tmp_path / "a" / name)
            while str(tmp_path / "b") + "/" not in found:
                found |= await anext(news)
    assert str(tmp_path / "a") + "/" in found


def _watches() -> set[str]:
    """The files of this process that tell of folders."""
    found = set[str]()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if "inotify" in os.readlink(f"/proc/self/fd/{name}"):
                found.add(name)
    return found


async def _begun_and_ended(path: str) -> None:
    news = folder._inotify([path], 0.01)
    await anext(news)
    waiting = asyncio.ensure_future(anext(news))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])


async def test_a_watch_that_has_ended_holds_no_file(tmp_path: Path) -> None:
    gc.collect()
    before = _watches()
    for _ in range(5):
        await _begun_and_ended(str(tmp_path))
    async with asyncio.timeout(PATIENCE):
        while not _watches() <= before:
            gc.collect()  # the thread that made it ends a moment later
            await asyncio.sleep(0.01)


def test_a_limit_of_the_system_is_said_as_one(tmp_path: Path) -> None:
    watch = folder._Inotify([])
    watch._errno = lambda: errno.ENOSPC
    with pytest.raises(OSError, match="max_user_watches"):
        watch._done(-1, str(tmp_path))
