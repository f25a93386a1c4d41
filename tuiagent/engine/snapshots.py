"""Keeps what standing views have read, so that a new process need not read everything again.

A file for each view, disposable: one that is missing, torn, of another version or of another
journal is ignored and made anew. Its first line names the position up to which it holds, and the
hash of the record there.
"""

import contextlib
import hashlib
import logging
import os
from typing import Protocol

import msgspec
from msgspec import Struct

from tuiagent import __version__
from tuiagent.engine.journal import Journal

LOG = logging.getLogger("tuiagent.snapshots")


class Kept(Protocol):
    """A view that can be kept."""

    def save(self) -> bytes:
        """All that it knows."""
        ...

    def load(self, body: bytes) -> None:
        """Knows this again. Raises msgspec.MsgspecError."""
        ...


class Head(Struct):
    """What a snapshot is of."""

    version: str
    position: int
    hash: str
    body: str
    """SHA-256 of what follows, in hexadecimal."""


class Snapshots:
    """Snapshots in a folder, for one journal."""

    def __init__(self, folder: str, journal: Journal) -> None:
        self._folder = folder
        self._journal = journal

    def load(self, name: str, view: Kept) -> int:
        """Gives the view what was kept; the position up to which it has read, 0 for nothing."""
        try:
            with open(self._path(name), "rb") as file:
                head = msgspec.json.decode(file.readline(), type=Head)
                body = file.read()
            if self._holds(head, body):
                view.load(body)
                return head.position
        except FileNotFoundError:
            return 0
        except (OSError, msgspec.MsgspecError, ValueError) as error:
            LOG.info("the snapshot of %s is not used: %s", name, error)
        return 0

    def save(self, name: str, view: Kept, position: int) -> None:
        """Keeps the view as of this position; what goes wrong costs only time."""
        body = view.save()
        digest = hashlib.sha256(body).hexdigest()
        head = Head(__version__, position, self._journal.digest(position), digest)
        scratch = f"{self._path(name)}.{os.getpid()}"
        try:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            with open(scratch, "wb", opener=_private) as file:
                file.write(msgspec.json.encode(head) + b"\n" + body)
            os.replace(scratch, self._path(name))
        except OSError as error:
            LOG.info("no snapshot of %s is kept: %s", name, error)
            with contextlib.suppress(OSError):  # it may not even have been made
                os.unlink(scratch)

    def forget(self) -> None:
        """Removes all snapshots, as they may hold what was erased."""
        with contextlib.suppress(FileNotFoundError):  # nothing was kept yet
            for name in os.listdir(self._folder):
                if ".view" in name:
                    os.unlink(os.path.join(self._folder, name))

    def _holds(self, head: Head, body: bytes) -> bool:
        same = head.version == __version__ and head.hash == self._journal.digest(head.position)
        return same and head.body == hashlib.sha256(body).hexdigest()

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, f"{name}.view")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
