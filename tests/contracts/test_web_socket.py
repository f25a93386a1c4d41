"""The WebSocket: three verbs by scope, frames that are none, and ends with codes that are named."""

import asyncio
import base64
import os
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.house import Fakes, engine
from tests.web import Blind, FakeGate, Served, begin, opened, said, served
from tuiagent import connect
from tuiagent.clients.web.access import Pace
from tuiagent.clients.web.app import Application
from tuiagent.clients.web.frames import FRAME, Answer, Ask
from tuiagent.clients.web.listen import listening
from tuiagent.clients.web.live import WATCHES, frames
from tuiagent.clients.web.outlet import ROOM
from tuiagent.clients.web.socket import serving
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.call import JudgeCall
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.event import CaughtUp, Event, Seen
from tuiagent.kernel.grants import ChangeMode
from tuiagent.kernel.lifecycle import NameSession, OpenSession
from tuiagent.kernel.presence import Presence, ShowPresence
from tuiagent.kernel.run import RunFinished
from tuiagent.ports import Client
from tuiagent.server import ServerRecord, announced, only_server

PATH = "/api/v1/stream"
SLOWLY = {"text": ["one ", "two ", "three "] * 4, "delay": 0.002}


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Served]:
    """A server with a session whose model speaks slowly."""
    async with served(tmp_path, [SLOWLY] * 20) as made:
        await opened(made)
        yield made


def raw(server: Served, key: str = "all", **more: Any) -> Any:
    """A WebSocket on which frames are made by hand."""
    head = {"Authorization": f"Bearer {key}"}
    url = server.url.replace("http:", "ws:") + PATH
    return dial(url, additional_headers=head, compression=None, **more)


async def answered(socket: ClientConnection, ask: Ask) -> Answer:
    """Asks, and takes the next answer."""
    await socket.send(msgspec.json.encode(ask).decode())
    return msgspec.json.decode(await socket.recv(), type=Answer)


async def closed(socket: ClientConnection) -> tuple[int, str]:
    """The code and the words with which the server closes it."""
    async with asyncio.timeout(10):
        _, error = await rest_of(socket)
    assert error.rcvd is not None
    return error.rcvd.code, error.rcvd.reason


async def rest_of(socket: ClientConnection) -> tuple[int, ConnectionClosed]:
    """How much there is still to read, and how it ends."""
    read = 0
    while True:
        try:
            read += len(await socket.recv())
        except ConnectionClosed as error:
            return read, error


# ---------------------------------------------------------------- what may be asked


async def test_scopes_decide_about_each_verb(server: Served) -> None:
    stream = "session/s1"
    opening = server.house.opening(str(Path.cwd()))
    rows = [
        ("sessions:read", "submit", NameSession(stream, "x"), False),
        ("sessions:write", "submit", NameSession(stream, "x"), True),
        ("sessions:write", "submit", ChangeMode(stream, "plan"), True),
        ("sessions:write", "submit", ChangeMode(stream, "auto"), False),
        ("approvals:answer", "submit", ChangeMode(stream, "accept-edits"), False),
        ("sessions:write", "submit", OpenSession("session/s2", opening), False),
        ("all", "submit", OpenSession("session/s2", opening), True),
        ("all", "submit", JudgeCall(stream, "c", Claims("shell", "x", "read")), False),
        ("sessions:read", "read", "transcript", True),
        ("sessions:read", "read", "files", False),
        ("files:read", "read", "files", True),
        ("sessions:read", "read", "verify", False),
        ("config:read", "read", "tools", True),
        ("all", "read", "verify", True),
        ("sessions:read", "watch", stream, True),
        ("files:read", "watch", stream, False),
        ("sessions:read", "watch", "directory/local", False),
        ("sessions:read", "watch", "*", False),
        ("all", "watch", "directory/local", True),
    ]
    for key, verb, what, may in rows:
        async with connect(server.url, key) as client:
            if may:
                await does(client, verb, what)
                continue
            with pytest.raises(Refused, match=r"lacks the scope|not for clients"):
                await does(client, verb, what)


async def does(client: Client, verb: str, what: Any) -> None:
    """Submits, reads or begins to watch."""
    if verb == "submit":
        await client.submit(what)
    elif verb == "read":
        await client.read(what, "" if what in ("verify", "tools") else "session/s1")
    else:
        async with aclosing(client.watch(what)) as seen:  # type: ignore[type-var]
            await anext(seen)


async def test_no_key_gets_past_the_handshake(server: Served) -> None:
    for key in ("wrong", "expired", ""):
        with pytest.raises(InvalidStatus) as caught:
            await raw(server, key)
        assert caught.value.response.status_code == 401
        told = msgspec.json.decode(caught.value.response.body or b"")
        assert told["code"] == "key_invalid"
    with pytest.raises(ConfigError, match="a live key is needed"):
        async with connect(server.url, "wrong"):
            pass


