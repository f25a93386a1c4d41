"""How a server is reached: a program's pipes, or HTTP; both with an end to what is read."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from tuiagent.connectors import oauth
from tuiagent.connectors.surroundings import Program
from tuiagent.kernel.errors import ToolError

LARGEST = 16 << 20
"""Bytes of one message."""
SILENCE = 300.0
"""Seconds that a stream of HTTP may be silent; calls have shorter limits of their own."""

Streams = tuple[Any, Any]


@asynccontextmanager
async def piped(
    program: Program, log: Callable[[str], None], lost: Callable[[str], None]
) -> AsyncGenerator[Streams]:
    """The streams of messages of a program, which has ended when this is left.

    What it writes beside messages goes to the log. `lost` is told when it has no more to say.
    """
    inward, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, outward = anyio.create_memory_object_stream[SessionMessage](0)
    tasks = [
        asyncio.create_task(_messages(program.source, inward, log, lost)),
        asyncio.create_task(_sent(outward, program.sink)),
        asyncio.create_task(_logged(program.errors, log)),
    ]
    try:
        yield read, write
    finally:
        program.end()
        for task in tasks:
            task.cancel()
        for stream in (inward, read, write, outward):
            stream.close()  # before the wait, which may be cancelled
        await asyncio.gather(*tasks, return_exceptions=True)


async def _messages(
    source: asyncio.StreamReader,
    inward: "anyio.abc.ObjectSendStream[SessionMessage | Exception]",
    log: Callable[[str], None],
    lost: Callable[[str], None],
) -> None:
    """Hands on every line that is a message."""
    try:
        async with inward:
            while line := await source.readuntil(b"\n"):
                try:
                    message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                except ValueError:
                    log(line[:2000].decode(errors="replace"))
                    continue
                await inward.send(SessionMessage(message))
    except asyncio.LimitOverrunError:
        lost(f"it wrote a line of more than {LARGEST} bytes")
    except asyncio.IncompleteReadError as end:
        log(end.partial[:2000].decode(errors="replace"))
        lost("it has ended")
    except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        lost("its pipe broke")


async def _sent(
    outward: "anyio.abc.ObjectReceiveStream[SessionMessage]", sink: asyncio.StreamWriter
) -> None:
    """Writes every message as a line; what cannot be written is answered by the program's end."""
    try:
        async for one in outward:
            told = one.message.model_dump_json(by_alias=True, exclude_unset=True)
            sink.write(told.encode() + b"\n")
            await sink.drain()
    except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        return


async def _logged(source: asyncio.StreamReader, log: Callable[[str], None]) -> None:
    while chunk := await source.read(1 << 16):
        log(chunk.decode(errors="replace"))


class Bounded(httpx2.AsyncBaseTransport):
    """Ends answers that are longer than a message may be, and remembers the last status."""

    def __init__(self) -> None:
        self._inner = httpx2.AsyncHTTPTransport()
        self.status = 0
        self.refused = False
        """Whether the newest refusal was for want of a sign-in, or of rights."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """See httpx2; streams of events are bounded event by event, elsewhere."""
        response = await self._inner.handle_async_request(request)
        self.status = response.status_code
        if request.method == "POST" and self.status in (200, 202, 401, 403):
            self.refused = oauth.wanted(response) is not None
        if "text/event-stream" not in response.headers.get("content-type", ""):
            source: Any = response.stream
            response.stream = _Cut(source)
        return response

    async def aclose(self) -> None:
        """See httpx2."""
        await self._inner.aclose()


class _Cut(httpx2.AsyncByteStream):
    def __init__(self, source: Any) -> None:
        self._source = source

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._source:
            size += len(chunk)
            if size > LARGEST:
                raise httpx2.ReadError(f"the answer is longer than {LARGEST} bytes")
            yield chunk

    async def aclose(self) -> None:
        """See httpx2."""
        await self._source.aclose()


@asynccontextmanager
async def over_http(
    url: str, headers: dict[str, str], auth: httpx2.Auth | None, transport: Bounded
) -> AsyncGenerator[Streams]:
    """The streams of messages of a server at this address. Redirects stay on its origin."""
    limits = httpx2.Timeout(30.0, read=SILENCE)
    async with httpx2.AsyncClient(
        headers=headers, auth=auth, timeout=limits, transport=transport
    ) as client:
        opened = streamable_http_client(url, http_client=client, max_sse_event_size=LARGEST)
        async with opened as streams:
            yield streams[0], streams[1]


def told(error: BaseException) -> str:
    """What went wrong, in one line; of a group, the first that says something."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, ToolError):
        return str(error)
    text = str(error).strip().partition("\n")[0]
    return f"{text or type(error).__name__}"[:500]


def encoded(value: object) -> str:
    """The value as JSON, for people and models."""
    return json.dumps(value, ensure_ascii=False, default=str)
