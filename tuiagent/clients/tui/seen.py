"""Up to where somebody has seen each session, kept from one start of the screen to the next."""

import os
from contextlib import suppress

import msgspec

KEPT = 1000
"""Sessions that are remembered, those that were seen last."""


class Seen:
    """Positions by session, in a small file of the state root that may be missing or torn."""

    def __init__(self, root: str) -> None:
        self._path = os.path.join(root, "seen.json")

    def of(self, stream: str) -> int | None:
        """The position up to which it was seen; None when it never was."""
        return self._read().get(stream)

    def keep(self, stream: str, position: int) -> None:
        """Remembers that it was seen up to here."""
        known = self._read()
        position = max(position, known.pop(stream, 0))
        kept = dict([*known.items(), (stream, position)][-KEPT:])
        scratch = f"{self._path}.{os.getpid()}"
        with suppress(OSError):  # then a digest tells more than it would have to
            with open(scratch, "wb") as file:
                file.write(msgspec.json.encode(kept))
            os.replace(scratch, self._path)

    def _read(self) -> dict[str, int]:
        try:
            with open(self._path, "rb") as file:
                return msgspec.json.decode(file.read(), type=dict[str, int])
        except (OSError, msgspec.MsgspecError):
            return {}
