"""The files of a session: what its calls changed, file by file."""

from typing import Any

from msgspec import Struct

from tuiagent.kernel import call as calls
from tuiagent.kernel import undo
from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.message import Diff


class ChangedFile(Struct):
    """One file, and which calls changed it."""

    path: str
    first: str
    """SHA-256 in hexadecimal of what it held before the first call, "" for no file."""
    last: str
    """Of what it held after the last one."""
    at: float
    added: int = 0
    removed: int = 0
    calls: list[str] = []
    undone: list[str] = []
    """Those of the calls that were undone since."""

    @property
    def same(self) -> bool:
        """Whether it is again what it was."""
        return self.first == self.last


class FilesView:
    """The files of one session, in the order in which they were first changed."""

    kinds: frozenset[str] | None = frozenset({"CallFinished", "UndoRequested"})

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.files: dict[str, ChangedFile] = {}
        self._undos: dict[str, str] = {}

    def snapshot(self) -> list[Any]:
        """The files, in order."""
        return list(self.files.values())

    def apply(self, seen: Seen) -> list[str]:
        """Takes the next event; the paths that changed."""
        if not isinstance(seen, Event):
            return []
        fact = seen.fact
        if isinstance(fact, undo.UndoRequested):
            self._undos[fact.undo] = fact.call
        if not isinstance(fact, calls.CallFinished) or fact.observation.status != "ok":
            return []
        diffs = [block for block in fact.observation.blocks if isinstance(block, Diff)]
        return [self._changed(seen, fact.call, diff) for diff in diffs]

    def _changed(self, event: Event, call: str, diff: Diff) -> str:
        row = self.files.get(diff.path)
        if row is None:
            row = ChangedFile(diff.path, diff.before, diff.after, event.at)
            self.files[diff.path] = row
        row.last, row.at = diff.after, event.at
        lines = diff.unified.splitlines()
        row.added += sum(line[:1] == "+" and line[:3] != "+++" for line in lines)
        row.removed += sum(line[:1] == "-" and line[:3] != "---" for line in lines)
        row.calls.append(call)
        if call in self._undos:
            row.undone.append(self._undos[call])
        return diff.path
