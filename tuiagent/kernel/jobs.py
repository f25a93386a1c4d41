"""Jobs: what calls have started and left running in the background."""

from typing import Any

from msgspec import Struct

from tuiagent.kernel.call import CallState
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.message import Observation

KEPT = 16
"""Jobs that are remembered after their end."""

# ---------------------------------------------------------------- facts


class JobStarted(Fact, frozen=True):
    """A call was answered while what it had begun goes on by itself."""

    job: str
    call: str
    tool: str
    args: dict[str, Any]
    note: dict[str, Any]
    """What the tool needs to find out how it ends."""
    since: float
    """Seconds since 1970."""


class JobStopRequested(Fact, frozen=True):
    """Somebody wants the job to end."""

    job: str


class JobEnded(Fact, frozen=True):
    """The job is over; there is exactly one of these for each job."""

    job: str
    observation: Observation


# ---------------------------------------------------------------- intents


class StopJob(Intent, frozen=True):
    """End a job."""

    job: str


class EndJob(Intent, frozen=True):
    """The engine found out how the job ended."""

    job: str
    observation: Observation


# ---------------------------------------------------------------- state


class Job(Struct):
    """Something that goes on in the background, or did."""

    id: str
    call: str
    tool: str
    args: dict[str, Any]
    note: dict[str, Any]
    since: float
    stopping: bool = False
    status: str = ""
    """As in Observation, once it is over."""

    @property
    def line(self) -> str:
        """What it is, in one line."""
        what = " ".join(str(self.args.get("command", "")).split())
        what = "a terminal" if self.tool == "terminal" else what
        return f"{self.id}: {what if len(what) <= 80 else what[:79] + '…'}"

    @property
    def running(self) -> bool:
        """Whether it goes on."""
        return not self.status


class Jobs(Struct):
    """All that run, and the newest of those that did."""

    started: int = 0
    by_id: dict[str, Job] = {}

    def running(self) -> list[Job]:
        """Those that go on."""
        return [job for job in self.by_id.values() if job.running]

    def find(self, ident: str) -> Job:
        """The running job with this id. Raises Refused."""
        found = self.by_id.get(ident)
        if found is None or not found.running:
            raise Refused(f"there is no running job {ident}")
        return found


# ---------------------------------------------------------------- decide and fold


def started(jobs: Jobs, state: CallState, note: dict[str, Any], at: At) -> JobStarted:
    """What this call has begun is a job from now on."""
    call = state.call
    args = state.args or {}
    return JobStarted(f"job{jobs.started + 1}", call.id, call.name, args, note, at.now)


def decide_stop(jobs: Jobs, intent: StopJob) -> list[Fact]:
    """The wish that it ends."""
    return [] if jobs.find(intent.job).stopping else [JobStopRequested(intent.job)]


def decide_end(jobs: Jobs, intent: EndJob, at: At) -> list[Fact]:
    """One end for each job, never two."""
    if not at.fence:
        raise Refused("only the session's owner reports how a job ended")
    jobs.find(intent.job)
    return [JobEnded(intent.job, intent.observation)]


FOLDED: tuple[type[Fact], ...] = (JobStarted, JobStopRequested, JobEnded)


def fold(jobs: Jobs, fact: Fact) -> None:
    """Applies one of this module's facts."""
    found = jobs.by_id.get(getattr(fact, "job", ""))
    if isinstance(fact, JobStarted):
        jobs.started += 1
        jobs.by_id[fact.job] = Job(fact.job, fact.call, fact.tool, fact.args, fact.note, fact.since)
    elif found and isinstance(fact, JobStopRequested):
        found.stopping = True
    elif found and isinstance(fact, JobEnded):
        found.status = fact.observation.status
        over = [job.id for job in jobs.by_id.values() if not job.running]
        for ident in over[:-KEPT]:
            del jobs.by_id[ident]
