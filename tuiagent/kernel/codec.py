"""Facts to bytes and back, in two steps: an envelope that everyone can read, then its body."""

from collections.abc import Iterable
from functools import reduce

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Erased, Event, Fact, Intent, Past, Unknown

NEWER = 1 << 30
"""The shape of a fact that is only passed on."""


class Draft(Struct, frozen=True):
    """A fact as bytes, before it has a place."""

    kind: str
    shape: int
    body: bytes
    refs: tuple[str, ...] = ()
    """Hashes of the blobs that this fact needs."""
    at: float | None = None
    """When it happened, where that is not when it is written."""
    actor: str = ""
    """By whom, where that is not who writes it."""


class Record(Struct, frozen=True):
    """A fact in its place, as it is stored and chained."""

    position: int
    stream: str
    version: int
    at: float
    actor: str
    kind: str
    shape: int
    body: bytes | None
    """None when it was erased; its hash stays."""
    body_hash: bytes
    """SHA-256 of the body."""
    hash: bytes
    """The chain up to here: see kernel.audit.link."""


class Codec:
    """Knows every kind of fact and intent by name."""

    def __init__(self, facts: Iterable[type[Fact]], intents: Iterable[type[Intent]]) -> None:
        self._facts = {kind.__name__: kind for kind in facts}
        self._intents = {kind.__name__: kind for kind in intents}
        # all at once, before threads share them: msgspec crashes where one thread
        # first reads a type while another thread does
        self._decoders = {name: msgspec.json.Decoder(kind) for name, kind in self._facts.items()}
        self._encode = msgspec.json.Encoder().encode

    def draft(self, fact: Fact, refs: tuple[str, ...] = ()) -> Draft:
        """The fact's kind, shape and body."""
        if isinstance(fact, Past):
            return replace(self.draft(fact.fact, refs), at=fact.at, actor=fact.actor)
        if isinstance(fact, Unknown | Erased):
            raise TuiagentError(f"a fact of kind {fact.kind} can be kept but not written again")
        kind = type(fact)
        return Draft(kind.__name__, shape_of(kind), self._encode(fact), refs)

    def event(self, record: Record) -> Event:
        """The record's fact in its place; an unknown kind or a newer shape becomes Unknown."""
        fact = self.fact(record.kind, record.shape, record.body)
        return Event(record.position, record.stream, record.version, record.at, record.actor, fact)

    def body(self, fact: Fact) -> tuple[str, int, bytes]:
        """The fact's kind, shape and body, also of one that this version does not know."""
        if isinstance(fact, Unknown):
            return (fact.kind, NEWER, fact.body)
        if isinstance(fact, Erased):
            return (fact.kind, NEWER, b"null")
        return (type(fact).__name__, shape_of(type(fact)), self._encode(fact))

    def knows(self, kind: str, shape: int) -> bool:
        """Whether facts of this kind and shape can be read."""
        return kind in self._facts and 1 <= shape <= shape_of(self._facts[kind])

    def fact(self, kind: str, shape: int, body: bytes | None) -> Fact:
        """The fact of this kind with this body, brought from this shape to the newest one."""
        if body is None:
            return Erased(kind)
        if not self.knows(kind, shape):
            return Unknown(kind, body)
        known = self._facts[kind]
        decoder = self._decoders[kind]
        try:
            if older := known.upgrades[shape - 1 :]:
                upgraded = reduce(lambda value, step: step(value), older, msgspec.json.decode(body))
                return decoder.decode(self._encode(upgraded))
            return decoder.decode(body)
        except Exception:  # an upgrade that meets a body it was not made for may raise anything
            return Unknown(kind, body)

    def intent_bytes(self, intent: Intent) -> bytes:
        """The intent as JSON with its name, for a socket and for the hash of `once`."""
        return self._encode({"intent": type(intent).__name__, "body": intent})

    def intent(self, data: bytes) -> Intent:
        """The intent in these bytes; raises TuiagentError when its name or shape is unknown."""
        try:
            envelope = msgspec.json.decode(data, type=_IntentEnvelope)
            return msgspec.json.decode(envelope.body, type=self._intents[envelope.intent])
        except KeyError as error:
            raise TuiagentError(f"unknown intent {error}") from error
        except msgspec.MsgspecError as error:
            raise TuiagentError(f"an intent cannot be read: {error}") from error


def shape_of(kind: type[Fact]) -> int:
    """The newest version of this kind's fields."""
    return 1 + len(kind.upgrades)


class _IntentEnvelope(Struct):
    intent: str
    body: msgspec.Raw
