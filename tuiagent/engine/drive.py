"""One session that this process drives: its state, its prompt, and what it is doing now."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field

from tuiagent.engine.attendance import Attendance
from tuiagent.engine.clock import World
from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal, Request, Written
from tuiagent.engine.retry import look_again
from tuiagent.kernel import command
from tuiagent.kernel.call import CallFinished, CallJudged, FinishCall
from tuiagent.kernel.claims import OFF, Claims
from tuiagent.kernel.errors import Fenced, ProviderError, Refused, StoreError, ToolError
from tuiagent.kernel.event import Event, Intent
from tuiagent.kernel.jobs import EndJob, Job
from tuiagent.kernel.loop import FollowJob, Step
from tuiagent.kernel.marks import Marks
from tuiagent.kernel.message import Call, Observation, ToolSpec, Usage
from tuiagent.kernel.prompts import PromptRebased
from tuiagent.kernel.run import AttemptStarted, FailAttempt, InterruptRun
from tuiagent.kernel.session import Session, SessionOpened, fold
from tuiagent.ports import Library, Provider, Runtime, Tool
from tuiagent.views.prompt import PromptView

LOG = logging.getLogger("tuiagent.drive")


class Means(Protocol):
    """What performing steps takes, found by name."""

    def provider(self, model: str, opened: SessionOpened) -> Provider:
        """The provider of PROVIDER/MODEL as this session records it. Raises ProviderError."""
        ...

    def price(self, model: str, usage: Usage) -> float | None:
        """US dollars; None when the price of PROVIDER/MODEL is not known."""
        ...

    def keys(self) -> Iterable[str]:
        """The keys that this process knows, which stand in no fact."""
        ...

    def marks(self) -> Marks:
        """By which those are known, in what tools bring, that nobody has unlocked here."""
        ...

    def window(self, model: str) -> int:
        """Tokens that fit into one request; 0 when that is not known of PROVIDER/MODEL."""
        ...

    def fallback(self, model: str) -> str:
        """The PROVIDER/MODEL that takes over when this one does not answer; "" for none."""
        ...

    def takes(self, model: str) -> frozenset[str]:
        """What PROVIDER/MODEL is shown beside text: image, document."""
        ...

    def tool(self, name: str, opened: SessionOpened | None = None) -> Tool | None:
        """The tool of this name; with a session, also one that is lent where it works."""
        ...

    def tools(self, opened: SessionOpened | None = None) -> tuple[ToolSpec, ...]:
        """What models are told of the tools; likewise."""
        ...

    def lent(self, opened: SessionOpened) -> frozenset[str]:
        """The names of all tools that are lent where this session works, told of or not."""
        ...

    def runtime(self, opened: SessionOpened) -> Runtime:
        """The session's folder and environment."""
        ...

    def system(self, opened: SessionOpened) -> str:
        """The system text of a new epoch."""
        ...

    def library(self, opened: SessionOpened) -> Library:
        """What people wrote for the sessions of this folder."""
        ...


class Context(Struct, frozen=True):
    """What all drives of an engine share."""

    journal: Journal
    hub: Hub
    world: World
    means: Means
    attendance: Attendance = field(default_factory=Attendance)


