"""The growing output of an execution, as whoever follows it hears it."""

import os
from collections.abc import Callable

from tuiagent.runtimes.spool import HEAD, LAG, TAIL, Spool, pread


class Tail:
    """Hands the growing output of a spool to a listener and gives the disk's middle back."""

    def __init__(self, spool: Spool, output: Callable[[bytes], None]) -> None:
        self.lost = 0
        """Bytes that the command itself threw away (`> /dev/stderr` cuts the file)."""
        self._spool = spool
        self._output = output
        self._seen = 0
        self._freed = HEAD

    def read(self) -> None:
        """Hands on what is new, at most the last MiB of it."""
        size = self._spool.size()
        if size < self._seen:
            self.lost += self._seen
            self._seen = 0
            self._freed = HEAD
        if size == self._seen:
            return
        start = max(self._seen, size - LAG)
        with open(os.path.join(self._spool.folder, "output"), "rb", buffering=0) as file:
            body = pread(file.fileno(), size - start, start)
        self._seen = size
        self._output(body)

    def excess(self) -> bool:
        """Whether a MiB or more can be given back to the disk."""
        return self._seen - TAIL - self._freed >= HEAD

    def free(self) -> None:
        """Punches a hole between what is kept; offsets stay. Blocks for the disk.

        Where the file system has no holes, the disk holds the whole output until it is settled.
        """
        end = (self._seen - TAIL) // 4096 * 4096
        with open(os.path.join(self._spool.folder, "output"), "rb+", buffering=0) as file:
            punch(file.fileno(), self._freed, end - self._freed)
        self._freed = end


def punch(file: int, start: int, length: int) -> bool:
    """Gives a part of a file back to the disk without moving the rest; whether that worked."""
    import ctypes  # noqa: PLC0415 - 5 ms, and few commands write more than 17 MiB

    fallocate = getattr(ctypes.CDLL(None), "fallocate", None)
    if fallocate is None:
        return False
    keep_size_and_punch_hole = 3
    wide = ctypes.c_int64
    return fallocate(file, keep_size_and_punch_hole, wide(start), wide(length)) == 0
