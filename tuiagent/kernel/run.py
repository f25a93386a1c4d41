"""A run: one execution of the agent loop, its model attempts and its replies."""

from msgspec import Struct

from tuiagent.kernel import stall
from tuiagent.kernel.call import CallFinished, CallState
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.hooks import HookRan
from tuiagent.kernel.limits import KEPT, NUDGED, STOPPED, Limits, Turn, repeated, turn
from tuiagent.kernel.message import Observation, Reply
from tuiagent.kernel.signals import Delta as Delta
from tuiagent.kernel.signals import Halted as Halted
from tuiagent.kernel.signals import Progress as Progress
from tuiagent.kernel.stall import RunResumed, RunStalled, Stall

STOPS = ("end", "calls")
"""Stop reasons that are no news."""

# ---------------------------------------------------------------- facts


class RunStarted(Fact, frozen=True):
    """Work on a prompt began; the run has the prompt's id."""

    run: str
    limits: Limits = Limits()
    deadline: float | None = None
    """When its time is over, in seconds since 1970."""


class AttemptStarted(Fact, frozen=True):
    """The model is being asked; it sees everything up to here."""

    attempt: str
    fence: int


class AttemptFailed(Fact, frozen=True):
    """The model did not answer, or only in part."""

    attempt: str
    kind: str
    """As in ProviderError; `killed` when the process that asked is gone."""
    error: str
    retry_at: float | None = None
    """When it is asked again; None for never."""
    partial: str = ""
    """What had arrived; shown, never sent."""


class ReplyReceived(Fact, frozen=True):
    """The model's whole answer."""

    attempt: str
    reply: Reply
    cost: float | None = None
    """US dollars; None when the price is not known."""
    context: int = 0
    """Tokens of the conversation with this reply, as the provider says or else about."""
    held: bool = False
    """Whether hooks are asked before the run ends with it."""


class ReplyInterrupted(Fact, frozen=True):
    """What had arrived of an answer when it was interrupted."""

    attempt: str
    partial: str
    why: str


class RunNudged(Fact, frozen=True):
    """The model is told that it goes in circles."""

    text: str


class LimitReached(Fact, frozen=True):
    """The run has used what it may use; what is going on is ended."""

    run: str
    what: str


class InterruptRequested(Fact, frozen=True):
    """Somebody wants the run to stop; with `cancel` the waiting prompts go as well."""

    run: str
    cancel: bool = False


class RunFinished(Fact, frozen=True):
    """The run is over: done, error, limit, refused, interrupted or cancelled."""

    run: str
    status: str
    error: str = ""


# ---------------------------------------------------------------- intents


class StartAttempt(Intent, frozen=True):
    """Ask the model."""


class FailAttempt(Intent, frozen=True):
    """The model did not answer."""

    attempt: str
    kind: str
    error: str
    retry_at: float | None = None
    partial: str = ""
    needs: str = ""
    """What the run waits for from now on, looking again at `retry_at`; "" for nothing."""


class ReceiveReply(Intent, frozen=True):
    """The model answered."""

    attempt: str
    reply: Reply
    cost: float | None = None
    context: int = 0
    held: bool = False


class InterruptReply(Intent, frozen=True):
    """The model call was stopped on request."""

    attempt: str
    partial: str


class InterruptRun(Intent, frozen=True):
    """Stop what is going on, or only this run; `cancel` also drops the waiting prompts."""

    cancel: bool = False
    run: str = ""


class ReachLimit(Intent, frozen=True):
    """The run's time is over."""


class EndRun(Intent, frozen=True):
    """Everything that was going on has stopped."""


# ---------------------------------------------------------------- state


class Attempt(Struct):
    """A model call that is going on."""

    id: str
    fence: int


