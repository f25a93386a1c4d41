"""Chat Completions without a connection: bytes in, parts out, and what is asked."""

import gzip
import re
from contextlib import suppress
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from fault_server import Row, encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from provider_kit import TOOL, prompt, reply
from speakers import Event

from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import Call, Document, Image, Message, Prompt, Reasoning, Text
from tuiagent.kernel.reply import Part, StopPart
from tuiagent.providers.compatible import Compatible, Events
from tuiagent.providers.faults import Faults
from tuiagent.providers.limits import Limits
from tuiagent.providers.sse import BOM, EventStream
from tuiagent.response import Inflater, Response

ORIGIN = "openai/m"


def request(asked: Prompt, **more: Any) -> bytes:
    """The body of a request in Chat Completions."""
    return msgspec.json.encode(Compatible(**more).request(asked, ORIGIN))


calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


# ---------------------------------------------------------------- bytes, split anywhere


RICH = Row(
    "rich",
    events=(
        Event(lines='\xef\xbb\xbfdata: {"choices": [{"delta": {"reasoning": "hm"}}]}\r\n\r\n'),
        Event(lines=": a comment\r\n\r\n"),
        Event(lines='data: {"choices": [\r\ndata: {"delta": {"content": "So: "}}]}\r\n\r\n'),
        Event(lines='data: {"choices": [{"delta":\r'),
        Event(lines='data:  {"content": "Gr\xc3\xbc\xc3\x9fe \xf0\x9f\x99\x82"}}]}\r\r'),
        Event(lines='event: x\r\nid: 1\r\ndata:{"choices":[{"delta":{"content":"!"}}]}\r\n\r\n'),
        Event(call={"index": 0, "id": "c1", "name": "shell", "arguments": '{"a":'}),
        Event(call={"index": 0, "arguments": "1}"}),
        Event(stop="tool_calls"),
        Event(usage={"prompt_tokens": 5, "completion_tokens": 2}),
    ),
)


def parts_of(pieces: list[bytes]) -> list[Part]:
    """The parts of an answer that arrives in these pieces, without any connection."""
    response, lines = Response(Limits().head, Limits().body), EventStream(1000)
    events = Events(Faults("openai", "here", None, "m"), ORIGIN)
    parts: list[Part] = []
    for piece in pieces:
        response.feed(piece)
        for body in response.take():
            for data in lines.feed(body):
                parts += events.feed(data)
    assert response.complete
    return parts


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_splitting_the_stream_at_any_byte_changes_nothing(encoding: str) -> None:
    data = encode(msgspec.structs.replace(RICH, encoding=encoding))
    whole = parts_of([data])
    assert reply(whole).text == "So: Grüße 🙂!"
    assert reply(whole).calls[0].args == {"a": 1}
    assert reply(whole).blocks[0] == Reasoning("hm", {"origin": ORIGIN})
    assert whole[-1] == StopPart("calls")
    for at in range(1, len(data)):
        assert parts_of([data[:at], data[at:]]) == whole
    assert parts_of([data[i : i + 1] for i in range(len(data))]) == whole


def test_a_bomb_is_not_inflated_past_its_room() -> None:
    packed = gzip.compress(bytes(50 << 20))
    assert sum(map(len, Inflater().feed(packed, 3 << 20))) == 4 << 20


def reference(body: bytes) -> list[bytes]:
    """The specification's algorithm, line by line."""
    lines = re.split(rb"\r\n|\r|\n", body.removeprefix(b"\xef\xbb\xbf"))
    events: list[bytes] = []
    data: list[bytes] = []
    for line in lines[:-1]:
        field, _, value = line.partition(b":")
        if not line:
            events += [b"\n".join(data)] if data else []
            data = []
        elif field == b"data":
            data.append(value.removeprefix(b" "))
    return events


PIECES = st.sampled_from(
    (b"data", b":", b" ", b"x", b"\r", b"\n", b"\r\n", b"\n\n", b"data: y\n", b"id: 1", BOM)
)


@calm
@given(st.lists(PIECES, max_size=30), st.lists(st.integers(0, 120), max_size=6))
def test_events_are_those_of_the_specification(pieces: list[bytes], cuts: list[int]) -> None:
    body = b"".join(pieces)
    stream = EventStream(1000)
    places = [0, *sorted(min(cut, len(body)) for cut in cuts), len(body)]
    found: list[bytes] = []
    for start, end in pairwise(places):
        found += stream.feed(body[start:end])
    assert found == reference(body)


def survives(data: bytes) -> None:
    """Nothing but a ProviderError comes of an event, and its parts add up."""
    events = Events(Faults("openai", "here", None, "m"), ORIGIN)
    with suppress(ProviderError):
        reply(events.feed(data))


@calm
@given(st.binary(max_size=300))
def test_no_event_breaks_the_translator(data: bytes) -> None:
    survives(data)


NAMES = """choices delta content tool_calls index id function name arguments finish_reason usage
    prompt_tokens completion_tokens prompt_tokens_details error message model type reasoning refusal
    code text""".split()
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=20,
)


@calm
@given(JSON)
def test_wrong_types_are_tolerated(value: Any) -> None:
    for delta in (value, {"tool_calls": [value]}, {"tool_calls": [{"function": value}]}):
        survives(msgspec.json.encode({"choices": [{"delta": delta}]}))
    survives(msgspec.json.encode(value))
    survives(msgspec.json.encode({"choices": [value], "usage": value}))


# ---------------------------------------------------------------- the request


