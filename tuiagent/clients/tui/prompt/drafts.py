"""Drafts: what was typed and not yet said, kept on the disk so that a crash loses none of it."""

import asyncio
import hashlib
import os
import threading
import time
from contextlib import suppress

from msgspec import Struct, json

from tuiagent.clients.tui.prompt.chips import Chip

PACE = 1.0
"""Seconds between two times that a draft is written."""
LARGEST = 16 << 20
"""Bytes of a draft that is read back."""
KEPT = 30 * 86400.0
"""Seconds for which a draft is kept that nobody came back to."""


class Draft(Struct, frozen=True):
    """What stands in the editor."""

    text: str = ""
    chips: tuple[Chip, ...] = ()
    process: int = 0
    """Whose editor it stands in: while that one lives, it is not taken by another."""


class Drafts:
    """The drafts below a state root, each under a key: a session, or a folder."""

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "drafts")
        self._waiting: dict[str, Draft] = {}
        self._task: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        self.trouble = ""
        """Why the last one could not be written."""

    def keep(self, key: str, draft: Draft) -> None:
        """Writes it soon, beside the loop; the first one at once, then one each PACE."""
        self._waiting[key] = draft
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())

    def read(self, key: str) -> Draft:
        """The draft under this key, an empty one when there is none to be taken."""
        with suppress(OSError, ValueError, EOFError):
            file = os.open(self._path(key), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(file, "rb") as opened:
                draft = json.decode(opened.read(LARGEST), type=Draft)
            if not _lives(draft.process):
                return draft
        return Draft()

    async def close(self) -> None:
        """Writes what is not written yet."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.to_thread(self._put_all)

    def forget_old(self) -> None:
        """Removes drafts that nobody came back to."""
        with suppress(OSError), os.scandir(self._folder) as entries:
            for entry in entries:
                with suppress(OSError):
                    if time.time() - entry.stat(follow_symlinks=False).st_mtime > KEPT:
                        os.unlink(entry.path)

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.to_thread(self._put_all)
            await asyncio.sleep(PACE)

    def _put_all(self) -> None:
        with self._lock:
            while self._waiting:
                key, draft = self._waiting.popitem()
                try:
                    self._put(key, draft)
                    self.trouble = ""
                except OSError as error:
                    self.trouble = f"what you type is not kept for the case of a crash: {error}"

    def _put(self, key: str, draft: Draft) -> None:
        path = self._path(key)
        if not draft.text:
            with suppress(FileNotFoundError):
                os.unlink(path)
            return
        os.makedirs(self._folder, 0o700, exist_ok=True)
        scratch = f"{path}.{os.getpid()}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(scratch, flags, 0o600), "wb") as file:
            file.write(json.encode(draft))
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)

    def _path(self, key: str) -> str:
        return os.path.join(self._folder, hashlib.sha256(key.encode()).hexdigest()[:24])


def _lives(process: int) -> bool:
    """Whether another process with this number lives."""
    if process in (0, os.getpid()):
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