class Run(Struct):
    """The run that is going on."""

    id: str
    limits: Limits = Limits()
    deadline: float | None = None
    turns: int = 0
    cost: float = 0.0
    recent: list[Turn] = []
    """What the last turns were, to notice circles."""
    said: str = ""
    """The words of the newest reply."""
    fresh: bool = False
    """Whether the newest reply was not yet followed by an attempt."""
    attempts: int = 0
    attempt: Attempt | None = None
    failures: int = 0
    """Failed attempts in a row."""
    retry_at: float | None = None
    stall: Stall | None = None
    """What it waits for, and does not ask the model before."""
    nudges: int = 0
    held: bool = False
    """Whether it would end now, and hooks are asked first."""
    kept_on: int = 0
    """How often they had it go on."""
    unseen: list[str] = []
    """Prompts that no model call has seen yet."""
    calls: dict[str, CallState] = {}
    """Those of the newest reply."""
    stopping: str = ""
    """interrupted or cancelled, once that was asked for; limit, once one is reached."""
    limit: str = ""
    """Which limit that is."""

    @property
    def next_attempt(self) -> str:
        """The id of the attempt that would be begun next."""
        return f"{self.id}.{self.attempts + 1}"

    def open_calls(self) -> list[CallState]:
        """Calls that still need an observation, in the order of the reply."""
        return [state for state in self.calls.values() if state.open]

    def last_turn(self) -> Turn:
        """What the newest turn was: equal for turns that did the same with the same result."""
        return turn([(state.call, state.result) for state in self.calls.values()], self.said)

    def asking(self, attempt: str) -> Attempt:
        """The open attempt, if it has this id. Raises Refused."""
        if self.attempt is None or self.attempt.id != attempt:
            raise Refused(f"attempt {attempt} is over")
        return self.attempt


# ---------------------------------------------------------------- decide


def decide_start(run: Run, at: At) -> list[Fact]:
    """A new attempt; one that a dead process left open is closed, visibly."""
    if not at.fence:
        raise Refused("only the session's owner asks the model")
    if run.stopping:
        raise Refused("the run is being stopped")
    if run.open_calls():
        raise Refused("calls are still open")
    facts = stall.decide_look(run.id, run.stall)
    if run.attempt is not None:
        if run.attempt.fence == at.fence:
            raise Refused("the model is being asked already")
        gone = "the process that was asking the model is gone; it is asked again"
        facts.append(AttemptFailed(run.attempt.id, "killed", gone, at.now))
    times, words = repeated([*run.recent, run.last_turn()]) if run.fresh else (0, "")
    if times >= STOPPED:
        return [*facts, RunFinished(run.id, "limit", f"the model did {words}")]
    if times == NUDGED:
        text = f"(You did {words}. Do something else, or say what keeps you from going on.)"
        facts.append(RunNudged(text))
    return [*facts, AttemptStarted(run.next_attempt, at.fence)]


def started(run: str, limits: Limits, at: At) -> RunStarted:
    """The beginning of a run, with the time at which it has to end."""
    return RunStarted(run, limits, at.now + limits.seconds if limits.seconds else None)


def decide_limit(run: Run, intent: ReachLimit, at: At) -> list[Fact]:
    """The end of a run whose time is over; calls that did not start yet end at once."""
    if not at.fence or run.deadline is None or at.now < run.deadline or run.stopping:
        raise Refused("the run's time is not over")
    what = f"the limit of {run.limits.seconds:g} s for one run is reached"
    return [LimitReached(run.id, what), *_not_run(run, what)]


def _not_run(run: Run, why: str) -> list[Fact]:
    """The end of all calls that did not start yet."""
    ended = Observation("cancelled", f"not run: {why}")
    return [CallFinished(s.call.id, ended) for s in run.open_calls() if s.phase != "started"]


def decide_fail(run: Run, intent: FailAttempt, at: At) -> list[Fact]:
    """The failure, and the end of the run when it is not to be tried again."""
    run.asking(intent.attempt)
    how = (intent.kind, intent.error, intent.retry_at, intent.partial)
    failed = AttemptFailed(intent.attempt, *how)
    if intent.needs and not run.stopping:
        return [failed, RunStalled(run.id, intent.needs, at.fence, intent.retry_at)]
    if intent.retry_at is not None or run.stopping:
        return [failed]
    return [failed, RunFinished(run.id, "error", intent.error)]


def decide_receive(run: Run, intent: ReceiveReply) -> list[Fact]:
    """The reply, and the end of the run when there is nothing more to do."""
    run.asking(intent.attempt)
    reply = intent.reply
    if run.stopping:
        return [ReplyInterrupted(intent.attempt, reply.text, "it came after the interruption")]
    resumed = stall.decide_resume(run.id, run.stall)
    status, error = _verdict(run, reply, intent.cost or 0.0)
    held = intent.held and status == "done"
    reply_received = ReplyReceived(intent.attempt, reply, intent.cost, intent.context, held)
    received = [*resumed, reply_received]
    if not status or held:
        return received
    ended = Observation("cancelled", f"not run: {error}")
    dropped = [CallFinished(call.id, ended) for call in reply.calls]
    return [*received, *dropped, RunFinished(run.id, status, error)]


