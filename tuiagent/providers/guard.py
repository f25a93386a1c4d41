"""What keeps an official client within our limits: a transport that counts and that judges.

It raises before the client sees what is not a stream of events, so that a failure means the same
whoever carried the request.
"""

import asyncio
import functools
from collections.abc import AsyncIterator, Mapping

import httpx2

from tuiagent import tls
from tuiagent.providers.limits import Limits
from tuiagent.response import Response

context = functools.cache(tls.context)
STREAMS = ("text/event-stream", "application/vnd.amazon.eventstream")


class AnswerError(Exception):
    """An answer that is no stream of events."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"status {status}")
        self.status = status
        self.headers = headers
        self.body = body


class Guard(httpx2.AsyncBaseTransport):
    """Passes requests on, and answers as far as they are within the limits."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._inner = httpx2.AsyncHTTPTransport(verify=context())

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2."""
        request.headers["accept-encoding"] = "identity"
        try:
            async with asyncio.timeout(self._limits.first_byte):
                response = await self._inner.handle_async_request(request)
        except (httpx2.ProtocolError, httpx2.ReadError, httpx2.WriteError) as error:
            raise httpx2.ConnectError(str(error) or "the connection was closed") from error
        kind = response.headers.get("content-type", "").lower()
        known = response.headers.get("content-encoding", "").lower() in Response.ENCODINGS
        if response.status_code != 200 or not kind.startswith(STREAMS) or not known:
            body = await self._beginning(response)
            headers = {name.lower(): value for name, value in response.headers.items()}
            raise AnswerError(response.status_code, headers, body)
        stream = response.stream
        assert isinstance(stream, httpx2.AsyncByteStream)
        response.stream = Counted(stream, self._limits)
        return response

    async def _beginning(self, response: httpx2.Response) -> bytes:
        """As much of a body as its message needs, as far as it comes."""
        pieces: list[bytes] = []
        try:
            async for piece in response.aiter_bytes():
                pieces.append(piece)
                if sum(map(len, pieces)) > self._limits.error:
                    break
        except (httpx2.HTTPError, OSError):
            pass  # what did come is all there is
        finally:
            await response.aclose()
        return b"".join(pieces)[: self._limits.error]

    async def aclose(self) -> None:
        """See httpx2."""
        await self._inner.aclose()


class Counted(httpx2.AsyncByteStream):
    """A body; raises OverflowError for a line or a whole too long, TimeoutError for silence."""

    def __init__(self, inner: httpx2.AsyncByteStream, limits: Limits) -> None:
        self._inner = inner
        self._limits = limits

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """See httpx2."""
        whole = line = 0
        pieces = aiter(self._inner)
        while True:
            async with asyncio.timeout(self._limits.idle):
                piece = await anext(pieces, None)  # clients may take the limit off a request
            if piece is None:
                return
            whole += len(piece)
            *ended, rest = piece.split(b"\n")
            longest = max((line + len(ended[0]), *map(len, ended[1:])), default=0) if ended else 0
            line = len(rest) if ended else line + len(rest)
            if max(longest, line) > self._limits.line:
                what = f"a line of the answer is longer than {self._limits.line} bytes"
                raise OverflowError(what)
            if whole > self._limits.body:
                raise OverflowError(f"the answer is longer than {self._limits.body} bytes")
            yield piece

    async def aclose(self) -> None:
        """See httpx2."""
        await self._inner.aclose()
