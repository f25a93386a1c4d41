"""OS locks: one for writing, and one that lives exactly as long as each owner's process."""

import contextlib
import errno
import fcntl
import os
import signal
import time
from collections.abc import Generator

from tuiagent.kernel.errors import StoreError

PATIENCE = 10.0
"""Seconds to wait for another process's transaction, which lasts milliseconds."""


class Locks:
    """The lock files below a state root.

    flock belongs to an open file: it ends with the process that opened it, however that dies, and
    whoever asks about a lock has to open the file once more. A lock file is removed only by
    somebody who holds it, and counts only while it still has its name.
    """

    def __init__(self, root: str) -> None:
        self._owners = os.path.join(root, "owners")
        self._write = os.path.join(root, "journal.lock")
        self._held: dict[str, int] = {}
        self._writing = -1

    @contextlib.contextmanager
    def writing(self) -> Generator[None]:
        """Queues behind other processes that write. Raises StoreError after PATIENCE."""
        while True:
            if self._writing < 0:
                self._writing = _open(self._write)
            _take(self._writing, self._write)
            if _same(self._writing, self._write):
                break
            os.close(self._writing)  # somebody removed the file: this lock excludes nobody
            self._writing = -1
        try:
            yield
        finally:
            fcntl.flock(self._writing, fcntl.LOCK_UN)

    def hold(self, owner: str) -> None:
        """Takes the lock of an owner until this process ends or `close` is called.

        What dead owners left behind is removed. Raises StoreError when another process has it.
        """
        os.makedirs(self._owners, 0o700, exist_ok=True)
        path = self._path(owner)
        while owner not in self._held:
            lock = _open(path)
            try:
                _take(lock, path)
            except BaseException:
                os.close(lock)
                raise
            if _same(lock, path):
                self._held[owner] = lock
            else:
                os.close(lock)  # somebody took it for a dead owner's and removed it
        self._sweep()

    def alive(self, owner: str) -> bool:
        """Whether the owner's process lives."""
        if owner in self._held:
            return True
        try:
            lock = os.open(self._path(owner), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two may ask at once
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(lock)

    def living(self) -> list[str]:
        """The owners in other processes that live."""
        with contextlib.suppress(FileNotFoundError):  # there was never one
            names = {name.rpartition(".")[0] for name in os.listdir(self._owners)}
            return sorted(owner for owner in names - set(self._held) if self.alive(owner))
        return []

    def kill(self, owner: str) -> None:
        """Ends the owner's process at once; whoever has the lock, the system tells.

        Raises OSError where it does not.
        """
        pid = _holder(self._path(owner))
        if pid not in (0, os.getpid()):
            with contextlib.suppress(ProcessLookupError):  # it ended just now
                os.kill(pid, signal.SIGKILL)
        elif self.alive(owner):
            raise OSError(errno.ESRCH, "the system does not tell which process that is")

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

    def _sweep(self) -> None:
        """Removes what dead owners left: their lock files, and then their sockets."""
        names = os.listdir(self._owners)
        for owner in {name.rpartition(".")[0] for name in names} - set(self._held):
            self._remove_lock(owner)
            if f"{owner}.sock" in names and not os.path.exists(self._path(owner)):
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(os.path.join(self._owners, f"{owner}.sock"))

    def _remove_lock(self, owner: str) -> None:
        """Removes the lock file of a dead owner, holding it: an owner being born sees that."""
        path = self._path(owner)
        try:
            lock = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same(lock, path):
                os.unlink(path)
        except BlockingIOError:
            return  # it lives
        finally:
            os.close(lock)

    def _path(self, owner: str) -> str:
        return os.path.join(self._owners, f"{owner}.lock")


@contextlib.contextmanager
def holding(path: str) -> Generator[None]:
    """Queues behind whoever holds this lock file, here or in another process.

    Raises StoreError after PATIENCE.
    """
    while True:
        lock = _open(path)
        try:
            _take(lock, path)
            if _same(lock, path):
                yield
                return
        finally:
            os.close(lock)


def _open(path: str) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take(lock: int, path: str) -> None:
    """Locks the open file; flock knows no time limit, hence the short naps once it is taken."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError(
                    f"{path} has been held by another process for {PATIENCE:.0f} s, so nothing can "
                    "be written; that process hangs or was stopped: continue it or end it"
                ) from None
            time.sleep(0.0005)


def _holder(path: str) -> int:
    """The process that has locked this file for itself; 0 for none that can be seen from here."""
    try:
        named = os.stat(path)
        with open("/proc/locks", encoding="ascii") as file:
            rows = [line.split() for line in file]
    except FileNotFoundError:
        return 0
    for row in rows:  # 12: FLOCK ADVISORY WRITE 4711 fe:00:2155929 0 EOF
        locked = (row[1], row[3]) == ("FLOCK", "WRITE") and row[5].endswith(f":{named.st_ino}")
        if locked and _opened(int(row[4]), named):  # another file system has the same numbers
            return int(row[4])
    return 0


def _opened(pid: int, named: os.stat_result) -> bool:
    """Whether the process has this file open."""
    with contextlib.suppress(OSError), os.scandir(f"/proc/{pid}/fd") as files:
        return any(os.path.samestat(file.stat(), named) for file in files)
    return False  # it has ended, or is another user's


def _same(lock: int, path: str) -> bool:
    """Whether the open lock file is the one that has this name now."""
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return False
    mine = os.fstat(lock)
    return (mine.st_dev, mine.st_ino) == (named.st_dev, named.st_ino)
