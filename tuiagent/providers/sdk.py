"""The transport of official clients, for the clouds that rent out models, and by choice.

They are extras: each takes up to a second to import, which is done aside when it is first needed.
They neither retry nor follow redirects here, and their events are handed on as dictionaries.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.reply import Part
from tuiagent.providers.dialect import Answer, Dialect
from tuiagent.providers.faults import Faults
from tuiagent.providers.limits import Limits
from tuiagent.providers.remote import Remote, Usual

if TYPE_CHECKING:
    import httpx2

    from tuiagent.config_file import ProviderTable

Ask = Callable[[str, dict[str, Any]], AsyncGenerator[dict[str, Any]]]
"""Sends a body to a path; the events that answer."""
Open = Callable[["httpx2.AsyncClient"], Ask]


class Sdk:
    """See remote.Transport."""

    def __init__(self, name: str, where: str, opens: Open, limits: Limits) -> None:
        """`opens` makes the official client over an HTTP client of ours."""
        self.where = where
        self._name = name
        self._opens = opens
        self._limits = limits
        self._http: httpx2.AsyncClient | None = None
        self._ask: Ask | None = None
        self._opening: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Loads the client while other work goes on."""
        if self._opening is None:
            self._opening = asyncio.create_task(asyncio.to_thread(self._open))
        await asyncio.wait((self._opening,))

    def _open(self) -> None:
        try:
            import httpx2  # noqa: PLC0415 - heavy, and an extra

            from tuiagent.providers.guard import Guard  # noqa: PLC0415 - with it

            limits = self._limits
            timeout = httpx2.Timeout(None, connect=limits.connect)
            self._http = httpx2.AsyncClient(transport=Guard(limits), timeout=timeout)
            self._ask = self._opens(self._http)
        except ImportError as error:
            what = f"[providers.{self._name}] needs the official client: {error.name} is missing"
            raise ProviderError("bad_request", f"{what}; pip install 'tuiagent[sdk]'") from error
        except Exception as error:  # a client may refuse its settings with anything of its own
            what = f"[providers.{self._name}]: its official client cannot be made: {error}"
            raise ProviderError("bad_request", what) from error

    async def ask(
        self, path: str, body: dict[str, Any], faults: Faults, answer: Answer
    ) -> AsyncGenerator[list[Part]]:
        """See remote.Transport."""
        await self.connect()
        assert self._opening is not None
        self._opening.result()
        assert self._ask is not None
        until = asyncio.get_running_loop().time() + self._limits.total
        async with aclosing(self._ask(path, body)) as events:
            while not answer.over:
                try:
                    async with asyncio.timeout_at(until):
                        event = await anext(events, None)
                except Exception as error:  # each client has its own kinds
                    raise _meaning(error, faults, self._limits) from error
                if event is None:
                    return
                yield answer.hear(event)
            with contextlib.suppress(Exception):  # all that is needed came
                async with asyncio.timeout(self._limits.rest):
                    await anext(events, None)

    async def close(self) -> None:
        """See remote.Transport."""
        if self._http is not None:
            await self._http.aclose()


