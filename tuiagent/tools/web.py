"""Gets one thing from the web: no proxy, no cookie, no credential, and nobody inside the network.

The address that is judged is the one that is connected to, whatever the name says a moment later.
"""

import asyncio
import socket
from collections.abc import Collection, Mapping

from msgspec import Struct

from tuiagent import __version__, tls
from tuiagent.internet import public
from tuiagent.kernel.errors import ToolError
from tuiagent.response import Response
from tuiagent.tools.address import Place, follow

SECONDS = 30.0
"""For everything, redirects too."""
BODY = 16 << 20
"""Bytes after decoding."""
HEAD = 64 << 10
REDIRECTS = 5
MOVED = frozenset((301, 302, 303, 307, 308))
SIZE = 1 << 16
ACCEPT = "text/markdown, text/html;q=0.9, text/*;q=0.8, application/json;q=0.8, */*;q=0.5"


class Got(Struct, frozen=True):
    """An answer."""

    place: Place
    """Where it came from in the end."""
    status: int
    headers: dict[str, str]
    body: bytes
    elsewhere: str = ""
    """Where it sends us, on another host."""


async def get(
    place: Place, private: Collection[str] = (), headers: Mapping[str, str] | None = None
) -> Got:
    """What is there. Raises ToolError.

    `private` are the hosts that may lie inside the network, as Place.name has them. Where headers
    are given, which may hold a key, no redirect is followed.
    """
    try:
        async with asyncio.timeout(SECONDS):
            for _ in range(REDIRECTS + 1):
                response, body = await _once(place, private, headers or {})
                moved = response.headers.get("location", "")
                if response.status not in MOVED or not moved or headers:
                    return Got(place, response.status, response.headers, body)
                there = follow(place, moved)
                if there.name != place.name:
                    return Got(place, response.status, response.headers, b"", there.url)
                place = there
    except TimeoutError as error:
        raise ToolError(f"{place.name} did not answer within {SECONDS:g} s") from error
    raise ToolError(f"{place.url}: more than {REDIRECTS} redirects")


async def _once(
    place: Place, private: Collection[str], headers: Mapping[str, str]
) -> tuple[Response, bytes]:
    """One request on a connection of its own. Raises ToolError, TimeoutError."""
    reader, writer = await _open(place, private)
    try:
        writer.write(_request(place, headers))
        response = Response(HEAD, BODY)
        pieces: list[bytes] = []
        while not response.complete:
            response.feed(await reader.read(SIZE))
            if response.ready:
                pieces += response.take()
        encoding = response.headers.get("content-encoding", "identity").lower()
        if encoding not in Response.ENCODINGS:
            raise ToolError(f"{place.name} sent a body encoded as {encoding}: not asked for")
        return response, b"".join((*pieces, *response.take()))
    except TimeoutError:
        raise
    except (OSError, EOFError, ValueError, OverflowError) as error:
        raise ToolError(f"{place.name}: {tls.failure(error) or error}") from error
    finally:
        writer.transport.abort()


def _request(place: Place, headers: Mapping[str, str]) -> bytes:
    lines = {
        "Host": place.name,
        "User-Agent": f"tuiagent/{__version__}",
        "Accept": ACCEPT,
        "Accept-Encoding": "gzip",
        "Connection": "close",
        **headers,
    }
    if not all(value.isascii() and value.isprintable() for value in lines.values()):
        raise ToolError("a header would hold characters that no header may: check the key")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"GET {place.target} HTTP/1.1\r\n{head}\r\n".encode()


async def _open(
    place: Place, private: Collection[str]
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to an address that was judged. Raises ToolError, TimeoutError."""
    addresses = await resolved(place, private)
    context = await asyncio.to_thread(tls.context) if place.scheme == "https" else None
    name = place.host if context else None
    problem = ""
    for address in addresses:
        try:
            return await asyncio.open_connection(
                address, place.port, ssl=context, server_hostname=name, limit=SIZE
            )
        except TimeoutError:
            raise
        except OSError as error:
            reason = tls.failure(error)
            if reason:
                raise ToolError(f"{place.name} offers no safe connection: {reason}") from error
            problem = error.strerror or str(error)
    raise ToolError(f"{place.name} could not be reached: {problem}")


async def resolved(place: Place, private: Collection[str]) -> list[str]:
    """The addresses of the host, every one of which may be connected to. Raises ToolError."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise ToolError(f"{place.name} has no address: {error}") from error
    addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
    inside = next((address for address in addresses if not public(address)), "")
    if inside and place.name not in private:
        raise ToolError(
            f"{place.name} is {inside}, which does not lie in the public internet: it is refused; "
            f'a person may list "{place.name}" under `private` in [web] of their config.toml'
        )
    return addresses
