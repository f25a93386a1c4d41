"""News of folders, from the file system."""

import asyncio
import errno
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from struct import Struct

from tuiagent.threads import in_thread

KINDS = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800 | 0x1000000
"""Of inotify(7): written, marked, closed, moved, made, deleted, itself too; folders only."""
EVENT = Struct("iIII")
"""Which folder, what, of which move, and the length of the name that follows."""
FULL = "the system watches no more folders for you: see fs.inotify.max_user_watches in sysctl(8)"


def changes(folders: Sequence[str], pace: float) -> AsyncIterator[set[str]]:
    """Yields nothing once when the folders are watched, then paths in them that have changed.

    Folders in them are not watched; news of `pace` seconds is taken together, and where too much of
    it came, each folder is named, with a slash. Raises OSError, of what is no folder and of limits.
    """
    own = sys.platform == "linux" and "microsoft" not in os.uname().release.lower()
    return _inotify(folders, pace) if own else _elsewhere(folders, pace)


class _Inotify:
    """A file that tells of folders; closed at the latest when nobody holds it. Blocks for the disk.

    Called as it is: libraries for it look for the C library with a compiler, in two processes, and
    watchfiles wakes up at every step, whether there is news or not.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        import ctypes  # noqa: PLC0415 - 3 ms, in a thread beside the start

        self._system = ctypes.CDLL(None, use_errno=True)
        self._folders: dict[int, str] = {}
        self._errno = ctypes.get_errno
        self.file = -1
        self.file = self._done(self._system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC), "")
        for folder in folders:
            name = os.fsencode(folder)
            number = self._done(self._system.inotify_add_watch(self.file, name, KINDS), folder)
            self._folders[number] = folder

    def close(self) -> None:
        """Watches no more: a user has 128 such files, for all programs."""
        file, self.file = self.file, -1
        if file >= 0:
            os.close(file)

    __del__ = close

    def _done(self, result: int, folder: str) -> int:
        if result < 0:
            code = self._errno()
            full = code in (errno.ENOSPC, errno.EMFILE)
            raise OSError(code, FULL if full else os.strerror(code), folder)
        return result

    def read(self) -> set[str]:
        """What came; nothing of what is no news yet."""
        body, at = os.read(self.file, 1 << 16), 0
        found = set[str]()
        while at < len(body):
            number, _, _, length = EVENT.unpack_from(body, at)
            at += EVENT.size + length
            name = os.fsdecode(body[at - length : at].rstrip(b"\0"))
            known = self._folders.get(number)
            for folder in (known,) if known else self._folders.values():
                found.add(os.path.join(folder, name))
        return found


async def _inotify(folders: Sequence[str], pace: float) -> AsyncGenerator[set[str]]:
    watch = await in_thread(lambda: _Inotify(folders))
    try:
        yield set()
        while True:
            await _readable(watch.file)
            await asyncio.sleep(pace)
            yield watch.read()
    finally:
        watch.close()


async def _readable(file: int) -> None:
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(file, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(file)


async def _elsewhere(folders: Sequence[str], pace: float) -> AsyncGenerator[set[str]]:
    import watchfiles  # noqa: PLC0415 - 50 ms, and only where it is needed

    step = int(pace * 1000)
    news = watchfiles.awatch(
        *folders, watch_filter=None, debounce=step, step=step, recursive=False, rust_timeout=60_000
    )
    first = asyncio.ensure_future(anext(news))
    try:
        await asyncio.sleep(0)  # with its first step the watch stands
        yield set()  # what came before it did is looked for now
        yield {path for _, path in await first}
        async for change in news:
            yield {path for _, path in change}
    finally:
        first.cancel()
