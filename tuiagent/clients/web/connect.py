"""Connects to a server: over a WebSocket with a key, or to this user's own over its socket."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as dial
from websockets.exceptions import (
    ConnectionClosed,
    ConnectionClosedOK,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)

from tuiagent.clients.web.frames import FRAME, LARGEST, Answer, Ask
from tuiagent.clients.web.remote import Remote, RemoteClient
from tuiagent.config import load
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.errors import ConfigError, Refused, TuiagentError
from tuiagent.ports import Client
from tuiagent.server import server_record

PATH = "/api/v1/stream"
ACTOR = "X-Tuiagent-Actor"


class WebWire:
    """A WebSocket."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send(self, ask: Ask) -> None:
        """See Wire."""
        text = msgspec.json.encode(ask).decode()
        if len(text) > FRAME:
            most = f"more than {FRAME >> 20} MiB, images and documents included"
            raise Refused(f"a server takes no {most}: send less at a time")
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise ConnectionError(_why(error)) from error

    async def receive(self) -> Answer | None:
        """See Wire."""
        try:
            return msgspec.json.decode(await self._connection.recv(), type=Answer)
        except ConnectionClosedOK:
            return None
        except ConnectionClosed as error:
            raise ConnectionError(_why(error)) from error
        except msgspec.MsgspecError as error:
            raise TuiagentError(f"a frame cannot be read: {error}") from error

    async def close(self) -> None:
        """See Wire."""
        await self._connection.close()


@asynccontextmanager
async def connect(url: str = "", token: str = "") -> AsyncGenerator[Client]:
    """The engine of the server at this URL, as whoever the key belongs to sees it.

    Without a URL it is this user's background server, which needs no key. It raises ConfigError
    for what is no URL of a server or no live key, and OSError when there is none or, from any
    call, once it has gone; whoever watched goes on from the last position it saw.
    """
    client = await (_over_web(url, token) if url else _over_socket())
    try:
        yield client
    finally:
        await client.close()


async def _over_socket() -> Remote:
    """This user's background server."""
    root = load(os.environ).root
    record = server_record(root)
    if record is None:
        raise ConfigError(f"no server of {root} runs: begin one with `tuiagent serve`")
    return await RemoteClient.connect(record.socket, codec())


async def _over_web(url: str, token: str) -> Remote:
    """A server at a URL."""
    parts = urlsplit(url)
    scheme = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ConfigError(f"{url!r} is not the URL of a server: write http://HOST:PORT")
    address = f"{scheme}://{parts.netloc}{parts.path.rstrip('/')}{PATH}"
    headers = {"Authorization": f"Bearer {token}"} if token else None
    try:
        connection = await dial(
            address, additional_headers=headers, compression=None, max_size=LARGEST
        )
    except InvalidStatus as error:
        raise ConfigError(f"{url} does not let this key in: {_told(error)}") from error
    except (InvalidURI, InvalidHandshake) as error:
        raise ConfigError(f"there is no tuiagent server at {url}: {error}") from error
    except TimeoutError as error:
        raise ConnectionError(f"{url} does not answer") from error
    assert connection.response is not None
    return Remote(WebWire(connection), codec(), connection.response.headers.get(ACTOR, ""))


def _told(error: InvalidStatus) -> str:
    """What the server says about it."""
    try:
        return msgspec.json.decode(error.response.body, type=dict[str, object])["detail"]  # type: ignore[return-value]
    except (msgspec.MsgspecError, KeyError):
        return f"it answers {error.response.status_code}"


def _why(error: ConnectionClosed) -> str:
    """Why the connection has ended."""
    closed = error.rcvd
    return f"the server closed the connection: {closed.reason}" if closed else str(error)
