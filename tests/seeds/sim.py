"""Two engines on one store, a machine, people, and everything that can go wrong between them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from random import Random
from typing import Any

from tests.seeds.machine import TOOLS, Machine, SimRuntime
from tuiagent.engine.clock import World
from tuiagent.engine.drive import Context
from tuiagent.engine.engine import Engine
from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Batch, Journal, Request, Work, Written, deliver
from tuiagent.engine.neighbours import Neighbours
from tuiagent.engine.owner import OwnerSeat
from tuiagent.kernel import audit, jobs, loop
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.claims import OFF
from tuiagent.kernel.errors import Conflict, Fenced, ProviderError, Refused, TuiagentError
from tuiagent.kernel.event import Event, Intent
from tuiagent.kernel.marks import Marks
from tuiagent.kernel.message import Prompt, ToolSpec
from tuiagent.kernel.policy import MODES
from tuiagent.kernel.reply import CallPart, Part, StopPart, TextPart
from tuiagent.kernel.session import (
    ChangeMode,
    OpenSession,
    PromptSubmitted,
    Session,
    SessionOpened,
    SubmitPrompt,
    fold,
)
from tuiagent.ports import Owner, Transaction
from tuiagent.stores.memory import MemoryStore
from tuiagent.views.prompt import PromptView

STREAM = "session/s"
OWNERS = ("a", "b")
CODEC = codec()


class Broken(AssertionError):
    """An invariant does not hold."""


class SimWorld(World):
    """The clock and the chance of one simulated engine."""

    def __init__(self, sim: "Sim", slot: "Slot") -> None:
        super().__init__()
        self.sim = sim
        self.slot = slot

    def now(self) -> float:
        """Virtual time."""
        return asyncio.get_running_loop().time()

    def random(self) -> float:
        """From the seed."""
        return self.sim.random.random()

    async def sleep(self, seconds: float) -> None:
        """Virtual time passes; for a stopped engine even more of it."""
        await asyncio.sleep(max(0.0, seconds))
        await self.slot.pause()


class SimJournal(Journal):
    """Notes who wrote as what, so that the guards can be checked from outside."""

    slot: "Slot"

    def _append(self, tx: Transaction, request: Request) -> Written:
        claim = tx.claimed(request.stream)
        written = super()._append(tx, request)
        if request.fence and (
            claim is None or claim.owner != self.owner or claim.fence != request.fence
        ):
            raise Broken(f"{self.owner} wrote under fence {request.fence}, but {claim} holds")
        return written


class SimWriter:
    """Commits inline, after a while, several at once; may die before, or before it has told."""

    def __init__(self, sim: "Sim", slot: "Slot", journal: Journal) -> None:
        self.sim = sim
        self.slot = slot
        self.journal = journal
        self.queue: list[tuple[Work, asyncio.Future[Any]]] = []
        self.busy = False

    async def run(self, work: Work) -> Any:
        """See journal.Writer. The work of a dead engine is never done."""
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.queue.append((work, future))
        if not self.busy:
            self.busy = True
            self.sim.spawn(self._commit())
        return await future

    async def _commit(self) -> None:
        while self.queue:
            await asyncio.sleep(self.sim.random.expovariate(200.0))
            await self.slot.pause()
            if self.slot.dead:
                return
            items, self.queue = self.queue, []
            try:
                batch = self.journal.commit([work for work, _ in items])
            except Broken as broken:
                self.sim.broken = self.sim.broken or broken
                return
            self.sim.watch_claims()
            await asyncio.sleep(self.sim.random.expovariate(500.0))
            await self.slot.pause()
            if self.slot.dead:
                return
            deliver(self.journal, Batch(batch.events, batch.outcomes), [f for _, f in items])
        self.busy = False

    def close(self) -> None:
        """Nothing is kept here."""


class SimProvider:
    """A model that says anything, in pieces, or fails."""

    def __init__(self, sim: "Sim", slot: "Slot") -> None:
        self.sim = sim
        self.slot = slot

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Part]:
        """See ports.Provider."""
        random = self.sim.random
        await asyncio.sleep(random.expovariate(10.0))
        await self.slot.pause()
        roll = 1.0 if self.sim.calm else random.random()
        if roll < 0.1:
            raise ProviderError(random.choice(["server", "cut", "auth", "rate_limit"]), "sim")
        yield TextPart("so ")
        await asyncio.sleep(random.expovariate(10.0))
        await self.slot.pause()
        if roll < 0.2:
            raise ProviderError("cut", "sim")
        if self.sim.calm or roll < 0.5:
            yield TextPart("done")
            yield StopPart("end")
            return
        for number in range(random.randint(1, 3)):
            name = random.choice([*TOOLS, "nothing"])
            yield CallPart(number, f"c{number}", name, random.choice(['{"path":"f"}', "{", "{}"]))
        yield StopPart("calls")

    async def close(self) -> None:
        """See ports.Provider."""


class Nothing:
    """ports.Library where nobody wrote anything."""

    def skill(self, name: str) -> None:
        """None."""

    def entered(self, path: str) -> list[Any]:
        """None."""
        return []

    def hooks(self, event: str) -> list[Any]:
        """None."""
        return []

    def remarks(self) -> list[Any]:
        """None."""
        return []


NOTHING = Nothing()


class SimMeans:
    """What the simulated engine performs its steps with."""

    def __init__(self, sim: "Sim", slot: "Slot") -> None:
        self.sim = sim
        self.slot = slot

    def provider(self, model: str, opened: SessionOpened) -> SimProvider:
        """See engine.drive.Means."""
        return SimProvider(self.sim, self.slot)

    def window(self, model: str) -> int:
        """See engine.drive.Means."""
        return 0

    def keys(self) -> frozenset[str]:
        """See engine.drive.Means."""
        return frozenset()

    def marks(self) -> Marks:
        """See engine.drive.Means."""
        return Marks()

    def fallback(self, model: str) -> str:
        """None."""
        return ""

    def takes(self, model: str) -> frozenset[str]:
        """See engine.drive.Means."""
        return frozenset()

    def price(self, model: str, usage: Any) -> float | None:
        """See engine.drive.Means."""
        return None

    def lent(self, opened: Any) -> frozenset[str]:
        """See engine.drive.Means."""
        return frozenset()

    def tool(self, name: str, opened: Any = None) -> Any:
        """See engine.drive.Means."""
        kind = self.sim.tools.get(name)
        return kind(self.sim.machine, self.slot.pause) if kind else None

    def tools(self, opened: Any = None) -> tuple[ToolSpec, ...]:
        """See engine.drive.Means."""
        return tuple(ToolSpec(name, "", {}) for name in self.sim.tools)

    def runtime(self, opened: SessionOpened) -> Any:
        """The machine."""
        return SimRuntime(self.sim.machine)

    def system(self, opened: SessionOpened) -> str:
        """See engine.drive.Means."""
        return ""

    def library(self, opened: SessionOpened) -> Any:
        """See engine.drive.Means."""
        return NOTHING


class Slot:
    """A process that lives, is stopped for a while, and dies; then another takes its place."""

    def __init__(self, sim: "Sim", name: str) -> None:
        self.sim = sim
        self.name = name
        self.dead = False
        self.until = 0.0
        sim.store.hold(name)
        journal = sim.journal(sim.store, CODEC, name, SimWorld(sim, self))
        journal.writer = SimWriter(sim, self, journal)
        hub = Hub()
        context = Context(journal, hub, journal.world, SimMeans(sim, self))
        self.engine = Engine(context, Neighbours(journal, hub, self._dial, self._changes))

    async def pause(self) -> None:
        """Between any two awaits: waits while stopped, and for ever when dead."""
        while self.until > asyncio.get_running_loop().time():  # noqa: ASYNC110
            await asyncio.sleep(self.until - asyncio.get_running_loop().time())
        if self.dead:
            await asyncio.Event().wait()

    def kill(self) -> None:
        """The process is gone: its lock is free, nothing of it goes on."""
        self.dead = True
        self.sim.store.drop(self.name)

    async def _dial(self, owner: str) -> Owner:
        """Reaches another living process, sooner or later."""
        await asyncio.sleep(self.sim.random.expovariate(20.0))
        for other in self.sim.slots:
            if other.name == owner and not other.dead:
                await other.pause()
                return OwnerSeat(other.engine, lambda loan: None)
        raise ConnectionRefusedError

    async def _changes(self) -> AsyncIterator[object]:
        while True:
            await asyncio.sleep(self.sim.random.expovariate(2.0))
            yield None


class Sim:
    """One seed's world."""

    journal: type[SimJournal] = SimJournal

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.store = MemoryStore()
        self.machine = Machine(self.random)
        self.tools: dict[str, Any] = dict(TOOLS)
        self.calm = False
        self.broken: BaseException | None = None
        self.trace: list[str] = []
        self.tasks: set[asyncio.Task[None]] = set()
        self.acknowledged: dict[str, int] = {}
        self.interrupts = 0
        self.generation = 0
        self.owner = ""
        self.session, self.folded = Session(), 0
        self.slots = [self._slot(), self._slot()]

    def _slot(self) -> Slot:
        self.generation += 1
        return Slot(self, f"o{self.generation}")

    def spawn(self, work: Any) -> None:
        """Starts something that may be left behind."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def note(self, text: str) -> None:
        """A line of the trace, for the seed that fails."""
        self.trace.append(f"{asyncio.get_running_loop().time() - 1e6:9.4f} {text}")

    def watch_claims(self) -> None:
        """A claim may change hands only when its owner is dead."""
        claim = self.store.claims().get(STREAM)
        if claim and claim.owner != self.owner:
            living = [s.name for s in self.slots if not s.dead]
            if self.owner in living:
                self.broken = self.broken or Broken(f"{claim.owner} took from living {self.owner}")
            self.owner = claim.owner

    # ------------------------------------------------------------ people

    async def submit(self, intent: Intent, once: str) -> None:
        """Says it until somebody has acknowledged it, with the same `once` each time."""
        for _ in range(30):
            slot = self.random.choice(self.slots)
            asked = asyncio.ensure_future(slot.engine.seat().submit(intent, once))
            done, _ = await asyncio.wait({asked}, timeout=self.random.choice([0.05, 1.0, 5.0]))
            if not done:
                continue  # no answer: perhaps done, perhaps not; it is said again
            try:
                self.acknowledged[once] = asked.result()
            except (Refused, Conflict, Fenced) as refusal:
                self.note(f"refused {type(intent).__name__}: {refusal}")
            return

    async def person(self, number: int) -> None:
        """One random act."""
        random = self.random
        once = f"k{number}"
        state = self.state()
        open_ = state.run.open_calls() if state.run else []
        asked = [s for s in open_ if s.phase == "asked"]
        deferred = [s for s in open_ if s.phase == "deferred"]
        roll = random.random()
        intent: Intent
        if asked and roll < 0.6:
            found = random.choice(asked)
            allow = random.random() < 0.8
            digest = found.digest if random.random() < 0.9 else "stale"
            intent = calls.AnswerApproval(STREAM, found.call.id, digest, allow)
        elif deferred and roll < 0.6:
            intent = calls.AnswerQuestion(STREAM, random.choice(deferred).call.id, "blue")
        elif roll < 0.75:
            intent = SubmitPrompt(STREAM, f"p{number}", f"do {number}", random.random() < 0.3)
        elif roll < 0.85:
            self.interrupts += 1
            intent = runs.InterruptRun(STREAM, random.random() < 0.5)
        else:
            intent = ChangeMode(STREAM, random.choice([m for m in MODES if m != "locked"]))
        self.note(f"person {type(intent).__name__} {once}")
        await self.submit(intent, once)

    def state(self) -> Session:
        """The session as the store has it."""
        for record in self.store.read(STREAM, self.folded, 100_000):
            self.session = fold(self.session, CODEC.event(record).fact)
            self.folded = record.version
        return self.session

    # ------------------------------------------------------------ fate

    def fate(self) -> None:
        """Stops, kills, starts anew, or takes the machine down."""
        random = self.random
        index = random.randrange(2)
        slot, roll = self.slots[index], random.random()
        now = asyncio.get_running_loop().time()
        if roll < 0.3:
            slot.until = now + random.choice([0.01, 0.5, 20.0])
            self.note(f"stop {slot.name}")
        elif roll < 0.6:
            slot.kill()
            self.note(f"kill {slot.name}")
            self.slots[index] = self._slot()
            self.spawn(self._adopt(self.slots[index]))
        elif roll < 0.65:
            self.note("reboot")
            for old in self.slots:
                old.kill()
            self.machine.reboot()
            self.slots = [self._slot(), self._slot()]
            self.spawn(self._adopt(self.slots[0]))
        else:
            self.spawn(self._adopt(slot))

    async def _adopt(self, slot: Slot) -> None:
        try:
            await slot.engine.adopt(STREAM)
        except TuiagentError as error:
            self.note(f"{slot.name} cannot adopt: {error}")

    # ------------------------------------------------------------ a life

    async def live(self) -> None:
        """Chaos, then calm, then everything is checked."""
        opened = SessionOpened("/w", "sim/x", self.random.choice(["ask", "auto"]), sandbox=OFF)
        await self.submit(OpenSession(STREAM, opened), "open")
        for number in range(self.random.randint(4, 14)):
            await asyncio.sleep(self.random.expovariate(2.0))
            if self.random.random() < 0.5:
                self.fate()
            await self.person(number)
        await self._rest()
        self.check()

    async def _rest(self) -> None:
        """Nothing fails any more: the session has to come to its end."""
        self.calm = True
        for slot in self.slots:
            slot.until = 0.0
        for number in range(400):
            state = self.state()
            if state.run is None and not state.jobs.running():
                return
            owner = self.store.claims().get(STREAM)
            if owner is None or not owner.alive:
                await self._adopt(self.slots[0])
            for found in state.run.open_calls() if state.run else []:
                ident = found.call.id
                if found.phase == "asked":
                    answer = calls.AnswerApproval(STREAM, ident, found.digest, True)
                    await self.submit(answer, f"r{number}.{ident}")
                elif found.phase == "deferred":
                    reply = calls.AnswerQuestion(STREAM, ident, "red")
                    await self.submit(reply, f"r{number}.{ident}")
            await asyncio.sleep(1.0)
            if self.broken:
                return
        state = self.state()
        steps = loop.next_steps(state, -1, float("inf"))
        holder = self.store.claims().get(STREAM)
        raise Broken(f"the session does not come to rest: {steps}, {holder}, {state.run}")

    # ------------------------------------------------------------ what must hold

    def check(self) -> None:
        """Raises Broken."""
        if self.broken:
            raise self.broken
        records = self.store.read(STREAM, 0, 100_000)
        problem = audit.verify(STREAM, records)
        if problem:
            raise Broken(f"the chain: {problem}")
        events = [CODEC.event(record) for record in records]
        self._acknowledged(events)
        self._calls(events)
        self._sendable(events)
        twice = {call: n for call, n in self.machine.effects.items() if n > 1}
        if twice:
            raise Broken(f"effects had twice: {twice}")
        if loop.next_steps(self.state(), 0, float("inf")):
            raise Broken("something is left to do")

    def _acknowledged(self, events: Sequence[Event]) -> None:
        said = [e.fact.prompt for e in events if isinstance(e.fact, PromptSubmitted)]
        if len(said) != len(set(said)):
            raise Broken("a prompt was taken twice")
        last = events[-1].position if events else 0
        if any(position > self.store.position() for position in self.acknowledged.values()):
            raise Broken(f"an acknowledged position is not there (last is {last})")
        stops = sum(isinstance(e.fact, runs.InterruptRequested) for e in events)
        if stops > self.interrupts:
            raise Broken(f"{self.interrupts} interruptions were asked for, {stops} happened")

    def _calls(self, events: Sequence[Event]) -> None:
        written = [
            c.id
            for e in events
            if isinstance(e.fact, runs.ReplyReceived)
            for c in e.fact.reply.calls
        ]
        begun = [e.fact.job for e in events if isinstance(e.fact, jobs.JobStarted)]
        over = [e.fact.job for e in events if isinstance(e.fact, jobs.JobEnded)]
        if sorted(begun) != sorted(over):
            raise Broken("a job has not exactly one end")
        ended = [e.fact.call for e in events if isinstance(e.fact, calls.CallFinished)]
        if sorted(written) != sorted(ended):
            raise Broken("a call has not exactly one observation")
        started = {e.fact.call for e in events if isinstance(e.fact, calls.CallStarted)}
        for call in self.machine.effects:
            if call.removeprefix("s.") not in started:
                raise Broken(f"{call} had its effect without being started")

    def _sendable(self, events: Sequence[Event]) -> None:
        view = PromptView(STREAM)
        before: list[Any] = []
        for event in events:
            view.apply(event)
            if isinstance(event.fact, runs.AttemptStarted):
                messages = list(view.prompt().messages)
                if messages[: len(before)] != before:
                    raise Broken("the prompt changed where it had only to grow")
                before = messages
