"""One command from its words to its end: with an engine in this process, or as a server's guest."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from tuiagent import __version__, clients, config, server
from tuiagent.clients.cli import COMMANDS, OFFLINE, exit_code
from tuiagent.clients.console import OwnConsole
from tuiagent.config import Settings
from tuiagent.engine.log import open_log, quiet, silence
from tuiagent.engine.thread import EngineThread
from tuiagent.hosting import Hosting
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.loop import busy
from tuiagent.ports import KILL, Client, Loan, Owner, Tool
from tuiagent.registry import load
from tuiagent.server import ServerRecord, Site

if TYPE_CHECKING:
    from tuiagent.assembly import Assembly
    from tuiagent.clients.window import Window as Painted
    from tuiagent.engine.engine import Engine

AGAIN = 3
"""How often another server is looked for, or begun, when one is killed in a hand-over."""


class House(Hosting):
    """An engine in its own thread, with a client for it; one that is `late` is built when used."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        given: Sequence[Tool] = (),
        serves: bool = False,
        late: bool = False,
    ) -> None:
        super().__init__(settings, environ, OwnConsole(), lambda: self._assembled.standing)
        self._given = given
        self._serves = serves
        self._assembly: Assembly | None = None
        self._late = late
        self._thread = EngineThread(self._build)
        if not late:
            self._thread.begin()

    @property
    def client(self) -> Client:
        """The local owner's client. Raises what building the engine raised, unless it is late."""
        if not self._late:
            self._thread.wait()
        return self._thread.client()

    async def begun(self) -> None:
        """Waits until the engine is built. Raises what building it raised."""
        await self._thread.begun()

    def reload(self) -> None:
        """See Hosting."""
        super().reload()
        self._assembled.means.settings = self.settings

    async def renewed(self, name: str, key: str = "") -> None:
        """Has a provider's key read again, and what waits for it go on."""
        self.settings = msgspec.structs.replace(self.settings, kept=tuple(self.keys.places()))
        owner = self._thread.owner(self._assembled.means.credentials.lend)
        await owner.lend([Loan("", f"kept:{name}", key)])

    async def opened(self, loans: Sequence[Loan]) -> None:
        """Has what was unlocked be used here, and what waits for it go on."""
        await self._thread.owner(self._assembled.means.credentials.lend).lend(loans)

    async def login(
        self, server: str, folder: str, show: Callable[[str], None], typed: Awaitable[str]
    ) -> str:
        """Has a person sign in to an MCP server; where that is kept. Raises ConfigError."""
        passphrase = self._assembled.means.credentials.passphrase
        login = load("tuiagent.lending:login")
        return await login(self.settings, self.environ, server, folder, show, typed, passphrase)

    async def adopt(self, stream: str, take: str = "") -> bool:
        """Drives a session here; False while another living process does and may keep it."""
        engine = self._thread.engine
        if take:
            await self._thread.call(engine.take(stream, take == KILL))
        return await self._thread.call(engine.adopt(stream))

    async def background(self, folder: str = "") -> Owner:
        """A client of the background server, which is started when there is none.

        It is lent the keys that this process has for sessions in this folder.
        """
        connect = load(clients.TABLE["remote"]).connect
        record = server.server_record(self.settings.root)
        try:
            if record is None:
                raise FileNotFoundError
            found: Owner = await connect(record.socket, self._assembled.codec)
        except (ConnectionError, FileNotFoundError):  # there is none, or it has just ended
            record = await asyncio.to_thread(server.begin, self.settings.root, self.environ)
            found = await connect(record.socket, self._assembled.codec)
        if folder:
            await found.lend(self._assembled.means.credentials.loans(self.opening(folder)))
        return found

    def busy(self) -> bool:
        """Whether anything goes on here that another process could go on with."""
        return any(busy(state) for state in self._thread.engine.worker.states().values())

    async def hand_over(self, to: Owner) -> None:
        """Has another process go on with what goes on here, each session once it is let go of.

        One that is killed meanwhile is replaced.
        """
        engine, call = self._thread.engine, self._thread.call
        states = {stream: s for stream, s in engine.worker.states().items() if busy(s)}
        opened = [state.opened for state in states.values() if state.opened]
        loans = [loan for one in opened for loan in self._assembled.means.credentials.loans(one)]

        async def over(stream: str, to: Owner) -> None:
            await call(engine.release(stream))
            await to.adopt(stream)

        async def all_over(to: Owner) -> None:
            await to.lend(loans)
            self._world.point("lent")
            await asyncio.gather(*(over(stream, to) for stream in states))

        for left in range(AGAIN, -1, -1):
            try:
                return await all_over(to)
            except OSError:
                if not left:
                    raise
            await self._world.sleep(0.1)  # it takes a moment to be gone
            to = await self.background()

    @asynccontextmanager
    async def serving(self, site: Site) -> AsyncGenerator[ServerRecord]:
        """This process as the server of its root: found by others, driving what nobody drives.

        In the end it drains: what has begun ends first, commands go on.
        """
        engine, call = self._thread.engine, self._thread.call
        socket = os.path.join(self.settings.root, "owners", f"{engine.journal.owner}.sock")
        now = self._world.now()
        await call(engine.begin())
        web = contextlib.AsyncExitStack()
        urls = await call(self._answering(web, site)) if site.listen else []
        record = ServerRecord(os.getpid(), socket, __version__, now, tuple(urls), site)
        owner = self._thread.owner(self._assembled.means.credentials.lend)
        answering = load("tuiagent.callers:answering")(
            self.settings.root, owner, self._assembled.standing
        )
        async with answering as calls:
            with server.announced(self.settings.root, record):
                self._world.point("announced")
                self._thread.loop.call_soon_threadsafe(self._assembled.means.warm)
                yield record
            calls.close()  # what comes now is for the next server
            await call(web.aclose())
            await call(engine.drain())
            self._world.point("drained")

    async def _answering(self, stack: contextlib.AsyncExitStack, site: Site) -> list[str]:
        """Begins to answer over the web, on the engine's loop, until the stack is closed."""
        answering = load("tuiagent.site:answering")(self._thread.engine, self, site)
        return await stack.enter_async_context(answering)

    async def owner_key(self) -> tuple[str, bool]:
        """The owner's key for the web, and whether it was made just now."""
        made = load("tuiagent.site:owner_key")(self._thread.engine, self)
        return await self._thread.call(made)

    def close(self) -> None:
        """Ends the engine; what was written is durable."""
        self._thread.close()

    async def _build(self) -> "Engine":
        made: Assembly = load("tuiagent.assembly:Assembly")(
            self, self._world, self._given, self._serves
        )
        self._assembly = made
        return await made.engine()

    @property
    def _assembled(self) -> "Assembly":
        """What the engine is made of, once it is there. Raises what building it raised."""
        if self._assembly is None:
            self._thread.wait()
        assert self._assembly is not None
        return self._assembly


