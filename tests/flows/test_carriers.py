"""A key that was said: what carries it, and what never does. It is kept where it was said, and with
that in the caches beside the journal; whatever is read of it, in any form, has a placeholder."""

import asyncio
import base64
import json
import logging
import os
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import connect

from tests.flows.test_secrecy import KEY, SHAPES
from tests.house import LIMIT, STREAM, Fakes, call, engine, facts, opened, prompt, say
from tests.house import until as until_fact
from tests.web import events, said, served, until
from tests.web import opened as opened_there
from tuiagent.clients import exported
from tuiagent.engine import log
from tuiagent.engine.engine import VIEWS, Engine
from tuiagent.engine.secrecy import Pieces, Secrecy
from tuiagent.engine.veil import Veil
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.call import AnswerApproval, CallFinished, CallJudged
from tuiagent.kernel.claims import OFF
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import CaughtUp, Event, Seen, Unknown
from tuiagent.kernel.lifecycle import NameSession
from tuiagent.kernel.prompts import PromptSubmitted
from tuiagent.kernel.run import Delta, ReplyReceived, RunFinished
from tuiagent.kernel.session import SessionOpened
from tuiagent.kernel.transfer import ImportSession
from tuiagent.ports import Client, Loan
from tuiagent.reports import exportable, findable
from tuiagent.stores.memory import MemoryStore

OTHER = "session/other"
QUIET = (
    "sessions/s1/files",
    "sessions/s1/usage",
    "sessions/s1/jobs",
    "usage",
    "approvals",
    "inbox",
)
"""Where nothing of it is told anyway."""
STANDING = ("sessions", "inbox", "history", "jobs", "runs", "usage", "grants")
ODD = 'odd"key\\with/ünusual'
"""A key that JSON writes otherwise."""


def spelled(key: str) -> set[bytes]:
    """How the key could still be read."""
    again = json.dumps(json.dumps(key)[1:-1])[1:-1]
    shapes = [key, json.dumps(key)[1:-1], again, key.encode().hex(), *SHAPES.values()]
    return {shape.encode() for shape in (shapes if key == KEY else shapes[:4])} - {b""}


def clean(body: Any, key: str = KEY) -> bytes:
    """The bytes of something that was shown; none of them are the key's."""
    found = body if isinstance(body, bytes) else msgspec.json.encode(body)
    assert not [shape for shape in spelled(key) if shape in found], found
    return found


def strings(data: Any) -> list[str]:
    """All texts in plain data."""
    if isinstance(data, dict):
        data = [*data.keys(), *data.values()]
    if isinstance(data, list):
        return [text for one in data for text in strings(one)]
    return [data] if isinstance(data, str) else []


def turns(key: str) -> list[Any]:
    """What a model says that repeats the key, in pieces."""
    half = len(key) // 2
    return [
        call("shell", command=f"echo {len(key)} # {key}"),
        say("It is ", key[:half], key[half:], f" and {key} again."),
    ]


async def leaked(client: Client, folder: Path, key: str) -> list[Seen]:
    """A session in which a person and a model say a key; what a watch saw of it."""
    seen: list[Seen] = []

    async def look() -> None:
        async with aclosing(client.watch(STREAM)) as watch:  # type: ignore[type-var]
            async for one in watch:
                seen.append(one)
                if isinstance(one, Event) and isinstance(one.fact, RunFinished):
                    return

    await opened(client, folder, mode="ask")
    looking = asyncio.create_task(look())
    again = json.dumps(json.dumps(key)[1:-1])
    await prompt(client, f"my key is {key}, use it, or {again}")
    (judged,) = facts(await until_fact(client, CallJudged), CallJudged)
    clean(msgspec.to_builtins((await client.read("inbox")).data), key)
    await client.submit(AnswerApproval(STREAM, judged.call, judged.digest, True))
    async with asyncio.timeout(LIMIT):
        await looking
    return seen


def whole(made: Engine, folder: Path) -> Client:
    """A seat at an engine that also exports and finds."""
    exportable(made)
    findable(made, str(folder / "search.db"))
    return made.seat()


