"""The marks of keys that are kept (see kernel.marks), in a private file beside them."""

import contextlib
import os

import msgspec
from msgspec import Struct

from tuiagent.kernel.errors import StoreError
from tuiagent.kernel.marks import NONE, Mark, Marks, mark
from tuiagent.vaults import private

NAME = "keys.marks"
SALT = 16
ROOM = 256 * 1024
"""Bytes that the file may have."""


class _File(Struct):
    salt: bytes
    marks: dict[str, Mark] = {}


class Marked:
    """What of each key is known to whoever has not unlocked it."""

    def __init__(self, home: str) -> None:
        self._path = os.path.join(home, NAME)

    def read(self) -> Marks:
        """The marks; none of a file that cannot be read, or that others could have written."""
        found = self._read()
        return Marks(found.salt, frozenset(found.marks.values())) if found.marks else NONE

    def put(self, name: str, key: str) -> None:
        """Keeps the mark of a key, or for "" forgets it; where that cannot be, none is known."""
        found = self._read()
        made = mark(key, found.salt)
        if found.marks.pop(name, None) == made:
            return
        found.marks |= {name: made} if made else {}
        with contextlib.suppress(OSError):
            os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
            private.put(self._path, msgspec.json.encode(found), replace=True)

    def _read(self) -> _File:
        try:
            if os.path.lexists(self._path):
                return msgspec.json.decode(private.read(self._path, ROOM), type=_File)
        except (StoreError, msgspec.MsgspecError):
            pass  # it is made anew with the next key that is kept, or read
        return _File(os.urandom(SALT))
