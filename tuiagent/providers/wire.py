"""The transport for plain endpoints: HTTP/1.1 and server-sent events over asyncio's streams.

`httptools`, a parser in C, carries it because a cold start pays for every import: it takes 1.5 ms,
h11 8 and httpx2 130. There is no proxy support: HTTPS_PROXY and its kin have no effect. Redirects
are not followed, because the key belongs to one host.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import TYPE_CHECKING

from httptools import HttpParserInvalidURLError, parse_url

from tuiagent import tls
from tuiagent.kernel.errors import ProviderError
from tuiagent.providers.faults import Faults
from tuiagent.providers.limits import Limits
from tuiagent.providers.sse import EventStream
from tuiagent.response import Response

if TYPE_CHECKING:
    import ssl

SIZE = 1 << 18
"""Bytes that are read at a time."""
ATTEMPT = 0.25
"""Seconds after which a host's next address is tried beside the first (RFC 8305)."""
PORTS = {"http": 80, "https": 443}


class Connection:
    """One connection and the response that is being read from it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits
    ) -> None:
        self.response = Response(limits.head, limits.body)
        self.fresh = True
        """Whether it was opened for the request that it carries."""
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._since = 0.0

    def usable(self, now: float) -> bool:
        """Whether the other side still seems to be there."""
        young = self.fresh or now - self._since < self._limits.kept
        return young and not self._reader.at_eof() and not self._writer.is_closing()

    def send(self, request: bytes) -> None:
        """Sends without waiting: the answer may come before all of the request is taken."""
        self.response = Response(self._limits.head, self._limits.body)
        self._writer.write(request)

    async def head(self, until: float) -> None:
        """Reads until status and headers are complete. Raises as `more` does."""
        while not self.response.ready:
            await self._read(until)

    async def more(self, until: float) -> list[bytes]:
        """The next pieces of the body, none at its end.

        Raises TimeoutError, EOFError, OSError, ValueError for what is not HTTP, and OverflowError.
        """
        while True:
            pieces = self.response.take()
            if pieces or self.response.complete:
                return pieces
            await self._read(until)

    async def whole(self, limit: int, until: float) -> bytes:
        """The body as far as it comes in time, at most `limit` bytes of it."""
        pieces: list[bytes] = []
        size = 0
        try:
            while size <= limit and (found := await self.more(until)):
                pieces += found
                size += sum(map(len, found))
        except (OSError, EOFError, ValueError, OverflowError):
            self.close()  # what did come is all there is
        return b"".join(pieces)[:limit]

    async def _read(self, until: float) -> None:
        async with asyncio.timeout_at(until):
            data = await self._reader.read(SIZE)
        self.response.feed(data)

    def rest(self, now: float) -> bool:
        """Whether the connection may be kept for the next request; from now on it ages."""
        self.fresh, self._since = False, now
        return self.response.complete and self.response.reusable and self.usable(now)

    def close(self) -> None:
        """Ends the connection at once."""
        self._writer.transport.abort()


class Wire:
    """Posts to one base URL; a run that asks one thing at a time uses one connection for all."""

    def __init__(
        self, base_url: str, headers: Mapping[str, str], limits: Limits | None = None
    ) -> None:
        """Raises ProviderError for an address or a header that cannot be sent."""
        self._limits = limits or Limits()
        self._secure, self.host, self._port, self._path, self._query = _parse(base_url)
        default = PORTS["https" if self._secure else "http"]
        bracketed = f"[{self.host}]" if ":" in self.host else self.host
        authority = bracketed if self._port == default else f"{bracketed}:{self._port}"
        self.where = authority + self._path
        """The address without anything secret, for messages."""
        self._head = _head(authority, headers)
        self._tls: ssl.SSLContext | None = None
        self._early: asyncio.Task[Connection | None] | None = None
        self._idle: list[Connection] = []

    async def connect(self) -> None:
        """Opens the connection that the next request takes, while other work goes on."""
        if self._early is None and not self._idle:
            self._early = asyncio.create_task(self._try_open())
            await asyncio.wait((self._early,))

    async def close(self) -> None:
        """Ends the connections that no request uses."""
        if self._early is not None:
            self._early.cancel()
            await asyncio.wait((self._early,))
            if not self._early.cancelled() and (connection := self._early.result()):
                connection.close()
            self._early = None
        while self._idle:
            self._idle.pop().close()

    async def post(
        self, path: str, body: bytes, faults: Faults, over: Callable[[], bool]
    ) -> AsyncGenerator[bytes]:
        """The data of the events that answer; once it is `over`, none is waited for.

        Raises ProviderError. Being closed or cancelled early ends the connection.
        """
        deadline = _now() + self._limits.total
        connection = await self._ask(path, body, faults)
        try:
            await self._accept(connection, faults)
            events = EventStream(self._limits.line)
            while pieces := await connection.more(min(_now() + self._limits.idle, deadline)):
                for piece in pieces:
                    for data in events.feed(piece):
                        yield data
                        if over():
                            await connection.whole(self._limits.error, self._rest())
                            return
        except (OSError, EOFError, ValueError, OverflowError) as error:
            raise self._explain(error, connection.response, faults) from error
        finally:
            if connection.rest(_now()):
                self._idle.append(connection)
            else:
                connection.close()

    async def _ask(self, path: str, body: bytes, faults: Faults) -> Connection:
        """Sends the request and reads the answer's head.

        A kept connection that ends before any byte of the answer was closed by the other side
        while it was unused: that is no failure, so a new one is opened, once.
        """
        query = self._query.replace("?", "&") if "?" in path else self._query
        target = f"POST {self._path}{path}{query} HTTP/1.1\r\n".encode()
        request = b"%s%sContent-Length: %d\r\n\r\n%s" % (target, self._head, len(body), body)
        connection = await self._take() or await self._open(faults)
        while True:
            try:
                connection.send(request)
                await connection.head(_now() + self._limits.first_byte)
                return connection
            except (OSError, EOFError, ValueError, OverflowError) as error:
                connection.close()
                gone = isinstance(error, (OSError, EOFError)) and not connection.response.started
                if connection.fresh or not gone or isinstance(error, TimeoutError):
                    raise self._explain(error, connection.response, faults) from error
            except asyncio.CancelledError:
                connection.close()
                raise
            connection = await self._open(faults)

    async def _accept(self, connection: Connection, faults: Faults) -> None:
        """Raises ProviderError for an answer that is not an event stream."""
        response = connection.response
        kind = response.headers.get("content-type", "")
        streams = kind.lower().startswith("text/event-stream")
        encoding = response.headers.get("content-encoding", "identity").lower()
        if response.status == 200 and streams and encoding in Response.ENCODINGS:
            return
        text = await connection.whole(self._limits.error, self._rest())
        if response.status != 200:
            raise faults.answer(response.status, response.headers, text)
        if streams:
            raise faults.foreign(f"a body encoded as {encoding}, which was not asked for", b"")
        raise faults.foreign(f"{kind or 'something'} and no event stream", text)

    async def _take(self) -> Connection | None:
        """A connection that is open already."""
        if self._early is not None:
            early, self._early = self._early, None
            if (connection := await early) is not None and connection.usable(_now()):
                return connection
        while self._idle:
            connection = self._idle.pop()
            if connection.usable(_now()):
                return connection
            connection.close()
        return None

    async def _try_open(self) -> Connection | None:
        try:
            connection = await self._open(Faults("", self.where, None, ""))
        except ProviderError:
            return None  # the request will meet the same failure, and tell
        connection.rest(_now())
        return connection

    async def _open(self, faults: Faults) -> Connection:
        try:
            async with asyncio.timeout(self._limits.connect):
                if self._secure and self._tls is None:
                    self._tls = await asyncio.to_thread(tls.context)
                reader, writer = await asyncio.open_connection(
                    self.host,
                    self._port,
                    ssl=self._tls,
                    limit=SIZE,
                    happy_eyeballs_delay=ATTEMPT,
                )
        except TimeoutError as error:
            what = f"could not be reached within {self._limits.connect:g} s"
            raise faults.error("network", what) from error
        except (OSError, UnicodeError) as error:
            if reason := tls.failure(error):
                raise faults.error("tls", f"offers no safe connection: {reason}") from error
            what = f"could not be reached: {_reason(error)}"
            raise faults.error("network", what) from error
        return Connection(reader, writer, self._limits)

    def _explain(self, error: Exception, response: Response, faults: Faults) -> ProviderError:
        """What a failure while reading the answer means."""
        if isinstance(error, TimeoutError):
            limits = self._limits
            if not response.ready:
                what = f"sent no answer within {limits.first_byte:g} s"
            else:
                what = f"sent nothing for {limits.idle:g} s, or took {limits.total:g} s in all"
            return faults.error("timeout", what)
        if isinstance(error, OverflowError):
            return faults.error("limit", f"sent too much: {error}")
        if isinstance(error, ValueError) and not response.ready:
            return faults.foreign(f"something else, {error}", response.beginning)
        if not response.ready:
            what = f"closed the connection before it answered: {_reason(error)}"
            return faults.error("network", what)
        return faults.error("cut", f"broke off in the middle of its answer: {_reason(error)}")

    def _rest(self) -> float:
        return _now() + self._limits.rest


def _now() -> float:
    return asyncio.get_running_loop().time()


def _reason(error: Exception) -> str:
    """What the system says: once, where it says the same of several addresses."""
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    numbers = {*re.findall(r"\[Errno (\d+)\]", f"[Errno {getattr(error, 'errno', None)}] {text}")}
    return os.strerror(int(numbers.pop())) if len(numbers) == 1 else text


def _parse(base_url: str) -> tuple[bool, str, int, str, str]:
    """Whether it is TLS, the host, port, path without an end slash, and query with its mark."""
    try:
        url = parse_url(base_url.strip().encode("ascii"))
    except (HttpParserInvalidURLError, UnicodeEncodeError):
        url = None
    schema = (url.schema or b"").decode().lower() if url else ""
    if url is None or schema not in PORTS or not url.host or url.userinfo:
        raise ProviderError(
            "bad_request",
            "the base URL of the provider cannot be used: write http:// or https://, a host and a "
            "path in plain ASCII letters, and no user or key in it",
        )
    query = f"?{url.query.decode()}" if url.query else ""
    path = (url.path or b"").decode().rstrip("/")
    return schema == "https", url.host.decode(), url.port or PORTS[schema], path, query


def _head(authority: str, headers: Mapping[str, str]) -> bytes:
    """The headers that all requests share."""
    lines = {
        "Host": authority,
        "User-Agent": "tuiagent",
        "Accept": "text/event-stream",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
        **headers,
    }
    for name, value in lines.items():
        if not (value.isascii() and value.isprintable()):
            raise ProviderError(
                "auth",
                f"the header {name} would hold characters that no header may: check the key for a "
                "line break or a letter that is not ASCII",
            )
    return "".join(f"{name}: {value}\r\n" for name, value in lines.items()).encode()