async def test_whoever_connects_learns_who_the_key_makes_of_it(server: Served) -> None:
    async with connect(server.url, "stranger") as client:
        assert client.actor == Blind.actor
    async with connect(f"{server.url}/", "sessions:read") as client:
        assert client.actor == "owner"


async def test_a_subprotocol_is_chosen_that_is_no_key(server: Served) -> None:
    for offered, chosen in [
        (["tuiagent.v1", "tuiagent.bearer.x"], "tuiagent.v1"),
        (["tuiagent.bearer.x", "tuiagent.v1"], "tuiagent.v1"),
        (None, None),
    ]:
        async with raw(server, subprotocols=offered) as socket:
            assert socket.subprotocol == chosen


async def test_this_users_own_server_is_found_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUIAGENT_HOME", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(ConfigError, match="tuiagent serve"):
        async with connect():
            pass
    path = str(tmp_path / "s.sock")
    record = ServerRecord(os.getpid(), path, "0", 0.0)
    async with engine(Fakes(tmp_path, [])) as made, serving(made.seat(), path, codec()):
        with only_server(str(tmp_path)), announced(str(tmp_path), record):
            async with connect() as client:
                assert (await client.read("sessions")).total == 0


async def test_there_is_nobody_to_connect_to(tmp_path: Path) -> None:
    with socket.socket() as held:  # nobody else gets it meanwhile, and nobody listens
        held.bind(("127.0.0.1", 0))
        with pytest.raises(OSError, match=r"refused|failed"):
            async with connect(f"http://127.0.0.1:{held.getsockname()[1]}", "k"):
                pass
    for url in ("ftp://x", "localhost", "http://"):
        with pytest.raises(ConfigError, match="not the URL"):
            async with connect(url, "k"):
                pass


# ---------------------------------------------------------------- frames


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[]",
        "{}",
        '{"id":"x","op":"read"}',
        '{"id":0,"op":"read"}',
        '{"id":1000000000000000000000000000000,"op":"read"}',
        '{"id":1,"op":"watch","select":"session/s1","after":9223372036854775808}',
        '{"id":1,"op":"watch","select":"session/s1","after":-1}',
        b"\x00\x01",
        '{"channel":"agent","data":{}}',
        '{"type":"message","id":"1"}',
        "[" * 200_000,
    ],
)
async def test_what_is_no_frame_closes_with_words(server: Served, frame: str | bytes) -> None:
    async with raw(server) as socket:
        await socket.send(frame)
        code, words = await closed(socket)
        assert (code, words[:6]) == (4400, "frame:")
        assert "tuiagent.v1" in words


async def test_what_is_not_understood_is_an_answer(server: Served) -> None:
    async with raw(server) as socket:
        for ask in (
            Ask(1, "adopt", select="session/s1"),
            Ask(1, "lend"),
            Ask(1, "read", view="nothing"),
            Ask(1, "read", view="check", key="x"),
            Ask(1, "read", view="check", key="{}"),
            Ask(1, "read", view="check", key='{"tool":"shell","subject":"x","session":"none"}'),
            Ask(1, "read", view="check", key='{"tool":"write","subject":"{"}'),
            Ask(1, "read", view="needs", key='{"session":"none","model":"x"}'),
            Ask(1, "submit", intent=msgspec.Raw(b'{"intent":"Nothing","body":{}}')),
            Ask(1, "submit", intent=msgspec.Raw(b"1")),
        ):
            answer = await answered(socket, ask)
            assert answer.error is not None, ask
        assert (await answered(socket, Ask(1, "read", view="inbox"))).snapshot is not None


async def test_watches_are_bounded_and_asks_have_numbers_of_their_own(server: Served) -> None:
    async with raw(server) as socket:
        for number in range(1, WATCHES + 1):
            ask = Ask(number, "watch", select="session/none")
            assert (await answered(socket, ask)).items[0].kind == "CaughtUp"
        more = await answered(socket, Ask(WATCHES + 1, "watch", select="session/s1"))
        assert more.error is not None
        assert "cancel one first" in more.error[1]
        twice = await answered(socket, Ask(1, "read", view="inbox"))
        assert twice.error is not None
        await socket.send(msgspec.json.encode(Ask(1, "cancel")).decode())
        again = await answered(socket, Ask(WATCHES + 2, "watch", select="session/s1"))
        assert again.items, "one has gone, so there is room"


