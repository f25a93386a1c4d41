"""What each dialect asks and understands, without a connection: dictionaries in, parts out."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from provider_kit import TOOL, reply
from recorded import ANSWERS, ANTHROPIC, CLAUDE, GEMINI, GOOGLE, GPT, ITEM, MODELS, RESPONSES

from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import (
    Call,
    Document,
    Image,
    Message,
    Prompt,
    Reasoning,
    Reply,
    Text,
    Usage,
)
from tuiagent.providers import DIALECTS
from tuiagent.providers.faults import Faults
from tuiagent.registry import load

OLD_CLAUDE, OLD_GEMINI = "claude-sonnet-4-5", "gemini-2.5-pro"
HELLO = Message("user", (Text("hello"),))


def asked(form: str, *messages: Message, model: str = "", **more: Any) -> dict[str, Any]:
    """The body of a request."""
    model = model or MODELS[form]
    prompt = Prompt(model, "Be brief.", (TOOL,), messages or (HELLO,), "session/s", **more)
    return load(DIALECTS[form])().request(prompt, f"p/{model}")


def heard(form: str, events: Sequence[dict[str, Any]], model: str = "") -> Reply:
    """What an answer of these events is."""
    model = model or MODELS[form]
    answer = load(DIALECTS[form])().answer(Faults("p", "here", None, model), f"p/{model}")
    parts = [part for event in events for part in answer.hear(event)]
    return reply([*parts, *answer.end()])


# ---------------------------------------------------------------- answers go back as they came


def results(answer: Reply) -> list[Message]:
    return [Message("tool", (Text(f"out {call.id}"),), call) for call in answer.calls]


@pytest.mark.parametrize("form", sorted(ANSWERS))
def test_an_answer_is_understood_whole(form: str) -> None:
    found = heard(form, ANSWERS[form])
    assert (found.text, found.stop, found.model) == ("Both:", "calls", MODELS[form])
    assert [call.args for call in found.calls] == [{"a": 1}, {}]
    assert found.usage == Usage(95, 7, 90, 0, 3)
    assert any(isinstance(block, Reasoning) for block in found.blocks)


def test_anthropic_thoughts_and_calls_go_back_unchanged() -> None:
    found = heard("anthropic", ANTHROPIC)
    body = asked("anthropic", HELLO, Message("assistant", found.blocks), *results(found))
    assert body["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "I see", "signature": "S1"},
        {"type": "redacted_thinking", "data": "XX"},
        {"type": "thinking", "thinking": "", "signature": "S2"},
        {"type": "text", "text": "Both:"},
        {"type": "tool_use", "id": "toolu_1", "name": "shell", "input": {"a": 1}},
        {"type": "tool_use", "id": "toolu_2", "name": "shell", "input": {}},
    ]
    given = body["messages"][2]["content"]
    assert [block["tool_use_id"] for block in given] == ["toolu_1", "toolu_2"]


def test_responses_items_go_back_unchanged() -> None:
    found = heard("responses", RESPONSES)
    body = asked("responses", HELLO, Message("assistant", found.blocks), *results(found))
    assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])
    thought, said, first, second, *outputs = body["input"][1:]
    assert thought == {**ITEM, "encrypted_content": "ENC"}
    assert said["content"][0]["text"] == "Both:"
    assert [(c["call_id"], c["arguments"]) for c in (first, second)] == [
        ("call_1", '{"a":1}'),
        ("call_2", "{}"),
    ]
    assert [o["call_id"] for o in outputs] == ["call_1", "call_2"]


def test_google_signatures_go_back_on_the_part_they_came_with() -> None:
    found = heard("google", GOOGLE)
    body = asked("google", HELLO, Message("assistant", found.blocks), *results(found))
    said, first, second = body["contents"][1]["parts"]
    assert said == {"text": "Both:"}
    assert first == {
        "functionCall": {"name": "shell", "args": {"a": 1}},
        "thoughtSignature": "U0lH",
    }
    assert second == {"functionCall": {"id": "f2", "name": "shell", "args": {}}}
    answers = [part["functionResponse"] for part in body["contents"][2]["parts"]]
    assert [answer.get("id") for answer in answers] == [None, "f2"]


@pytest.mark.parametrize("form", sorted(ANSWERS))
def test_another_model_gets_the_words_and_calls_but_no_thoughts(form: str) -> None:
    found = heard(form, ANSWERS[form], "another")
    body = asked(form, HELLO, Message("assistant", found.blocks), *results(found))
    told = json.dumps(body)
    assert "Both:" in told
    assert told.count("out a1.") == 2
    assert not any(secret in told for secret in ("S1", "XX", "ENC", "U0lH", "Look."))


# ---------------------------------------------------------------- what is asked


def history(turns: int) -> list[Message]:
    """A conversation of this many answers, with many calls in one of them."""
    messages = [HELLO]
    for turn in range(turns):
        count = 30 if turn == 3 else 1 + turn % 2
        calls = tuple(Call(f"a{turn}.{n}", "shell", {"n": n}) for n in range(count))
        messages.append(Message("assistant", (Text(f"turn {turn}"), *calls)))
        messages += [Message("tool", (Text(f"out {turn}"),), call) for call in calls]
        if turn % 3 == 2:
            messages.append(Message("user", (Text("(a note)"),)))
    return messages


def flat(form: str, body: dict[str, Any]) -> list[str]:
    """The history piece by piece, without marks for the cache."""
    if form in ("compatible", "responses"):
        return [json.dumps(m) for m in body["messages" if form == "compatible" else "input"]]
    turns = body["messages"] if form == "anthropic" else body["contents"]
    name = "content" if form == "anthropic" else "parts"
    return [
        json.dumps([turn["role"], {k: v for k, v in part.items() if k != "cache_control"}])
        for turn in turns
        for part in turn[name]
    ]


def requests(form: str) -> list[dict[str, Any]]:
    """Each request of a conversation: those that end with what people or tools said."""
    messages = history(8)
    ends = [n for n in range(1, len(messages) + 1) if messages[n - 1].role != "assistant"]
    whole = [n for n in ends if n == len(messages) or messages[n].role == "assistant"]
    return [asked(form, *messages[:n]) for n in whole]


@pytest.mark.parametrize("form", sorted(DIALECTS))
def test_a_longer_conversation_begins_with_the_shorter_one(form: str) -> None:
    before: list[str] = []
    for body in requests(form):
        now = flat(form, body)
        assert now[: len(before)] == before
        assert list(body)[-1] in ("messages", "contents", "input")
        before = now


def test_what_one_request_leaves_in_the_cache_the_next_one_looks_up() -> None:
    last = -1
    for body in requests("anthropic"):
        parts = [part for turn in body["messages"] for part in turn["content"]]
        marked = [n for n, part in enumerate(parts) if "cache_control" in part]
        assert marked[-1] == len(parts) - 1
        assert last in (-1, *marked)
        assert "cache_control" in body["system"][0]
        assert len(marked) <= 3
        last = marked[-1]


def thought(form: str, model: str, effort: str, *messages: Message) -> Any:
    """What a request says of thinking."""
    body = asked(form, *messages, model=model, effort=effort)
    found = (body.get(n) for n in ("thinking", "output_config", "reasoning", "reasoning_effort"))
    config = body.get("generationConfig", {}).get("thinkingConfig")
    return [each for each in (*found, config) if each is not None]


THOUGHTS: list[tuple[str, str, str, Any]] = [
    ("anthropic", CLAUDE, "", [{"type": "adaptive", "display": "summarized"}]),
    ("anthropic", CLAUDE, "off", [{"type": "disabled"}]),
    (
        "anthropic",
        CLAUDE,
        "high",
        [{"type": "adaptive", "display": "summarized"}, {"effort": "high"}],
    ),
    ("anthropic", OLD_CLAUDE, "", []),
    ("anthropic", OLD_CLAUDE, "low", [{"type": "enabled", "budget_tokens": 4096}]),
    ("anthropic", "claude-3-5-haiku", "high", []),
    ("anthropic", "glm-5", "high", []),
    ("responses", GPT, "", [{"summary": "auto"}]),
    ("responses", GPT, "max", [{"summary": "auto", "effort": "xhigh"}]),
    ("responses", "gpt-4.1", "high", []),
    ("google", GEMINI, "", [{"includeThoughts": True}]),
    ("google", GEMINI, "medium", [{"includeThoughts": True, "thinkingLevel": "medium"}]),
    ("google", OLD_GEMINI, "low", [{"includeThoughts": True, "thinkingBudget": 2048}]),
    ("google", "gemini-1.5-pro", "low", []),
    ("compatible", "m", "", []),
    ("compatible", "m", "high", ["high"]),
]


@pytest.mark.parametrize(("form", "model", "effort", "wanted"), THOUGHTS)
def test_effort_is_told_in_the_words_of_the_model(
    form: str, model: str, effort: str, wanted: Any
) -> None:
    assert thought(form, model, effort) == wanted


def test_thinking_is_not_begun_in_the_middle_of_work_that_began_without_it() -> None:
    call = Call("a1.1", "shell", {})
    begun = (HELLO, Message("assistant", (call,)), Message("tool", (Text("out"),), call))
    assert thought("anthropic", OLD_CLAUDE, "low", *begun) == []
    own = Reasoning("hm", {"origin": f"p/{OLD_CLAUDE}", "signature": "S"})
    begun = (HELLO, Message("assistant", (own, call)), begun[2])
    assert thought("anthropic", OLD_CLAUDE, "low", *begun)


NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
CLOSED = {**NUMBER, "additionalProperties": False}
BOUNDED = {**NUMBER, "properties": {"n": {"type": "integer", "minimum": 1}}}
LOOSE = {**NUMBER, "required": []}
OPEN = {**NUMBER, "additionalProperties": {"type": "string"}}
DEEP: dict[str, Any] = {"type": "string"}
for _ in range(40):
    DEEP = {"type": "array", "items": DEEP}
FREE = {"type": "object", "properties": {"n": {}}, "required": ["n"]}
WHOLE = {
    "type": "object",
    "properties": {"n": {"oneOf": [{"$ref": "#/$defs/a"}, {"const": None}]}},
    "required": ["n"],
    "$defs": {"a": BOUNDED},
}
TAKEN = {
    **WHOLE,
    "properties": {"n": {"anyOf": [{"$ref": "#/$defs/a"}, {"const": None}]}},
    "$defs": {"a": CLOSED},
    "additionalProperties": False,
}


def forced(form: str, schema: dict[str, Any]) -> Any:
    """How a request has an answer fit a schema: the schema, and whether all of it is kept to."""
    body = asked(form, schema=schema)
    if form == "compatible":
        told = body.get("response_format", {}).get("json_schema", {})
        return told["schema"], told.get("strict", False)
    if form == "responses":
        told = body["text"]["format"]
        return told["schema"], told["strict"]
    if form == "anthropic":
        told = body.get("output_config", {}).get("format", {})
        return told.get("schema"), bool(told)
    told = body["generationConfig"]
    assert told["responseMimeType"] == "application/json"
    return told["responseJsonSchema"], True


FORCED: list[tuple[str, dict[str, Any], Any]] = [
    *((form, NUMBER, (CLOSED, True)) for form in ("compatible", "responses", "anthropic")),
    *((form, BOUNDED, (CLOSED, True)) for form in ("compatible", "responses", "anthropic")),
    *((form, WHOLE, (TAKEN, True)) for form in ("compatible", "responses", "anthropic")),
    ("anthropic", LOOSE, ({**CLOSED, "required": []}, True)),
    *((form, LOOSE, (LOOSE, False)) for form in ("compatible", "responses")),
    *(
        (form, schema, (None if form == "anthropic" else schema, False))
        for form in ("compatible", "responses", "anthropic")
        for schema in (
            OPEN,
            DEEP,
            FREE,
            {"type": "object"},
            {**NUMBER, "required": ["m"]},
            {**NUMBER, "not": {}},
            {**NUMBER, "properties": []},
            {"type": "array"},
        )
    ),
    *(("google", schema, (schema, True)) for schema in (NUMBER, BOUNDED, OPEN)),
]


@pytest.mark.parametrize(("form", "schema", "wanted"), FORCED)
def test_an_answer_is_made_to_fit_as_far_as_each_provider_can(
    form: str, schema: dict[str, Any], wanted: Any
) -> None:
    assert forced(form, schema) == wanted


PICTURE, PAPER = Image("image/png", "aa", "a.png", 3, 2), Document("application/pdf", "bb", "b.pdf")
SHOWN = {
    "compatible": (
        '"url": "data:image/png;base64,UE5H"',
        '"file_data": "data:application/pdf;base64,UERG"',
    ),
    "anthropic": ('"media_type": "image/png", "data": "UE5H"', '"application/pdf", "data": "UERG"'),
    "responses": (
        '"image_url": "data:image/png;base64,UE5H"',
        '"file_data": "data:application/pdf;base64,UERG"',
    ),
    "google": ('"mimeType": "image/png", "data": "UE5H"', '"application/pdf", "data": "UERG"'),
}


@pytest.mark.parametrize("form", sorted(DIALECTS))
def test_images_and_documents_are_shown_or_told(form: str) -> None:
    calls = tuple(Call(f"a1.{n}", "read", {}) for n in (1, 2))
    messages = (
        Message("user", (Text("look"), PICTURE)),
        Message("assistant", calls),
        Message("tool", (Text("a paper"), PAPER), calls[0]),
        Message("tool", (Text("plain"),), calls[1]),
    )
    told = json.dumps(asked(form, *messages, files={"aa": b"PNG", "bb": b"PDF"}))
    assert all(told.count(part) == 1 for part in SHOWN[form])
    blind = json.dumps(asked(form, *messages, withheld="it takes text"), ensure_ascii=False)
    assert "a.png (PNG, 3×2) is not shown to you: it takes text" in blind
    assert "b.pdf (PDF) is not shown to you: it takes text" in blind
    assert "base64" not in blind


# ---------------------------------------------------------------- why an answer stopped

STOPS: list[tuple[str, dict[str, Any], str]] = [
    *(
        ("anthropic", {"type": "message_delta", "delta": {"stop_reason": theirs}}, ours)
        for theirs, ours in (
            ("end_turn", "end"),
            ("stop_sequence", "end"),
            ("max_tokens", "length"),
            ("refusal", "refusal"),
            ("pause_turn", "pause_turn"),
        )
    ),
    *(
        ("google", {"candidates": [{"finishReason": theirs}]}, ours)
        for theirs, ours in (
            ("STOP", "end"),
            ("MAX_TOKENS", "length"),
            ("SAFETY", "filter"),
            ("MODEL_ARMOR", "filter"),
            ("CONTINUATION", "CONTINUATION"),
        )
    ),
    ("google", {"promptFeedback": {"blockReason": "SAFETY"}}, "filter"),
    ("responses", {"type": "response.completed", "response": {}}, "end"),
    *(
        (
            "responses",
            {"type": "response.incomplete", "response": {"incomplete_details": {"reason": theirs}}},
            ours,
        )
        for theirs, ours in (("max_output_tokens", "length"), ("content_filter", "filter"))
    ),
]


@pytest.mark.parametrize(("form", "event", "ours"), STOPS)
def test_each_reason_to_stop_has_its_name(form: str, event: dict[str, Any], ours: str) -> None:
    assert heard(form, [event]).stop == ours


FAILURES: list[tuple[str, dict[str, Any], str]] = [
    (
        "anthropic",
        {"type": "message_delta", "delta": {"stop_reason": "model_context_window_exceeded"}},
        "too_long",
    ),
    (
        "anthropic",
        {"type": "error", "error": {"type": "overloaded_error", "message": "x"}},
        "overloaded",
    ),
    ("google", {"candidates": [{"finishReason": "MALFORMED_FUNCTION_CALL"}]}, "server"),
    (
        "responses",
        {
            "type": "response.failed",
            "response": {"error": {"code": "rate_limit_exceeded", "message": "try again in 1s"}},
        },
        "rate_limit",
    ),
    ("responses", {"type": "error", "code": "server_error", "message": "x"}, "server"),
]


@pytest.mark.parametrize(("form", "event", "kind"), FAILURES)
def test_a_failure_in_the_stream_is_typed(form: str, event: dict[str, Any], kind: str) -> None:
    with pytest.raises(ProviderError) as caught:
        heard(form, [event])
    assert caught.value.kind == kind


# ---------------------------------------------------------------- nothing breaks a translator

NAMES = sorted(
    {
        *"type index delta content_block message usage stop_reason text thinking signature".split(),
        *"partial_json id name input candidates content parts functionCall args thought".split(),
        *"thoughtSignature finishReason usageMetadata promptTokenCount response item".split(),
        *"output output_index summary_index arguments call_id summary error".split(),
        "encrypted_content",
        *"input_tokens output_tokens incomplete_details reason promptFeedback modelVersion".split(),
    }
)
KINDS = sorted({event["type"] for event in (*ANTHROPIC, *RESPONSES)})
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.sampled_from([*KINDS, "tool_use", "thinking", "text_delta", "function_call", "message"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=15,
)


@pytest.mark.parametrize("form", sorted(DIALECTS))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(events=st.lists(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5), max_size=4))
def test_wrong_types_are_tolerated(form: str, events: list[dict[str, Any]]) -> None:
    with suppress(ProviderError):
        heard(form, events)


@pytest.mark.parametrize("form", sorted(DIALECTS))
def test_an_answer_that_does_not_say_why_it_stopped_is_a_failure(form: str) -> None:
    with pytest.raises(ProviderError) as caught:
        heard(form, ANSWERS.get(form, [{}])[:-2] if form == "anthropic" else [{}])
    assert (caught.value.kind, caught.value.retryable) == ("cut", True)
