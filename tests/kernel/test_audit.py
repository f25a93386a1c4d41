"""The chain and the seals name the first thing that was changed, and nothing else."""

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tuiagent.kernel import audit
from tuiagent.kernel.audit import Problem, Seal, Sealed, Seals
from tuiagent.kernel.codec import Record
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At

STREAM = "session/a"


def chain(bodies: list[bytes], stream: str = STREAM) -> list[Record]:
    """Records as a store would chain them."""
    previous = audit.root(stream)
    records: list[Record] = []
    for version, body in enumerate(bodies, 1):
        digest = hashlib.sha256(body).digest()
        previous = audit.link(previous, stream, version, 1.5, "me", "Kind", 1, digest)
        place = (version + 10, stream, version, 1.5, "me", "Kind", 1)
        records.append(Record(*place, body, digest, previous))
    return records


BODIES = [b"one", b"two", b"three", b"four", b"five"]


@given(st.lists(st.binary(), max_size=6), st.text(st.characters(exclude_categories=["Cs"])))
def test_an_untouched_chain_verifies(bodies: list[bytes], stream: str) -> None:
    assert audit.verify(stream, chain(bodies, stream)) is None


def test_the_first_link_hangs_on_the_name_of_the_stream() -> None:
    assert audit.root("a") == hashlib.sha256(b"tuiagent chain 1\0a").digest()


FIELDS: dict[str, Callable[[Any], Any]] = {
    "at": lambda value: value + 1,
    "actor": lambda value: value + "!",
    "kind": lambda value: value + "!",
    "shape": lambda value: value + 1,
    "body": lambda value: value + b"!",
    "body_hash": lambda value: bytes(32),
    "hash": lambda value: bytes(32),
    "stream": lambda value: value + "!",
    "version": lambda value: value + 1,
}


@pytest.mark.parametrize("index", range(5))
@pytest.mark.parametrize("field", FIELDS)
def test_a_changed_field_is_found_at_its_version(field: str, index: int) -> None:
    records = chain(BODIES)
    changed = FIELDS[field](getattr(records[index], field))
    records[index] = replace(records[index], **{field: changed})
    problem = audit.verify(STREAM, records)
    assert problem is not None
    assert (problem.stream, problem.version) == (STREAM, index + 1)


@given(st.integers(0, 4), st.integers(0, 7), st.integers(0, 4))
def test_any_flipped_bit_of_a_body_is_found(index: int, bit: int, place: int) -> None:
    records = chain(BODIES)
    body = bytearray(records[index].body or b"")
    body[place % len(body)] ^= 1 << bit
    records[index] = replace(records[index], body=bytes(body))
    problem = audit.verify(STREAM, records)
    assert problem == Problem(STREAM, index + 1, "its body was changed")


def test_removed_swapped_doubled_and_foreign_records_are_found() -> None:
    good = chain(BODIES)
    foreign = chain(BODIES, "session/b")
    broken = {
        2: [good[0], *good[2:]],
        3: [*good[:2], good[3], good[2], good[4]],
        4: [*good[:3], good[2], *good[3:]],
        5: [*good[:4], replace(foreign[4], stream=STREAM)],
    }
    for version, records in broken.items():
        problem = audit.verify(STREAM, records)
        assert problem is not None
        assert problem.version == version


def test_a_renumbered_chain_with_a_gap_closed_is_found() -> None:
    good = chain(BODIES)
    closed = [good[0], *(replace(r, version=r.version - 1) for r in good[2:])]
    problem = audit.verify(STREAM, closed)
    assert problem is not None
    assert problem.version == 2


def test_an_erased_body_keeps_the_chain_whole() -> None:
    records = chain(BODIES)
    records[2] = replace(records[2], body=None)
    assert audit.verify(STREAM, records) is None
    records[2] = replace(records[2], body_hash=bytes(32))
    assert audit.verify(STREAM, records) is not None


def test_a_chain_is_verified_from_any_place_on() -> None:
    records = chain(BODIES)
    assert audit.verify(STREAM, records[3:], 3, records[2].hash) is None
    assert audit.verify(STREAM, records[3:], 3, records[1].hash) is not None
    assert audit.verify(STREAM, records[3:], 2, records[2].hash) is not None