def _meaning(error: BaseException, faults: Faults, limits: Limits) -> ProviderError:
    """What a client's error comes from, as the wire would say it."""
    import httpx2  # noqa: PLC0415 - it is loaded by now

    from tuiagent.providers.guard import AnswerError  # noqa: PLC0415

    for found in _causes(error):
        if isinstance(found, AnswerError):
            if found.status == 200:
                kind = found.headers.get("content-type") or "something"
                return faults.foreign(f"{kind} and no event stream", found.body)
            return faults.answer(found.status, found.headers, found.body)
        if isinstance(found, OverflowError):
            return faults.error("limit", f"sent too much: {found}")
        if isinstance(found, httpx2.ConnectError):
            kind = "tls" if "CERTIFICATE" in str(found) or "SSL" in str(found) else "network"
            return faults.error(kind, f"could not be reached: {found}")
        if isinstance(found, httpx2.ConnectTimeout):
            return faults.error("network", f"could not be reached within {limits.connect:g} s")
        if isinstance(found, httpx2.TimeoutException | TimeoutError):
            what = f"sent nothing for {limits.idle:g} s, or took {limits.total:g} s in all"
            return faults.error("timeout", what)
        if isinstance(found, httpx2.TransportError):
            return faults.error("cut", f"broke off: {found}")
    return _own(error, faults)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and what it comes from."""
    found: BaseException | None = error
    seen: list[BaseException] = []
    while found is not None and found not in seen:
        seen.append(found)
        yield found
        found = found.__cause__ or found.__context__


def _own(error: BaseException, faults: Faults) -> ProviderError:
    """What a client says by itself: of an error in the stream, of its settings, of its parser."""
    said = getattr(error, "body", None) or getattr(error, "details", None)
    if said:
        return faults.event(said)
    if isinstance(error, ImportError):
        what = f"needs {error.name}, which is missing: pip install 'tuiagent[sdk,bedrock]'"
        return faults.error("bad_request", what)
    if "credential" in str(error).lower():
        return faults.error("auth", str(error))
    return faults.error("cut", f"sent what its official client does not understand: {error}")


# ---------------------------------------------------------------- the clients


def sdk(
    url: str,
    key: str | None,
    name: str,
    table: "ProviderTable",
    dialect: Dialect,
    limits: Limits,
    usual: Usual,
) -> Remote:
    """A model behind an official client. Raises ProviderError for settings that do not go."""
    key = (key or "").strip()
    kind = table.kind if table.kind in CLOUDS else type(dialect).__name__.lower()
    opens = CLIENTS[kind]
    where = url.partition("//")[2].partition("?")[0].rpartition("@")[2] or kind
    transport = Sdk(name, where, lambda http: opens(http, url, key, table), limits)
    return Remote(name, key, dialect, transport, usual)


CLOUDS = ("bedrock", "vertex", "anthropic_vertex", "azure")


def _anthropic(http: Any, url: str, key: str, table: "ProviderTable") -> Ask:
    import anthropic  # noqa: PLC0415 - 1.2 s

    base = url.rstrip("/").removesuffix("/v1")
    client = anthropic.AsyncAnthropic(
        api_key=key or "none", base_url=base, http_client=http, max_retries=0
    )
    return _posted(client, anthropic.AsyncStream, "/v1")


def _bedrock(http: Any, url: str, key: str, table: "ProviderTable") -> Ask:
    import anthropic  # noqa: PLC0415 - 1.2 s
    from anthropic.lib.bedrock import AsyncAnthropicBedrock  # noqa: PLC0415

    client = AsyncAnthropicBedrock(
        aws_region=table.region or None,
        api_key=key or None,
        base_url=url or None,
        http_client=http,
        max_retries=0,
    )
    return _posted(client, anthropic.AsyncStream, "/v1")


def _anthropic_vertex(http: Any, url: str, key: str, table: "ProviderTable") -> Ask:
    import anthropic  # noqa: PLC0415 - 1.2 s
    from anthropic.lib.vertex import AsyncAnthropicVertex  # noqa: PLC0415

    client = AsyncAnthropicVertex(
        region=table.region or "global",
        project_id=table.project or anthropic.NOT_GIVEN,
        access_token=key or None,
        base_url=url or None,
        http_client=http,
        max_retries=0,
    )
    return _posted(client, anthropic.AsyncStream, "/v1")


def _openai(http: Any, url: str, key: str, table: "ProviderTable") -> Ask:
    import openai  # noqa: PLC0415 - 0.5 s

    client = openai.AsyncOpenAI(
        api_key=key or "none", base_url=url, http_client=http, max_retries=0
    )
    return _posted(client, openai.AsyncStream, "")


def _azure(http: Any, url: str, key: str, table: "ProviderTable") -> Ask:
    """The address is that of the resource; its newest API is under /openai/v1."""
    place = url.rstrip("/")
    if not place.endswith("/v1"):
        place += "/openai/v1"
    import openai  # noqa: PLC0415 - 0.5 s

    client = openai.AsyncOpenAI(
        api_key=key or "none",
        base_url=place,
        default_headers={"api-key": key},
        http_client=http,
        max_retries=0,
    )
    return _posted(client, openai.AsyncStream, "")


def _posted(client: Any, stream: Any, version: str) -> Ask:
    """The two clients of one make: any body goes as it is, and events come as they are."""

    async def ask(path: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        events = await client.post(
            version + path, cast_to=object, body=body, stream=True, stream_cls=stream[object]
        )
        async with events:
            async for event in events:
                if isinstance(event, dict):
                    yield event

    return ask


def _google(http: Any, url: str, key: str, table: "ProviderTable") -> Ask:
    from google import genai  # noqa: PLC0415 - 0.4 s

    base, _, version = url.rstrip("/").rpartition("/v")
    options = genai.types.HttpOptions(
        base_url=base or url,
        api_version=f"v{version}" if base else "v1beta",
        httpx_async_client=http,
    )
    return _generated(genai.Client(api_key=key or "none", http_options=options))


def _vertex(http: Any, url: str, key: str, table: "ProviderTable") -> Ask:
    from google import genai  # noqa: PLC0415 - 0.4 s

    client = genai.Client(
        vertexai=True,
        project=table.project or None,
        location=table.region or "global",
        http_options=genai.types.HttpOptions(base_url=url or None, httpx_async_client=http),
    )
    return _generated(client)


def _generated(client: Any) -> Ask:
    """Google's client takes the parts of a body apart, and tells its events as objects."""

    async def ask(path: str, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        model = path.strip("/").partition(":")[0].removeprefix("models/")
        config = {
            **body.get("generationConfig", {}),
            "systemInstruction": body.get("systemInstruction"),
            "tools": body.get("tools"),
            "automaticFunctionCalling": {"disable": True},
        }
        stream = await client.aio.models.generate_content_stream(
            model=model, contents=body["contents"], config=config
        )
        async with aclosing(stream):
            async for chunk in stream:
                yield chunk.model_dump(mode="json", by_alias=True, exclude_none=True)

    return ask


CLIENTS: dict[str, Callable[[Any, str, str, "ProviderTable"], Ask]] = {
    "anthropic": _anthropic,
    "bedrock": _bedrock,
    "anthropic_vertex": _anthropic_vertex,
    "responses": _openai,
    "compatible": _openai,
    "azure": _azure,
    "google": _google,
    "vertex": _vertex,
}
