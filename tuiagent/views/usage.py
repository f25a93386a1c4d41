"""Usage: tokens and money, by session, day and model."""

import datetime
from typing import Any

from msgspec import Struct, msgpack

from tuiagent.kernel import prompts
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.message import Usage
from tuiagent.kernel.transfer import foreign


class Spent(Struct):
    """What one session used of one model on one day (UTC)."""

    stream: str
    day: str
    model: str
    """PROVIDER/MODEL."""
    replies: int = 0
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    reasoning: int = 0
    cost: float = 0.0
    """US dollars, of the replies whose price is known."""
    unpriced: int = 0
    """Replies whose price is not known."""


Known = tuple[dict[tuple[str, str, str], Spent], dict[str, str]]


class UsageView:
    """What was used, in the order in which it began."""

    kinds: frozenset[str] | None = frozenset({"PromptRebased", "ReplyReceived"})

    def __init__(self, key: str = "") -> None:
        self.key = key
        self._rows: dict[tuple[str, str, str], Spent] = {}
        self._models: dict[str, str] = {}

    def snapshot(self) -> list[Any]:
        """The rows."""
        return list(self._rows.values())

    def save(self) -> bytes:
        """All that it knows."""
        return msgpack.encode((self._rows, self._models))

    def load(self, body: bytes) -> None:
        """Knows this again. Raises msgspec.MsgspecError."""
        self._rows, self._models = msgpack.decode(body, type=Known)

    def apply(self, seen: Seen) -> list[tuple[str, str, str]]:
        """Takes the next event; the (stream, day, model) of the row that changed."""
        if not isinstance(seen, Event) or (self.key and seen.stream != self.key):
            return []
        if foreign(seen.actor):
            return []
        fact = seen.fact
        if isinstance(fact, prompts.PromptRebased):
            self._models[seen.stream] = fact.model
            return [self._add(seen, fact.usage, fact.cost)] if fact.usage else []
        if isinstance(fact, runs.ReplyReceived):
            return [self._add(seen, fact.reply.usage, fact.cost)]
        return []

    def _add(self, event: Event, usage: Usage | None, cost: float | None) -> tuple[str, str, str]:
        day = datetime.datetime.fromtimestamp(event.at, datetime.UTC).date().isoformat()
        place = (event.stream, day, self._models.get(event.stream, ""))
        row = self._rows.setdefault(place, Spent(*place))
        row.replies += 1
        for name in ("input", "output", "cache_read", "cache_write", "reasoning") if usage else ():
            setattr(row, name, getattr(row, name) + getattr(usage, name))
        row.cost += cost or 0.0
        row.unpriced += cost is None
        return place
