"""Facts and intents survive the codec; what is not known is kept as it is."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.test_session import lived, lives
from tuiagent.kernel.aggregates import AGGREGATES, codec
from tuiagent.kernel.codec import Record
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Erased, Fact, Intent, Unknown

CODEC = codec()
FACTS = sorted({f for a in AGGREGATES.values() for f in a.facts}, key=lambda kind: kind.__name__)
INTENTS = sorted({i for a in AGGREGATES.values() for i in a.intents}, key=lambda k: k.__name__)


def sample(kind: type[msgspec.Struct]) -> Any:
    """An instance with a value in every field, from the types that msgspec knows."""
    return msgspec.convert(_value(msgspec.inspect.type_info(kind)), kind)


def _value(info: Any) -> Any:
    name = type(info).__name__
    if name == "StructType":
        value = {f.encode_name: _value(f.type) for f in info.fields}
        return {info.tag_field: info.tag, **value} if info.tag_field else value
    if name == "UnionType":
        return _value(next(t for t in info.types if type(t).__name__ != "NoneType"))
    if name == "VarTupleType":
        return [_value(info.item_type)]
    if name == "TupleType":
        return [_value(item) for item in info.item_types]
    if name == "DictType":
        return {"k": _value(info.value_type)}
    plain = {"StrType": "wörd", "IntType": 7, "FloatType": 1.5, "BoolType": True, "AnyType": [1]}
    plain |= {"BytesType": "eA=="}
    return plain[name]


@pytest.mark.parametrize("kind", FACTS, ids=lambda kind: kind.__name__)
def test_each_fact_survives(kind: type[Fact]) -> None:
    fact = sample(kind)
    draft = CODEC.draft(fact)
    assert CODEC.fact(draft.kind, draft.shape, draft.body) == fact


@pytest.mark.parametrize("kind", INTENTS, ids=lambda kind: kind.__name__)
def test_each_intent_survives(kind: type[Intent]) -> None:
    intent = sample(kind)
    assert CODEC.intent(CODEC.intent_bytes(intent)) == intent


@given(lives)
def test_a_whole_life_survives(life: tuple[int, int]) -> None:
    for fact in lived(life, rest=False).facts:
        draft = CODEC.draft(fact)
        assert CODEC.fact(draft.kind, draft.shape, draft.body) == fact


def test_what_threads_share_is_made_before_they_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """msgspec crashes where a type is first read by two threads at once."""
    known = codec()
    monkeypatch.delattr(msgspec.json, "Decoder")
    for kind in FACTS:
        fact = known.fact(kind.__name__, 1 + len(kind.upgrades), b"{")
        assert isinstance(fact, Unknown)


@given(st.text(min_size=1), st.binary())
def test_an_unknown_kind_is_kept_as_it_is(kind: str, body: bytes) -> None:
    record = Record(1, "session/x", 1, 0.0, "owner", f"{kind}?", 1, body, b"", b"")
    event = CODEC.event(record)
    assert event.fact == Unknown(f"{kind}?", body)
    assert event.kind == f"{kind}?"
    assert CODEC.body(event.fact)[2] == body


def test_a_newer_shape_and_a_broken_body_are_unknown_and_an_erased_one_erased() -> None:
    body = b'{"mode":"ask"}'
    assert isinstance(CODEC.fact("ModeChanged", 2, body), Unknown)
    assert isinstance(CODEC.fact("ModeChanged", 1, b'{"mode":1}'), Unknown)
    assert CODEC.fact("ModeChanged", 1, None) == Erased("ModeChanged")
    with pytest.raises(TuiagentError):
        CODEC.draft(Unknown("x", b""))


@pytest.mark.parametrize("data", [b"", b"{}", b'{"intent":"Nothing","body":{}}', b"\xff"])
def test_an_intent_that_cannot_be_read_is_an_error(data: bytes) -> None:
    with pytest.raises(TuiagentError):
        CODEC.intent(data)
