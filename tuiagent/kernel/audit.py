"""The hash chain of each stream, and the seals that sign the heads of all of them."""

import hashlib
from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec import Struct

from tuiagent.kernel.codec import Record
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Aggregate, At, Fact, Intent

STREAM = "seal/journal"
START = b"tuiagent chain 1\0"

# ---------------------------------------------------------------- the chain


def root(stream: str) -> bytes:
    """What the first record of a stream is chained to."""
    return hashlib.sha256(START + stream.encode()).digest()


def link(
    previous: bytes,
    stream: str,
    version: int,
    at: float,
    actor: str,
    kind: str,
    shape: int,
    body_hash: bytes,
) -> bytes:
    """The chain up to this record: SHA-256 over all of it but the body, whose hash is enough."""
    parts = [previous.hex(), stream, version, float(at), actor, kind, shape, body_hash.hex()]
    return hashlib.sha256(msgspec.json.encode(parts)).digest()


class Problem(Struct, frozen=True):
    """The first place at which a stream is not what it was."""

    stream: str
    version: int
    reason: str


def verify(
    stream: str, records: Iterable[Record], version: int = 0, previous: bytes = b""
) -> Problem | None:
    """Whether these records, which follow `version` and its hash, are gapless and unchanged."""
    previous = previous or root(stream)
    for record in records:
        version += 1
        if record.stream != stream or record.version != version:
            return Problem(stream, version, f"found version {record.version} in its place")
        if record.body is not None and hashlib.sha256(record.body).digest() != record.body_hash:
            return Problem(stream, version, "its body was changed")
        previous = link(
            previous,
            stream,
            version,
            record.at,
            record.actor,
            record.kind,
            record.shape,
            record.body_hash,
        )
        if previous != record.hash:
            return Problem(stream, version, "it does not belong to the chain before it")
    return None


# ---------------------------------------------------------------- seals


class Sealed(Fact, frozen=True):
    """The heads of all streams that had changed since the seal before, signed with Ed25519."""

    heads: tuple[tuple[str, int, str], ...]
    """Stream, version and hash (hexadecimal)."""
    key: str
    """The public key, hexadecimal."""
    signature: str


class Seal(Intent, frozen=True):
    """Keep a signature over these heads."""

    heads: tuple[tuple[str, int, str], ...]
    key: str
    signature: str


class Seals(Struct):
    """How many seals there are."""

    count: int = 0


def payload(heads: Sequence[tuple[str, int, str]]) -> bytes:
    """The bytes that are signed. Each seal's own stream is among the heads of the next one."""
    return b"tuiagent seal 1\0" + msgspec.json.encode(list(heads))


def decide(state: Seals, intent: Seal, at: At) -> Sequence[Fact]:
    """Keeps a seal that covers something."""
    if not intent.heads:
        raise Refused("nothing has changed since the last seal")
    return [Sealed(intent.heads, intent.key, intent.signature)]


def fold(state: Seals, fact: Fact) -> Seals:
    """Counts."""
    state.count += isinstance(fact, Sealed)
    return state


AGGREGATE: Aggregate[Seals] = Aggregate(
    kind="seal",
    initial=Seals,
    decide=decide,
    fold=fold,
    wake=lambda state: None,
    facts=(Sealed,),
    intents=(Seal,),
)

CheckSignature = Callable[[str, bytes, str], bool]
"""Public key, payload, signature: whether they belong together."""


def verify_seals(
    seals: Iterable[Sealed],
    hash_at: Callable[[str, int], str | None],
    check: CheckSignature,
    only: str = "",
) -> Problem | None:
    """Whether every seal is signed and what it covers is what is stored.

    `hash_at` gives the stored hash (hexadecimal) of a stream's version, None where it is missing;
    `only` is the one stream to be compared, "" for all.
    """
    for number, seal in enumerate(seals, 1):
        if not check(seal.key, payload(seal.heads), seal.signature):
            return Problem(STREAM, number, "its signature is wrong")
        for stream, version, sealed in seal.heads:
            found = hash_at(stream, version)
            if found != sealed and only in ("", stream):
                what = "is missing" if found is None else "is not what was sealed"
                return Problem(stream, version, f"it {what} (seal {number})")
    return None