def test_whole_seconds_hash_alike_as_integers_and_as_numbers_read_back() -> None:
    args = (STREAM, 1, 2.0, "me", "Kind", 1, bytes(32))
    whole = (STREAM, 1, 2, "me", "Kind", 1, bytes(32))
    assert audit.link(bytes(32), *args) == audit.link(bytes(32), *whole)


FIELD = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
PARTS = st.tuples(FIELD, st.integers(1, 99), st.floats(0, 9), FIELD, FIELD, st.integers(1, 9))


@given(PARTS, PARTS)
def test_no_two_different_records_have_the_same_encoding(one: Any, two: Any) -> None:
    first, second = (audit.link(bytes(32), *parts, bytes(32)) for parts in (one, two))
    assert (first == second) == (one == two)


# ---------------------------------------------------------------- seals


def signed(*heads: tuple[str, int, str], key: str = "k") -> Sealed:
    """A seal whose signature `check` accepts."""
    return Sealed(heads, key, hashlib.sha256(key.encode() + audit.payload(heads)).hexdigest())


def check(key: str, payload: bytes, signature: str) -> bool:
    """A stand-in for Ed25519: whoever knows the key can sign."""
    return hashlib.sha256(key.encode() + payload).hexdigest() == signature


STORED = {("session/a", 2): "aa", ("session/a", 5): "ab", ("session/b", 1): "ba"}
SEALS = [signed(("session/a", 2, "aa")), signed(("session/a", 5, "ab"), ("session/b", 1, "ba"))]


def stored(stream: str, version: int) -> str | None:
    """What the store has there."""
    return STORED.get((stream, version))


def test_seals_over_what_is_stored_hold() -> None:
    assert audit.verify_seals(SEALS, stored, check) is None


def test_a_rewritten_stream_is_found_by_the_first_seal_over_it() -> None:
    rewritten = {**STORED, ("session/a", 5): "ff"}
    problem = audit.verify_seals(SEALS, lambda s, v: rewritten.get((s, v)), check)
    assert problem == Problem("session/a", 5, "it is not what was sealed (seal 2)")


def test_a_stream_cut_short_is_found() -> None:
    cut = {place: value for place, value in STORED.items() if place[1] != 5}
    problem = audit.verify_seals(SEALS, lambda s, v: cut.get((s, v)), check)
    assert problem == Problem("session/a", 5, "it is missing (seal 2)")


def test_a_changed_seal_and_a_foreign_key_are_found() -> None:
    bent = [SEALS[0], replace(SEALS[1], heads=(("session/a", 5, "ff"),))]
    wrong = Problem(audit.STREAM, 2, "its signature is wrong")
    assert audit.verify_seals(bent, stored, check) == wrong
    assert audit.verify_seals([SEALS[0], replace(SEALS[1], key="other")], stored, check) == wrong


def test_only_the_stream_asked_for_is_compared() -> None:
    rewritten = {**STORED, ("session/a", 5): "ff"}
    for only, found in (("session/b", False), ("session/a", True)):
        problem = audit.verify_seals(SEALS, lambda s, v: rewritten.get((s, v)), check, only)
        assert (problem is not None) == found


@given(st.lists(st.tuples(FIELD, st.integers(1, 9), FIELD), max_size=3), st.data())
def test_a_signature_is_for_exactly_these_heads(
    heads: list[tuple[str, int, str]], data: st.DataObject
) -> None:
    others = data.draw(st.lists(st.tuples(FIELD, st.integers(1, 9), FIELD), max_size=3))
    assert (audit.payload(heads) == audit.payload(others)) == (heads == others)


def test_a_seal_is_kept_and_counted_and_an_empty_one_is_refused() -> None:
    seal = Seal(audit.STREAM, SEALS[0].heads, "k", "s")
    facts = audit.decide(Seals(), seal, At(1.0, "sealer"))
    assert facts == [Sealed(SEALS[0].heads, "k", "s")]
    assert audit.fold(Seals(), facts[0]).count == 1
    with pytest.raises(Refused, match="nothing has changed"):
        audit.decide(Seals(), replace(seal, heads=()), At(1.0, "sealer"))
    assert audit.AGGREGATE.wake(Seals()) is None
