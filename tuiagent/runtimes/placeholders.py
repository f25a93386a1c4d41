"""What stands in a folder in place of files that no command may make, while commands run there.

Each command's wrapper holds the folder's lock, shared; who can have it alone takes the placeholders
away again. So they go with the last command, and after a crash with the next.
"""

import contextlib
import fcntl
import hashlib
import os

from tuiagent.kernel.errors import ToolError
from tuiagent.runtimes import files


class Placeholders:
    """Those of one folder; `registry` is the private folder in which all of them are noted."""

    def __init__(self, folder: str, registry: str) -> None:
        name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:32]
        self._registry = registry
        self._path = os.path.join(registry, name)

    def hold(self, missing: dict[str, bytes | None]) -> int:
        """Makes them; gives the lock, a descriptor for the wrapper to keep. Raises ToolError."""
        try:
            lock = self._locked()
            try:
                self._make(missing)
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise ToolError(f"The command could not be started in its sandbox: {error}.") from error
        return lock

    def _locked(self) -> int:
        os.makedirs(self._registry, 0o700, exist_ok=True)
        while True:
            lock = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_SH)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(lock), os.stat(self._path)):
                    return lock
            os.close(lock)  # whoever was the last has just cleared it away

    def _make(self, missing: dict[str, bytes | None]) -> None:
        """Makes what is missing, noted before, so that it is found after a crash."""
        with open(self._path, "ab") as notes:
            for path, body in missing.items():
                kind = b"d" if body is None else b"f" + body
                notes.write(os.fsencode(path) + b"\0" + kind + b"\0")
                notes.flush()
                with (
                    contextlib.suppress(FileExistsError),
                    files.opened_folder(os.path.dirname(path), make=False) as top,
                ):
                    _create(os.path.basename(path), top, body)

    def clear(self) -> None:
        """Takes them away, unless a command still runs there, or somebody has put them to use."""
        try:
            lock = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with open(self._path, "rb") as notes:
                parts = notes.read().split(b"\0")
            for path, kind in reversed(list(zip(parts[:-1:2], parts[1::2], strict=True))):
                with (
                    contextlib.suppress(OSError),
                    files.opened_folder(os.path.dirname(os.fsdecode(path)), make=False) as top,
                ):
                    _take(os.path.basename(path), top, kind)
            os.unlink(self._path)
        except (OSError, ValueError):
            return  # the last one will
        finally:
            os.close(lock)


def _create(name: str, top: int, body: bytes | None) -> None:
    if body is None:
        os.mkdir(name, 0o755, dir_fd=top)
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with open(os.open(name, flags, 0o644, dir_fd=top), "wb") as file:
        file.write(body)


def _take(name: bytes, top: int, kind: bytes) -> None:
    if kind == b"d":
        os.rmdir(name, dir_fd=top)  # which fails unless it is empty
        return
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(name, flags, dir_fd=top), "rb") as file:
        same = file.read(len(kind)) == kind[1:]
    if same:
        os.unlink(name, dir_fd=top)
