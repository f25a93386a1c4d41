"""OS locks: one for writing, and one that lives exactly as long as each owner's process."""

import contextlib
import fcntl
import os
from collections.abc import Generator


class Locks:
    """The lock files below a state root."""

    def __init__(self, root: str) -> None:
        self._owners = os.path.join(root, "owners")
        self._write = os.path.join(root, "journal.lock")
        self._held: dict[str, int] = {}
        self._writing = -1

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Queues behind other processes that write."""
        if self._writing < 0:
            self._writing = os.open(self._write, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._writing, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._writing, fcntl.LOCK_UN)

    def hold(self, owner: str) -> None:
        """Takes the lock of an owner until this process ends or `close` is called."""
        os.makedirs(self._owners, 0o700, exist_ok=True)
        path = self._path(owner)
        while owner not in self._held:
            lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same(lock, path):
                self._held[owner] = lock
            else:
                os.close(lock)  # somebody took it for a dead owner's and removed it

    def alive(self, owner: str) -> bool:
        """Whether the owner's process lives."""
        if owner in self._held:
            return True
        try:
            lock = os.open(self._path(owner), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(lock)

    def sweep(self) -> None:
        """Removes what dead owners left: their lock files and sockets."""
        for name in os.listdir(self._owners) if os.path.isdir(self._owners) else ():
            owner = name.rpartition(".")[0]
            if owner and not self.alive(owner):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self._owners, name))

    def close(self) -> None:
        """Gives all locks back."""
        for owner, lock in self._held.items():
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._path(owner))
            os.close(lock)
        self._held.clear()
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def _path(self, owner: str) -> str:
        return os.path.join(self._owners, f"{owner}.lock")


def _same(lock: int, path: str) -> bool:
    """Whether the open lock file is the one that has this name now."""
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    mine = os.fstat(lock)
    return (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino)
