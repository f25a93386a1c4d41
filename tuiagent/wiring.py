"""The only module that names concrete classes: puts an engine together for one process."""

import asyncio
import contextlib
import hashlib
import os
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING

import msgspec

from tuiagent import __version__, clients, config, runtimes, server, stores, vaults
from tuiagent.clients.cli import COMMANDS, OFFLINE, exit_code
from tuiagent.clients.console import OwnConsole
from tuiagent.config import Settings
from tuiagent.engine.attendance import Attendance
from tuiagent.engine.check import examples_hold
from tuiagent.engine.drive import Context
from tuiagent.engine.engine import Engine, beside, unhurried
from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal, ThreadWriter
from tuiagent.engine.log import hide, open_log, quiet, silence
from tuiagent.engine.neighbours import Neighbours
from tuiagent.engine.orphans import look_after
from tuiagent.engine.owner import OwnerSeat
from tuiagent.engine.seal import Sealer
from tuiagent.engine.snapshots import Snapshots
from tuiagent.engine.thread import EngineThread
from tuiagent.folder import changes
from tuiagent.hosting import Hosting
from tuiagent.kernel import standing
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.errors import StoreError, TuiagentError
from tuiagent.kernel.event import Event
from tuiagent.kernel.loop import busy
from tuiagent.kernel.standing import AcceptTools, Standing
from tuiagent.lending import login
from tuiagent.means import LocalMeans
from tuiagent.ports import KILL, Client, Loan, Owner, Tool
from tuiagent.registry import load
from tuiagent.reports import exportable, findable, holding, reports
from tuiagent.server import ServerRecord, Site

if TYPE_CHECKING:
    from tuiagent.clients.window import Window as Painted
    from tuiagent.engine.upkeep import Upkeep


NEWS = 0.06
"""Seconds of news of other processes that is taken together."""
AGAIN = 3
"""How often another server is looked for, or begun, when one is killed in a hand-over."""


