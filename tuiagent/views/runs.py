"""The runs: what was asked of the agents of all sessions, and what came of each."""

from typing import Any

from msgspec import Struct, msgpack

from tuiagent.kernel import call as calls
from tuiagent.kernel import lifecycle, prompts, session, transfer
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Fact, Seen
from tuiagent.kernel.stall import RunResumed, RunStalled
from tuiagent.kernel.transfer import foreign

SHOWN, TOLD = 200, 500
"""Characters that are kept of a prompt, and of an error."""
ENDS = frozenset({"done", "error", "limit", "refused", "interrupted", "cancelled"})
"""What a run stays in, once it is there."""
WAITS = ("waiting_for_approval", "waiting_for_question", "waiting")
"""Where several hold, the first is told; the last is for what is no answer, such as a key."""
KINDS = frozenset(
    {
        "SessionOpened",
        "SessionImported",
        "SessionDeleted",
        "SessionRestored",
        "SessionErased",
        "PromptSubmitted",
        "PromptWithdrawn",
        "PromptRebased",
        "ModelChanged",
        "RunStarted",
        "RunStalled",
        "RunResumed",
        "AttemptStarted",
        "ReplyReceived",
        "CallJudged",
        "CallAmended",
        "ApprovalAnswered",
        "CallDeferred",
        "QuestionAnswered",
        "CallFinished",
        "RunFinished",
    }
)


class Row(Struct):
    """One run, or a prompt that waits to become one."""

    id: str
    """Of the prompt that it works on."""
    stream: str
    folder: str
    model: str
    prompt: str
    """Its first characters."""
    queued: float
    """Seconds since 1970, like the other times."""
    position: int
    """Of its prompt: whoever watches from just before it sees all of the run."""
    started: float | None = None
    ended: float | None = None
    status: str = "queued"
    """queued, running, one of WAITS, or one of ENDS."""
    error: str = ""
    needs: str = ""
    """What it waits for that is no answer, such as `key OPENAI_API_KEY`."""
    again: float | None = None
    """When that is looked for again without a person."""
    turns: int = 0
    """Replies of the model."""
    calls: int = 0
    cost: float = 0.0
    """US dollars, as far as prices are known."""


Said = tuple[str, float, int]
"""A prompt's first characters, when it came, and its position."""


class Home(Struct):
    """What is to be known of a session to read what is said of its runs."""

    folder: str
    model: str
    run: str = ""
    """The one that is going on."""
    asked: dict[str, str] = {}
    """The calls of its newest reply, each with the status in which it keeps the run, or ""."""
    steering: dict[str, Said] = {}
    """Prompts for the run that no model call has seen: they wait, should it end before."""
    deleted: bool = False


Place = tuple[str, str]
"""A stream and a run in it."""
Known = tuple[dict[Place, Row], dict[str, Home]]


