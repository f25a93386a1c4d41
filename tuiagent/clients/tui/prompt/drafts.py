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


class Drafts:
    """The drafts below a state root, each under a key: a session, or a folder.

    Each process has files of its own, so that two at one folder do not take each other's words.
    """

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "drafts")
        self._waiting: dict[str, Draft] = {}
        self._known: dict[str, Draft] = {}
        """What this process kept, whether or not it is written."""
        self._task: asyncio.Task[None] | None = None
        self._lock = threading.Lock()
        self.trouble = ""
        """Why the last one could not be written."""

    def keep(self, key: str, draft: Draft) -> None:
        """Writes it soon, beside the loop; the first one at once, then one each PACE."""
        self._waiting[key] = self._known[key] = draft
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._write())

    def read(self, key: str) -> Draft:
        """The draft under this key: our own, or one that a process left that is gone."""
        if key in self._known:
            return self._known[key]
        path = self._path(key)
        try:
            if not os.path.exists(path):
                self._inherit(path)
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            with open(file, "rb") as opened:
                return json.decode(opened.read(LARGEST), type=Draft)
        except (OSError, ValueError):
            return Draft()

    def put_image(self, data: bytes) -> str:
        """Keeps an image from the clipboard as long as drafts; its path. Raises OSError."""
        path = os.path.join(self._folder, f"{hashlib.sha256(data).hexdigest()[:24]}.png")
        self._write_file(path, data)
        return path

    @property
    def pending(self) -> bool:
        """Whether something is not on the disk yet."""
        return bool(self._waiting) or self._lock.locked()

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
        self._write_file(path, json.encode(draft))

    def _write_file(self, path: str, body: bytes) -> None:
        os.makedirs(self._folder, 0o700, exist_ok=True)
        scratch = f"{path}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        with open(os.open(scratch, flags, 0o600), "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)

    def _path(self, key: str) -> str:
        name = hashlib.sha256(key.encode()).hexdigest()[:24]
        return os.path.join(self._folder, f"{name}.{os.getpid()}")

    def _inherit(self, path: str) -> None:
        """Makes the newest draft of a process that is gone ours; of many that try, one has it."""
        start = os.path.basename(path).partition(".")[0] + "."
        left: list[tuple[float, str]] = []
        with os.scandir(self._folder) as entries:
            for entry in entries:
                process = entry.name.removeprefix(start)
                if process != entry.name and process.isdigit() and not _lives(int(process)):
                    left.append((entry.stat(follow_symlinks=False).st_mtime, entry.path))
        for _, theirs in sorted(left)[-1:]:
            os.rename(theirs, path)


def _lives(process: int) -> bool:
    """Whether a process with this number lives."""
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
