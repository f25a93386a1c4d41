"""The status of one session: what its header shows, as of any event."""

from typing import Any

from msgspec import Struct, field

from tuiagent.kernel import command, jobs, lifecycle, prompts, stall
from tuiagent.kernel import run as runs
from tuiagent.kernel.call import CallJudged
from tuiagent.kernel.claims import NONE
from tuiagent.kernel.event import Event, Fact, Seen
from tuiagent.kernel.grants import ModeChanged, SandboxChanged
from tuiagent.kernel.message import Media, Usage
from tuiagent.views.sessions import forked


class Queued(Struct):
    """A prompt that waits for the run before it, or for that one's next step."""

    prompt: str
    text: str
    steer: bool
    media: tuple[Media, ...] = ()


class Spent(Struct):
    """What was used, since some point on."""

    input: int = 0
    """Tokens, with those that were read from a cache."""
    cached: int = 0
    output: int = 0
    cost: float = 0.0
    """US dollars, as far as prices are known."""
    unpriced: int = 0
    """Replies whose price is not known."""

    def add(self, usage: Usage | None, cost: float | None) -> None:
        """Counts one answer."""
        self.unpriced += cost is None
        self.cost += cost or 0.0
        if usage is not None:
            self.input += usage.input
            self.cached += usage.cache_read
            self.output += usage.output


class Status(Struct):
    """How the session stands."""

    folder: str = ""
    model: str = ""
    """PROVIDER/MODEL."""
    mode: str = ""
    sandbox: str = ""
    """What holds its commands, as in Claims."""
    name: str = ""
    title: str = ""
    """As in a row of the sessions."""
    run: str = ""
    """The run that is going on, by its prompt; "" for none."""
    since: float = 0.0
    """When it began, in seconds since 1970."""
    ended: str = ""
    """How the last run ended, as in RunFinished."""
    needs: str = ""
    """What the run waits for that is no answer, such as `key OPENAI_API_KEY`."""
    again: float | None = None
    """When that is looked for again without a person."""
    retry: float | None = None
    """When the model is asked again that did not answer; None while it is asked."""
    context: int = 0
    """Tokens of the conversation, as of the newest answer."""
    window: int = 0
    """Tokens that fit into one request; 0 when that is not known."""
    turn: Spent = field(default_factory=Spent)
    """Of the newest run."""
    session: Spent = field(default_factory=Spent)
    queue: list[Queued] = []
    jobs: list[str] = []
    """What runs in the background."""


class StatusView:
    """Keeps the status of one session."""

    kinds: frozenset[str] | None
    """Those that HANDLERS name: of long outputs none is read for it."""

    def __init__(self, stream: str, status: Status | None = None) -> None:
        self.stream = stream
        self.status = status or Status()

    def snapshot(self) -> list[Any]:
        """The status, alone."""
        return [self.status]

    def apply(self, seen: Seen) -> bool:
        """Takes the next event; whether the status changed."""
        if not isinstance(seen, Event):
            return False
        handler = HANDLERS.get(type(seen.fact))
        if handler is not None:
            handler(self.status, seen.fact, seen.at)
        return handler is not None


def _opened(status: Status, fact: lifecycle.SessionOpened, at: float) -> None:
    status.folder, status.model, status.mode = fact.folder, fact.model, fact.mode
    if fact.origin is not None:
        status.title = forked(status.name or status.title)
    status.name, status.sandbox = fact.name, fact.sandbox
    status.run, status.queue, status.jobs, status.needs, status.retry = "", [], [], "", None


def _named(status: Status, fact: lifecycle.SessionNamed, at: float) -> None:
    status.name = fact.name


def _mode(status: Status, fact: ModeChanged, at: float) -> None:
    status.mode = fact.mode


def _sandbox(status: Status, fact: SandboxChanged, at: float) -> None:
    status.sandbox = fact.sandbox


def _judged(status: Status, fact: CallJudged, at: float) -> None:
    own = command.own(fact.call)  # which no sandbox holds, whatever holds the model's
    if fact.claims.effect == "execute" and fact.claims.sandbox != NONE and not own:
        status.sandbox = fact.claims.sandbox


def _model(status: Status, fact: prompts.ModelChanged, at: float) -> None:
    status.model = fact.model


def _rebased(status: Status, fact: prompts.PromptRebased, at: float) -> None:
    status.window = fact.window
    if fact.shortened is not None:
        status.turn.add(fact.usage, fact.cost)
        status.session.add(fact.usage, fact.cost)


def _submitted(status: Status, fact: prompts.PromptSubmitted, at: float) -> None:
    status.title = status.title or fact.text.strip().partition("\n")[0][:80]
    status.queue.append(Queued(fact.prompt, fact.text, fact.steer, fact.media))


def _withdrawn(status: Status, fact: prompts.PromptWithdrawn, at: float) -> None:
    status.queue = [one for one in status.queue if one.prompt != fact.prompt]


def _started(status: Status, fact: runs.RunStarted, at: float) -> None:
    status.run, status.since, status.turn = fact.run, at, Spent()
    status.queue = [one for one in status.queue if one.prompt != fact.run]


def _asked(status: Status, fact: runs.AttemptStarted, at: float) -> None:
    status.queue = [one for one in status.queue if not one.steer]
    status.retry = None


def _received(status: Status, fact: runs.ReplyReceived, at: float) -> None:
    status.context = fact.context
    status.turn.add(fact.reply.usage, fact.cost)
    status.session.add(fact.reply.usage, fact.cost)


def _failed(status: Status, fact: runs.AttemptFailed, at: float) -> None:
    status.retry = fact.retry_at


def _finished(status: Status, fact: runs.RunFinished, at: float) -> None:
    status.run, status.ended, status.needs, status.retry = "", fact.status, "", None


def _stalled(status: Status, fact: stall.RunStalled, at: float) -> None:
    status.needs, status.again = fact.needs, fact.again


def _resumed(status: Status, fact: stall.RunResumed, at: float) -> None:
    status.needs = ""


def _job(status: Status, fact: jobs.JobStarted, at: float) -> None:
    status.jobs.append(fact.job)


def _job_ended(status: Status, fact: jobs.JobEnded, at: float) -> None:
    status.jobs = [job for job in status.jobs if job != fact.job]


HANDLERS: dict[type[Fact], Any] = {
    lifecycle.SessionOpened: _opened,
    lifecycle.SessionNamed: _named,
    ModeChanged: _mode,
    SandboxChanged: _sandbox,
    CallJudged: _judged,
    prompts.ModelChanged: _model,
    prompts.PromptRebased: _rebased,
    prompts.PromptSubmitted: _submitted,
    prompts.PromptWithdrawn: _withdrawn,
    runs.RunStarted: _started,
    runs.AttemptStarted: _asked,
    runs.AttemptFailed: _failed,
    runs.ReplyReceived: _received,
    runs.RunFinished: _finished,
    stall.RunStalled: _stalled,
    stall.RunResumed: _resumed,
    jobs.JobStarted: _job,
    jobs.JobEnded: _job_ended,
}
StatusView.kinds = frozenset(kind.__name__ for kind in HANDLERS)