def command(argv: list[str], painted: "Painted | None" = None) -> int:
    """Runs one command to its end, perhaps where a first frame is shown already; the exit code."""
    args = load("tuiagent.clients.cli.arguments:parse")(argv)
    if painted:
        args.command = "tui"  # decided while the terminal could still be seen
    sys.stdout = sys.stderr  # what is printed besides answers would make them unreadable
    try:
        if args.command in OFFLINE:
            return load(OFFLINE[args.command])(args)
        if (
            args.command == "tui"
            and not painted
            and load("tuiagent.clients.tui.paint:read_aloud")()
        ):
            args.command = "plain"
        args.window = painted or terminal_of(args.command)
        settings = config.load(os.environ, load("tuiagent.clients.cli.arguments:flags")(args))
        if args.log_level:
            open_log(settings.root, args.log_level, os.environ)
        else:
            silence()
        if not args.local and (record := server.served(settings.root, args.command)):
            return asyncio.run(load("tuiagent.guest:visit")(record, args, settings))
        serves, late = args.command == "serve", args.command == "tui"  # a frame goes first
        house = House(settings, os.environ, serves=serves, late=late)
        try:
            return asyncio.run(load(COMMANDS[args.command])(house.client, args, house))
        finally:
            house.close()
    except (TuiagentError, KeyboardInterrupt) as error:
        OwnConsole().tell(f"tuiagent: {error or 'interrupted'}")
        return exit_code(error)


def terminal_of(command: str) -> "Painted | None":
    """The terminal of a command that has one to itself."""
    if command not in ("plain", "attach", "tui"):
        return None
    picture = load("tuiagent.clients.tui.paint:Picture")() if command == "tui" else None
    return load("tuiagent.clients.window:split")(picture)


@asynccontextmanager
async def open_engine(root: str = "", tools: Sequence[Tool] = ()) -> AsyncGenerator[Client]:
    """The engine of this process on a state root, as the local owner sees it.

    `tools` are what agents can do here besides what is shipped: see tuiagent.tool.
    """
    quiet()
    environ = {**os.environ, "TUIAGENT_HOME": root} if root else os.environ
    house = House(config.load(environ), environ, tools)
    try:
        yield house.client
    finally:
        await asyncio.to_thread(house.close)
