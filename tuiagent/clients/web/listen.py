"""The web server on its addresses: uvicorn on the running loop, without signals of its own."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from tuiagent.clients.web.frames import FRAME
from tuiagent.clients.web.outlet import CUT
from tuiagent.clients.web.patience import BACKLOG, BURST, PatientProtocol
from tuiagent.kernel.errors import ConfigError

LINGER = 10
"""Seconds for what is being answered when the server ends."""


class Http(PatientProtocol):
    """Can be closed past what nobody reads."""

    def on_message_begin(self) -> None:
        """Lets the application close it."""
        super().on_message_begin()
        self.scope["extensions"] = {CUT: self._cut}  # type: ignore[typeddict-item]

    def _cut(self, final: bytes, grace: float) -> None:
        self.cycle.disconnected = True
        _close(self.transport, final, grace)


class WebSocketed(WebSocketsSansIOProtocol):
    """Can be closed past what nobody reads."""

    async def run_asgi(self) -> None:
        """Lets the application close it."""
        self.scope["extensions"][CUT] = self._cut  # type: ignore[index, typeddict-unknown-key]
        await super().run_asgi()

    def _cut(self, final: bytes, grace: float) -> None:
        self.close_sent = True
        _close(self.transport, final, grace)


def _close(transport: asyncio.Transport, final: bytes, grace: float) -> None:
    transport.write(final)
    transport.close()
    asyncio.get_running_loop().call_later(grace, transport.abort)


class Server(uvicorn.Server):
    """uvicorn's, which leaves signals to whoever runs it, and says when it has begun."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to answer."""
        await super().startup(sockets)
        self.begun.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Captures none."""
        yield


@asynccontextmanager
async def listening(
    app: Any, addresses: Sequence[str], drain: Callable[[], None]
) -> AsyncGenerator[list[str]]:
    """Answers on these addresses (`HOST:PORT`, port 0 for any) while this is open; their URLs.

    In the end `drain` is called, so that streams end, and what is being answered gets LINGER
    seconds. Raises ConfigError for an address that cannot be had.
    """
    with ExitStack() as stack:
        sockets = [stack.enter_context(bound(address)) for address in addresses]
        config = uvicorn.Config(
            app,
            http=Http,
            ws=WebSocketed,
            ws_max_size=FRAME,
            ws_per_message_deflate=False,  # 2,000 idle connections would take 600 MiB for it
            lifespan="off",
            log_config=None,
            log_level="warning",  # a line for each request would hold its query, and so a key
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=LINGER,
            backlog=BURST,  # to asyncio, also what it takes at once
        )
        server = Server(config)
        task = asyncio.create_task(server.serve(sockets))
        try:
            await server.begun.wait()
            for made in sockets:
                made.listen(BACKLOG)
            yield [_url(made) for made in sockets]
        finally:
            drain()
            server.should_exit = True
            await task


def bound(address: str) -> socket.socket:
    """A socket that listens there. Raises ConfigError."""
    host, _, port = address.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise ConfigError(f"the address {address!r} cannot be read: write HOST:PORT")
    host = host.removeprefix("[").removesuffix("]")
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
        family, kind, number, _, place = found[0]
        made = socket.socket(family, kind, number)
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"the address {address!r} is not known here: {error}") from error
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(place)
        made.listen(BACKLOG)
        made.setblocking(False)
    except OSError as error:
        made.close()
        raise ConfigError(f"cannot listen on {address}: {error.strerror or error}") from error
    return made


def _url(made: socket.socket) -> str:
    host, port = made.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
