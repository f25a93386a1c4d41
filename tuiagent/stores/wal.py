"""Whether the write-ahead log beside a journal is there and begins as SQLite wrote it.

SQLite takes a log that is gone or overwritten for an empty one, and goes on with an older state
without a word. Format: https://www.sqlite.org/fileformat2.html#the_write_ahead_log, section 4.1.
"""

import os
import struct

HEADER = 32
ORDER = {0x377F0682: "<6I", 0x377F0683: ">6I"}


def lost(path: str) -> str:
    """What became of the log of this database, "" when it is whole; never opens the index.

    A process loses all of its locks on a file when it closes that file once, so the index, which
    SQLite locks, may only be looked at from outside. SQLite makes the index after the log and
    removes it before the log, so an index alone means that the log was removed by somebody else.
    """
    try:
        with open(f"{path}-wal", "rb") as file:
            header = file.read(HEADER)
    except FileNotFoundError:
        return "is gone" if os.path.exists(f"{path}-shm") else ""
    return "" if _whole(header) else "was overwritten"


def _whole(header: bytes) -> bool:
    """Whether the log's first bytes are a header, or nothing yet (a power cut leaves zeros)."""
    if len(header) < HEADER or not any(header):
        return True
    order = ORDER.get(int.from_bytes(header[:4], "big"))
    if order is None:
        return False
    words = struct.unpack(order, header[:24])
    one = two = 0
    for even, odd in zip(words[::2], words[1::2], strict=True):
        one = (one + even + two) & 0xFFFFFFFF
        two = (two + odd + one) & 0xFFFFFFFF
    return struct.pack(">2I", one, two) == header[24:]
