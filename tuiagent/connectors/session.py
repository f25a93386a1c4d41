"""One connection to a server, by the official SDK: heavy to import, so only its thread does."""

import asyncio
import contextvars
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Protocol

import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.client.subscriptions import ListenNotSupportedError
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from tuiagent import __version__
from tuiagent.connectors import asking, oauth, results
from tuiagent.connectors.definition import plain
from tuiagent.connectors.servers import Server, checked, unchanged
from tuiagent.connectors.surroundings import Surroundings
from tuiagent.connectors.transport import LARGEST, Bounded, Streams, over_http, piped, told
from tuiagent.kernel.errors import OutcomeUnknownError, ToolError
from tuiagent.kernel.message import Observation, Question

PAGES = 50
"""Parts of a listing that are read."""
AGAIN = 5.0
"""Seconds before a server is asked once more to say what changes."""
LISTENS = 5
"""How often it is."""
LOGIN = "log in: tuiagent mcp login {}"

Ask = Callable[[Question], Awaitable[str | None]]
CALLER: contextvars.ContextVar[Ask | None] = contextvars.ContextVar("caller", default=None)
"""How the call that is being worked on asks a person."""


class Listener(Protocol):
    """Who is told what comes of a connection."""

    def heard(self, text: str) -> None:
        """The server wrote something beside its answers."""
        ...

    def changed(self) -> None:
        """The server says that what it lends has changed."""
        ...

    def lost(self, why: str) -> None:
        """The server is not there any more."""
        ...


@asynccontextmanager
async def connected(
    server: Server, around: Surroundings, listener: Listener
) -> "AsyncGenerator[Connection]":
    """A connection, open until this is left. Raises whatever keeps it from being made."""
    http = Bounded()
    made = Connection(server, listener, http)
    client = Client(
        await _transport(server, around, listener, http),
        client_info=types.Implementation(name="tuiagent", version=__version__),
        elicitation_callback=made.elicit,
        logging_callback=made.logged,
        message_handler=made.message,
        cache=None,
    )
    try:
        async with client, asyncio.TaskGroup() as tasks:
            made.client = client
            listening = tasks.create_task(made.listen())
            try:
                yield made
            finally:
                listening.cancel()
    except Exception as error:
        if http.status == 401:
            raise ToolError(LOGIN.format(server.name)) from error
        raise


async def _transport(
    server: Server, around: Surroundings, listener: Listener, http: Bounded
) -> AbstractAsyncContextManager[Streams]:
    """The way to the server. Raises ToolError for what is missing, OSError."""
    table = checked(server)
    await asyncio.to_thread(unchanged, server)
    # in a thread: a person may have to unlock the keyring
    filled = await asyncio.to_thread(around.filling(server).all, table)
    if table.url:
        url, headers = filled.url, filled.headers
        auth = None if headers else await oauth.kept(server, around.tokens)
        return over_http(url, headers, auth, http)
    folder = filled.cwd or server.folder or around.home
    program = await around.start((filled.command, *filled.args), filled.env, folder, LARGEST)
    return piped(program, listener.heard, listener.lost)


