"""Whoever watches while the server is measured, and the model that speaks: both cost little."""

import asyncio
import base64
import os
import time
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tuiagent.clients.web.frames import Answer, Ask
from tuiagent.kernel.run import Delta

TOKEN = 15
"""Letters of a token: the moment at which it was said, on the clock of time.monotonic()."""
TEXT, CLOSE, PING, PONG = 0x81, 0x88, 0x89, 0x8A
NOTHING_MASKED = b"\0\0\0\0"


class Line(msgspec.Struct):
    """What is looked at of a fact that a stream of events tells."""

    position: int
    version: int
    kind: str
    body: msgspec.Raw


class Viewer(asyncio.Protocol):
    """Puts together what a session says, and keeps how late each token was."""

    def __init__(self, address: str, key: str, session: str) -> None:
        self.session = session
        self.address = address
        self.until = "RunFinished"
        """The kind of fact with which it is over."""
        self.late: list[float] = []
        """Milliseconds."""
        self.texts: dict[str, str] = {}
        """By attempt."""
        self.facts: list[tuple[int, int, str]] = []
        """Position, version and kind."""
        self.faults: Counter[str] = Counter()
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._key = key
        self._head = True
        self._rest = b""

    async def begin(self) -> "Viewer":
        """Connects, and waits until all history is told."""
        host, _, port = urlsplit(self.address).netloc.rpartition(":")
        loop = asyncio.get_running_loop()
        self.transport, _ = await loop.create_connection(lambda: self, host, int(port))
        await self.ready
        return self

    def connection_made(self, transport: Any) -> None:
        """See asyncio.Protocol."""
        lines = [
            f"GET {self.path()} HTTP/1.1",
            f"Host: {urlsplit(self.address).netloc}",
            f"Authorization: Bearer {self._key}",
            *self.headers(),
        ]
        transport.write("\r\n".join([*lines, "", ""]).encode())
        self.wire = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._rest += data
        if self._head:
            head, end, rest = self._rest.partition(b"\r\n\r\n")
            if not end:
                return
            if head.split()[1] not in (b"200", b"101"):
                self.ready.set_exception(ConnectionError(f"{head[:80]} {rest[:200]}"))
                return
            self._head, self._rest = False, rest
            self.begun()
        used = self.taken(self._rest)
        self._rest = self._rest[used:]

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        for waiting in (self.ready, self.over):
            if not waiting.done():
                waiting.set_exception(ConnectionError(f"a viewer was cut: {exc}"))
                waiting.exception()  # whoever waits is told; nobody has to

    def close(self) -> None:
        """Leaves."""
        self.over.cancel()
        self.transport.close()

    def path(self) -> str:
        """What is asked for."""
        raise NotImplementedError

    def headers(self) -> list[str]:
        """More headers."""
        return []

    def begun(self) -> None:
        """The answer has begun."""

    def taken(self, data: bytes) -> int:
        """Looks at all that is whole; how many bytes of it."""
        raise NotImplementedError

    # ------------------------------------------------------------ what is seen

    def fact(self, position: int, version: int, kind: str, body: bytes) -> None:
        """A fact: each follows the one before."""
        if self.facts and (version != self.facts[-1][1] + 1 or position <= self.facts[-1][0]):
            self.faults["facts out of order"] += 1
        self.facts.append((position, version, kind))
        if kind == self.until and not self.over.done():
            self.over.set_result(None)

    def delta(self, body: bytes) -> None:
        """Text: each piece begins where the last one has ended."""
        now = time.monotonic()
        said = msgspec.json.decode(body, type=Delta)
        text = self.texts.get(said.attempt, "")
        if said.offset != len(text):
            self.faults["text out of order"] += 1
            text = text[: said.offset].ljust(said.offset)
        begun = len(text) // TOKEN * TOKEN
        text = self.texts[said.attempt] = text + said.text
        for start in range(begun, len(text) - TOKEN + 1, TOKEN):
            self.late.append((now - float(text[start : start + TOKEN])) * 1000)

    def mark(self, kind: str) -> None:
        """CaughtUp or Lagged."""
        if kind == "Lagged":
            self.faults["lagged"] += 1
        elif not self.ready.done():
            self.ready.set_result(None)


