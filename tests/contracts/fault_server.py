"""A model's server on loopback whose answers, good and bad, are data: see provider_faults.toml."""

import asyncio
import gzip
import os
import socket
import ssl
import struct
import tomllib
import zlib
from collections.abc import Iterable

from msgspec import Struct, convert
from speakers import CHARACTERS, SPEAKERS, Event, spoken

from tuiagent.providers.limits import Limits

COMPRESS = {
    "": bytes,
    "br": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "bare": lambda body: zlib.compress(body)[2:-4],
}
HEADERS = {"bare": "deflate"}


class Row(Struct, frozen=True, forbid_unknown_fields=True):
    """One answer, and what a provider has to make of it."""

    id: str
    what: str = ""
    only: tuple[str, ...] = ()
    """The formats that can say this; none for all."""
    status: int = 200
    type: str = "text/event-stream"
    headers: dict[str, str] = {}
    version: str = "1.1"
    events: tuple[Event, ...] = ()
    body: str | None = None
    """Instead of events; $KEY is the key that was sent."""
    raw: str | None = None
    """Instead of the whole answer, head included."""
    done: bool = True
    """Whether what may follow the final event, such as [DONE], is sent."""
    encoding: str = ""
    framing: str = "chunked"
    """chunked, length, close (a body that ends with the connection), or a number of bytes."""
    piece: int = 0
    """Bytes sent at a time; 0 for all at once."""
    end: str = ""
    """close (before the body's end), reset, hang (until the client goes), drop (no answer), or
    wait (ends the body when the test says so)."""
    early: bool = False
    """Answers and closes without reading the body of the request."""
    limits: Limits = Limits()

    kind: str = ""
    """Of the ProviderError that is expected; "" for none."""
    sdk: dict[str, str] = {}
    """The kind through the official client of a format, where it is another."""
    retry_after: float | None = None
    says: tuple[str, ...] = ()
    text: str = ""
    thoughts: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    """Name and raw arguments of each call."""
    stop: str = "end"
    tokens: dict[str, int] = {}


GOOD = Row("good", events=(Event(text="good"), Event(stop="stop")), text="good")


def rows(path: str) -> list[Row]:
    """The rows of a file. Raises msgspec.ValidationError for one that says what nobody reads."""
    with open(path, "rb") as file:
        return convert(tomllib.load(file)["fault"], list[Row])


class Request(Struct, frozen=True):
    """What a client sent."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        names = ("x-api-key", "x-goog-api-key", "authorization")
        given = next((self.headers[name] for name in names if name in self.headers), "")
        return given.removeprefix("Bearer ")


class Server:
    """Answers with one row after the other, and with GOOD when they are used up."""

    def __init__(
        self,
        script: Iterable[Row] = (),
        tls: ssl.SSLContext | None = None,
        form: str = "compatible",
    ) -> None:
        self.script = list(script)
        self.form = form
        self.connections = 0
        self.requests: list[Request] = []
        self.met = asyncio.Event()
        """Set when a client has connected."""
        self.gone = asyncio.Event()
        """Set when a client left an answer that hangs."""
        self.release = asyncio.Event()
        """Set by a test to let an answer end."""
        self.port = 0
        self._tls = tls
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}/v1"

    async def __aenter__(self) -> "Server":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task, writer in list(self._open.items()):
            writer.transport.abort()
            await asyncio.wait((task,))
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open[task] = writer
        self.connections += 1
        self.met.set()
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            del self._open[task]
            writer.transport.abort() if self._tls else writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may go on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.partition(":") for line in head[1:] if line)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        row = self.script.pop(0) if self.script else GOOD
        length = 0 if row.early else int(headers["content-length"])
        request = Request(head[0].split()[1], headers, await reader.readexactly(length))
        self.requests.append(request)
        if row.end != "drop":
            for piece in _pieces(encode(row, request.key, self.form), row.piece):
                writer.write(piece)
                await writer.drain()
        return await self._finish(row, reader, writer)

    async def _finish(
        self, row: Row, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if row.end == "wait":
            await self.release.wait()
            writer.write(b"0\r\n\r\n")
        if row.end == "hang":
            await reader.read(1)
            self.gone.set()
        if row.end == "reset":
            linger = struct.pack("ii", 1, 0)
            sock: socket.socket = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()
        return (
            row.end in ("", "wait") and not row.early and row.framing != "close" and row.raw is None
        )


def encode(row: Row, key: str = "", form: str = "compatible") -> bytes:
    """The bytes that a row puts on the wire."""
    if row.raw is not None:
        return row.raw.encode(CHARACTERS)
    if row.body is not None:
        body = row.body.replace("$KEY", key).encode(CHARACTERS)
    else:
        body = spoken(row.events, form, row.done, key)
    body = COMPRESS[row.encoding](body)
    headers = {"Content-Type": row.type} if row.type else {}
    if row.encoding:
        headers["Content-Encoding"] = HEADERS.get(row.encoding, row.encoding)
    if row.framing == "chunked":
        headers["Transfer-Encoding"] = "chunked"
        body = b"%x\r\n%s\r\n" % (len(body), body) if body else b""
        body += b"" if row.end else b"0\r\n\r\n"
    elif row.framing != "close":
        headers["Content-Length"] = str(len(body) if row.framing == "length" else row.framing)
    lines = [f"HTTP/{row.version} {row.status} Whatever", *map(": ".join, headers.items())]
    lines += map(": ".join, row.headers.items())
    return "\r\n".join((*lines, "", "")).encode() + body


def _pieces(data: bytes, size: int) -> Iterable[bytes]:
    return (data[i : i + size] for i in range(0, len(data), size)) if size else (data,)


def cases(rows: Iterable[Row]) -> list[tuple[str, Row]]:
    """Each row in every format that can say it."""
    return [(form, row) for row in rows for form in SPEAKERS if not row.only or form in row.only]


ROWS = rows(os.path.join(os.path.dirname(__file__), "provider_faults.toml"))
