"""One server: reached in the background, tried again when it is lost, asked when it is there.

All of this happens on the loop of the servers' own thread; only `found` is read from others.
"""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec
from msgspec import Struct

from tuiagent.connectors import definition
from tuiagent.connectors.definition import Definition
from tuiagent.connectors.servers import Server, checked
from tuiagent.connectors.surroundings import Surroundings
from tuiagent.kernel.errors import ToolError

if TYPE_CHECKING:
    from tuiagent.connectors.session import Connection

FIRST, LONGEST = 1.0, 300.0
"""Seconds before a server that was lost is tried again: at first, and at most."""
IDLE = 15.0
"""Seconds before a server of which it is known what it lends is reached, unless it is wanted."""
FRESH = 1.0
"""Seconds before any other: what is asked first does not share the processor with all of them."""
SOON = 10.0
"""Seconds that a call waits for a server that is on its way."""
PAUSE = 0.5
"""Seconds at least between two looks at a listing that its server says has changed."""
KEPT = 64 * 1024
"""Characters of a log that are kept."""
OPAQUE = "(It is described otherwise than when it was accepted; a person is asked about it.)"


class Found(Struct, frozen=True):
    """What is known of a server."""

    state: str = "starting"
    """See ports.Lender."""
    problem: str = ""
    told: dict[str, Definition] = {}
    """Its tools as agents may see them: as they were accepted."""
    now: dict[str, Definition] = {}
    """The same as the server describes them now."""
    changed: frozenset[str] = frozenset()
    """Of these, those that were accepted otherwise."""
    refused: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()


