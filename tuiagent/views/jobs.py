"""The jobs: what runs in the background, of every session."""

from typing import Any

from msgspec import Struct, msgpack

from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.jobs import JobEnded, JobStarted, JobStopRequested
from tuiagent.kernel.lifecycle import SessionErased
from tuiagent.kernel.transfer import foreign


class Running(Struct):
    """One thing that runs in the background, as far as the journal knows."""

    stream: str
    job: str
    call: str
    tool: str
    args: dict[str, Any]
    since: float
    stopping: bool = False


class JobsView:
    """What runs, oldest first."""

    kinds: frozenset[str] | None = frozenset(
        {"JobStarted", "JobStopRequested", "JobEnded", "SessionErased"}
    )

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.running: list[Running] = []

    def snapshot(self) -> list[Any]:
        """The jobs, oldest first."""
        return list(self.running)

    def save(self) -> bytes:
        """All that it knows."""
        return msgpack.encode(self.running)

    def load(self, body: bytes) -> None:
        """Knows this again. Raises msgspec.MsgspecError."""
        self.running = msgpack.decode(body, type=list[Running])

    def apply(self, seen: Seen) -> list[str]:
        """Takes the next event; the jobs that changed."""
        fact = seen.fact if isinstance(seen, Event) and not foreign(seen.actor) else None
        if not isinstance(seen, Event) or not isinstance(
            fact, JobStarted | JobStopRequested | JobEnded | SessionErased
        ):
            return []
        if isinstance(fact, JobStarted):
            self.running.append(
                Running(seen.stream, fact.job, fact.call, fact.tool, fact.args, fact.since)
            )
            return [fact.job]
        meant = [
            row
            for row in self.running
            if row.stream == seen.stream
            and (isinstance(fact, SessionErased) or row.job == fact.job)
        ]
        for row in meant:
            if isinstance(fact, JobStopRequested):
                row.stopping = True
            else:
                self.running.remove(row)
        return [row.job for row in meant]