class RunsView:
    """The runs of all sessions, in the order in which they were asked for."""

    kinds: frozenset[str] | None = KINDS

    def __init__(self, key: str = "") -> None:
        self.key = key
        self._rows: dict[Place, Row] = {}
        self._homes: dict[str, Home] = {}

    def snapshot(self) -> list[Any]:
        """The runs; those of a deleted session are not shown until it is back."""
        return [row for row in self._rows.values() if not self._homes[row.stream].deleted]

    def save(self) -> bytes:
        """All that it knows."""
        return msgpack.encode((self._rows, self._homes))

    def load(self, body: bytes) -> None:
        """Knows this again. Raises msgspec.MsgspecError."""
        self._rows, self._homes = msgpack.decode(body, type=Known)
        words = {stream: stream for stream in self._homes}
        for row in self._rows.values():  # 10,000s of runs have few sessions, folders and models
            row.stream = words[row.stream]
            row.folder = words.setdefault(row.folder, row.folder)
            row.model = words.setdefault(row.model, row.model)

    def apply(self, seen: Seen) -> list[Place]:
        """Takes the next event; the (stream, run) pairs that changed."""
        if not isinstance(seen, Event) or (self.key and seen.stream != self.key):
            return []
        fact, stream = seen.fact, seen.stream
        if isinstance(fact, session.SessionOpened):
            # a file may tell of more beginnings than one; no run in it is a run here
            self._homes.setdefault(stream, Home(fact.folder, fact.model))
        home = self._homes.get(stream)
        take = getattr(self, "_" + type(fact).__name__, None)
        if home is None or take is None or foreign(seen.actor):
            return []
        return [(stream, run) for run in take(seen, home, fact)]

    def _live(self, stream: str, run: str) -> Row | None:
        """The run, unless it is over."""
        row = self._rows.get((stream, run))
        return row if row is not None and row.status not in ENDS else None

    def _queue(self, stream: str, home: Home, prompt: str, said: Said) -> list[str]:
        row = Row(prompt, stream, home.folder, home.model, *said)
        return [prompt] if self._rows.setdefault((stream, prompt), row) is row else []

    def _PromptSubmitted(
        self, event: Event, home: Home, fact: prompts.PromptSubmitted
    ) -> list[str]:
        said = (fact.text[:SHOWN], event.at, event.position)
        if fact.steer and home.run:
            home.steering[fact.prompt] = said
            return []
        return self._queue(event.stream, home, fact.prompt, said)

    def _PromptWithdrawn(
        self, event: Event, home: Home, fact: prompts.PromptWithdrawn
    ) -> list[str]:
        home.steering.pop(fact.prompt, None)
        return self._end(event, fact.prompt, "cancelled")

    def _RunStarted(self, event: Event, home: Home, fact: runs.RunStarted) -> list[str]:
        row = self._live(event.stream, fact.run)
        if row is None:
            return []
        home.run, home.asked = fact.run, {}
        row.status, row.started, row.model = "running", event.at, home.model
        return [fact.run]

    def _RunFinished(self, event: Event, home: Home, fact: runs.RunFinished) -> list[str]:
        late = [
            ident
            for prompt, said in home.steering.items()
            for ident in self._queue(event.stream, home, prompt, said)
        ]
        home.run, home.asked, home.steering = "", {}, {}
        return [*self._end(event, fact.run, fact.status, fact.error), *late]

    def _end(self, event: Event, run: str, status: str, error: str = "") -> list[str]:
        row = self._live(event.stream, run)
        if row is None:
            return []
        row.status, row.error, row.needs, row.ended = status, error[:TOLD], "", event.at
        return [run]

    def _AttemptStarted(self, event: Event, home: Home, fact: runs.AttemptStarted) -> list[str]:
        home.steering = {}
        return []

    def _PromptRebased(self, event: Event, home: Home, fact: prompts.PromptRebased) -> list[str]:
        row = self._live(event.stream, home.run)
        if row is None:
            return []
        row.model = fact.model
        row.cost += fact.cost or 0.0
        return [row.id]

    def _SessionImported(
        self, event: Event, home: Home, fact: transfer.SessionImported
    ) -> list[str]:
        home.folder, home.model = fact.opened.folder, fact.opened.model
        return []

    def _ModelChanged(self, event: Event, home: Home, fact: prompts.ModelChanged) -> list[str]:
        home.model = fact.model
        return []

    def _ReplyReceived(self, event: Event, home: Home, fact: runs.ReplyReceived) -> list[str]:
        row = self._live(event.stream, home.run)
        if row is None:
            return []
        home.asked = {call.id: "" for call in fact.reply.calls}
        row.turns += 1
        row.calls += len(home.asked)
        row.cost += fact.cost or 0.0
        return [row.id]

    def _call(self, event: Event, home: Home, fact: Any) -> list[str]:
        """A call begins to wait for a person, or no longer does."""
        row = self._live(event.stream, home.run)
        if row is None or fact.call not in home.asked:
            return []
        asks = isinstance(fact, calls.CallJudged) and fact.verdict.decision == "ask"
        deferred = isinstance(fact, calls.CallDeferred)
        home.asked[fact.call] = WAITS[0] if asks else WAITS[1] if deferred else ""
        return self._waits(row, home)

    def _RunStalled(self, event: Event, home: Home, fact: RunStalled) -> list[str]:
        row = self._live(event.stream, home.run)
        if row is None:
            return []
        row.needs, row.again = fact.needs, fact.again
        return [row.id, *self._waits(row, home)]

    def _RunResumed(self, event: Event, home: Home, fact: RunResumed) -> list[str]:
        row = self._live(event.stream, home.run)
        if row is None:
            return []
        row.needs = ""
        return [row.id, *self._waits(row, home)]

    def _waits(self, row: Row, home: Home) -> list[str]:
        """Whether the run goes on, or else what it waits for."""
        held = {*home.asked.values(), WAITS[2] if row.needs else ""}
        waits = [status for status in WAITS if status in held]
        before, row.status = row.status, (*waits, "running")[0]
        return [row.id] if row.status != before else []

    def _put_away(self, event: Event, home: Home, fact: Fact) -> list[str]:
        home.deleted = not isinstance(fact, lifecycle.SessionRestored)
        mine = [place for place in self._rows if place[0] == event.stream]
        if isinstance(fact, lifecycle.SessionErased):
            for place in mine:
                del self._rows[place]
            del self._homes[event.stream]
        return [run for _, run in mine]

    _CallJudged = _CallAmended = _ApprovalAnswered = _CallDeferred = _CallFinished = _call
    _QuestionAnswered = _call
    _SessionDeleted = _SessionRestored = _SessionErased = _put_away
