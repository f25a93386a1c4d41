"""The changes of a session as screens need them: read, filtered, told, taken back."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.tui.diff.view import Section
from tuiagent.clients.tui.transcript.diff import counts, parsed
from tuiagent.kernel.message import Diff
from tuiagent.kernel.undo import TOOL, UndoCall
from tuiagent.ports import Window
from tuiagent.views.changes import Change, Undone

if TYPE_CHECKING:
    from tuiagent.clients.tui.bridge import Conversation, Desk

MOST = 1000
"""Calls that are shown, the newest."""
ADVICE = "Undo the later change first, or change the file by hand."


class Changes:
    """Every call of one session that changed files, oldest first."""

    def __init__(self, found: Sequence[Change], stream: str = "", earlier: int = 0) -> None:
        self.found = found
        self.stream = stream
        self.earlier = earlier
        """How many older ones were left out."""
        self._by_call = {change.call: change for change in found}

    def undone(self, change: Change, path: str = "", hunk: int = 0) -> Undone | None:
        """By what all of this, or of a file of it, or a hunk, is undone now; None if it is not."""
        return next((u for u in reversed(change.undos) if self._holds(u, path, hunk)), None)

    def _holds(self, asked: Undone, path: str, hunk: int) -> bool:
        wide = asked.path in ("", path) and asked.hunk in (0, hunk)
        own = self._by_call.get(asked.undo)
        again = own is not None and self.undone(own, path) is not None
        return wide and asked.status == "ok" and not again

    def taking_back(self, change: Change, path: str = "", hunk: int = 0) -> UndoCall:
        """What is asked for: to undo it, or, where that is done, to undo the undo."""
        undone = self.undone(change, path, hunk)
        if undone is None:
            return UndoCall(self.stream, change.call, path, hunk)
        return UndoCall(self.stream, undone.undo, path if not undone.path else "")

    def notes(self, change: Change, path: str = "") -> tuple[list[str], bool]:
        """What became of a call's changes of a file, or of all; whether the last undo failed."""
        notes: list[str] = []
        bad = False
        for asked in change.undos:
            if path and asked.path not in ("", path):
                continue
            what = f"change {asked.hunk}" if asked.hunk else asked.path or "all of it"
            bad = asked.status not in ("ok", "open")
            if asked.status == "open":
                notes.append(f"{what} is being undone ({asked.undo})")
            elif bad:
                notes = [n for n in notes if not n.startswith("not undone")]
                notes.append(f"not undone: {asked.text}. {ADVICE}")
            elif self._holds(asked, asked.path or path, asked.hunk):
                notes.append(f"{what} was undone ({asked.undo}); u takes that back")
        return [clean(note).replace("\n", " ") for note in notes], bad

    def title(self, change: Change) -> str:
        """Which call it was."""
        at = time.strftime("%H:%M", time.localtime(change.at))
        of = f" of {change.of}" if change.tool == TOOL else ""
        return clean(f"{at} {change.tool}{of} {change.call}").replace("\n", " ")

    def section(self, change: Change, diff: Diff) -> Section:
        """One file of a call."""
        lines = tuple(parsed(diff.unified))
        notes, bad = self.notes(change, diff.path)
        if not lines:
            notes.insert(0, "binary, or too large to be shown; U undoes all of it")
        return Section(f"{self.title(change)}  {told(diff)}", lines, diff.path, tuple(notes), bad)


def told(diff: Diff) -> str:
    """How much of a file changed."""
    added, removed, _ = counts(parsed(diff.unified))
    verb = "created " if not diff.before else "deleted " if not diff.after else ""
    return f"{verb}+{added} −{removed}"


async def read(desk: "Desk", conversation: "Conversation") -> Changes:
    """The changes of this session. Raises TuiagentError."""
    found = await desk.client.read("changes", conversation.stream, Window(MOST))
    rows = msgspec.convert(found.data, list[Change], strict=False)
    return Changes(rows, conversation.stream, found.total - len(rows))


def touches(conversation: "Conversation", changed: Sequence[str]) -> bool:
    """Whether one of these items may have changed files, or took that back."""
    items = [conversation.item(ident) for ident in changed]
    return any(
        item is not None
        and item.kind == "call"
        and (item.name == TOOL or any(isinstance(block, Diff) for block in item.blocks))
        for item in items
    )
