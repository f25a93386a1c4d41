"""Models that break the protocol: calls written as text, and calls that a schema forces."""

import json
from typing import Any

import pytest
from fault_server import Row, Server
from provider_kit import asks, collect, prompt, reply
from speakers import Event

from tuiagent.engine.retry import retry_at
from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import Call, Message, Prompt, Reasoning, Text, ToolSpec
from tuiagent.kernel.reply import TextPart
from tuiagent.providers.remote import Usual
from tuiagent.providers.rescue import rescue

READ = ToolSpec(
    "read",
    "Reads a file.",
    {
        "type": "object",
        "properties": {"path": {"type": "string"}, "from": {"type": "integer"}},
        "required": ["path"],
    },
)
GOOD = '{"name": "read", "arguments": {"path": "a", "from": 3}}'
WRITTEN = [
    GOOD,
    f"\n{GOOD}\n",
    f"I read it.\n<tool_call>\n{GOOD}\n</tool_call>",
    f"<tool_call>{GOOD}",
    f"First:\n```json\n{GOOD}\n```\n",
    f"```\n{GOOD}",
    f"[TOOL_CALLS] [{GOOD}]",
    '{"tool": "read", "args": {"path": "a", "from": 3}}',
    '{"function": {"name": "read", "arguments": "{\\"path\\": \\"a\\", \\"from\\": 3}"}}',
    '{"name": "read", "parameters": {"path": "a", "from": 3}}',
]
TEXT = [
    "plain words",
    f"To call it, write {GOOD} yourself.",
    f"```json\n{GOOD}\n```\nThat is how it looks.",
    '{"name": "format_disk", "arguments": {"path": "a"}}',
    '{"name": "read", "arguments": {}}',
    '{"name": "read", "arguments": {"path": 3}}',
    '{"name": "read", "arguments": {"path": "a", "from": true}}',
    '{"name": "read", "arguments": {"path": "a", "force": "yes"}}',
    '{"name": "read", "arguments": ["a"]}',
    '{"path": "a"}',
    '{"name": "read", "arguments": {"path": "a"',
    "[1, 2]",
    "{" * 5000,
]


@pytest.mark.parametrize("text", WRITTEN)
def test_a_call_that_was_written_as_text_is_understood_and_marked(text: str) -> None:
    (call,) = rescue(text, (READ,))
    assert (call.name, json.loads(call.arguments)) == ("read", {"path": "a", "from": 3})
    assert call.details == {"rescued": True}


@pytest.mark.parametrize("text", TEXT)
def test_what_does_not_fit_a_tool_stays_text(text: str) -> None:
    assert rescue(text, (READ,)) == []


def test_several_calls_are_all_understood_or_none() -> None:
    other = '{"name": "read", "arguments": {"path": "b"}}'
    both = f"<tool_call>{GOOD}</tool_call>\n<tool_call>{other}</tool_call>"
    assert [json.loads(c.arguments)["path"] for c in rescue(both, (READ,))] == ["a", "b"]
    assert rescue(both.replace('"path": "b"', '"way": "b"'), (READ,)) == []


def asked(*more: Message) -> Prompt:
    return Prompt("tiny", "Be brief.", (READ,), (Message("user", (Text("go"),)), *more))


def answer(text: str) -> Row:
    return Row("a", events=(Event(text=text[:5]), Event(text=text[5:]), Event(stop="stop")))


@pytest.mark.parametrize(("rescues", "stop"), [(True, "calls"), (False, "end")])
async def test_rescuing_is_for_servers_of_small_models(rescues: bool, stop: str) -> None:
    async with Server([answer(GOOD)]) as server:
        provider = asks(server.url, usual=Usual(rescues=rescues))
        found = reply(await collect(provider, asked()))
        await provider.close()
    assert (found.stop, len(found.calls)) == (stop, rescues)
    assert found.text == GOOD


def sent(server: Server, number: int = 0) -> dict[str, Any]:
    return json.loads(server.requests[number].body)


async def test_calls_that_a_schema_forces_come_as_calls_and_are_told_as_text() -> None:
    call = '{"tool": "read", "args": {"path": "a"}}'
    rows = [answer(call), answer('{"tool": "answer", "args": {"text": "All done."}}')]
    async with Server(rows) as server:
        provider = asks(server.url, usual=Usual(structured=("tiny",)))
        first = reply(await collect(provider, asked()))
        (done,) = first.calls
        assert (first.stop, first.text, done.name, done.args) == (
            "calls",
            "",
            "read",
            {"path": "a"},
        )
        told = Message("tool", (Text("inside"),), done)
        parts = await collect(provider, asked(Message("assistant", first.blocks), told))
        assert [p.text for p in parts if isinstance(p, TextPart)] == ["All done."]
        await provider.close()
    body = sent(server, 1)
    assert "tools" not in body
    shapes = body["response_format"]["json_schema"]["schema"]["anyOf"]
    assert [shape["properties"]["tool"]["const"] for shape in shapes] == ["read", "answer"]
    system, _, said, result = body["messages"]
    assert "- read: Reads a file." in system["content"]
    assert json.loads(said["content"]) == json.loads(call)
    assert (result["role"], result["content"]) == ("user", "Result of read:\ninside")


@pytest.mark.parametrize("text", ["words", '{"tool": 3}', '{"tool": "answer", "args": {}}'])
async def test_an_answer_that_does_not_fit_after_all_is_shown(text: str) -> None:
    async with Server([answer(text)]) as server:
        provider = asks(server.url, usual=Usual(structured=("*",)))
        found = reply(await collect(provider, asked()))
        await provider.close()
    assert (found.text, found.stop) == (text, "end")


async def test_thoughts_that_are_not_taken_back_are_left_out_once() -> None:
    no = '{"error": {"message": "Invalid `signature` in `thinking` block"}}'
    refused = Row("no", status=400, type="application/json", body=no)
    origin = {"origin": "openai/m-asked"}
    call = Call("a1.1", "shell", {}, details={**origin, "x": "SECRET"})
    thought = Reasoning("deep", {**origin, "signature": "SECRET"})
    history = (Message("assistant", (thought, call)), Message("tool", (Text("out"),), call))
    async with Server([refused, GOOD_ROW, refused, refused], form="anthropic") as server:
        provider = asks(server.url, form="anthropic")
        assert reply(await collect(provider, prompt("go", *history))).text == "fine"
        bodies = [request.body for request in server.requests]
        assert b"SECRET" in bodies[0]
        assert b"SECRET" not in bodies[1]
        with pytest.raises(ProviderError, match="signature") as caught:
            await collect(provider, prompt("go", *history))
        await provider.close()
    assert (caught.value.kind, caught.value.retryable) == ("thoughts", False)
    assert len(server.requests) == 4


GOOD_ROW = Row("good", events=(Event(text="fine"), Event(stop="stop")))
LOADING = Row(
    "loading",
    status=503,
    type="application/json",
    body='{"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}',
)


async def test_a_model_that_is_being_loaded_is_waited_for_longer_than_other_failures() -> None:
    async with Server([LOADING]) as server:
        provider = asks(server.url)
        with pytest.raises(ProviderError) as caught:
            await collect(provider)
        await provider.close()
    other = ProviderError("server", "")
    assert retry_at(other, 30, 100.0, 0.5) is None
    assert retry_at(caught.value, 30, 100.0, 0.5) == 105.0
    assert retry_at(caught.value, 59, 100.0, 0.5) is None
