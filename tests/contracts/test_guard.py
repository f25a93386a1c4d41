"""The guard before all routes: rows of web.toml, limits, and bytes on a real server's socket."""

import asyncio
import socket as sockets
import tomllib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.house import LIMIT, Fakes, engine
from tuiagent.clients.web.gate import Gate, OpenGate, Principal, identified, watching
from tuiagent.clients.web.guard import Guard, check_listening, guarding
from tuiagent.clients.web.patience import PatientProtocol
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.rates import KEPT, Buckets, Held, network
from tuiagent.kernel import keys
from tuiagent.kernel.directory import STREAM, IssueKey
from tuiagent.kernel.errors import ConfigError, StoreError

ROWS = tomllib.loads((Path(__file__).parent / "web.toml").read_text())["row"]
KEEPS = msgspec.structs.replace(
    guarding("https://agent.example", ["https://pages.example"]), body=1000
)


class OneKey:
    """A gate that knows the key `good`."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def identify(self, token: str) -> Principal | None:
        """See gate.Gate."""
        self.asked.append(token)
        return Principal("ada", "k1", frozenset()) if token == "good" else None

    def over(self, principal: Principal) -> str:
        """See gate.Gate."""
        return ""

    async def ended(self, principal: Principal) -> str:
        """See gate.Gate."""
        return await asyncio.get_running_loop().create_future()


class Echo:
    """Answers with the method, after it has read the body; a WebSocket is taken and closed."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.seen: list[Any] = []
        self.begun: asyncio.Queue[Any] = asyncio.Queue()
        self.hold: asyncio.Event | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.seen.append(scope)
        self.begun.put_nowait(scope)
        if scope["type"] == "lifespan":
            return
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            while (await receive())["type"] != "websocket.disconnect":
                await send({"type": "websocket.send", "text": "heard"})
            return
        while (await receive()).get("more_body"):
            pass
        if self.hold is not None:
            await self.hold.wait()
        known = await identified(self.gate, scope)
        status = 200 if known else 401
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": scope["method"].encode()})