def history(length: int) -> tuple[Message, ...]:
    """A conversation in which call ids are missing, doubled, too long and illegal."""
    messages: list[Message] = [Message("user", (Text("begin"),))]
    given_ids = ["c1", "c1", "", "x" * 500, "with space", "c2"]
    for turn in range(length):
        ids = (given_ids[turn % 6], given_ids[(turn + 1) % 6])
        calls = tuple(
            Call(f"a{turn}.{n}", "shell", {"command": f"echo {turn}"}, provider_id=ident)
            for n, ident in enumerate(ids)
        )
        messages.append(Message("assistant", (Reasoning("hm"), Text(f"turn {turn}"), *calls)))
        messages += [Message("tool", (Text(f"out {turn}"),), call) for call in calls]
    return tuple(messages)


def test_a_longer_prompt_begins_with_the_shorter_one_byte_for_byte() -> None:
    messages = history(12)
    before = b""
    for end in range(1, len(messages) + 1):
        body = request(Prompt("m", "system", (TOOL,), messages[:end]))
        assert body.startswith(before)
        assert body.endswith(b"]}")
        before = body[:-2]


def test_every_call_is_paired_with_its_result_under_an_id_of_its_own() -> None:
    body = msgspec.json.decode(request(Prompt("m", "", (), history(12))))
    used: set[str] = set()
    waiting: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
            continue
        waiting = [call["id"] for call in message.get("tool_calls", [])]
        assert not used & set(waiting)
        assert len(set(waiting)) == len(waiting)
        assert all(re.fullmatch(r"[\w-]{1,64}", ident) for ident in waiting)
        used |= set(waiting)
    assert "c1" in used
    assert not waiting


def test_a_request_holds_what_the_model_needs_and_no_more() -> None:
    call = Call("a1.1", "no such/tool", None, "{oh", "c1")
    answer = Message("assistant", (Reasoning("hm"), call))
    result = Message("tool", (Text("there is no such tool"),), call, failed=True)
    body = msgspec.json.decode(request(prompt("hello", answer, result)))
    function = {"name": TOOL.name, "description": TOOL.description, "parameters": TOOL.parameters}
    called = {"name": "no_such_tool", "arguments": '{"unreadable":"{oh"}'}
    assert body == {
        "model": "m-asked",
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [{"type": "function", "function": function}],
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "hello"},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [{"id": "c1", "type": "function", "function": called}],
            },
            {"role": "tool", "tool_call_id": "c1", "content": "there is no such tool"},
        ],
    }


def test_thoughts_go_back_only_where_they_are_asked_for() -> None:
    rows = [{"type": "reasoning.text", "text": "hm", "signature": "s"}]
    own = Reasoning("hm", {"origin": ORIGIN, "reasoning_details": rows})
    answer = Message("assistant", (Reasoning("aside", {"origin": "other/m"}), own, Text("yes")))
    said = {"role": "assistant", "content": "yes"}
    for field, back in (
        ("", {}),
        ("reasoning_content", {"reasoning_content": "hm"}),
        ("reasoning_details", {"reasoning_details": rows}),
    ):
        body = msgspec.json.decode(request(prompt("hello", answer), thoughts=field))
        assert body["messages"][-1] == said | back


PICTURE, PAPER = Image("image/png", "aa", "a.png", 3, 2), Document("application/pdf", "bb", "b.pdf")


def with_media(**more: Any) -> list[dict[str, Any]]:
    """The messages of a prompt with an image, a call that gave two and one that gave none."""
    first, second = Call("p1.1.1", "read", {}), Call("p1.1.2", "read", {})
    history = (
        Message("user", (Text("look"), PICTURE)),
        Message("assistant", (first, second)),
        Message("tool", (Text("an image"), PICTURE, PAPER), first),
        Message("tool", (Text("plain"),), second),
        Message("user", (Text("well?"),)),
    )
    return msgspec.json.decode(request(Prompt("m", "", (), history, **more)))["messages"]


def test_images_and_documents_are_sent_and_follow_all_results_of_a_reply() -> None:
    messages = with_media(files={"aa": b"PNG", "bb": b"PDF"})
    assert [message["role"] for message in messages] == "user assistant tool tool user user".split()
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,UE5H"}}
    assert messages[0]["content"] == [{"type": "text", "text": "look"}, image]
    assert [message["content"] for message in messages[2:4]] == ["an image", "plain"]
    begin, *given = messages[4]["content"]
    assert "p1_1_1" in begin["text"]
    file = {"filename": "b.pdf", "file_data": "data:application/pdf;base64,UERG"}
    assert given == [image, {"type": "file", "file": file}]
    assert messages[5]["content"] == "well?"


@pytest.mark.parametrize(("why", "told"), [("it takes text", "it takes text"), ("", "not kept")])
def test_what_a_model_cannot_be_shown_is_told_in_words(why: str, told: str) -> None:
    messages = with_media(withheld=why)
    texts = [part["text"] for part in messages[0]["content"]]
    assert texts[0] == "look"
    assert "a.png (PNG, 3×2) is not shown to you" in texts[1]
    assert told in texts[1]
    assert "b.pdf (PDF) is not shown to you" in messages[4]["content"][2]["text"]


def test_a_longer_prompt_with_images_begins_with_the_shorter_one() -> None:
    call = Call("p1.1.1", "read", {})
    history = [Message("user", (Text("look"), PICTURE)), Message("assistant", (call,))]
    history += [Message("tool", (Text("seen"), PICTURE), call), Message("user", (Text("so"),))]
    files = {"aa": b"PNG"}
    bodies = [request(Prompt("m", "", (), tuple(history[:n]), files=files)) for n in (1, 3, 4)]
    for shorter, longer in pairwise(bodies):
        assert longer.startswith(shorter[:-2])
