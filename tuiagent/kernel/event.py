"""What every aggregate is made of: intents, facts, events and signals."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from msgspec import Struct

S = TypeVar("S")


class Intent(Struct, frozen=True, omit_defaults=True):
    """What an actor wants of one stream."""

    stream: str


Upgrade = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes of a fact's body, decoded, the body of its next shape."""


class Fact(Struct, frozen=True, omit_defaults=True):
    """What happened; never changed.

    A field with a default may be added. Any other change of a fact, or of what its fields are made
    of, makes a new shape: it takes an upgrade of what older versions wrote, which stays as it is.
    """

    upgrades: ClassVar[tuple[Upgrade, ...]] = ()
    """From shape 1 to 2, from 2 to 3, and so on; the newest shape is one more than there are."""


class Unknown(Fact, frozen=True):
    """A fact of a kind or shape that this version does not know; kept as it is."""

    kind: str
    body: bytes


class Erased(Fact, frozen=True):
    """A fact whose body was erased; its place in the chain remains."""

    kind: str


class Past(Fact, frozen=True):
    """A fact that happened before and elsewhere: when it is written, it keeps time and actor."""

    fact: Fact
    at: float
    actor: str


class Event(Struct, frozen=True):
    """A fact in its place: global position, stream, version in the stream, time, actor."""

    position: int
    stream: str
    version: int
    at: float
    """Seconds since 1970, UTC."""
    actor: str
    fact: Fact

    @property
    def kind(self) -> str:
        """The fact's name."""
        fact = self.fact
        return fact.kind if isinstance(fact, Unknown | Erased) else type(fact).__name__


class Signal(Struct, frozen=True, omit_defaults=True):
    """Something to be seen and forgotten: a token, progress, presence."""

    stream: str


class CaughtUp(Struct, frozen=True):
    """Said once by a watch, between history and what is live."""

    position: int


class Lagged(Struct, frozen=True):
    """Said by a watch whose reader was too slow: signals were dropped; facts were not."""

    position: int


Seen = Event | Signal | CaughtUp | Lagged


class At(Struct, frozen=True):
    """Who asks for a decision, and when; brought in, never taken."""

    now: float
    actor: str
    fence: int = 0
    """The fence of the performer that reports; 0 when a person or a client asks."""


class Aggregate(Struct, Generic[S], frozen=True):
    """One kind of stream: how it begins, decides and folds, and when it wants to be woken."""

    kind: str
    """The part of the stream's name before the slash."""
    initial: Callable[[], S]
    decide: Callable[[S, Any, At], Sequence[Fact]]
    fold: Callable[[S, Fact], S]
    wake: Callable[[S], float | None]
    facts: tuple[type[Fact], ...]
    intents: tuple[type[Intent], ...]


def kind_of(stream: str) -> str:
    """The kind of a stream: `session` for `session/k3v…`."""
    return stream.partition("/")[0]


def heard(select: str) -> tuple[str, bool]:
    """Which streams a selection is of, and whether with their signals: not with `session/*!`."""
    streams = select.removesuffix("!")
    return streams, streams == select


def selects(select: str, stream: str) -> bool:
    """Whether a selection (`session/x`, `session/*` or `*`) holds this stream."""
    if select.endswith("*"):
        return stream.startswith(select[:-1])
    return select == stream
