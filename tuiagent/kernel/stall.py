"""What a run waits for that no step of it can bring, such as a key or a network."""

from msgspec import Struct

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent


class RunStalled(Fact, frozen=True):
    """The run waits for something that its process has not; another one may have it."""

    run: str
    needs: str
    """What for, such as `key OPENAI_API_KEY`."""
    fence: int
    again: float | None = None
    """When it looks again by itself, in seconds since 1970; None for when it is told to."""


class RunResumed(Fact, frozen=True):
    """What the run waited for is there, it seems."""

    run: str


class StallRun(Intent, frozen=True):
    """The run cannot go on in this process, or not before a time."""

    needs: str
    again: float | None = None


class ResumeRun(Intent, frozen=True):
    """Try again: what the run waited for is there."""


class Stall(Struct):
    """What a run waits for, and the fence of the process that has it not."""

    needs: str
    fence: int
    again: float | None = None


FOLDED = (RunStalled, RunResumed)


def decide_stall(run: str, stall: Stall | None, intent: StallRun, at: At) -> list[Fact]:
    """What the run waits for, once for each process that has it not."""
    if not at.fence:
        raise Refused("only the session's owner knows what it lacks")
    if stall == Stall(intent.needs, at.fence, intent.again):
        return []
    return [RunStalled(run, intent.needs, at.fence, intent.again)]


def decide_resume(run: str, stall: Stall | None) -> list[Fact]:
    """The run goes on, where it waited."""
    return [RunResumed(run)] if stall else []


def decide_look(run: str, stall: Stall | None) -> list[Fact]:
    """The run asks the model: what looks by itself waits on until it has an answer."""
    return [] if stall and stall.again is not None else decide_resume(run, stall)


def fold(fact: RunStalled | RunResumed) -> Stall | None:
    """What the run waits for after this fact."""
    return Stall(fact.needs, fact.fence, fact.again) if isinstance(fact, RunStalled) else None