class House(Hosting):
    """An engine in its own thread, with a client for this process."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        given: Sequence[Tool] = (),
        serves: bool = False,
    ) -> None:
        super().__init__(settings, environ, OwnConsole(), Standing())
        self._given = given
        self._serves = serves
        self.codec = codec()
        self._thread = EngineThread(self._build)

    @property
    def client(self) -> Client:
        """The local owner's client. Raises what building the engine raised."""
        return self._thread.client()

    def reload(self) -> None:
        """See Hosting."""
        super().reload()
        self._means.settings = self.settings

    async def renewed(self, name: str, key: str = "") -> None:
        """Has a provider's key read again, and what waits for it go on."""
        self.settings = msgspec.structs.replace(self.settings, kept=tuple(self.keys.places()))
        owner = self._thread.owner(self._means.credentials.lend)
        await owner.lend([Loan("", f"kept:{name}", key)])

    async def opened(self, loans: Sequence[Loan]) -> None:
        """Has what was unlocked be used here, and what waits for it go on."""
        await self._thread.owner(self._means.credentials.lend).lend(loans)

    async def login(
        self, server: str, folder: str, show: Callable[[str], None], typed: Awaitable[str]
    ) -> str:
        """Has a person sign in to an MCP server; where that is kept. Raises ConfigError."""
        passphrase = self._means.credentials.passphrase
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
            found: Owner = await connect(record.socket, self.codec)
        except (ConnectionError, FileNotFoundError):  # there is none, or it has just ended
            record = await asyncio.to_thread(server.begin, self.settings.root, self.environ)
            found = await connect(record.socket, self.codec)
        if folder:
            await found.lend(self._means.credentials.loans(self.opening(folder)))
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
        loans = [loan for one in opened for loan in self._means.credentials.loans(one)]

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
        owner = self._thread.owner(self._means.credentials.lend)
        answering = load("tuiagent.callers:answering")(self.settings.root, owner, self._standing)
        async with answering as calls:
            with server.announced(self.settings.root, record):
                self._world.point("announced")
                self._thread.loop.call_soon_threadsafe(self._means.warm)
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

    def _holds(self, event: Event) -> None:
        """What holds in every session changed, here or in another process."""
        standing.fold(self._standing, event.fact)

    async def _prove(self, means: LocalMeans) -> None:
        """Checks the rules' examples, once for each change of them. Raises ConfigError."""
        examples = self.settings.examples
        if not examples:
            return
        mark = hashlib.sha256(msgspec.json.encode([__version__, examples])).hexdigest()
        stamp = os.path.join(self.settings.root, "cache", f"rules-{mark[:32]}")
        if not os.path.exists(stamp):
            await examples_hold(means, self.opening("."), examples)
            os.makedirs(os.path.dirname(stamp), 0o700, exist_ok=True)
            open(stamp, "w").close()

    def _heard(self, engine: Engine, means: LocalMeans) -> None:
        """What means find out in other threads is done on the engine's loop."""

        def go_on() -> None:
            self._thread.loop.call_soon_threadsafe(
                lambda: asyncio.ensure_future(OwnerSeat(engine, means.credentials.lend).lend(()))
            )

        def accept(server: str, tools: dict[str, str]) -> None:
            intent = AcceptTools(standing.STREAM, server, tools)

            async def submit() -> None:
                with contextlib.suppress(StoreError):  # it was closed: they are new next time too
                    await engine.seat().submit(intent)

            def begin() -> None:
                task = asyncio.create_task(submit())
                engine.written.add(task)
                task.add_done_callback(engine.written.discard)

            with contextlib.suppress(RuntimeError):  # likewise
                self._thread.loop.call_soon_threadsafe(begin)

        means.credentials.fetched, means.lending.accept = go_on, accept

    async def _build(self) -> Engine:
        root = self.settings.root
        owner = self._world.new_id()
        store = load(stores.TABLE["sqlite"])(os.path.join(root, "journal.db"))
        store.hold(owner)
        journal = Journal(store, self.codec, owner, self._world)
        journal.writer = ThreadWriter(journal)
        hub = Hub()
        self._standing = holding(journal)
        hub.listen(standing.STREAM, self._holds)
        means = LocalMeans(self.settings, self.environ, self._standing, self._given)
        self._means = means
        await self._prove(means)

        async def dial(other: str) -> Owner:
            path = os.path.join(root, "owners", f"{other}.sock")
            return await load(clients.TABLE["remote"]).connect(path, self.codec)

        attendance = Attendance(own=not self._serves)
        context = Context(journal, hub, self._world, means, attendance)
        snapshots = Snapshots(os.path.join(root, "cache"), journal)
        others = Neighbours(journal, hub, dial, lambda: changes([root], NEWS), store.locks.kill)
        engine = Engine(context, others, snapshots)
        self._heard(engine, means)
        copy = os.path.join(root, "seals.jsonl")
        key = os.path.join(self.settings.home, "seal.key")
        sealer = Sealer(journal, hub, lambda: load(vaults.TABLE["signer"])(key), copy)

        def listening() -> AbstractAsyncContextManager[object]:
            path = os.path.join(root, "owners", f"{owner}.sock")
            return load(clients.TABLE["socket"])(
                OwnerSeat(engine, means.credentials.lend), path, self.codec
            )

        def upkeep() -> "Upkeep":
            from tuiagent.engine.upkeep import Upkeep  # noqa: PLC0415 - begins after the start

            spools = os.path.join(root, "spools")
            sweep = load(runtimes.TABLE["local"])("/", {}, spools).sweep
            return Upkeep(engine, root, sweep)

        engine.services += [
            listening,
            lambda: beside(sealer.work()),
            lambda: beside(unhurried(lambda: upkeep().work())),
            means.lending.open,
        ]
        if self._serves:
            engine.services.append(lambda: beside(look_after(engine)))
        engine.last_of_all = sealer.seal
        engine.reports = reports(self, engine, means, copy)
        engine.reports["gc"] = lambda key: upkeep().run()
        findable(engine, os.path.join(root, "cache", "search.db"))
        exportable(engine)
        hide(lambda text: engine.veil.secrecy.known(text))
        return engine


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
        house = House(settings, os.environ, serves=args.command == "serve")
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