class Answer:
    """What came back from an ASGI application."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def send(self, message: Any) -> None:
        """See ASGI."""
        if message["type"].endswith(".start"):
            assert not self.status
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"].endswith(".body"):
            self.body += message.get("body", b"")
        elif message["type"] == "websocket.accept":
            self.status = 101

    def header(self, name: str) -> str:
        """The value of a header that is there once, or "" when it is not."""
        found = [value.decode() for key, value in self.headers if key.decode() == name]
        assert len(found) <= 1, name
        return found[0] if found else ""


def long(text: str) -> bytes:
    """Text, or many letters of it."""
    return b"x" * int(text[7:]) if text.startswith("REPEAT:") else text.encode()


def scope_of(row: dict[str, Any]) -> dict[str, Any]:
    """The ASGI scope of a row."""
    headers = [(b"host", row.get("host", "127.0.0.1:4000").encode())]
    headers += [(name.encode(), long(value)) for name, value in row.get("headers", [])]
    headers += [(b"x-%d" % number, b"y") for number in range(row.get("many", 0))]
    if "origin" in row:
        headers.append((b"origin", row["origin"].encode()))
    body = body_of(row)
    if body and row.get("length", True):
        headers.append((b"content-length", str(len(body)).encode()))
    kind, path = row.get("type", "http"), row.get("path", "/api/v1/thing")
    return {
        "type": kind,
        "method": row.get("method", "GET"),
        "scheme": "ws" if kind == "websocket" else "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": long(row.get("query", "")),
        "headers": [pair for pair in headers if pair != (b"host", b"")],
        "server": (row.get("server", "127.0.0.1"), 4000),
        "client": (row.get("client", "127.0.0.1"), 50000),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
    }


def body_of(row: dict[str, Any]) -> bytes:
    """The body of a row."""
    return row.get("body", "").encode() or b" " * row.get("repeat", 0)


async def ask(guard: Guard, row: dict[str, Any]) -> Answer:
    """Puts a row to the guard; the body comes in two pieces."""
    body, answer = body_of(row), Answer()
    parts = [(body[:700], len(body) > 700), *([(body[700:], False)] if len(body) > 700 else [])]
    messages = [{"type": "http.request", "body": part, "more_body": more} for part, more in parts]
    if row.get("type") == "websocket":
        messages = [{"type": "websocket.connect"}, {"type": "websocket.disconnect"}]

    async def receive() -> Any:
        return messages.pop(0)

    await guard(scope_of(row), receive, answer.send)
    return answer


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
async def test_rows(row: dict[str, Any]) -> None:
    app = Echo(OpenGate())
    answer = await ask(Guard(app, app.gate, KEEPS), row)
    assert answer.status == row["status"]
    if "header" in row:
        name, value = row["header"]
        assert answer.header(name) == value
    elif answer.header("access-control-allow-origin"):
        raise AssertionError("only listed origins are told to go on")
    if "text" in row:
        assert answer.body.decode() == row["text"]
    if answer.status >= 400:
        told = msgspec.json.decode(answer.body)
        assert answer.header("content-type") == "application/problem+json"
        assert told["status"] == answer.status
        assert told["code"] == told["error"] == row.get("code", told["code"])
        assert told["detail"] == told["message"]
        assert answer.status == 413 or not app.seen, "nothing behind the guard was asked"
    if answer.status != 101:
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("cache-control") == "no-store"
        assert "frame-ancestors 'none'" in answer.header("content-security-policy")


def test_each_way_of_refusing_is_among_the_rows() -> None:
    told = {row["status"] for row in ROWS}
    assert told == {101, 200, 204, 400, 403, 404, 405, 413, 415, 421, 431}


async def test_a_websocket_is_refused_also_where_only_a_close_can_say_it() -> None:
    app, sent = Echo(OpenGate()), []
    scope = scope_of({"type": "websocket", "origin": "https://evil.test"})
    del scope["extensions"]

    async def send(message: Any) -> None:
        sent.append(message)

    await Guard(app, app.gate, KEEPS)(scope, None, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
    assert not app.seen


async def test_what_an_application_says_itself_is_not_said_twice() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"cache-control", b"max-age=60"), (b"Content-Security-Policy", b"x")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    answer = await ask(Guard(app, OpenGate(), KEEPS), {})
    assert answer.header("cache-control") == "max-age=60"
    assert answer.header("content-security-policy") == ""
    assert answer.header("x-content-type-options") == "nosniff"


async def test_lifespan_passes_as_it_is() -> None:
    app = Echo(OpenGate())
    await Guard(app, app.gate, KEEPS)({"type": "lifespan"}, None, None)
    assert app.seen == [{"type": "lifespan"}]


async def test_a_failure_is_told_once_and_only_before_an_answer_has_begun() -> None:
    async def early(scope: Any, receive: Any, send: Any) -> None:
        raise StoreError("the disk is full")

    async def late(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise Problem(409, "refused", "too late")

    answer = await ask(Guard(early, OpenGate(), KEEPS), {})
    assert (answer.status, b"the disk is full" in answer.body) == (503, True)
    with pytest.raises(Problem, match="too late"):
        await ask(Guard(late, OpenGate(), KEEPS), {})


# ---------------------------------------------------------------- how often, and how much at once


def bearer(token: str, **more: Any) -> dict[str, Any]:
    """A row with this key."""
    return {"headers": [["authorization", f"Bearer {token}"]], **more}


async def test_guessing_is_slowed_down_and_whoever_has_a_key_is_not() -> None:
    gate = OneKey()
    keeps = msgspec.structs.replace(KEEPS, failures=0.01, failures_burst=3.0)
    guard = Guard(Echo(gate), gate, keeps)
    found = [await ask(guard, bearer(f"bad{number}")) for number in range(5)]
    assert [answer.status for answer in found] == [401, 401, 401, 429, 429]
    assert int(found[-1].header("retry-after")) in range(90, 101)
    assert (await ask(guard, bearer("good"))).status == 200
    assert (await ask(guard, {})).status == 401, "who brings no key guesses none"
    assert (await ask(guard, bearer("bad", client="192.0.2.1"))).status == 401


async def test_one_key_comes_only_so_often() -> None:
    gate = OneKey()
    keeps = msgspec.structs.replace(KEEPS, rate=0.01, burst=2.0)
    guard = Guard(Echo(gate), gate, keeps)
    statuses = [(await ask(guard, bearer("good", client=f"192.0.2.{n}"))).status for n in range(3)]
    assert statuses == [200, 200, 429]
    statuses = [(await ask(guard, {"client": "192.0.2.9"})).status for _ in range(3)]
    assert statuses == [401, 401, 429]
    assert (await ask(guard, {"client": "192.0.2.8"})).status == 401


async def test_one_key_holds_only_so_much_open() -> None:
    gate = OneKey()
    app = Echo(gate)
    app.hold = asyncio.Event()
    guard = Guard(app, gate, msgspec.structs.replace(KEEPS, open=2))
    first = [asyncio.create_task(ask(guard, bearer("good"))) for _ in range(2)]
    for _ in first:
        await app.begun.get()
    late = await asyncio.wait_for(ask(guard, bearer("good")), 5.0)
    assert (late.status, msgspec.json.decode(late.body)["code"]) == (429, "too_many_open")
    app.hold.set()
    assert [(await task).status for task in first] == [200, 200]
    assert (await ask(guard, bearer("good"))).status == 200


@given(st.lists(st.floats(0, 5), max_size=60), st.floats(0.1, 10), st.integers(1, 20))
def test_a_bucket_gives_no_more_than_its_rate_and_says_how_long_to_wait(
    pauses: list[float], rate: float, burst: int
) -> None:
    time, given_ = 0.0, 0
    buckets = Buckets(rate, burst, lambda: time)
    for pause in pauses:
        time += pause
        wait = buckets.take("a")
        given_ += not wait
        assert given_ <= burst + time * rate + 1e-6
        if wait:
            time += wait + 1e-6
            assert buckets.take("a") == 0.0
            given_ += 1


def test_buckets_take_only_so_much_room() -> None:
    buckets = Buckets(0.001, 1.0, lambda: 0.0)
    for number in range(KEPT + 1):
        assert not buckets.take(f"a{number}")
    assert buckets.take(f"a{KEPT}")
    assert not buckets.take("a0"), "the one that came least lately was forgotten"
    assert len(buckets._levels) == KEPT


def test_what_is_held_is_given_back_also_when_it_fails() -> None:
    held = Held(1)
    with pytest.raises(ZeroDivisionError), held.one("a"):
        raise ZeroDivisionError
    with held.one("a") as one, held.one("a") as two, held.one("b") as three:
        assert (one, two, three) == (True, False, True)
    assert not held._open


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "192.0.2.1", False),
    ],
)
def test_what_counts_as_one_address(one: str, two: str, same: bool) -> None:
    assert (network(one) == network(two)) == same


# ---------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "text", ["*", "null", "agent.example", "ftp://a", "https://a/b", "http://"]
)
def test_an_origin_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--cors-origin"):
        guarding("", [text])
    with pytest.raises(ConfigError, match="--public-url"):
        guarding(text)


def test_origins_are_kept_as_browsers_write_them() -> None:
    made = guarding("https://Agent.Example:443/", ["http://a:80", "http://[::1]:5000"])
    assert made.public == "https://agent.example"
    assert made.origins == {"http://a", "http://[::1]:5000"}


@pytest.mark.parametrize(
    ("address", "loopback"),
    [
        ("127.0.0.1:4000", True),
        ("127.9.9.9:4000", True),
        ("localhost:4000", True),
        ("[::1]:4000", True),
        ("0.0.0.0:4000", False),
        ("[::]:4000", False),
        ("192.0.2.1:4000", False),
        ("localhost.evil.test:4000", False),
        (":4000", False),
    ],
)
def test_h06_other_machines_are_not_answered_without_a_key(address: str, loopback: bool) -> None:
    check_listening([address], guarded=True)
    if loopback:
        check_listening([address], guarded=False)
        return
    with pytest.raises(ConfigError, match="tuiagent access issue"):
        check_listening(["127.0.0.1:1", address], guarded=False)


# ---------------------------------------------------------------- bytes


class Hasty(PatientProtocol):
    """As patient as a test is."""

    head_seconds = 0.2
    body_seconds = 0.3


@asynccontextmanager
async def served(app: Any, gate: Gate, http: type[Any] = PatientProtocol) -> AsyncGenerator[int]:
    """A real server on a port of its own, with the guard before the application."""
    config = uvicorn.Config(
        Guard(app, gate, KEEPS),
        http=http,
        ws=WebSocketsSansIOProtocol,
        ws_max_size=1 << 16,
        ws_per_message_deflate=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    config.load()
    made = sockets.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    await server.startup([made])
    try:
        yield made.getsockname()[1]
    finally:
        await server.shutdown([made])


async def raw(port: int, *pieces: bytes, last: Callable[[bytes], bool] | None = None) -> bytes:
    """Everything that the server says to these bytes until it closes, or `last` holds."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        async with asyncio.timeout(LIMIT):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            while chunk := await reader.read(1 << 16):
                got += chunk
                if last is not None and last(got):
                    break
    except ConnectionError:
        pass  # it closed while more was being sent
    finally:
        writer.close()
    return got