class Link:
    """What is known of a server, and the way to it."""

    def __init__(self, server: Server, around: Surroundings) -> None:
        self.server = server
        self._around = around
        self._accepted: dict[str, str] = {}
        self._log = ""
        self._connection: Connection | None = None
        self._ready = asyncio.Event()
        self._again = asyncio.Event()
        """Somebody wants it now."""
        self._news = asyncio.Event()
        self._said = asyncio.Event()
        """Of the present state: it is over."""
        self._lost = ""
        self.found = Found()
        self.found = self._remembered()

    @property
    def log(self) -> str:
        """The last that the server wrote beside its answers."""
        return self._log

    # ------------------------------------------------------------ life

    async def live(self) -> None:
        """Reaches the server, and reaches it again, until this is cancelled."""
        if self.found.told:
            self._say("known")
        await self._wait((IDLE if self.found.told else FRESH) * random.uniform(1.0, 2.0))
        pause = FIRST
        while True:
            self._say("starting")
            try:
                await self._once()
            except Exception as error:  # a server may fail in any way
                from tuiagent.connectors.transport import told  # noqa: PLC0415 - heavy

                text = self._lost or told(error)
            else:
                text = self._lost
            if self.server.table.command and (last := self._log.strip().rpartition("\n")[2]):
                text = f"{text}; it last wrote: {definition.plain(last, 200)}"
            if self.found.state == "ready":
                pause = FIRST
            self._ready.clear()
            self._connection = None
            login = text.startswith("log in")
            self._say("login" if login else "waiting", text)
            self._again.clear()
            await self._wait(None if login else pause * random.uniform(0.8, 1.2))
            pause = min(2 * pause, LONGEST)

    async def _wait(self, seconds: float | None) -> None:
        """Until somebody wants it, at most so long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._again.wait()

    async def _once(self) -> None:
        """Until it is lost. Raises whatever went wrong."""
        from tuiagent.connectors.session import connected  # noqa: PLC0415 - heavy

        self._lost = ""
        self._news.clear()
        table = checked(self.server)
        async with asyncio.timeout(table.timeout) as limit:
            async with connected(self.server, self._around, self) as connection:
                await self._look(connection)
                limit.reschedule(None)
                self._connection = connection
                self._ready.set()
                self._say("ready")
                while True:
                    await self._news.wait()
                    self._news.clear()
                    if self._lost:
                        return
                    limit.reschedule(asyncio.get_running_loop().time() + table.timeout)
                    await self._look(connection)
                    limit.reschedule(None)
                    await asyncio.sleep(PAUSE)

    def heard(self, text: str) -> None:
        """The server wrote something beside its answers."""
        self._log = (self._log + text)[-KEPT:]

    def changed(self) -> None:
        """The server says that what it lends has changed."""
        self._news.set()

    def lost(self, why: str) -> None:
        """The server is not there any more."""
        self._lost = self._lost or why
        self._connection = None
        self._ready.clear()
        self._news.set()

    def wake(self) -> None:
        """Tries it at once, where it waits."""
        if self.found.state in ("waiting", "login"):
            self._again.set()

    async def tested(self) -> None:
        """Tries it at once, where it waits, and waits until it is known whether it is there."""
        self._again.set()
        while self.found.state != "ready":
            await self._said.wait()
            if self.found.state in ("waiting", "login"):
                return

    def _say(self, state: str, problem: str = "") -> None:
        self.found = msgspec.structs.replace(self.found, state=state, problem=problem)
        said, self._said = self._said, asyncio.Event()
        said.set()

    # ------------------------------------------------------------ what it lends

    async def _look(self, connection: "Connection") -> None:
        """Reads what it lends; what is new is accepted, what has changed is held back."""
        table = self.server.table
        raw, prompts = await connection.listing()
        now, refused = definition.taken(raw, table.tools, table.deny)
        before = self._accepts()
        new = {name: one.digest for name, one in now.items() if name not in before}
        if new:
            self._accept(new)
        self._take(now, refused, prompts)

    def said(self, tool: str) -> str:
        """The digest of how it is described now; "" where it is not lent any more."""
        now = self.found.now.get(tool)
        return now.digest if now else ""

    def accept(self, tools: tuple[str, ...]) -> None:
        """A person has accepted these as they are described now."""
        now = self.found.now
        self._accept({name: now[name].digest for name in tools if name in now})
        self._take(now, self.found.refused, self.found.prompts)

    def _accepts(self) -> dict[str, str]:
        return {**self._around.accepted(self.server.key), **self._accepted}

    def _accept(self, tools: dict[str, str]) -> None:
        self._accepted.update(tools)
        self._around.accept(self.server.key, tools)

    def _take(
        self, now: dict[str, Definition], refused: tuple[str, ...], prompts: tuple[str, ...]
    ) -> None:
        accepted, before = self._accepts(), self.found.told
        changed = frozenset(name for name, one in now.items() if accepted[name] != one.digest)
        told = dict(now)
        for name in changed:
            known = before.get(name)
            fits = known is not None and known.digest == accepted[name]
            told[name] = known if known and fits else Definition(name, OPAQUE, {"type": "object"})
        self.found = msgspec.structs.replace(
            self.found, told=told, now=now, changed=changed, refused=refused, prompts=prompts
        )
        self._remember([one for one in told.values() if one.description != OPAQUE])

    # ------------------------------------------------------------ memory

    @property
    def _file(self) -> str:
        return os.path.join(self._around.cache, f"{definition.prefix(self.server.key)}.json")

    def _remembered(self) -> Found:
        """What it lent when it was last here, as far as that was accepted."""
        try:
            with open(self._file, "rb") as file:
                known = msgspec.json.decode(file.read(), type=list[Definition])
        except (OSError, msgspec.MsgspecError):
            return Found()
        accepted, table = self._accepts(), self.server.table
        told = {
            one.tool: one
            for one in known
            if accepted.get(one.tool) == one.digest
            and one.tool not in table.deny
            and (not table.tools or one.tool in table.tools)
        }
        return Found(told=told, now=told)

    def _remember(self, known: list[Definition]) -> None:
        """For the next start; a disk that takes nothing costs only that."""
        with suppress(OSError):
            os.makedirs(self._around.cache, 0o700, exist_ok=True)
            scratch = f"{self._file}.{os.getpid()}"
            with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
                out.write(msgspec.json.encode(known))
            os.replace(scratch, self._file)

    # ------------------------------------------------------------ asking it

    async def do(self, work: "Callable[[Connection], Awaitable[object]]") -> object:
        """Has the connection do something, once there is one. Raises ToolError."""
        if self._connection is None:
            self._again.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(SOON):
                    await self._ready.wait()
        if self._connection is None:
            found = self.found
            why = f": {found.problem}" if found.problem else ""
            raise ToolError(f"the MCP server {self.server.name} is not there ({found.state}{why})")
        return await work(self._connection)
