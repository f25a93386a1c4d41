"""What every provider in the table must do, and the scripted one beside."""

import asyncio
import importlib
import subprocess
import sys
import tomllib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fault_server import Row, Server
from provider_kit import TRANSPORTS, collect, prompt, reply
from speakers import SPEAKERS, Event

from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import Message, Prompt, Text
from tuiagent.kernel.reply import StopPart, TextPart
from tuiagent.ports import Provider
from tuiagent.providers import DIALECTS, TABLE
from tuiagent.providers.scripted import Scripted, ScriptedCall, ScriptedError, Turn, load

# ---------------------------------------------------------------- every provider in the table


def row_of(turn: Turn) -> Row:
    """The answer of a server that says the same as a scripted turn."""
    events = [Event(text=piece) for piece in turn.text]
    for index, call in enumerate(turn.calls):
        arguments = call.raw or msgspec.json.encode(call.args).decode()
        named = {"index": index, "id": f"c{index}", "name": call.tool}
        events.append(Event(call=named | {"arguments": arguments[:3]}))
        events.append(Event(call={"index": index, "arguments": arguments[3:]}))
    if turn.delay:
        return Row("turn", events=tuple(events), done=False, end="hang")
    if turn.error:
        events.append(Event(error=(turn.error.kind, turn.error.message)))
    events.append(Event(stop="tool_calls" if turn.calls else "stop"))
    return Row("turn", events=tuple(events))


Maker = Callable[[list[Turn]], Any]


def remote(form: str, transport: str) -> Maker:
    @asynccontextmanager
    async def make(turns: list[Turn]) -> AsyncGenerator[Provider]:
        async with Server([row_of(turn) for turn in turns], form=form) as server:
            provider = TRANSPORTS[transport](server.url, form=form)
            yield provider
            await provider.close()

    return make


@asynccontextmanager
async def scripted(turns: list[Turn]) -> AsyncGenerator[Provider]:
    left = list(turns)

    async def forever(_: float) -> None:
        await asyncio.Event().wait()

    provider = Scripted(lambda _: left.pop(0), forever)
    yield provider
    await provider.close()


MAKERS: dict[str, Maker] = {
    "scripted": scripted,
    **{
        f"{form}-{transport}": remote(form, transport)
        for form in SPEAKERS
        for transport in TRANSPORTS
    },
}


@pytest.fixture(params=sorted(MAKERS))
def make(request: pytest.FixtureRequest) -> Maker:
    return MAKERS[request.param]


def test_the_table_names_what_exists() -> None:
    assert set(SPEAKERS) == set(DIALECTS)
    for place in (*TABLE.values(), *DIALECTS.values()):
        module, _, attribute = place.partition(":")
        assert callable(getattr(importlib.import_module(module), attribute))


async def test_words_come_in_order_and_the_stop_comes_last(make: Maker) -> None:
    async with make([Turn(["One ", "two ", "three."])]) as provider:
        parts = await collect(provider)
    assert [p.text for p in parts if isinstance(p, TextPart)] == ["One ", "two ", "three."]
    assert [p for p in parts if isinstance(p, StopPart)] == [parts[-1]] == [StopPart("end")]
    assert reply(parts).model


async def test_calls_come_whole_and_told_apart(make: Maker, request: pytest.FixtureRequest) -> None:
    strict = "google-sdk" in request.node.name  # it refuses an answer with such arguments
    wanted = [ScriptedCall("read", {"path": "a"}), ScriptedCall("shell", {"command": "ls"})]
    broken = [] if strict else [ScriptedCall("list", raw="{oh")]
    async with make([Turn(["Two: "], calls=[*wanted, *broken])]) as it:
        found = reply(await collect(it))
    assert [(c.name, c.args, c.raw) for c in found.calls] == [
        ("read", {"path": "a"}, ""),
        ("shell", {"command": "ls"}, ""),
        *(("list", None, "{oh") for _ in broken),
    ]
    assert len({c.provider_id for c in found.calls} - {""}) == len(found.calls)
    assert (found.text, found.stop) == ("Two: ", "calls")


@pytest.mark.parametrize("kind", ["overloaded", "rate_limit", "server_error"])
async def test_a_failure_is_typed_and_the_next_request_works(make: Maker, kind: str) -> None:
    wanted = kind.removesuffix("_error")
    failing = Turn(["Half"], error=ScriptedError(wanted if make is scripted else kind, "no"))
    async with make([failing, Turn(["whole"])]) as provider:
        with pytest.raises(ProviderError, match="no") as caught:
            await collect(provider)
        assert (caught.value.kind, caught.value.retryable) == (wanted, True)
        assert reply(caught.value.__dict__["parts"]).text == "Half"
        assert reply(await collect(provider)).text == "whole"


async def test_cancelling_ends_a_stream_at_once_and_spares_the_next(make: Maker) -> None:
    begun = asyncio.Event()

    async def listen(provider: Provider) -> None:
        async for _ in provider.stream(prompt()):
            begun.set()

    async with make([Turn(["and then "], delay=1.0), Turn(["later"])]) as provider:
        task = asyncio.create_task(listen(provider))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert reply(await collect(provider)).text == "later"


async def test_two_streams_at_once_do_not_mix(make: Maker) -> None:
    async with make([Turn(["aa "] * 50), Turn(["bb "] * 50)]) as provider:
        found = await asyncio.gather(collect(provider), collect(provider))
    assert sorted(reply(parts).text for parts in found) == ["aa " * 50, "bb " * 50]


async def test_closing_twice_is_closing(make: Maker) -> None:
    async with make([Turn(["x"])]) as provider:
        await collect(provider)
        await provider.close()


