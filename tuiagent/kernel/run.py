"""A run: one execution of the agent loop, its model attempts and its replies."""

from msgspec import Struct

from tuiagent.kernel.call import CallFinished, CallState
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent, Signal
from tuiagent.kernel.message import Observation, Reply

TURNS = 200
"""Model replies in one run, unless told otherwise."""
STOPS = ("end", "calls")
"""Stop reasons that are no news."""

# ---------------------------------------------------------------- facts


class RunStarted(Fact, frozen=True):
    """Work on a prompt began; the run has the prompt's id."""

    run: str
    turns: int = TURNS


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


class ReplyInterrupted(Fact, frozen=True):
    """What had arrived of an answer when it was interrupted."""

    attempt: str
    partial: str
    why: str


class InterruptRequested(Fact, frozen=True):
    """Somebody wants the run to stop; with `cancel` the waiting prompts go as well."""

    run: str
    cancel: bool = False


class RunFinished(Fact, frozen=True):
    """The run is over: done, error, limit, refused, interrupted or cancelled."""

    run: str
    status: str
    error: str = ""


# ---------------------------------------------------------------- signals


class Delta(Signal, frozen=True):
    """Some text of the open attempt, and where in its text it belongs."""

    attempt: str
    offset: int
    text: str
    reasoning: bool = False


class Progress(Signal, frozen=True):
    """Some output of a running call."""

    call: str
    text: str


class Halted(Signal, frozen=True):
    """Nothing goes on, as the journal cannot be written; nothing was lost."""

    why: str


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


class ReceiveReply(Intent, frozen=True):
    """The model answered."""

    attempt: str
    reply: Reply


class InterruptReply(Intent, frozen=True):
    """The model call was stopped on request."""

    attempt: str
    partial: str


class InterruptRun(Intent, frozen=True):
    """Stop what is going on; `cancel` also drops the waiting prompts."""

    cancel: bool = False


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
    limit: int
    turns: int = 0
    attempts: int = 0
    attempt: Attempt | None = None
    failures: int = 0
    """Failed attempts in a row."""
    retry_at: float | None = None
    nudges: int = 0
    unseen: list[str] = []
    """Prompts that no model call has seen yet."""
    calls: dict[str, CallState] = {}
    """Those of the newest reply."""
    stopping: str = ""
    """interrupted or cancelled, once that was asked for."""

    @property
    def next_attempt(self) -> str:
        """The id of the attempt that would be begun next."""
        return f"{self.id}.{self.attempts + 1}"

    def open_calls(self) -> list[CallState]:
        """Calls that still need an observation, in the order of the reply."""
        return [state for state in self.calls.values() if state.open]

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
    facts: list[Fact] = []
    if run.attempt is not None:
        if run.attempt.fence == at.fence:
            raise Refused("the model is being asked already")
        gone = "the process that was asking the model is gone; it is asked again"
        facts.append(AttemptFailed(run.attempt.id, "killed", gone, at.now))
    return [*facts, AttemptStarted(run.next_attempt, at.fence)]


def decide_fail(run: Run, intent: FailAttempt) -> list[Fact]:
    """The failure, and the end of the run when it is not to be tried again."""
    run.asking(intent.attempt)
    failed = AttemptFailed(
        intent.attempt, intent.kind, intent.error, intent.retry_at, intent.partial
    )
    if intent.retry_at is not None or run.stopping:
        return [failed]
    return [failed, RunFinished(run.id, "error", intent.error)]


def decide_receive(run: Run, intent: ReceiveReply) -> list[Fact]:
    """The reply, and the end of the run when there is nothing more to do."""
    run.asking(intent.attempt)
    reply = intent.reply
    if run.stopping:
        return [ReplyInterrupted(intent.attempt, reply.text, "it came after the interruption")]
    received = ReplyReceived(intent.attempt, reply)
    status, error = _verdict(run, reply)
    if not status:
        return [received]
    dropped = [
        CallFinished(c.id, Observation("cancelled", f"not run: {error}")) for c in reply.calls
    ]
    return [received, *dropped, RunFinished(run.id, status, error)]


def _verdict(run: Run, reply: Reply) -> tuple[str, str]:
    """The status with which this reply ends its run, and why; "" when the run goes on."""
    if reply.stop in ("refusal", "filter"):
        return "refused", f"the model's provider stopped the answer ({reply.stop})"
    if (reply.calls or run.unseen) and run.turns + 1 >= run.limit:
        return "limit", f"the limit of {run.limit} model replies for one run is reached"
    if reply.calls or run.unseen:
        return "", ""
    if reply.stop == "length":
        return "limit", "the answer was cut off at the model's output limit"
    if reply.stop not in STOPS:
        return "error", f"the model stopped for a reason that is not known: {reply.stop!r}"
    if not reply.text.strip():
        return ("", "") if not run.nudges else ("error", "the model gave an empty answer, twice")
    return "done", ""


def decide_interrupt_reply(run: Run, intent: InterruptReply) -> list[Fact]:
    """What had arrived, kept once."""
    run.asking(intent.attempt)
    if not run.stopping:
        raise Refused("nobody asked for an interruption")
    return [ReplyInterrupted(intent.attempt, intent.partial, run.stopping)]


def decide_interrupt(run: Run, intent: InterruptRun, at: At) -> list[Fact]:
    """The wish to stop; calls that did not start yet end at once."""
    if run.stopping == "cancelled" or (run.stopping and not intent.cancel):
        raise Refused("the run is being stopped already")
    word = "cancelled" if intent.cancel else "interrupted"
    ended = Observation("cancelled", f"not run: {word} by {at.actor}")
    waiting = [state for state in run.open_calls() if state.phase != "started"]
    return [
        InterruptRequested(run.id, intent.cancel),
        *(CallFinished(state.call.id, ended) for state in waiting),
    ]


def decide_end(run: Run) -> list[Fact]:
    """The end of a run that was stopped."""
    if not run.stopping or run.attempt is not None or run.open_calls():
        raise Refused("the run is not at its end")
    return [RunFinished(run.id, run.stopping)]


# ---------------------------------------------------------------- fold

FOLDED: tuple[type[Fact], ...] = (
    AttemptStarted,
    AttemptFailed,
    ReplyReceived,
    ReplyInterrupted,
    InterruptRequested,
)


def fold(run: Run, fact: Fact) -> None:
    """Applies one of this module's facts to the run that is going on."""
    if isinstance(fact, AttemptStarted):
        run.attempt = Attempt(fact.attempt, fact.fence)
        run.attempts += 1
        run.retry_at = None
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
        run.nudges += not fact.reply.text.strip() and not fact.reply.calls
        run.calls = {c.id: CallState(c, args=c.args) for c in fact.reply.calls}
    elif isinstance(fact, ReplyInterrupted):
        run.attempt = None
    elif isinstance(fact, InterruptRequested):
        run.stopping = "cancelled" if fact.cancel else "interrupted"