class Drive:
    """Holds a session's folded state and prompt, kept current by its own facts."""

    def __init__(self, stream: str, fence: int, context: Context) -> None:
        self.stream = stream
        self.fence = fence
        self.context = context
        self.state = Session()
        self.prompt = PromptView(stream)
        self.version = 0
        self.news = asyncio.Event()
        self.running: dict[Step, asyncio.Task[None]] = {}
        self.leaving = False
        """Whether another process is to go on with it: what has begun ends, nothing else begins."""
        self.lent: frozenset[str] | None = None
        """The lent tools that the model knows of; None before this process first looked."""
        self.claims: dict[str, Claims] = {}
        """What the calls of the newest reply touch."""
        self.finished: dict[str, tuple[Call, Observation]] = {}
        """What came of them, which hooks may be told of."""
        self.unheard: set[tuple[str, str]] = set()
        """What hooks said, by their commands, that does not count and that people were told of."""
        self.touched: set[str] = set()
        """Paths that calls touched, whose folders were not looked at yet."""
        self.looked: set[str] = set()
        self._runtime: Runtime | None = None
        self._library: Library | None = None
        self._sandbox = ""
        self._waiting: list[asyncio.Future[None]] = []

    def seen(self, event: Event) -> None:
        """Takes the stream's next fact; of an origin's facts only the prompt is made."""
        if event.stream != self.stream:
            self.prompt.apply(event)
            return
        if event.version <= self.version:
            return
        self.version = event.version
        self._note(event.fact)
        self.state = fold(self.state, event.fact)
        self.prompt.apply(event)
        self.news.set()
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)

    def _note(self, fact: object) -> None:
        """Keeps what calls touched, and came to, until the model is asked next."""
        if isinstance(fact, PromptRebased) and fact.shortened is not None:
            self.looked.clear()
        elif isinstance(fact, AttemptStarted):
            self.finished.clear()
            self.claims.clear()
        elif isinstance(fact, CallJudged) and fact.verdict.decision != "deny":
            self.claims[fact.call] = fact.claims
            self.touched.update(fact.claims.reads, fact.claims.writes)
        elif isinstance(fact, CallFinished) and fact.observation.status in ("ok", "error"):
            state = self.state.find(fact.call)
            if state is not None and fact.call not in self.state.wishes and state.fence:
                call = msgspec.structs.replace(state.call, args=state.args)
                self.finished[fact.call] = (call, fact.observation)

    def changed(self) -> asyncio.Future[None]:
        """The stream's next fact, from this call on: none is missed before it is awaited."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    @property
    def opened(self) -> SessionOpened:
        """How the session was opened."""
        assert self.state.opened is not None
        return self.state.opened

    @property
    def runtime(self) -> Runtime:
        """The session's folder and environment, as recorded when it was opened, and its sandbox."""
        if self._runtime is None or self._sandbox != self.state.sandbox:
            self._sandbox = self.state.sandbox
            opened = msgspec.structs.replace(self.opened, sandbox=self._sandbox)
            self._runtime = self.context.means.runtime(opened)
        return self._runtime

    def runtime_of(self, call: str) -> Runtime:
        """Where a call works: no sandbox holds what a person runs, as none holds their shell."""
        if not command.own(call):
            return self.runtime
        return self.context.means.runtime(msgspec.structs.replace(self.opened, sandbox=OFF))

    @property
    def library(self) -> Library:
        """What people wrote for it."""
        if self._library is None:
            self._library = self.context.means.library(self.opened)
        return self._library

    def provider(self) -> Provider:
        """Who answers in this session. Raises ProviderError."""
        return self.context.means.provider(self.state.model, self.opened)

    def waits_for(self, error: ProviderError) -> tuple[str, float] | None:
        """What the run waits for, and until when, instead of ending with nobody there to see it.

        A run that waits already goes on waiting when somebody comes: they see that it does.
        """
        run = self.state.run
        if run is None or (run.stall is None and self.context.attendance.at(self.stream)):
            return None
        provider = self.state.model.partition("/")[0]
        return look_again(error, provider, run.failures, self.context.world.now())

    @property
    def asks(self) -> bool:
        """Whether the model can be asked from here, and may be."""
        if self.leaving:
            return False
        try:
            self.provider()
        except ProviderError:
            return False
        return True

    def survives(self, step: Step) -> bool:
        """Whether what the step began goes on by itself, for whoever drives the session next."""
        if isinstance(step, FollowJob):
            return True
        state = self.state.find(getattr(step, "call", ""))
        if state is None or state.phase != "started":
            return False
        note = state.note
        return bool(note.get("spool") or note.get("terminal")) or state.effect == "read"

    def begin(self, step: Step, work: Coroutine[Any, Any, None]) -> None:
        """Performs a step beside the others."""
        self.running[step] = asyncio.create_task(work)

    async def guarded(self, step: Step, work: Callable[[], Awaitable[None]]) -> None:
        """Does what a step asks; a refusal means that something else happened first.

        Where the work breaks, what it worked on ends visibly instead of being tried for ever.
        """
        try:
            await work()
        except Refused as refusal:
            LOG.info("%s: %s: %s", self.stream, step, refusal)
        except (Fenced, StoreError):
            raise
        except ToolError as error:
            await self._give_up(step, str(error))
        except Exception as error:
            LOG.exception("%s: %s failed", self.stream, step)
            await self._give_up(step, f"a defect in tuiagent: {type(error).__name__}: {error}")

    async def _give_up(self, step: Step, text: str) -> None:
        """Ends the job, the call, the attempt or the run that the step is about."""
        attempt = self.state.run.attempt if self.state.run else None
        call = getattr(step, "call", None)
        job = getattr(step, "job", None)
        if job is not None:
            await self.write(EndJob(self.stream, job, Observation("unknown", text)))
        elif call is not None:
            await self.write(FinishCall(self.stream, call, Observation("unknown", text)))
        elif attempt is not None:
            await self.write(FailAttempt(self.stream, attempt.id, "internal", text))
        elif self.state.run is not None:
            await self.write(InterruptRun(self.stream))

    async def write(self, *intents: Intent, blobs: Mapping[str, bytes] | None = None) -> Written:
        """Reports as the session's agent, under this drive's fence."""
        return await self.context.journal.write(
            Request(self.stream, intents, self.opened.agent, "", self.fence, blobs or {})
        )


class SessionJobs:
    """ports.Jobs of the session that is driven."""

    def __init__(self, drive: Drive) -> None:
        self._drive = drive

    def all(self) -> list[Job]:
        """Those that run, and the newest of those that did."""
        return list(self._drive.state.jobs.by_id.values())

    async def wait(self, job: str, seconds: float) -> bool:
        """Waits for its end, at most so long; whether it is over."""
        world = self._drive.context.world
        timer = asyncio.create_task(world.sleep(seconds))
        try:
            while any(one.id == job and one.running for one in self.all()):
                news = self._drive.changed()
                await asyncio.wait({news, timer}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if timer.done():
                    return False
            return True
        finally:
            timer.cancel()


Perform = Callable[[Drive, Any], Any]