async def test_a_watch_sends_what_it_has_credit_for_and_no_more(server: Served) -> None:
    for number in range(5):
        await server.client.submit(NameSession("session/s1", f"name {number}"))
    async with raw(server) as socket:
        for number, credit in ((1, 0), (2, 2), (3, None)):
            ask = Ask(number, "watch", select="session/s1", credit=credit)
            await socket.send(msgspec.json.encode(ask).decode())
        seen: dict[int, list[int]] = {1: [], 2: [], 3: []}
        while len(seen[2]) < 2 or len(seen[3]) < 7:  # the last of these is the mark
            took(seen, await received(socket))
        assert (await answered(socket, Ask(4, "read", view="inbox"))).snapshot is not None
        assert seen == {1: [], 2: [1, 2], 3: [1, 2, 3, 4, 5, 6, 0]}
        await socket.send('{"id":2,"op":"more","credit":1}')
        took(seen, await answered(socket, Ask(1, "more", credit=3)))
        while len(seen[1]) < 3 or len(seen[2]) < 3:
            took(seen, await received(socket))
        assert seen[2] == [1, 2, 3]
        await socket.send('{"id":9,"op":"more","credit":1}')
        await socket.send('{"id":1,"op":"more"}')
        assert (await answered(socket, Ask(5, "read", view="inbox"))).snapshot is not None
        await socket.send('{"id":1,"op":"more","credit":-1}')
        assert (await closed(socket))[0] == 4400


async def received(socket: ClientConnection) -> Answer:
    """The next answer."""
    return msgspec.json.decode(await socket.recv(), type=Answer)


def took(seen: dict[int, list[int]], answer: Answer) -> None:
    """Notes the versions of facts, 0 for anything else."""
    seen[answer.id] += [item.event[2] if item.event else 0 for item in answer.items]


def test_what_waits_for_one_watch_is_one_message() -> None:
    entries = [(1, b"a"), (1, b"b"), (2, b"c"), (0, b"{}"), (2, b"d"), (1, b"e")]
    assert frames(entries) == [
        '{"id":1,"items":[a,b]}',
        '{"id":2,"items":[c]}',
        "{}",
        '{"id":2,"items":[d]}',
        '{"id":1,"items":[e]}',
    ]


MASK = b"\x00\x00\x00\x00"


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"\x81\x02hi", 1002),  # not masked
        (b"\xf1\x80" + MASK, 1002),  # reserved bits
        (b"\x83\x80" + MASK, 1002),  # an unknown opcode
        (b"\x81\xff" + struct.pack("!Q", 1 << 30) + MASK, 1009),  # 1 GiB
        (b"\x81\xff" + struct.pack("!Q", FRAME + 1) + MASK, 1009),
        (b"\x09\x80" + MASK, 1002),  # a control frame in pieces
        (b"\x81\x82" + MASK + b"\xff\xfe", 1007),  # no UTF-8
        (b"\x88\x82" + MASK + struct.pack("!H", 1005), 1002),  # a code that is never sent
    ],
)
async def test_broken_frames_end_that_connection_only(
    server: Served, sent: bytes, code: int
) -> None:
    """H18."""
    reader, writer = await handshaken(server)
    writer.write(sent)
    async with asyncio.timeout(10):
        rest = await reader.read()
    assert rest[:1] == b"\x88"
    assert struct.unpack("!H", rest[2:4])[0] == code
    writer.close()
    assert (await server.ask("GET /healthz")).status == 200


async def test_a_flood_of_pings_hurts_nobody(server: Served) -> None:
    """H18: 10,000 at once, each answered."""
    reader, writer = await handshaken(server)
    writer.write((b"\x89\x80" + MASK) * 10_000)
    async with asyncio.timeout(10):
        assert await reader.readexactly(20_000) == b"\x8a\x00" * 10_000
    assert (await server.ask("GET /api/v1/me")).status == 200
    writer.close()