class Socket(Viewer):
    """Over a WebSocket."""

    def path(self) -> str:
        """See Viewer."""
        return "/api/v1/stream"

    def headers(self) -> list[str]:
        """See Viewer."""
        key = base64.b64encode(os.urandom(16)).decode()
        more = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        return [*more, f"Sec-WebSocket-Key: {key}"]

    def begun(self) -> None:
        """Asks for the session."""
        ask = Ask(1, "watch", select=f"session/{self.session}")
        self._say(TEXT, msgspec.json.encode(ask))

    def _say(self, kind: int, data: bytes) -> None:
        size = bytes([0x80 | len(data)])
        if len(data) > 125:
            size = b"\xfe" + len(data).to_bytes(2, "big")
        self.wire.write(bytes([kind]) + size + NOTHING_MASKED + data)

    def taken(self, data: bytes) -> int:
        """See Viewer."""
        used = 0
        while len(data) >= used + 2:
            kind, size, start = data[used], data[used + 1], used + 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                start += wide
                size = int.from_bytes(data[start - wide : start], "big")
            if len(data) < start + size:
                break
            used = start + size
            if kind == TEXT:
                self._answer(data[start:used])
            elif kind == PING:
                self._say(PONG, data[start:used])
            elif kind == CLOSE:
                self.transport.close()
        return used

    def _answer(self, data: bytes) -> None:
        for item in msgspec.json.decode(data, type=Answer).items:
            if item.event is not None:
                self.fact(item.event[0], item.event[2], item.kind, bytes(item.body))
            elif item.kind == "Delta":
                self.delta(bytes(item.body))
            elif item.kind in ("CaughtUp", "Lagged"):
                self.mark(item.kind)


class Events(Viewer):
    """Over server-sent events."""

    _block = b""

    def path(self) -> str:
        """See Viewer."""
        return f"/api/v1/sessions/{self.session}/stream"

    def taken(self, data: bytes) -> int:
        """See Viewer."""
        used = 0
        while (end := data.find(b"\r\n", used)) >= 0:
            size = int(data[used:end], 16)
            if not size or len(data) < end + 4 + size:
                break
            used = end + 4 + size
            *whole, self._block = (self._block + data[end + 2 : used - 2]).split(b"\n\n")
            for block in whole:
                self._event(block)
        return used

    def _event(self, block: bytes) -> None:
        head, _, data = block.partition(b"data: ")
        name = head.partition(b"event: ")[2].strip()
        if name == b"fact":
            line = msgspec.json.decode(data, type=Line)
            self.fact(line.position, line.version, line.kind, bytes(line.body))
        elif name == b"delta":
            self.delta(data)
        elif name in (b"caught_up", b"lagged"):
            self.mark({b"caught_up": "CaughtUp", b"lagged": "Lagged"}[name])


class Speaker:
    """Answers chat completions: tokens at a steady pace, whoever is slow."""

    def __init__(self) -> None:
        self.rate = 30.0
        """Tokens in a second."""
        self.tokens = 300
        self.behind = 0.0
        """Milliseconds by which a token was said late: the load generator's own limit."""

    async def start(self) -> str:
        """Listens on a free port; its URL."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                await reader.readexactly(length)
                await self._speak(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _speak(self, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        writer.write(head + b"\r\n\r\n")
        begun = time.monotonic()
        for number in range(self.tokens):
            due = begun + number / self.rate
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            now = time.monotonic()
            self.behind = max(self.behind, (now - due) * 1000)
            text = f"{now:0{TOKEN - 1}.6f} "
            writer.write(_chunk({"index": 0, "delta": {"content": text}}))
        writer.write(_chunk({"index": 0, "delta": {}, "finish_reason": "stop"}))
        writer.write(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")


def _chunk(choice: dict[str, Any]) -> bytes:
    text = b"data: %s\n\n" % msgspec.json.encode({"choices": [choice]})
    return b"%x\r\n%s\r\n" % (len(text), text)
