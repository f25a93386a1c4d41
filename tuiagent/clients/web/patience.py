"""How long a request may take to arrive, and how large its head may be: what uvicorn leaves open.

uvicorn waits for ever for a head or a body that comes byte by byte, and httptools takes a head of
any size. What is refused here is told as everywhere, by application/problem+json.
"""

import asyncio
import resource

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from tuiagent.clients.web.problem import Problem

HEAD = 64 << 10
"""Bytes of a head that is not complete; the guard judges what is."""


BACKLOG = 256
"""Connections that may wait to be taken."""
BURST = 32
"""Those that are taken in one turn of the loop; the one too many is closed three turns later."""
LEAST = 32


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's, with an end to its patience."""

    head_seconds = 10.0
    """From the connection, or the first byte, to the end of the head."""
    body_seconds = 30.0
    """From there to the end of the body."""
    most = 0
    """Connections at once; 0 for what half of the files allows: the rest is for the work."""
    _waiting: asyncio.TimerHandle | None = None
    _head: int | None = 0
    """Bytes of the head so far; None while no head is being read."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Waits for a first request; one too many is closed, so that files can still be opened."""
        super().connection_made(transport)
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        most = self.most or max(files // 2 - 4 * BURST, LEAST)
        if len(self.connections) > most:
            transport.abort()
        else:
            self._wait(self.head_seconds, "head")

    def connection_lost(self, exc: Exception | None) -> None:
        """Waits for nothing more."""
        self._leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes no head that goes on and on."""
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > HEAD:
            self._refuse(Problem(431, "head_too_large", f"a head has at most {HEAD >> 10} KiB"))

    def on_message_begin(self) -> None:
        """The head of a request begins."""
        super().on_message_begin()
        self._head = self._head or 0
        self._wait(self.head_seconds, "head")

    def on_headers_complete(self) -> None:
        """Its body begins."""
        self._head = None
        self._wait(self.body_seconds, "body")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it has arrived."""
        self._leave()
        super().on_message_complete()

    def handle_websocket_upgrade(self) -> None:
        """From here on it is no HTTP."""
        self._leave()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Says that this is no HTTP."""
        self._refuse(Problem(400, "not_http", "this is no request of HTTP/1.1"))

    def _wait(self, seconds: float, what: str) -> None:
        self._leave()
        self._waiting = self.loop.call_later(seconds, self._late, what, seconds)

    def _leave(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None

    def _late(self, what: str, seconds: float) -> None:
        self._refuse(Problem(408, "too_slow", f"the {what} did not arrive within {seconds:g} s"))

    def _refuse(self, error: Problem) -> None:
        """Answers, where nothing was answered yet, and ends the connection."""
        self._leave()
        if self.transport.is_closing():
            return
        idle = self.cycle is None or self.cycle.response_complete
        if idle or not self.cycle.response_started:
            body = msgspec.json.encode(error.body())
            head = b"content-type: application/problem+json\r\nconnection: close\r\n"
            size = b"content-length: %d\r\n\r\n" % len(body)
            self.transport.write(b"".join((STATUS_LINE[error.status], head, size, body)))
        self.transport.close()
