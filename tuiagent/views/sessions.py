"""The sessions: what there is, and what each is doing."""

from typing import Any

from msgspec import Struct, msgpack

from tuiagent.kernel import call as calls
from tuiagent.kernel import lifecycle, session, stall, transfer
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Fact, Seen


class Row(Struct):
    """One session."""

    stream: str
    folder: str
    model: str
    opened: float
    changed: float
    title: str = ""
    """The first words that were said in it; of a fork what its origin is called, with a mark."""
    status: str = "new"
    """new, running, waiting, or as in RunFinished."""
    prompts: int = 0
    replies: int = 0
    calls: int = 0
    error: str = ""
    name: str = ""
    """What people call it."""
    archived: bool = False
    deleted: float | None = None
    """Until when it can be brought back, once it was deleted."""
    origin: str = ""
    """The session that it was forked from."""


KINDS = frozenset(
    {
        "SessionOpened",
        "SessionNamed",
        "SessionArchived",
        "SessionDeleted",
        "SessionRestored",
        "SessionErased",
        "SessionImported",
        "PromptSubmitted",
        "RunStarted",
        "ReplyReceived",
        "CallJudged",
        "CallDeferred",
        "QuestionAnswered",
        "ApprovalAnswered",
        "CallFinished",
        "ModelChanged",
        "RunStalled",
        "RunResumed",
        "RunFinished",
    }
)
"""The facts that change a row; it counts as changed by no other."""

FORK = "↳"
"""The mark of a fork's title."""


class SessionsView:
    """All sessions, the one that changed last at the end."""

    kinds: frozenset[str] | None = KINDS

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.rows: dict[str, Row] = {}

    def snapshot(self) -> list[Any]:
        """The rows, the one that changed last at the end."""
        return sorted(self.rows.values(), key=lambda row: row.changed)

    def save(self) -> bytes:
        """All that it knows."""
        return msgpack.encode(self.rows)

    def load(self, body: bytes) -> None:
        """Knows this again. Raises msgspec.MsgspecError."""
        self.rows = msgpack.decode(body, type=dict[str, Row])

    def apply(self, seen: Seen) -> list[str]:
        """Takes the next event; the streams whose rows changed."""
        if not isinstance(seen, Event) or seen.kind not in KINDS:
            return []
        fact = seen.fact
        if isinstance(fact, session.SessionOpened):
            return self._opened(seen, fact)
        row = self.rows.get(seen.stream)
        if row is None:
            return []
        if isinstance(fact, lifecycle.SessionErased):
            del self.rows[seen.stream]
            return [seen.stream]
        if isinstance(fact, (*lifecycle.FOLDED, transfer.SessionImported)):
            _put_away(row, fact, seen.at)
            return [seen.stream]
        row.changed = seen.at
        _go_on(row, fact)
        return [seen.stream]

    def _opened(self, event: Event, fact: session.SessionOpened) -> list[str]:
        """A new row; an imported fork tells of several beginnings, of which the first counts."""
        if event.stream in self.rows:
            return []
        row = Row(event.stream, fact.folder, fact.model, event.at, event.at, name=fact.name)
        if fact.origin is not None:
            row.origin = fact.origin.stream
            origin = self.rows.get(row.origin)
            row.title = forked(origin.name or origin.title) if origin else ""
        self.rows[event.stream] = row
        return [event.stream]


def forked(title: str) -> str:
    """The title of a fork, by what its origin is called; "" where that has no name yet."""
    return f"{FORK} {title.removeprefix(f'{FORK} ')}" if title else ""


def _go_on(row: Row, fact: Fact) -> None:
    """What is said and done in the session."""
    if isinstance(fact, session.PromptSubmitted):
        row.prompts += 1
        row.title = row.title or " ".join(fact.text.split())[:80]
    elif isinstance(fact, runs.RunStarted):
        row.status, row.error = "running", ""
    elif isinstance(fact, stall.RunStalled):
        row.status, row.error = "waiting", f"needs {fact.needs}"
    elif isinstance(fact, stall.RunResumed):
        row.status, row.error = "running", ""
    elif isinstance(fact, calls.ApprovalAnswered | calls.QuestionAnswered | calls.CallFinished):
        # an undo after the end of a run changes nothing of how that ended
        row.status = "running" if row.status == "waiting" else row.status
    elif isinstance(fact, runs.ReplyReceived):
        row.replies += 1
        row.calls += len(fact.reply.calls)
    elif isinstance(fact, calls.CallJudged | calls.CallDeferred):
        asks = isinstance(fact, calls.CallDeferred) or fact.verdict.decision == "ask"
        row.status = "waiting" if asks else row.status
    elif isinstance(fact, session.ModelChanged):
        row.model = fact.model
    elif isinstance(fact, runs.RunFinished):
        row.status, row.error = fact.status, fact.error


def _put_away(row: Row, fact: Fact, at: float) -> None:
    """What became of the session as a whole."""
    if isinstance(fact, transfer.SessionImported):
        opened = fact.opened
        row.folder, row.model, row.name, row.changed = opened.folder, opened.model, opened.name, at
        row.archived, row.deleted = False, None
    if isinstance(fact, lifecycle.SessionNamed):
        row.name = fact.name
    elif isinstance(fact, lifecycle.SessionArchived):
        row.archived = fact.archived
    elif isinstance(fact, lifecycle.SessionDeleted):
        row.deleted = fact.until
    elif isinstance(fact, lifecycle.SessionRestored):
        row.deleted = None