@pytest.mark.parametrize("key", [KEY, ODD])
async def test_no_view_no_event_and_no_file_that_is_given_away_holds_it(
    tmp_path: Path, key: str
) -> None:
    store, means = MemoryStore(), Fakes(tmp_path, turns(key))
    means.secrets = {key}
    async with engine(means, store) as made:
        client = whole(made, tmp_path)
        seen = await leaked(client, tmp_path, key)
        clean([msgspec.to_builtins(one) for one in seen], key)
        history = await until_fact(client, RunFinished)
        clean([msgspec.to_builtins(one) for one in history], key)
        for kind in (PromptSubmitted, ReplyReceived):
            assert "<key>" in str(facts(history, kind))
        for view in VIEWS:
            clean((await client.read(view, STREAM)).data, key)
        for view in STANDING:
            clean((await client.read(view)).data, key)
        found = (await client.read("search", json.dumps({"text": "again"}))).data
        assert b"<key>" in clean(found, key)
        assert b"<key>" in clean((await client.read("transcript", STREAM)).data, key)
        row = (await client.read("sessions")).data[0]
        for kind in ("markdown", "json", "events", "replay"):
            text, _ = await exported.told(client, row, kind)
            clean(text.encode(), key)
            for line in text.splitlines() if kind != "markdown" else ():
                clean("\n".join(strings(json.loads(line))).encode(), key)
            assert text.count("key>") >= 2 or kind == "replay"
        # it is kept as it was said, and the model is told so
        kept = b"".join(record.body or b"" for record in store.read(STREAM))
        assert msgspec.json.encode(key)[1:-1] in kept
        assert repr(key)[1:-1] in repr(means.prompts[-1])


async def test_what_is_seen_while_it_is_said_is_what_is_kept_of_it(tmp_path: Path) -> None:
    means = Fakes(tmp_path, turns(KEY))
    means.secrets = {KEY}
    async with engine(means) as made:
        seen = await leaked(made.seat(), tmp_path, KEY)
    deltas = [one for one in seen if isinstance(one, Delta)]
    place = 0
    for delta in deltas:
        assert delta.offset in (0, place)
        place = delta.offset + len(delta.text)
    assert "".join(delta.text for delta in deltas) == "It is <key> and <key> again."


async def test_an_export_without_keys_can_be_brought_in_again(tmp_path: Path) -> None:
    body = f"{KEY}\n" * 4000
    (tmp_path / "work").mkdir()
    (tmp_path / "work/out").write_text(body)
    store, means = MemoryStore(), Fakes(tmp_path, [call("shell", command="cat out"), *turns(KEY)])
    async with engine(means, store) as made:  # it is not known yet, so a blob holds it
        await opened(made.seat(), tmp_path)
        await prompt(made.seat(), f"my key is {KEY}")
        await until_fact(made.seat(), RunFinished)
        means.secrets = {KEY}
        client = whole(made, tmp_path)
        lines = (await client.read("export", STREAM)).data
        shapes = [base64.b64decode(json.loads(line)["data"]) for line in lines if '"blob"' in line]
        assert [shape for shape in shapes if b"<key>" in shape]
        clean(b"\n".join([*shapes, *(line.encode() for line in lines)]))
        begin = SessionOpened(str(tmp_path / "work"), "scripted/x", "ask", sandbox=OFF)
        await client.submit(ImportSession(OTHER, begin, tuple(line.encode() for line in lines)))
        text = clean((await client.read("transcript", OTHER)).data)
        assert b"my key is <key>" in text


async def test_no_error_and_no_log_holds_it(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [])
    means.secrets = {KEY}
    path = log.open_log(str(tmp_path), "warning", {})
    logger = logging.getLogger("tuiagent")
    try:
        async with engine(means) as made:
            log.hide(made.veil.secrecy.known)
            client = made.seat()
            await opened(client, tmp_path)
            with pytest.raises(Refused) as refused:
                await client.submit(NameSession(STREAM, f"../{KEY}"))
            assert "<key>" in str(refused.value)
            clean(str(refused.value).encode())
            with pytest.raises(Refused) as unknown:
                await client.read(f"{KEY}")
            clean(str(unknown.value).encode())
            logger.warning("a server said %s", KEY, exc_info=ValueError(KEY))
    finally:
        for handler in [*logger.handlers, *logging.getLogger("asyncio").handlers]:
            if isinstance(handler.formatter, log.JsonLines):
                for name in ("tuiagent", "asyncio"):
                    logging.getLogger(name).removeHandler(handler)
                handler.close()
        logger.propagate = True
    assert b"<key>" in clean(Path(path).read_bytes())


async def test_no_command_gets_it_and_no_spool_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY_API_KEY", KEY)
    looks = "cat out; env; tr '\\0' '\\n' </proc/$$/environ; tr '\\0' ' ' </proc/$$/cmdline"
    store, means = MemoryStore(), Fakes(tmp_path, [call("shell", command=looks), say("done")])
    means.secrets = {KEY}
    (tmp_path / "work").mkdir()
    (tmp_path / "work/out").write_text(KEY)
    async with engine(means, store) as made:
        await opened(made.seat(), tmp_path)
        await prompt(made.seat())
        (ended,) = facts(await until_fact(made.seat(), CallFinished), CallFinished)
        await until_fact(made.seat(), RunFinished)
    assert ended.observation.text.count("<key>") == 1, "the file's, and no other"
    clean(ended.observation.text.encode())
    for top, _, names in os.walk(tmp_path / "spools"):
        clean(b"".join((Path(top) / name).read_bytes() for name in names))


