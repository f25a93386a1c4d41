"""The grants: every rule that people gave, by whom and until when, what ran under it, revocable."""

import time
from typing import ClassVar

import msgspec
from msgspec import Struct
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen

from tuiagent.clients.tui.folds import Folds
from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.listed import AtHand
from tuiagent.clients.tui.status import short
from tuiagent.clients.tui.wrap import wrapped
from tuiagent.kernel import standing
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Intent
from tuiagent.kernel.grants import RevokeRule
from tuiagent.kernel.standing import DropRule
from tuiagent.ports import Window
from tuiagent.views.grants import Grant

MOST = 1000
"""Grants that are listed, the newest."""
RAN = 200
"""Calls that are listed of each, the newest."""


class Kept(Struct, frozen=True):
    """A rule that holds in every session of a folder; a row of the view `kept`."""

    rule: str
    folder: str
    until: float = 0.0


Row = Grant | Kept


class Grants(AtHand):
    """Kept rules first, then those of sessions, the newest last."""

    EMPTY = "Nothing was granted, and no rule has let anything through yet."
    BORDER_TITLE = "Grants"
    BORDER_SUBTITLE = "x take back   Enter what ran   Esc leave"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "unfold", show=False, id="grants.unfold"),
        Binding("x,delete", "revoke", show=False, id="grants.revoke"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self._folds = Folds()
        self._lines: dict[int, list[str]] = {}

    def on_mount(self) -> None:
        """Reads them, and again whenever something is answered somewhere."""
        self.border_subtitle = Content(keyed(self, self.BORDER_SUBTITLE))
        self._unlisten = self.app.desk.listen("waiting", lambda changed: self.read())
        self.read()

    def on_unmount(self) -> None:
        """Listens no more."""
        self._unlisten()

    def read(self) -> None:
        """Reads them anew."""
        self.app.desk.spawn(self._read())

    async def _read(self) -> None:
        client = self.app.desk.client
        granted = (await client.read("grants", "", Window(MOST))).data
        try:
            kept = (await client.read("kept")).data
        except TuiagentError:  # an older server, or a key that may not see them
            kept = []
        self.rows = [*msgspec.convert(kept, list[Kept]), *msgspec.convert(granted, list[Grant])]
        self._folds.clear()
        self._lines.clear()
        self._folds.count = len(self.rows)
        self.at = max(0, min(self.at, len(self.rows) - 1))
        self.renew()

    def count(self) -> int:
        """See Pane."""
        return self._folds.lines

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        entry, below = self._folds.at(number)
        if below:
            return [(f"     {self._lines[entry][below - 1]}", "dim")]
        row = self.rows[entry]
        mark: list[Piece] = [("▸ " if entry == self.at else "  ", "mark")]
        if isinstance(row, Kept):
            where = f"  always, in {short(row.folder)}{_until(row.until)}"
            return [*mark, ("✓ ", "good"), (row.rule, "strong"), (where, "dim")]
        gone = _gone(row)
        sign = ("⊘ ", "dim") if gone else ("✓ ", "good") if row.action == "allow" else ("✗ ", "bad")
        ran = f"  {len(row.ran)} ran" if row.ran and not row.uses else ""
        return [*mark, sign, (f"{row.rule}", "strong"), (_how(row, gone), "dim"), (ran, "dim")]

    def go(self, at: int) -> None:
        """See AtHand."""
        self.at = max(0, min(at, len(self.rows) - 1))
        first, view = self._folds.top(self.at), self.scrollable_content_region.height
        if not self.scroll_offset.y <= first < self.scroll_offset.y + view:
            self.scroll_line(max(0, first - view // 2))
        self.refresh()

    def action_unfold(self) -> None:
        """Shows the whole rule and what ran under it, or only its line."""
        if not self.rows:
            return
        if self._folds.unfolded(self.at):
            self._folds.unfold(self.at, 0)
        else:
            self._lines[self.at] = self._all_of(self.rows[self.at])
            self._folds.unfold(self.at, len(self._lines[self.at]))
        self.renew()

    def _all_of(self, row: Row) -> list[str]:
        width = max(8, self.scrollable_content_region.width - 6)
        found = wrapped(row.rule, width)
        for ran in row.ran[-RAN:] if isinstance(row, Grant) else ():
            when = time.strftime("%m-%d %H:%M:%S", time.localtime(ran.at))
            found += wrapped(f"{when}  {ran.subject}", width)
        return found

    def action_revoke(self) -> None:
        """Takes the one at hand back."""
        intent = taken_back(self.rows[self.at]) if self.rows else None
        if intent is None:
            self.app.notify("This one is not a person's grant, or holds no more.", markup=False)
        else:
            self.app.desk.spawn(self._revoke(intent))

    async def _revoke(self, intent: Intent) -> None:
        if await self.app.desk.send(intent):
            self.read()

    def on_click(self, event: events.Click) -> None:
        """Goes to one; a second click unfolds it."""
        y = event.y - self.gutter.top + self.scroll_offset.y
        if not 0 <= y < self._folds.lines:
            return
        entry, _ = self._folds.at(y)
        if entry != self.at:
            self.go(entry)
        else:
            self.action_unfold()


class GrantsScreen(ModalScreen[None]):
    """The grants over the whole screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Leave", id="grants.leave")
    ]

    def compose(self) -> ComposeResult:
        """The list alone."""
        yield Grants()


def taken_back(row: Row) -> Intent | None:
    """What takes a row back; None for what no person gave, or what holds no more."""
    if isinstance(row, Kept):
        return DropRule(standing.STREAM, row.rule, row.folder)
    if row.source != "session" or row.revoked:
        return None
    return RevokeRule(row.stream, row.rule)


def _gone(row: Grant) -> str:
    """Why a grant holds no more, "" where it does."""
    if row.revoked:
        return "taken back"
    if row.until and row.until < time.time():
        return "ended"
    return "used up" if row.uses and len(row.ran) >= row.uses else ""


def _how(row: Grant, gone: str) -> str:
    words = [gone or (f"granted by {row.actor}" if row.actor else row.source)]
    words += [f"session {row.stream.partition('/')[2]}"]
    words += [f"{len(row.ran)} of {row.uses} uses"] if row.uses else []
    return f"  {', '.join(words)}{_until(row.until)}"


def _until(until: float) -> str:
    return time.strftime(", until %Y-%m-%d %H:%M", time.localtime(until)) if until else ""