class Connection:
    """What can be asked of a server that is there."""

    client: Client

    def __init__(self, server: Server, listener: Listener, http: Bounded) -> None:
        self.server = server
        self._http = http
        self._listener = listener
        self._callers: list[Ask] = []

    # ------------------------------------------------------------ what it lends

    async def listing(self) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
        """Its tools as it says them, and the names of its prompts."""
        can = self.client.server_capabilities
        tools: list[dict[str, Any]] = []
        prompts: list[str] = []
        cursor = None
        for _ in range(PAGES if can.tools else 0):
            page = await self.client.list_tools(cursor=cursor)
            tools += [one.model_dump(by_alias=True, exclude_none=True) for one in page.tools]
            cursor = page.next_cursor
            if cursor is None:
                break
        for _ in range(PAGES if can.prompts else 0):
            some = await self.client.list_prompts(cursor=cursor)
            prompts += [_signature(one) for one in some.prompts]
            cursor = some.next_cursor
            if cursor is None:
                break
        return tools, tuple(prompts)

    async def listen(self) -> None:
        """Hears of changes, as far as the server tells them in the newer way."""
        for _ in range(LISTENS):
            try:
                wanted = self.client.listen(tools_list_changed=True, prompts_list_changed=True)
                async with wanted as events:
                    async for _event in events:
                        self._listener.changed()
            except (ListenNotSupportedError, MCPError):
                return
            except Exception as error:  # the stream dropped: it is opened again
                self._listener.heard(f"[what changes is not told: {told(error)}]\n")
            await asyncio.sleep(AGAIN)

    async def message(self, message: object) -> None:
        """What the server tells unasked."""
        if isinstance(
            message, types.ToolListChangedNotification | types.PromptListChangedNotification
        ):
            self._listener.changed()

    async def logged(self, params: types.LoggingMessageNotificationParams) -> None:
        """What the server logs over the connection."""
        self._listener.heard(f"[{params.level}] {plain(str(params.data))}\n")

    # ------------------------------------------------------------ asking it

    async def call(
        self, tool: str, args: Mapping[str, Any], tell: Callable[[str], None], ask: Ask
    ) -> Observation:
        """Has a tool do its work.

        Silence ends it after the server's time limit; a person who is asked may take longer.
        Raises ToolError, and OutcomeUnknownError once it may have had an effect.
        """
        limit = self.server.table.timeout
        loop = asyncio.get_running_loop()

        async def asked(question: Question) -> str | None:
            patience.reschedule(None)
            try:
                return await ask(question)
            finally:
                patience.reschedule(loop.time() + limit)

        async def moved(progress: float, total: float | None, message: str | None) -> None:
            if patience.when() is not None:
                patience.reschedule(loop.time() + limit)
            of = f"/{total:g}" if total else ""
            tell(f"{progress:g}{of} {plain(message or '', 200)}\n")

        token = CALLER.set(asked)
        self._callers.append(asked)
        try:
            async with asyncio.timeout(limit) as patience:
                found = await self.client.call_tool(tool, dict(args), None, moved)
        except TimeoutError as error:
            text = f"{self.server.name} was silent for {limit:g} s; it may have done it"
            raise OutcomeUnknownError(text) from error
        except ValidationError as error:
            text = f"what {self.server.name} answered is not what the protocol allows"
            raise OutcomeUnknownError(f"{text}: {told(error)}") from error
        except MCPError as error:
            self._failed(error)
            if self._http.refused:
                text = f"{self.server.name} wants a sign-in, or more rights, for this"
                raise ToolError(f"{text}: {LOGIN.format(self.server.name)}") from error
            raise ToolError(f"{self.server.name} refused: {plain(error.message, 2000)}") from error
        except httpx2.HTTPError as error:
            self._listener.lost(told(error))
            raise OutcomeUnknownError(f"{self.server.name} was lost: {told(error)}") from error
        finally:
            self._callers.remove(asked)
            CALLER.reset(token)
        return results.observation(found)

    def _failed(self, error: MCPError) -> None:
        """Raises OutcomeUnknownError where the connection went, and not the server refused."""
        if error.code in (types.CONNECTION_CLOSED, types.REQUEST_TIMEOUT):
            self._listener.lost(told(error))
            text = f"{self.server.name} was lost while it worked; it may have done it"
            raise OutcomeUnknownError(text) from error
        if "ession" in error.message and "terminated" in error.message:
            self._listener.lost(error.message)

    async def elicit(
        self, context: object, params: types.ElicitRequestParams
    ) -> types.ElicitResult | types.ErrorData:
        """The server wants to know something of a person."""
        ask = CALLER.get() or next(iter(reversed(self._callers)), None)
        if ask is None:
            return types.ElicitResult(action="decline")
        if isinstance(params, types.ElicitRequestURLParams):
            action = await asking.address(self.server.name, params.message, params.url, ask)
            return types.ElicitResult(action=action)
        schema = params.requested_schema
        content = await asking.form(self.server.name, params.message, schema, ask)
        if content is None:
            return types.ElicitResult(action="decline")
        return types.ElicitResult(action="accept", content=content)

    async def resources(self) -> str:
        """The names of what it has."""
        lines: list[str] = []
        cursor = None
        for _ in range(PAGES):
            page = await self._quietly(self.client.list_resources(cursor=cursor))
            lines += [results.resource_line(one) for one in page.resources]
            cursor = page.next_cursor
            if cursor is None:
                break
        return results.shortened("\n".join(lines)) or "(it has none)"

    async def read(self, uri: str) -> str:
        """What one of these holds."""
        found = await self._quietly(self.client.read_resource(uri))
        return results.shortened("\n".join(results.contents(one) for one in found.contents))

    async def prompt(self, name: str, args: dict[str, str]) -> str:
        """The words of a prompt."""
        found = await self._quietly(self.client.get_prompt(name, args))
        return results.shortened("\n\n".join(results.block(one.content) for one in found.messages))

    async def _quietly(self, work: Awaitable[Any]) -> Any:
        """What changes nothing, within the time limit. Raises ToolError."""
        try:
            async with asyncio.timeout(self.server.table.timeout):
                return await work
        except (MCPError, ValidationError, httpx2.HTTPError, TimeoutError) as error:
            raise ToolError(f"{self.server.name}: {told(error)}") from error


def _signature(prompt: types.Prompt) -> str:
    """A prompt's name with its arguments; those that may be missing in brackets."""
    args = [a.name if a.required else f"[{a.name}]" for a in prompt.arguments or ()]
    return plain(" ".join((prompt.name, *args)), 200)