# ---------------------------------------------------------------- an answer that fits a schema

NUMBER = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
ABLE = {
    "compatible": "gpt-5.5",
    "responses": "gpt-5.5",
    "anthropic": "claude-sonnet-5",
    "google": "gemini-3-pro",
}
REFUSED = Row(
    "no schema",
    status=400,
    type="application/json",
    body='{"error": {"type": "invalid_request_error", "message": "no such parameter"}}',
)
OVER = [
    (form, transport, model)
    for form in SPEAKERS
    for transport in TRANSPORTS
    for model in (ABLE[form], "unknown-1")
]


def wants(model: str) -> Prompt:
    return msgspec.structs.replace(prompt("a number"), model=model, schema=NUMBER)


def told(server: Server) -> list[bool]:
    """Of each request, whether it has the schema."""
    return ["'n'" in repr(msgspec.json.decode(one.body)) for one in server.requests]


@pytest.mark.parametrize(("form", "transport", "model"), OVER)
async def test_a_schema_goes_to_models_that_keep_to_it(
    form: str, transport: str, model: str
) -> None:
    async with Server([row_of(Turn('{"n": 1}'))], form=form) as server:
        provider = TRANSPORTS[transport](server.url, form=form)
        assert reply(await collect(provider, wants(model))).text == '{"n": 1}'
        await provider.close()
    assert told(server) == [model == ABLE[form]]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("form", SPEAKERS)
async def test_what_is_refused_with_a_schema_is_asked_without_one(
    form: str, transport: str
) -> None:
    rows = [REFUSED, row_of(Turn('{"n": 1}')), row_of(Turn('{"n": 2}')), REFUSED, REFUSED]
    async with Server(rows, form=form) as server:
        provider = TRANSPORTS[transport](server.url, form=form)
        assert reply(await collect(provider, wants(ABLE[form]))).text == '{"n": 1}'
        assert reply(await collect(provider, wants(ABLE[form]))).text == '{"n": 2}'
        with pytest.raises(ProviderError, match="no such parameter") as caught:
            await collect(provider, wants(ABLE[form]))
        await provider.close()
    assert caught.value.kind == "bad_request"
    assert told(server) == [True, False, False, False]


# ---------------------------------------------------------------- scripts


def after(turn: int) -> Prompt:
    said = tuple(Message("assistant", (Text(f"{n}"),)) for n in range(turn))
    return prompt("hello", *said)


async def test_the_tour_says_what_it_is_and_calls_the_tools() -> None:
    provider = Scripted("tour")
    turns = len(load("tour").turns)
    assert 8 <= turns <= 10
    used: list[str] = []
    for turn in range(turns + 2):
        found = reply(await collect(provider, after(turn)))
        assert found.text.startswith("(I am a scripted model, not an AI.)")
        assert found.model == "scripted/tour"
        assert all(call.args for call in found.calls)
        assert found.stop == ("calls" if turn < turns - 1 else "end")
        used += [call.name for call in found.calls]
    assert set(used) == {"list", "write", "read", "search", "edit", "shell"}
    assert used.count("shell") == 3


TOML = """
[[turns]]
text = "First. "
calls = [{ tool = "list", args = { path = "." } }]
[[turns]]
expect = "seen"
text = ["Sec", "ond."]
[[turns]]
error = { kind = "rate_limit", message = "slow", retry_after = 2.0 }
"""


@pytest.mark.parametrize("kind", ["toml", "json"])
async def test_a_script_is_a_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"mine.{kind}"
    data = TOML.encode() if kind == "toml" else msgspec.json.encode(tomllib.loads(TOML))
    path.write_bytes(data)
    provider = Scripted(str(path))
    first = reply(await collect(provider))
    assert (first.text, first.stop) == ("First. ", "calls")
    told = Message("tool", (Text("I have seen it"),), first.calls[0])
    second = await collect(provider, prompt("hello", Message("assistant", first.blocks), told))
    assert reply(second).text == "Second."
    with pytest.raises(ProviderError, match="expected 'seen'") as unexpected:
        await collect(provider, after(1))
    assert unexpected.value.kind == "bad_request"
    with pytest.raises(ProviderError, match="slow") as caught:
        await collect(provider, after(2))
    assert (caught.value.kind, caught.value.retry_after) == ("rate_limit", 2.0)
    assert reply(await collect(provider, after(3))).text == "The script is over."


@pytest.mark.parametrize("text", [None, "turns = 3", "turns = [", "[[turns]]\ntxt = 'x'", "\xff"])
def test_a_bad_script_says_so(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "bad.toml"
    if text is not None:
        path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ProviderError, match=r"bad\.toml") as caught:
        Scripted(str(path))
    assert caught.value.kind == "bad_request"


async def test_words_wait_for_the_sleep_that_was_given() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    provider = Scripted(lambda _: Turn("one two three", delay=0.5), sleep)
    assert reply(await collect(provider)).text == "one two three"
    assert slept == [0.5] * 3


# ---------------------------------------------------------------- the cost of importing


def test_the_first_request_pays_for_no_needless_import() -> None:
    code = (
        "import sys, asyncio, msgspec; before = set(sys.modules)\n"
        "from tuiagent.providers.servers import connect\n"
        "connect('openai', 'http://127.0.0.1:9/v1', None)\n"
        "assert 'tuiagent.providers.abilities' not in sys.modules\n"
        "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = {name for name in done.stdout.split() if "cython" not in name}
    journal = {"hashlib", "_hashlib", "_blake2"}  # loaded with it in any case
    assert found - journal == {"tuiagent", "httptools", "zlib"}
