"""The socket below that keeps facts."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from msgspec import Struct

from tuiagent.kernel.codec import Draft, Record


class Claim(Struct, frozen=True):
    """Who may drive a stream; the fence rises with every claim."""

    owner: str
    fence: int
    alive: bool = True
    """Whether the owner still holds its lock."""


class Head(Struct, frozen=True):
    """The end of a stream."""

    stream: str
    version: int
    hash: bytes
    position: int


class Answer(Struct, frozen=True):
    """The first answer to a `once`: the position, or a refusal's text."""

    intents: bytes
    """SHA-256 of the intents it was given for."""
    position: int
    refusal: str = ""


class Transaction(Protocol):
    """What may be done between BEGIN and COMMIT; used in the writer thread only."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Undoes what was done inside of it when it is left by an exception."""
        ...

    def head(self, stream: str) -> Head | None:
        """The stream's end, None for a stream that has not begun."""
        ...

    def read(self, stream: str, after: int = 0) -> list[Record]:
        """The stream's records whose version is above `after`."""
        ...

    def append(
        self,
        stream: str,
        expected: int,
        drafts: Sequence[Draft],
        at: float,
        actor: str,
        wake: float | None,
    ) -> list[Record]:
        """Adds records behind version `expected` and stores when the stream wants to be woken.

        Raises Conflict when the stream's version is not `expected`. Bodies over 16 KiB become
        compressed blobs. The chain is kernel.audit.link.
        """
        ...

    def claim(self, stream: str, owner: str) -> Claim | None:
        """Takes the stream with a higher fence; None while another living owner has it."""
        ...

    def claimed(self, stream: str) -> Claim | None:
        """Who has the stream now."""
        ...

    def release(self, stream: str, owner: str) -> None:
        """Gives the stream up when this owner has it; its fence stays."""
        ...

    def recall(self, actor: str, once: str) -> Answer | None:
        """The answer that was given to this `once` before."""
        ...

    def remember(self, actor: str, once: str, stream: str, at: float, answer: Answer) -> None:
        """Keeps an answer as long as its stream, and at least 30 days."""
        ...

    def erase(self, stream: str, after: int, before: int) -> None:
        """Removes the bodies of the stream's records between two versions, those left out.

        Blobs that nobody else needs go with them. Hashes stay, so that the chain still verifies.
        """
        ...

    def tidy(self, before: float, pages: int) -> int:
        """Forgets answers older than a time for streams that never began or were erased.

        Gives at most so many pages of free room back to the disk; how many are left then.
        """
        ...

    def put_blob(self, body: bytes) -> str:
        """Keeps bytes, compressed, under their SHA-256 in hexadecimal."""
        ...


class Store(Protocol):
    """Keeps facts; knows no feature. Only `transaction` writes; the rest may be called anywhere."""

    engine: str
    """What it is made of, with its version."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """One durable commit when left normally, nothing when left by an exception."""
        ...

    def read(self, stream: str, after: int = 0, limit: int = 1000) -> list[Record]:
        """A stream's records whose version is above `after`."""
        ...

    def tail(
        self,
        select: str,
        after: int = 0,
        limit: int = 1000,
        kinds: frozenset[str] | None = None,
        room: int | None = None,
    ) -> list[Record]:
        """Records whose position is above `after`, of the selected streams, in commit order.

        No more come after the one whose body fills `room`, in bytes.
        """
        ...

    def position(self) -> int:
        """The highest position that is committed."""
        ...

    def heads(self, after: int = 0) -> list[Head]:
        """The ends of all streams that changed after a position."""
        ...

    def claims(self) -> dict[str, Claim]:
        """Every stream that has an owner."""
        ...

    def due(self, now: float) -> list[str]:
        """Streams that want to be woken by now."""
        ...

    def refs(self, stream: str) -> list[tuple[str, int]]:
        """The blobs that a stream's records need, each with the version of the record."""
        ...

    def blob(self, key: str) -> bytes | None:
        """The bytes kept under this hash."""
        ...

    def size(self) -> int:
        """Bytes of everything that is kept."""
        ...

    def copy(self, target: str) -> None:
        """Puts a copy of everything into a file, whole or not at all, while anybody writes."""
        ...

    def close(self) -> None:
        """Gives back files and locks."""
        ...
