"""A machine that outlives the engines: files, commands, and tools that count their effects."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from random import Random
from typing import Any

from tuiagent.kernel.claims import OFF, Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation, Question
from tuiagent.ports import Again, Background, Deferred, Kit, Note, OutcomeUnknown, Runtime


class Machine:
    """What engines share: it does not forget when one of them dies."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.files: dict[str, str] = {}
        self.effects: Counter[str] = Counter()
        """How often each call had its effect."""
        self.spools = 0
        self.void: set[str] = set()
        self.started: dict[str, asyncio.Future[None]] = {}
        self.lost: set[str] = set()
        """Commands whose end nobody saw: the machine went down."""

    def launch(self, spool: str, call: str) -> None:
        """Starts a command, unless somebody has made sure that it never starts here."""
        if spool in self.void or spool in self.started:
            raise ToolError("it was begun or given up before")
        self.effects[call] += 1
        loop = asyncio.get_running_loop()
        ended = self.started[spool] = loop.create_future()
        loop.call_later(self.random.expovariate(1.0), lambda: _end(ended))

    def reboot(self) -> None:
        """Commands that run are gone, and nobody knows how far they came."""
        for spool, ended in self.started.items():
            if not ended.done():
                self.lost.add(spool)
                ended.set_result(None)


class SimRuntime:
    """The part of a runtime that the engine itself uses."""

    sandbox = OFF

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def within(self, claims: Claims) -> "SimRuntime":
        """It reaches nothing else anyway."""
        return self

    async def twins(self, paths: Iterable[str]) -> list[str]:
        """Each file has one name."""
        return []

    async def kill(self, spool: str) -> None:
        """Ends what runs, and what would begin later."""
        if spool in self._machine.started:
            _end(self._machine.started[spool])
        else:
            self._machine.void.add(spool)

    async def discard(self, spool: str) -> None:
        """Nothing begins there any more."""
        self._machine.void.add(spool)

    async def sweep(self, prefix: str, keep: frozenset[str]) -> None:
        """Discards all that do not run."""
        for spool in map(str, range(1, self._machine.spools + 1)):
            ended = self._machine.started.get(spool)
            if spool not in keep and (ended is None or ended.done()):
                await self.discard(spool)


def _end(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)


class SimTool:
    """What the tools of the machine share."""

    name = effect = ""
    description = "simulated"
    parameters: dict[str, Any] = {}

    def __init__(self, machine: Machine, pause: Any) -> None:
        self.machine = machine
        self.pause = pause

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """One path in the folder."""
        await self.pause()
        path = f"/w/{args.get('path', 'f')}"
        reads = (path,) if self.effect == "read" else ()
        writes = (path,) if self.effect == "write" else ()
        return Claims(self.name, self.effect, path, reads, writes, folder="/w")

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Nothing is needed."""
        await self.pause()
        return Note()


class Read(SimTool):
    """Has no effect."""

    name, effect = "read", "read"

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """Reads."""
        await self.pause()
        return Observation("ok", self.machine.files.get("f", ""))

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again:
        """Reads again."""
        return Again()


class Write(SimTool):
    """Replaces a file that still is what it was."""

    name, effect = "write", "write"

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Before and after."""
        await self.pause()
        return Note({"before": self.machine.files.get("f", ""), "after": kit.call})

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """Compares and replaces in one go, as a rename does."""
        await self.pause()
        if self.machine.files.get("f", "") != note.data["before"]:
            raise ToolError("somebody else changed it")
        self.machine.files["f"] = note.data["after"]
        self.machine.effects[kit.call] += 1
        await self.pause()
        return Observation("ok", "written")

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation | Again:
        """The file knows."""
        await self.pause()
        now = self.machine.files.get("f", "")
        if now == note.data["after"]:
            return Observation("ok", "written")
        return Again() if now == note.data["before"] else Observation("error", "changed meanwhile")


class Shell(SimTool):
    """A command that goes on without its engine."""

    name, effect = "shell", "execute"

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """A place for it, new each time."""
        await self.pause()
        self.machine.spools += 1
        return Note({"spool": str(self.machine.spools)})

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation | Background:
        """Starts it, and follows it or leaves it in the background."""
        await self.pause()
        self.machine.launch(note.data["spool"], kit.call)
        if self.machine.random.random() < 0.2:
            await self.pause()
            return Background(Observation("ok", "goes on"), Note({**note.data, "job": True}))
        return await self._follow(note.data["spool"])

    async def _follow(self, spool: str) -> Observation:
        await asyncio.shield(self.machine.started[spool])
        await self.pause()
        if spool in self.machine.lost:
            return Observation("unknown", "the machine went down")
        return Observation("ok", "ran")

    async def settle(
        self, args: dict[str, Any], kit: Kit, note: Note
    ) -> Observation | Again | OutcomeUnknown:
        """Never begun (and never will), lost, or followed to its end."""
        await self.pause()
        spool = note.data["spool"]
        if spool not in self.machine.started:
            self.machine.void.add(spool)
            return Again(await self.note(args, kit))
        if spool in self.machine.lost:
            return OutcomeUnknown("the machine went down")
        return await self._follow(spool)


class Ask(SimTool):
    """A question."""

    name, effect = "ask", "ask"

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Deferred:
        """Waits for a person."""
        await self.pause()
        return Deferred(Question("which?"))

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Deferred:
        """Still waits."""
        return Deferred(Question("which?"))


TOOLS = {tool.name: tool for tool in (Read, Write, Shell, Ask)}