async def test_nothing_that_comes_over_the_web_holds_it(tmp_path: Path) -> None:
    script = [{"text": [f"It is {KEY[:9]}", f"{KEY[9:]}."]}]
    async with served(tmp_path, script) as server:
        await opened_there(server)
        server.house._assembled.means.credentials.lend(Loan("/", "env:CANARY_API_KEY", KEY))
        run = await said(server, prompt=f"my key is {KEY}")
        await until(server, "done", run)
        parts = ("", "/events", "/transcript", "/files", "/usage", "/jobs")
        paths = [f"sessions/s1{part}" for part in parts]
        paths += ["sessions", "runs", "inbox", "approvals", "usage", "search?q=key"]
        for path in (*paths, f"runs/{run}", f"runs/{run}/events"):
            answer = await server.ask(f"GET /api/v1/{path}")
            assert answer.status == 200, (path, answer.body)
            assert (b"<key>" in clean(answer.body)) == (path not in QUIET), path
        seen: list[Any] = []
        path = "/api/v1/sessions/s1/stream"
        async with asyncio.timeout(LIMIT), aclosing(events(server, path)) as stream:  # type: ignore
            async for one in stream:
                seen.append(one)
                if one.name == "caught_up":
                    break
        assert clean(seen).count(b"<key>") >= 2
        head = {"Authorization": "Bearer all"}
        address = server.url.replace("http:", "ws:") + "/api/v1/stream"
        frames: list[bytes] = []
        async with connect(address, additional_headers=head) as socket, asyncio.timeout(LIMIT):
            ask = {"id": 1, "op": "watch", "select": "session/s1", "after": 0}
            await socket.send(json.dumps(ask))
            while not frames or b"CaughtUp" not in frames[-1]:
                frame = await socket.recv()
                frames.append(frame if isinstance(frame, bytes) else frame.encode())
        assert clean(b"\n".join(frames)).count(b"<key>") >= 2


# ---------------------------------------------------------------- the veil itself


def test_what_holds_no_key_is_the_very_same() -> None:
    veil = Veil(lambda: {KEY}, codec())
    for seen in (CaughtUp(1), Event(1, STREAM, 1, 0.0, "owner", NAMED), Delta(STREAM, "a", 0, "x")):
        assert veil.seen(seen) is seen
    data = {"a": ["b", 1, None]}
    assert veil.data(data) is data
    assert veil.blob(bytes(range(256))) == bytes(range(256))


NAMED = PromptSubmitted("p1", "nothing")


def test_a_fact_of_a_newer_version_is_masked_too() -> None:
    veil = Veil(lambda: {KEY}, codec())
    body = json.dumps({"text": f"x {KEY}"}).encode()
    event = veil.event(Event(1, STREAM, 1, 0.0, "owner", Unknown("Newer", body)))
    assert event.fact == Unknown("Newer", b'{"text":"x <key>"}')


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_key_is_found_in_json_within_json(times: int) -> None:
    text = ODD
    for _ in range(times):
        text = json.dumps(text)[1:-1]
    assert Veil(lambda: {ODD}, codec()).data(["x", {"a": f"-{text}-"}]) == ["x", {"a": "-<key>-"}]


def test_a_key_that_is_no_text_hinders_nothing() -> None:
    assert Veil(lambda: {"odd\udcff-key", KEY}, codec()).data([f"x {KEY}"]) == ["x <key>"]


def test_a_key_of_digits_takes_no_number_away() -> None:
    veil = Veil(lambda: {"12345678"}, codec())
    assert veil.body(b'{"at":12345678,"text":"12345678"}') == b'{"at":12345678,"text":"<key>"}'


@pytest.mark.parametrize("size", [1, 2, 3, 5, 30])
def test_a_text_in_pieces_is_masked_as_a_whole_and_nothing_is_lost(size: int) -> None:
    text = f"{KEY[:6]} {KEY}{KEY} cana {KEY[:-1]} x{KEY}"
    secrecy = Secrecy([KEY])
    pieces = Pieces(secrecy, secrecy.known)
    found = [pieces.add(text[n : n + size]) for n in range(0, len(text), size)]
    assert "".join([*found, pieces.rest()]) == secrecy.known(text)