async def handshaken(server: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection on which bytes are made by hand."""
    key = base64.b64encode(os.urandom(16)).decode()
    head = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    head["Sec-WebSocket-Key"] = key
    reader, writer = await begin(server.url, "GET", PATH, head=head)
    assert b" 101 " in await reader.readline()
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


# ---------------------------------------------------------------- going on, and ends


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_client_that_is_cut_again_and_again_misses_and_repeats_nothing(
    server: Served, seed: int
) -> None:
    runs = [await said(server) for _ in range(3)]
    found: list[Event] = []
    left = seed
    while not (found and isinstance(found[-1].fact, RunFinished) and found[-1].fact.run == runs[2]):
        after = found[-1].position if found else 0
        left = left * 7 % 11 + 1
        async with (
            connect(server.url, "all") as client,
            aclosing(client.watch("session/s1", after)) as seen,  # type: ignore
        ):
            async for item in seen:
                if isinstance(item, Event):
                    found.append(item)
                    left -= 1
                if left == 0 or (isinstance(item, Event) and over(item, runs[2])):
                    break
    assert [event.version for event in found] == list(range(1, len(found) + 1))


def over(event: Event, run: str) -> bool:
    """Whether this run has ended."""
    return isinstance(event.fact, RunFinished) and event.fact.run == run


async def test_a_key_that_ends_closes_the_connection(server: Served) -> None:
    async with raw(server, "sessions:read") as mine, raw(server) as other:
        await answered(mine, Ask(1, "watch", select="session/s1"))
        await answered(other, Ask(1, "read", view="inbox"))
        async with asyncio.timeout(2):
            server.gate.end("sessions:read", "the key has expired")
            assert await closed(mine) == (4401, "key: the key has expired")
        assert (await answered(other, Ask(2, "read", view="inbox"))).snapshot is not None


async def test_a_server_that_drains_closes_and_callers_are_told(tmp_path: Path) -> None:
    async with served(tmp_path, [SLOWLY]) as server:
        await opened(server)
        async with raw(server) as socket, connect(server.url, "all") as client:
            await answered(socket, Ask(1, "watch", select="session/s1"))
            watching = client.watch("session/s1")
            assert isinstance(await anext(watching), Event)
            assert isinstance(await anext(watching), CaughtUp)
            server.app.drain()
            assert (await closed(socket))[0] == 1012
            with pytest.raises(ConnectionError, match="draining"):
                await anext(watching)
            with pytest.raises(ConnectionError, match="draining"):
                await client.read("inbox")


class Endless:
    """An engine that never stops telling large things; counts what was taken of it."""

    actor = "owner"

    def __init__(self) -> None:
        self.taken = 0

    async def watch(self, select: str, after: int = 0) -> AsyncGenerator[Seen]:
        """See ports.Client."""
        fact = codec().fact("PromptSubmitted", 1, b'{"prompt":"p","text":"%s"}' % (b"x" * 100_000))
        while True:
            self.taken += 1
            yield Event(self.taken, select, self.taken, 0.0, "owner", fact)


class Noting:
    """Tells when the first answer is over."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.over = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        try:
            await self.app(scope, receive, send)
        finally:
            self.over.set()


async def test_who_never_reads_is_closed_with_a_code_and_little_is_kept_for_it() -> None:
    """H21: what the system's own buffers take, and no more than some MiB beside them."""
    endless = Endless()
    pace = Pace(15.0, 0.1, 0.05)
    app = Application(lambda actor: endless, FakeGate(), None, pace=pace)  # type: ignore[arg-type]
    noting = Noting(app)
    async with listening(noting, ["127.0.0.1:0"], app.drain) as urls:
        url = urls[0].replace("http:", "ws:") + PATH
        head = {"Authorization": "Bearer all"}
        async with dial(url, additional_headers=head, compression=None, max_queue=1) as socket:
            await socket.send(msgspec.json.encode(Ask(1, "watch", select="x")).decode())
            async with asyncio.timeout(10):
                await noting.over.wait()
            taken = endless.taken * 100_000
            read, error = await rest_of(socket)
            assert error.rcvd is None or error.rcvd.code == 4408
            assert taken - read < 8 * ROOM


async def test_presence_is_of_the_key_and_goes_with_the_connection(server: Served) -> None:
    async with connect(server.url, "all") as other, aclosing(other.watch("session/s1")) as seen:  # type: ignore
        async with connect(server.url, "sessions:read") as client:
            await client.submit(ShowPresence("session/s1", "c1", "Ann"))
            with pytest.raises(Refused, match="presence is one of"):
                await client.submit(ShowPresence("session/s1", "c1", "Ann", "dancing"))
            shown = [await next_of(seen)]
        shown.append(await next_of(seen))
    assert [(one.client, one.doing) for one in shown] == [
        ("sessions:read:c1", "here"),
        ("sessions:read:c1", "gone"),
    ]


async def next_of(seen: Any) -> Presence:
    """The next presence among what is seen."""
    async with asyncio.timeout(10):
        async for item in seen:
            if isinstance(item, Presence):
                return item
    raise AssertionError


# ---------------------------------------------------------------- addresses


async def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    async with listening(app, ["127.0.0.1:0", "localhost:0"], lambda: None) as urls:
        assert len({*urls}) == 2
        taken = urls[0].removeprefix("http://")
        with pytest.raises(ConfigError, match=f"cannot listen on {taken}: .*in use"):
            async with listening(app, ["127.0.0.1:0", taken], lambda: None):
                pass
    async with listening(app, [taken], lambda: None) as urls:
        assert urls == [f"http://{taken}"], "it is free again"
    for bad in (
        "4000",
        "127.0.0.1",
        "127.0.0.1:x",
        "127.0.0.1:70000",
        ":80",
        "-:1",
    ):
        with pytest.raises(ConfigError, match=bad):
            async with listening(app, [bad], lambda: None):
                pass