def whole(got: bytes) -> bool:
    """Whether this is a whole answer, or one that is a problem."""
    return got.endswith((b"0\r\n\r\n", b"}"))


def status_of(got: bytes) -> int:
    return int(got.split(b" ", 2)[1]) if got else 0


HOST = b"Host: 127.0.0.1\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
BYTES: list[tuple[str, tuple[bytes, ...], int]] = [
    ("plain", (b"GET / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",), 200),
    ("100 MB", (POST + b"Content-Length: 104857600\r\n\r\n",), 413),
    (
        "too much, in chunks",
        (POST + b"Transfer-Encoding: chunked\r\n\r\n", b"3e9\r\n" + b" " * 1001 + b"\r\n0\r\n\r\n"),
        413,
    ),
    ("a bomb", (POST + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx",), 415),
    ("a length that is none", (POST + b"Content-Length: x\r\n\r\n",), 400),
    ("less than none", (POST + b"Content-Length: -1\r\n\r\n",), 400),
    ("two lengths", (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",), 400),
    (
        "a length and chunks",
        (POST + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",),
        400,
    ),
    ("10,000 headers", (b"GET / HTTP/1.1\r\n" + HOST + b"a:b\r\n" * 10000 + b"\r\n",), 431),
    ("a header of 1 MB", (b"GET / HTTP/1.1\r\nx: ", *[b"y" * 10000] * 100, b"\r\n\r\n"), 431),
    ("a header of 1 MB at once", (b"GET / HTTP/1.1\r\nx: " + b"y" * 1000000 + b"\r\n\r\n",), 431),
    ("a path of 1 MB", (b"GET /", *[b"y" * 10000] * 100, b" HTTP/1.1\r\n\r\n"), 431),
    ("no HTTP", (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",), 400),
    ("no host", (b"GET / HTTP/1.0\r\n\r\n",), 421),
    ("two hosts", (b"GET / HTTP/1.1\r\n" + HOST + b"Host: evil.test\r\n\r\n",), 400),
    ("another host", (b"GET / HTTP/1.1\r\nHost: evil.test\r\n\r\n",), 421),
    ("a whole address", (b"GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n",), 421),
    ("TRACE", (b"TRACE / HTTP/1.1\r\n" + HOST + b"\r\n",), 405),
    ("a method of its own", (b"BREW / HTTP/1.1\r\n" + HOST + b"\r\n",), 400),
    ("two dots", (b"GET /a/%2e%2e/b HTTP/1.1\r\n" + HOST + b"\r\n",), 404),
    ("two slashes", (b"GET //admin HTTP/1.1\r\n" + HOST + b"\r\n",), 404),
    ("a key of no letters", (b"GET / HTTP/1.1\r\n" + HOST + b"X: \xff\r\n\r\n",), 200),
]


@pytest.mark.parametrize(("pieces", "status"), [b[1:] for b in BYTES], ids=[b[0] for b in BYTES])
async def test_bytes_are_answered(pieces: tuple[bytes, ...], status: int) -> None:
    gate = OpenGate()
    async with served(Echo(gate), gate) as port:
        got = await raw(port, *pieces, last=whole)
        assert status_of(got) == status
        if status >= 400:
            assert b"application/problem+json" in got
        again = await raw(port, *BYTES[0][1])
        assert status_of(again) == 200, "the server is fine"


async def test_more_than_was_announced_is_no_second_request() -> None:
    gate = OpenGate()
    app = Echo(gate)
    async with served(app, gate) as port:
        got = await raw(port, POST + b"Content-Length: 2\r\n\r\n{}DELETE", last=whole)
        assert [scope["method"] for scope in app.seen] == ["POST"]
        assert got.count(b"HTTP/1.1 ") <= 2


SLOW: list[tuple[str, tuple[bytes, ...], int]] = [
    ("nothing", (), 408),
    ("half a head", (b"GET / HTTP/1.1\r\nHost: 127", b".0"), 408),
    ("half a body", (POST + b"Content-Length: 9\r\n\r\n", b"{}"), 408),
    ("half a chunk", (POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",), 408),
    ("a second half head", (b"GET / HTTP/1.1\r\n" + HOST + b"\r\n", b"GET / HT"), 200),
]


@pytest.mark.parametrize(("pieces", "status"), [s[1:] for s in SLOW], ids=[s[0] for s in SLOW])
async def test_h16_what_does_not_arrive_is_not_waited_for(
    pieces: tuple[bytes, ...], status: int
) -> None:
    gate = OpenGate()
    async with served(Echo(gate), gate, Hasty) as port:
        loop = asyncio.get_running_loop()
        began = loop.time()
        got = await raw(port, *pieces)
        assert loop.time() - began < 3.0
        assert status_of(got) == status
        assert status_of(await raw(port, *BYTES[0][1])) == 200


async def test_h16_each_byte_does_not_begin_the_time_anew() -> None:
    gate = OpenGate()
    async with served(Echo(gate), gate, Hasty) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
        assert status_of(await reader.readuntil(b"GET\r\n0\r\n\r\n")) == 200
        ended = asyncio.create_task(reader.readuntil(b"\r\n\r\n"))  # a last byte resets it
        async with asyncio.timeout(LIMIT):
            writer.write(b"GET / HTTP/1.1\r\nX: ")
            while not ended.done():
                writer.write(b"y")
                await asyncio.wait([ended], timeout=0.02)
        assert status_of(await ended) == 408
        writer.close()


async def test_h16_500_idle_connections_are_closed_and_hinder_nobody() -> None:
    gate = OpenGate()
    async with served(Echo(gate), gate, Hasty) as port:
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(500)]
        assert status_of(await raw(port, *BYTES[0][1])) == 200
        async with asyncio.timeout(LIMIT):
            for reader, writer in idle:
                assert status_of(await reader.read()) == 408
                writer.close()


async def test_h01_h08_a_real_key_over_a_real_socket(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        client = made.seat()
        text = keys.make("person", bytes(keys.CHANCE))
        await client.submit(IssueKey(STREAM, "k", "ada", keys.mark(text), (), "person"))
        async with watching(client) as gate, served(Echo(gate), gate) as port:
            url = f"ws://127.0.0.1:{port}/ws"
            for token, status in ((text, 200), ("", 401), (text[:-1] + "!", 401)):
                header = f"Authorization: Bearer {token}\r\n" if token else ""
                head = b"GET / HTTP/1.1\r\n" + HOST + header.encode() + b"Connection: close\r\n\r\n"
                assert status_of(await raw(port, head)) == status
            async with connect(url, subprotocols=["tuiagent.v1", f"tuiagent.bearer.{text}"]) as ws:  # type: ignore[list-item]
                await ws.send("hello")
                assert await ws.recv() == "heard"


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"origin": "https://evil.test"}, 403),
        ({"origin": "null"}, 403),
        ({"additional_headers": {"Origin": "https://evil.test"}}, 403),
        ({"path": "//ws"}, 404),
        ({"path": "/%2e%2e/ws"}, 404),
    ],
)
async def test_h03_a_websocket_is_refused_before_its_upgrade(
    more: dict[str, Any], status: int
) -> None:
    gate = OpenGate()
    app = Echo(gate)
    async with served(app, gate) as port:
        with pytest.raises(InvalidStatus) as caught:
            async with connect(f"ws://127.0.0.1:{port}{more.pop('path', '/ws')}", **more):
                raise AssertionError("it was taken")
        response = caught.value.response
        assert response.status_code == status
        assert msgspec.json.decode(response.body)["status"] == status
        assert response.headers["content-type"] == "application/problem+json"
        assert not app.seen
        async with connect(f"ws://127.0.0.1:{port}/ws") as ws:
            await ws.send("hello")
            assert await ws.recv() == "heard"


UPGRADE = (
    b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
MASK = bytes(4)
FRAMES: list[tuple[str, bytes, int]] = [
    ("a text", b"\x81\x82" + MASK + b"hi", 0),
    ("no mask", b"\x81\x02hi", 1002),
    ("a reserved bit", b"\xc1\x82" + MASK + b"hi", 1002),
    ("an unknown opcode", b"\x83\x82" + MASK + b"hi", 1002),
    ("1 GiB, as it says", b"\x82\xff" + (1 << 30).to_bytes(8) + MASK, 1009),
    ("larger than may be", b"\x82\xff" + (65537).to_bytes(8) + MASK + bytes(65537), 1009),
    ("a ping in pieces", b"\x09\x80" + MASK, 1002),
    ("a long ping", b"\x89\xfe\x00\x7e" + MASK + bytes(126), 1002),
    ("no UTF-8", b"\x81\x82" + MASK + b"\xc3\x28", 1007),
    ("closed with 1005", b"\x88\x82" + MASK + (1005).to_bytes(2), 1002),
    ("a middle without a beginning", b"\x80\x82" + MASK + b"hi", 1002),
    ("10,000 pings", (b"\x89\x80" + MASK) * 10000 + b"\x81\x82" + MASK + b"hi", 0),
]


@pytest.mark.parametrize(("frame", "code"), [f[1:] for f in FRAMES], ids=[f[0] for f in FRAMES])
async def test_h18_frames_that_are_none_end_their_connection_only(frame: bytes, code: int) -> None:
    gate = OpenGate()
    async with served(Echo(gate), gate) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        async with asyncio.timeout(LIMIT):
            writer.write(UPGRADE)
            assert status_of(await reader.readuntil(b"\r\n\r\n")) == 101
            writer.write(frame)
            while (head := (await reader.readexactly(2))[0]) == 0x8A:
                pass  # a pong without words
            assert head == (0x88 if code else 0x81)
            if code:
                assert int.from_bytes(await reader.readexactly(2)) == code
            writer.close()
            async with connect(f"ws://127.0.0.1:{port}/ws") as ws:
                await ws.send("hello")
                assert await ws.recv() == "heard"
