"""Puts an engine together for one process: where every class that an engine stands on is named."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

import msgspec

from tuiagent import __version__, clients, runtimes, stores, vaults
from tuiagent.engine.attendance import Attendance
from tuiagent.engine.check import examples_hold
from tuiagent.engine.clock import World
from tuiagent.engine.drive import Context
from tuiagent.engine.engine import Engine, beside, unhurried
from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal, ThreadWriter
from tuiagent.engine.log import hide
from tuiagent.engine.neighbours import Neighbours
from tuiagent.engine.orphans import look_after
from tuiagent.engine.owner import OwnerSeat
from tuiagent.engine.seal import Sealer
from tuiagent.engine.snapshots import Snapshots
from tuiagent.folder import changes
from tuiagent.kernel import standing
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.errors import StoreError
from tuiagent.kernel.event import Event
from tuiagent.kernel.standing import AcceptTools
from tuiagent.means import LocalMeans
from tuiagent.ports import Owner, Tool
from tuiagent.registry import load
from tuiagent.reports import Asked, exportable, findable, holding, reports

if TYPE_CHECKING:
    from tuiagent.engine.upkeep import Upkeep

NEWS = 0.06
"""Seconds of news of other processes that is taken together."""


class Assembly:
    """What the engine of one process is made of; `given` are tools beside those shipped."""

    def __init__(self, house: Asked, world: World, given: Sequence[Tool], serves: bool) -> None:
        self.codec = codec()
        self._house = house
        self._world = world
        self._serves = serves
        self._root = house.settings.root
        self._owner = world.new_id()
        store = load(stores.TABLE["sqlite"])(os.path.join(self._root, "journal.db"))
        store.hold(self._owner)
        self._kill = store.locks.kill
        self._journal = Journal(store, self.codec, self._owner, world)
        self._journal.writer = ThreadWriter(self._journal)
        self._hub = Hub()
        self.standing = holding(self._journal)
        self._hub.listen(standing.STREAM, self._holds)
        self.means = LocalMeans(house.settings, house.environ, self.standing, given)

    async def engine(self) -> Engine:
        """The engine, on the loop that is to run it. Raises ConfigError for rules that lie."""
        await self._prove()
        context = Context(
            self._journal, self._hub, self._world, self.means, Attendance(own=not self._serves)
        )
        snapshots = Snapshots(os.path.join(self._root, "cache"), self._journal)
        others = Neighbours(
            self._journal, self._hub, self._dial, lambda: changes([self._root], NEWS), self._kill
        )
        engine = Engine(context, others, snapshots)
        self._heard(engine)
        copy = os.path.join(self._root, "seals.jsonl")
        key = os.path.join(self._house.settings.home, "seal.key")
        sealer = Sealer(self._journal, self._hub, lambda: load(vaults.TABLE["signer"])(key), copy)

        def upkeep() -> "Upkeep":
            from tuiagent.engine.upkeep import Upkeep  # noqa: PLC0415 - begins after the start

            spools = os.path.join(self._root, "spools")
            sweep = load(runtimes.TABLE["local"])("/", {}, spools).sweep
            return Upkeep(engine, self._root, sweep)

        engine.services += [
            lambda: self._listening(engine),
            lambda: beside(sealer.work()),
            lambda: beside(unhurried(lambda: upkeep().work())),
            self.means.lending.open,
        ]
        if self._serves:
            engine.services.append(lambda: beside(look_after(engine)))
        engine.last_of_all = sealer.seal
        engine.reports = reports(self._house, engine, self.means, copy)
        engine.reports["gc"] = lambda key: upkeep().run()
        findable(engine, os.path.join(self._root, "cache", "search.db"))
        exportable(engine)
        hide(lambda text: engine.veil.secrecy.known(text))
        return engine

    def _holds(self, event: Event) -> None:
        """What holds in every session changed, here or in another process."""
        standing.fold(self.standing, event.fact)

    async def _prove(self) -> None:
        """Checks the rules' examples, once for each change of them. Raises ConfigError."""
        examples = self._house.settings.examples
        if not examples:
            return
        mark = hashlib.sha256(msgspec.json.encode([__version__, examples])).hexdigest()
        stamp = os.path.join(self._root, "cache", f"rules-{mark[:32]}")
        if not os.path.exists(stamp):
            await examples_hold(self.means, self._house.opening("."), examples)
            os.makedirs(os.path.dirname(stamp), 0o700, exist_ok=True)
            open(stamp, "w").close()

    def _heard(self, engine: Engine) -> None:
        """What means find out in other threads is done on the engine's loop."""
        loop = asyncio.get_running_loop()

        def go_on() -> None:
            loop.call_soon_threadsafe(lambda: asyncio.ensure_future(self._seat(engine).lend(())))

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
                loop.call_soon_threadsafe(begin)

        self.means.credentials.fetched, self.means.lending.accept = go_on, accept

    def _seat(self, engine: Engine) -> OwnerSeat:
        return OwnerSeat(engine, self.means.credentials.lend)

    def _listening(self, engine: Engine) -> AbstractAsyncContextManager[object]:
        path = self._socket(self._owner)
        return load(clients.TABLE["socket"])(self._seat(engine), path, self.codec)

    async def _dial(self, other: str) -> Owner:
        return await load(clients.TABLE["remote"]).connect(self._socket(other), self.codec)

    def _socket(self, owner: str) -> str:
        return os.path.join(self._root, "owners", f"{owner}.sock")
