"""A reply adds up from its parts."""

from hypothesis import given
from hypothesis import strategies as st

from tuiagent.kernel.message import Call, Reasoning, Text, Usage
from tuiagent.kernel.reply import (
    Assembly,
    CallPart,
    ReasoningPart,
    StopPart,
    TextPart,
    UsagePart,
    parse_arguments,
)


def test_text_reasoning_and_parallel_calls() -> None:
    assembly = Assembly("p1.1")
    for part in (
        ReasoningPart("hm", {"signature": "s"}),
        TextPart("He"),
        TextPart("llo"),
        CallPart(0, "a", "read", '{"path":'),
        CallPart(1, "b", "shell", "{}"),
        CallPart(0, arguments='"f"}'),
        TextPart("more"),
        UsagePart(Usage(1, 2), "m"),
    ):
        assembly.add(part)
    assert assembly.stop is None
    assembly.add(StopPart("calls"))
    reply = assembly.reply()
    assert reply.blocks == (
        Reasoning("hm", {"signature": "s"}),
        Text("Hello"),
        Call("p1.1.1", "read", {"path": "f"}, "", "a"),
        Call("p1.1.2", "shell", {}, "", "b"),
        Text("more"),
    )
    assert (reply.text, reply.stop, reply.model, reply.usage) == (
        "Hellomore",
        "calls",
        "m",
        Usage(1, 2),
    )
    assert [call.id for call in reply.calls] == ["p1.1.1", "p1.1.2"]


@given(st.text(), st.lists(st.integers(0, 30)))
def test_however_the_text_is_cut_it_is_the_same_block(text: str, cuts: list[int]) -> None:
    assembly = Assembly("a")
    last = 0
    for cut in sorted(cuts):
        assembly.add(TextPart(text[last:cut]))
        last = max(last, cut)
    assembly.add(TextPart(text[last:]))
    assert assembly.text == text
    assert assembly.reply().text == text


def test_arguments() -> None:
    assert parse_arguments("") == {}
    assert parse_arguments('{"a":1}') == {"a": 1}
    assert parse_arguments('"{\\"a\\":1}"') == {"a": 1}
    for broken in ('{"a":', "[1]", "1", '"x"', "[" * 100_000):
        assert parse_arguments(broken) is None
