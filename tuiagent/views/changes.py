"""The changes of a session: every call that changed files, with what it did to each."""

from typing import Any

from msgspec import Struct

from tuiagent.kernel import call as calls
from tuiagent.kernel import run, undo
from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.message import Diff


class Undone(Struct):
    """What a person asked to have undone of a change."""

    undo: str
    """The undo's own id; once it is done it is a change as well."""
    path: str
    """"" for all files."""
    hunk: int
    """Counted from 1 as they are shown; 0 for all."""
    status: str = "open"
    """open, or the status of the undo's observation."""
    text: str = ""
    """What came of it."""


class Change(Struct):
    """One call that changed files."""

    call: str
    tool: str
    at: float
    diffs: tuple[Diff, ...]
    of: str = ""
    """What was undone by it, "" for what is no undo."""
    undos: list[Undone] = []


class ChangesView:
    """The changes of one session, oldest first."""

    kinds: frozenset[str] | None = frozenset({"CallFinished", "UndoRequested", "ReplyReceived"})

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.changes: dict[str, Change] = {}
        self._asked: dict[str, tuple[str, Undone]] = {}
        self._tools: dict[str, str] = {}

    def snapshot(self) -> list[Any]:
        """The changes, in order."""
        return list(self.changes.values())

    def apply(self, seen: Seen) -> list[str]:
        """Takes the next event; the calls whose changes are others now."""
        fact = seen.fact if isinstance(seen, Event) else None
        if isinstance(fact, run.ReplyReceived):
            self._tools |= {call.id: call.name for call in fact.reply.calls}
        elif isinstance(fact, undo.UndoRequested):
            asked = Undone(fact.undo, fact.path, fact.hunk)
            self._asked[fact.undo] = fact.call, asked
            if fact.call in self.changes:
                self.changes[fact.call].undos.append(asked)
                return [fact.call]
        elif isinstance(fact, calls.CallFinished) and isinstance(seen, Event):
            return self._finished(fact, seen.at)
        return []

    def _finished(self, fact: calls.CallFinished, at: float) -> list[str]:
        found, tool, of = fact.observation, self._tools.pop(fact.call, ""), ""
        changed: list[str] = []
        if fact.call in self._asked:
            of, asked = self._asked[fact.call]
            tool, asked.status, asked.text = undo.TOOL, found.status, found.text
            changed = [of] if of in self.changes else []
        diffs = tuple(block for block in found.blocks if isinstance(block, Diff))
        if found.status == "ok" and diffs:
            self.changes[fact.call] = Change(fact.call, tool, at, diffs, of)
            changed.append(fact.call)
        return changed
