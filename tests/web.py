"""A web server for tests: a whole engine with a scripted model, and a gate with a few keys."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from tuiagent import config
from tuiagent.clients.web.access import Pace
from tuiagent.clients.web.app import Application
from tuiagent.clients.web.browser.screens import Screens
from tuiagent.clients.web.gate import Principal
from tuiagent.clients.web.listen import listening
from tuiagent.clients.web.scopes import ADMIN, SCOPES
from tuiagent.kernel.event import Intent, Seen
from tuiagent.ports import Client, Snapshot, Window
from tuiagent.wiring import House

STRANGER = "stranger"
"""An actor who sees nobody's sessions."""
KEYS = {
    "all": Principal("owner", "k0", frozenset({ADMIN})),
    "none": Principal("owner", "k1", frozenset()),
    "stranger": Principal(STRANGER, "k2", frozenset({ADMIN})),
    **{scope: Principal("owner", scope, frozenset({scope})) for scope in SCOPES},
}
"""Keys that are live, by what is sent; `expired` and `revoked` are two that are not."""


class FakeGate:
    """Knows KEYS; a key ends when a test says so."""

    def __init__(self) -> None:
        self._ends: dict[str, asyncio.Future[str]] = {}
        self._ended: dict[str, str] = {}

    async def identify(self, token: str) -> Principal | None:
        """See Gate."""
        found = KEYS.get(token)
        return found if found is not None and found.key not in self._ended else None

    def over(self, principal: Principal) -> str:
        """See Gate."""
        return self._ended.get(principal.key, "")

    async def ended(self, principal: Principal) -> str:
        """See Gate."""
        made = asyncio.get_running_loop().create_future
        return await asyncio.shield(self._ends.setdefault(principal.key, made()))

    def end(self, token: str, why: str) -> None:
        """The key ends."""
        key = KEYS[token].key
        self._ended[key] = why
        made = asyncio.get_running_loop().create_future
        self._ends.setdefault(key, made()).set_result(why)


class Blind:
    """The engine as somebody sees it to whom no session is shown."""

    actor = STRANGER

    def __init__(self, client: Client) -> None:
        self._client = client

    async def submit(self, intent: Intent, once: str = "") -> int:
        """See ports.Client."""
        raise AssertionError("what is not seen was acted on")

    def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """See ports.Client."""
        raise AssertionError("what is not seen was watched")

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """See ports.Client."""
        whole = await self._client.read(view, key, window)
        return msgspec.structs.replace(whole, data=[], total=0)


class Served:
    """A server, and what a test needs to know of it."""

    def __init__(self, house: House, app: Application, gate: FakeGate, url: str) -> None:
        self.house = house
        self.app = app
        self.gate = gate
        self.url = url

    @property
    def client(self) -> Client:
        """The engine itself."""
        return self.house.client

    async def ask(
        self, verb: str, body: Any = None, key: str = "all", **headers: str
    ) -> "Answered":
        """One request, `METHOD PATH`, on a connection of its own."""
        method, _, path = verb.partition(" ")
        data = body if isinstance(body, bytes) else b"" if body is None else encoded(body)
        head = {name.replace("_", "-"): value for name, value in headers.items()}
        return await request(self.url, method, path, data, key, head)


class Answered(msgspec.Struct):
    """An answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return msgspec.json.decode(self.body)


def encoded(body: Any) -> bytes:
    """A body as JSON."""
    return msgspec.json.encode(body)


async def begin(
    url: str, method: str, path: str, data: bytes = b"", key: str = "all", head: Any = ()
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Sends a request, and leaves the answer to be read."""
    host, port = url.removeprefix("http://").rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 26)
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}:{port}", f"Content-Length: {len(data)}"]
    lines += [f"{name}: {value}" for name, value in dict(head).items()]
    lines += ["Content-Type: application/json"] if data else []
    lines += [f"Authorization: Bearer {key}"] if key else []
    writer.write("\r\n".join([*lines, "", ""]).encode() + data)
    return reader, writer


async def head_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """The status and the headers of an answer."""
    lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    pairs = (line.partition(": ") for line in lines[1:] if line)
    return int(lines[0].split()[1]), {name.lower(): value for name, _, value in pairs}


async def request(url: str, method: str, path: str, data: bytes, key: str, head: Any) -> Answered:
    """A request and its whole answer."""
    reader, writer = await begin(url, method, path, data, key, {"Connection": "close", **head})
    try:
        async with asyncio.timeout(20):
            status, headers = await head_of(reader)
            return Answered(status, headers, await reader.read())
    finally:
        writer.close()


@asynccontextmanager
async def served(
    folder: Path,
    turns: Sequence[Mapping[str, Any]] = (),
    pace: Pace | None = None,
    around: Callable[[Application], Any] = lambda app: app,
    screens: Screens | None = None,
) -> AsyncGenerator[Served]:
    """A server on a free port, with its engine on a journal in this folder."""
    (folder / "work").mkdir(parents=True, exist_ok=True)
    script = folder / "script.json"
    script.write_bytes(encoded({"turns": list(turns)}))
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder / "home"),
        "TUIAGENT_HOME": str(folder / "state"),
        "TUIAGENT_MODEL": f"scripted/{script}",
    }
    house = House(config.load(environ), environ)
    gate = FakeGate()

    def seat(actor: str) -> Client:
        return Blind(house.client) if actor == STRANGER else house.client

    try:
        app = Application(seat, gate, house, pace=pace or Pace(), screens=screens)
        try:
            async with listening(around(app), ["127.0.0.1:0"], app.drain) as urls:
                yield Served(house, app, gate, urls[0])
        finally:
            await app.close()
    finally:
        await asyncio.to_thread(house.close)


async def opened(server: Served, ident: str = "s1", **more: Any) -> Answered:
    """A session, and what was answered."""
    folder = str(Path(server.house.settings.root).parent / "work")
    body = {"folder": folder, "id": ident, **more}
    return await server.ask("POST /api/v1/sessions", body)


async def said(server: Served, ident: str = "s1", prompt: str = "go", **more: Any) -> str:
    """Says something; the run's id."""
    answer = await server.ask(f"POST /api/v1/sessions/{ident}/input", {"prompt": prompt, **more})
    assert answer.status == 202, answer.body
    return answer.json["run"]


async def until(server: Served, status: str, run: str) -> Any:
    """The row of the run once it has this status: looked at after each thing that happens."""
    async with asyncio.timeout(20):
        async for _ in server.client.watch("session/*"):
            rows = (await server.client.read("runs")).data
            found = [row for row in rows if row["id"] == run and row["status"] == status]
            if found:
                return found[0]
    raise AssertionError(status)


class Told(msgspec.Struct):
    """A server-sent event."""

    name: str
    data: Any
    id: int | None = None


async def events(
    server: Served, path: str, key: str = "all", **headers: str
) -> AsyncIterator[Told]:
    """The events of a stream, until it ends."""
    head = {name.replace("_", "-"): value for name, value in headers.items()}
    reader, writer = await begin(server.url, "GET", path, key=key, head=head)
    try:
        status, _ = await head_of(reader)
        assert status == 200, await reader.read()
        rest = b""
        while size := int(await reader.readline(), 16):
            rest += await reader.readexactly(size)
            await reader.readline()
            *whole, rest = rest.split(b"\n\n")
            for block in whole:
                yield _event(block.decode())
    finally:
        writer.close()


def _event(block: str) -> Told:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    ident = int(fields["id"]) if "id" in fields else None
    return Told(fields["event"], msgspec.json.decode(fields["data"]), ident)
