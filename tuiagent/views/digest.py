"""The digest: what happened in one session while nobody of here was at it, from its events."""

from typing import Any

from msgspec import Struct, field

from tuiagent.kernel import call as calls
from tuiagent.kernel import jobs
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.message import Command
from tuiagent.views.files import ChangedFile, FilesView
from tuiagent.views.inbox import InboxView, Waiting
from tuiagent.views.status import Spent, StatusView
from tuiagent.views.timeline import failed, item_of


class Ran(Struct, frozen=True):
    """A command that has ended."""

    item: str
    """The call or job, as the transcript knows it."""
    command: str
    exit: int | None
    """None where it was killed or is not known."""


class Failure(Struct, frozen=True):
    """Something that went wrong, and was no command."""

    item: str
    text: str


class Digest(Struct):
    """What happened, in the order in which it did."""

    began: float = 0.0
    """Of the first event, in seconds since 1970."""
    ended: float = 0.0
    """Of the last one."""
    files: list[ChangedFile] = []
    commands: list[Ran] = []
    failures: list[Failure] = []
    waiting: list[Waiting] = []
    """What began to wait for a person and still does."""
    spent: Spent = field(default_factory=Spent)
    outcome: str = ""
    """How the last run ended, "" when none did."""

    @property
    def empty(self) -> bool:
        """Whether nothing happened that a person has to know."""
        told = (self.files, self.commands, self.failures, self.waiting, self.outcome)
        return not any(told)


class DigestView:
    """Makes the digest of the events of one session that it is given."""

    kinds: frozenset[str] | None = None

    def __init__(self, stream: str) -> None:
        self._began = self._ended = 0.0
        self._files = FilesView(stream)
        self._inbox = InboxView(stream)
        self._status = StatusView(stream)
        self._commands: list[Ran] = []
        self._failures: list[Failure] = []

    def snapshot(self) -> list[Any]:
        """The digest, alone."""
        return [self.digest()]

    def digest(self) -> Digest:
        """Of the events so far."""
        return Digest(
            self._began,
            self._ended,
            list(self._files.files.values()),
            list(self._commands),
            list(self._failures),
            list(self._inbox.waiting.values()),
            self._status.status.session,
            self._status.status.ended,
        )

    def apply(self, seen: Seen) -> bool:
        """Takes the next event; whether there was one."""
        if not isinstance(seen, Event):
            return False
        self._began = self._began or seen.at
        self._ended = seen.at
        for view in (self._files, self._inbox, self._status):
            view.apply(seen)
        ran = _ran(seen)
        self._commands += ran
        if not ran and not _again(seen) and (text := failed(seen)):
            self._failures.append(Failure(item_of(seen), text.partition("\n")[0]))
        return True


def _ran(event: Event) -> list[Ran]:
    fact = event.fact
    if not isinstance(fact, calls.CallFinished | jobs.JobEnded):
        return []
    blocks = [block for block in fact.observation.blocks if isinstance(block, Command)]
    return [Ran(item_of(event), block.command, block.exit) for block in blocks]


def _again(event: Event) -> bool:
    """Whether it failed only for now."""
    fact = event.fact
    return isinstance(fact, runs.AttemptFailed) and fact.retry_at is not None
