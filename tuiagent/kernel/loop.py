"""The agent loop: what must happen next in a session, from nothing but its state."""

from collections.abc import Callable, Iterable

from msgspec import Struct

from tuiagent.kernel.call import CallState
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.run import Run
from tuiagent.kernel.session import Session, decide, fold
from tuiagent.kernel.undo import TOOL as UNDO

PARALLEL = 16
"""Calls that run at the same time."""


class CallModel(Struct, frozen=True):
    """Ask the model."""

    attempt: str
    """The attempt to be begun, or the one of ours that is open."""


class JudgeCall(Struct, frozen=True):
    """Find out what the call would touch, and let policy decide."""

    call: str
    revision: int


class RunCall(Struct, frozen=True):
    """Do what the call asks."""

    call: str


class SettleCall(Struct, frozen=True):
    """Find out what became of a call whose process died."""

    call: str


class FindUndo(Struct, frozen=True):
    """Find out what is to be changed back."""

    call: str


class FollowJob(Struct, frozen=True):
    """Find out how what goes on in the background ends."""

    job: str


class StopJob(Struct, frozen=True):
    """End what goes on in the background."""

    job: str


class ShortenPrompt(Struct, frozen=True):
    """Make the conversation shorter, which begins this epoch."""

    epoch: int


class StopAttempt(Struct, frozen=True):
    """End the model call that is going on."""

    attempt: str


class StopCall(Struct, frozen=True):
    """End the call that is running."""

    call: str


class EndRun(Struct, frozen=True):
    """Close a run that was stopped."""

    run: str


class EndTime(Struct, frozen=True):
    """The run has used up its time: end what is going on."""

    run: str


class AskHooks(Struct, frozen=True):
    """The run would end: ask hooks whether it may."""

    run: str


class Wait(Struct, frozen=True):
    """Nothing until then."""

    until: float


Step = (
    CallModel
    | JudgeCall
    | RunCall
    | SettleCall
    | FindUndo
    | FollowJob
    | StopJob
    | ShortenPrompt
    | StopAttempt
    | StopCall
    | EndRun
    | EndTime
    | AskHooks
    | Wait
)


def next_steps(state: Session, fence: int, now: float) -> list[Step]:
    """What the owner with this fence must do; empty when it is somebody else's turn.

    A step is named again until a fact answers it; whoever performs starts each only once. An
    attempt or a call with an older fence belongs to a process that is gone.
    """
    if state.unknown:
        return []
    beside = [*_wishes(state, fence), *_jobs(state)]
    return [*beside, *_of_run(state, state.run, fence, now)] if state.run else beside


def _of_run(state: Session, run: Run, fence: int, now: float) -> list[Step]:
    if run.stopping:
        return _stopping(run, fence)
    if run.deadline is not None and now >= run.deadline:
        return [EndTime(run.id)]
    steps = _working(state, run, fence, now)
    return [*steps, Wait(run.deadline)] if run.deadline is not None else steps


def _working(state: Session, run: Run, fence: int, now: float) -> list[Step]:
    if run.attempt is not None and run.attempt.fence == fence:
        return [CallModel(run.attempt.id)]
    if run.attempt is not None:
        return [CallModel(run.next_attempt)]
    calls = run.open_calls()
    if calls:
        return _calls(calls, fence, state.revision)
    if run.retry_at is not None and run.retry_at > now:
        return [Wait(run.retry_at)]
    if run.stall is not None and run.stall.again is None and run.stall.fence == fence:
        return []
    if run.held and not run.unseen:
        return [AskHooks(run.id)]
    if state.crowded:
        return [ShortenPrompt(state.epoch + 1)]
    return [CallModel(run.next_attempt)]


def _wishes(state: Session, fence: int) -> list[Step]:
    """What a person wants undone or run goes on beside the run, and each command beside others."""
    waiting = [FindUndo(name) for name, u in state.wishes.items() if u.phase == "requested"]
    others = [wish for wish in state.wishes.values() if wish.phase != "requested"]
    undos = [wish for wish in others if wish.call.name == UNDO]
    steps = _calls(undos, fence, state.revision)
    for wish in others:
        if wish.call.name != UNDO:
            steps += _calls([wish], fence, state.revision)
    return [*waiting, *steps]


def _jobs(state: Session) -> list[Step]:
    """What runs in the background is followed, whoever began it, beside the run or without one."""
    running = state.jobs.running()
    stopped = [StopJob(job.id) for job in running if job.stopping]
    return [*(FollowJob(job.id) for job in running), *stopped]


def _calls(calls: list[CallState], fence: int, revision: int) -> list[Step]:
    """Reads run together; what changes something runs alone and in the order it was written."""
    steps: list[Step] = []
    busy = sum(state.phase == "started" for state in calls)
    for index, state in enumerate(calls):
        name = state.call.id
        if state.phase == "started" and state.fence != fence:
            steps.append(SettleCall(name))
        elif state.phase == "proposed" or (
            state.phase in ("asked", "allowed") and state.revision != revision
        ):
            steps.append(JudgeCall(name, revision))
        elif state.phase == "allowed" and busy < PARALLEL:
            if state.effect in ("write", "execute") and index > 0:
                continue
            steps.append(RunCall(name))
            busy += 1
    return steps


def _stopping(run: Run, fence: int) -> list[Step]:
    """Everything that is going on is ended; then the run is."""
    steps: list[Step] = []
    if run.attempt is not None:
        steps.append(StopAttempt(run.attempt.id))
    steps += [StopCall(state.call.id) for state in run.open_calls()]
    return steps or [EndRun(run.id)]


def busy(state: Session) -> bool:
    """Whether something goes on in the session, or waits for somebody."""
    return bool(state.run or state.wishes or state.jobs.running())


def wake(state: Session) -> float | None:
    """From when on the session has a next step for an owner to come; None for not before news."""
    steps = next_steps(state, -1, 0.0)
    times = [step.until if isinstance(step, Wait) else 0.0 for step in steps]
    return min(times, default=None)


def play(
    state: Session,
    facts: list[Fact],
    perform: Callable[[Step], Iterable[tuple[Intent, At]]],
    fence: int = 1,
    limit: int = 1000,
) -> list[Fact]:
    """Runs the loop without an engine: each step is performed, each intent decided and folded.

    Waiting steps are skipped. Returns all facts, those given first. Raises RuntimeError when it
    does not come to rest within `limit` steps.
    """
    for fact in facts:
        state = fold(state, fact)
    for _ in range(limit):
        steps = [s for s in next_steps(state, fence, float("inf")) if not isinstance(s, Wait)]
        if not steps:
            return facts
        for intent, at in perform(steps[0]):
            for fact in decide(state, intent, at):
                facts.append(fact)
                state = fold(state, fact)
    raise RuntimeError(f"the loop did not come to rest within {limit} steps")