def _verdict(run: Run, reply: Reply, cost: float) -> tuple[str, str]:
    """The status with which this reply ends its run, and why; "" when the run goes on."""
    if reply.stop in ("refusal", "filter"):
        return "refused", f"the model's provider stopped the answer ({reply.stop})"
    if reply.calls or run.unseen:
        return _used_up(run, cost)
    if reply.stop == "length":
        return "limit", "the answer was cut off at the model's output limit"
    if reply.stop not in STOPS:
        return "error", f"the model stopped for a reason that is not known: {reply.stop!r}"
    if not reply.text.strip():
        return ("", "") if not run.nudges else ("error", "the model gave an empty answer, twice")
    return "done", ""


def _used_up(run: Run, cost: float) -> tuple[str, str]:
    """The status of a run that would go on, but may not."""
    limits = run.limits
    if run.turns + 1 >= limits.turns:
        return "limit", f"the limit of {limits.turns} model replies for one run is reached"
    if limits.cost and run.cost + cost >= limits.cost:
        spent = run.cost + cost
        return "limit", f"the limit of ${limits.cost:g} for one run is reached (${spent:.4f})"
    return "", ""


def decide_interrupt_reply(run: Run, intent: InterruptReply) -> list[Fact]:
    """What had arrived, kept once."""
    run.asking(intent.attempt)
    if not run.stopping:
        raise Refused("nobody asked for an interruption")
    return [ReplyInterrupted(intent.attempt, intent.partial, run.stopping)]


def decide_interrupt(run: Run, intent: InterruptRun, at: At) -> list[Fact]:
    """The wish to stop; calls that did not start yet end at once."""
    if intent.run not in ("", run.id):
        raise Refused(f"run {intent.run} is not the one that is going on")
    if run.stopping == "cancelled" or (run.stopping and not intent.cancel):
        raise Refused("the run is being stopped already")
    word = "cancelled" if intent.cancel else "interrupted"
    return [InterruptRequested(run.id, intent.cancel), *_not_run(run, f"{word} by {at.actor}")]


def decide_end(run: Run) -> list[Fact]:
    """The end of a run that was stopped."""
    if not run.stopping or run.attempt is not None or run.open_calls():
        raise Refused("the run is not at its end")
    return [RunFinished(run.id, run.stopping, run.limit)]


# ---------------------------------------------------------------- fold

FOLDED: tuple[type[Fact], ...] = (
    AttemptStarted,
    AttemptFailed,
    ReplyReceived,
    ReplyInterrupted,
    InterruptRequested,
    LimitReached,
    RunNudged,
    *stall.FOLDED,
)


def fold(run: Run, fact: Fact) -> None:
    """Applies one of this module's facts to the run that is going on."""
    if isinstance(fact, stall.FOLDED):
        run.stall = stall.fold(fact)
        run.retry_at = None if isinstance(fact, RunResumed) else fact.again
    elif isinstance(fact, AttemptStarted):
        run.attempt = Attempt(fact.attempt, fact.fence)
        run.attempts += 1
        run.retry_at = None
        if run.fresh:
            run.recent = [*run.recent, run.last_turn()][-KEPT:]
        run.fresh = run.held = False
        run.unseen.clear()
        run.calls.clear()
    elif isinstance(fact, AttemptFailed):
        run.attempt = None
        run.retry_at = fact.retry_at
        run.failures += fact.kind != "killed"
    elif isinstance(fact, ReplyReceived):
        run.attempt = None
        run.failures = 0
        run.turns += 1
        run.cost += fact.cost or 0.0
        run.said, run.fresh, run.held = fact.reply.text, True, fact.held
        run.nudges += not fact.reply.text.strip() and not fact.reply.calls
        run.calls = {c.id: CallState(c, args=c.args) for c in fact.reply.calls}
    elif isinstance(fact, ReplyInterrupted):
        run.attempt = None
    elif isinstance(fact, InterruptRequested):
        run.stopping = "cancelled" if fact.cancel else "interrupted"
    elif isinstance(fact, HookRan):
        run.kept_on += run.held
        run.held = False
    elif isinstance(fact, LimitReached):
        run.stopping, run.limit = "limit", fact.what
