"""Screens that show files: what changed in one, what is in one, what changed in the session."""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tuiagent.clients.tui.bridge import Conversation
from tuiagent.clients.tui.diff.changes import Changes, read, told, touches
from tuiagent.clients.tui.diff.view import DiffView, Section
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.listed import Listed
from tuiagent.clients.tui.status import Line
from tuiagent.clients.tui.transcript.diff import parsed
from tuiagent.clients.tui.wished import Wished
from tuiagent.kernel.message import Diff
from tuiagent.kernel.undo import UndoCall
from tuiagent.threads import in_thread
from tuiagent.views.changes import Change

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

AGENT, HEAD = "agent", "git"
"""What a file is compared with: what it was before each call of the agent, or git's HEAD."""
Compare = Callable[[], str]
"""Compares a file with git's HEAD: a unified diff. Blocks; raises OSError."""


class Title(Line):
    """What the screen shows."""

    def __init__(self, text: str = "", note: str = "") -> None:
        super().__init__()
        self.text, self.note = text, note

    def tell(self, text: str, note: str = "") -> None:
        """Says this from now on."""
        self.text, self.note = text, note
        self.refresh()

    def ends(self) -> tuple[list[Piece], list[Piece]]:
        """See Line."""
        return [(f" {self.text}".replace("\n", " "), "strong")], [(f"{self.note} ", "dim")]


class Keys(Line):
    """Which keys help here."""

    def __init__(self, keys: str) -> None:
        super().__init__()
        self._keys = keys

    def ends(self) -> tuple[list[Piece], list[Piece]]:
        """See Line."""
        return [(f" {self._keys}", "keys")], []


class Looking(Wished):
    """A screen that looks at files; Esc goes back."""

    app: "TuiApp"  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "app.pop_screen", "Back")]

    def __init__(self) -> None:
        super().__init__()
        self._unlisten: Callable[[], None] = lambda: None

    def on_unmount(self) -> None:
        """Listens no more."""
        self._unlisten()

    async def undo(self, wanted: UndoCall) -> None:
        """Has something taken back; a refusal is shown, and what comes of it is seen in place."""
        await self.app.desk.send(wanted)


class FileScreen(Looking):
    """What is in a file, to be read."""

    KEYS = "Esc back  j k move  y copy"

    def __init__(self, path: str, section: Section, note: str) -> None:
        super().__init__()
        self._path, self._section, self._note = path, section, note

    def compose(self) -> ComposeResult:
        """A title, the file, the keys."""
        yield Title(self._path, self._note)
        yield DiffView("Nothing is in it.")
        yield Keys(self.KEYS)

    async def on_mount(self) -> None:
        """Shows it."""
        view = self.query_one(DiffView)
        view.focus()
        self.app.desk.spawn(view.show([self._section] if self._section.lines else []))


class DiffScreen(Looking):
    """What changed in a file: by each call of the agent, or since git's HEAD."""

    KEYS = "Esc back  n p change  u undo change  U undo file  s sides  d agent/git  y copy"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "compare", "Agent or git", id="diff.compare")
    ]

    def __init__(self, path: str, compare: Compare, source: str = AGENT, call: str = "") -> None:
        """Shows the changes of one call only where one is named."""
        super().__init__()
        self._path, self._compare, self._source, self._call = path, compare, source, call
        self._changes = Changes(())
        self._shown: list[tuple[Change, Diff]] = []

    def compose(self) -> ComposeResult:
        """A title, the differences, the keys."""
        yield Title(self._path)
        yield DiffView()
        yield Keys(self.KEYS)

    async def on_mount(self) -> None:
        """Reads, and listens."""
        self.query_one(DiffView).focus()
        self._unlisten = self.app.desk.listen("items", self._news)
        self.app.desk.spawn(self._read(first=True))

    def _news(self, changed: list[str]) -> None:
        conversation = self.app.desk.conversation
        if conversation is not None and touches(conversation, changed):
            self.app.desk.spawn(self._read())

    async def action_compare(self) -> None:
        """Compares with the other of the two."""
        self._source = HEAD if self._source == AGENT else AGENT
        await self._read(first=True)

    async def _read(self, first: bool = False) -> None:
        sections = await (self._from_git() if self._source == HEAD else self._from_agent())
        if not self.children:  # it has been left
            return
        last = max(0, len(sections) - 1)
        at = (last, 1) if first else None
        note = "since git's HEAD" if self._source == HEAD else "by the agent, call by call"
        self.query_one(Title).tell(self._path, note)
        await self.query_one(DiffView).show(sections, at)

    async def _from_agent(self) -> list[Section]:
        conversation = self.app.desk.conversation
        if conversation is None:
            return []
        self._changes = changes = await read(self.app.desk, conversation)
        self._shown = [
            (change, diff)
            for change in changes.found
            for diff in change.diffs
            if diff.path == self._path and self._call in ("", change.call)
        ]
        shown = list(self._shown)
        return await in_thread(lambda: [changes.section(*one) for one in shown])

    async def _from_git(self) -> list[Section]:
        try:
            lines = await in_thread(lambda: tuple(parsed(self._compare())))
        except OSError as error:
            return [Section("", (), notes=(str(error),), bad=True)]
        return [Section("", lines, self._path)] if lines else []

    async def on_diff_view_undo(self, message: DiffView.Undo) -> None:
        """Takes back what is at hand, or takes that back."""
        if self._source == HEAD:
            self.app.trouble("what git compares is no call of the agent: press d, then u")
        elif message.section < len(self._shown):
            change, diff = self._shown[message.section]
            hunk = message.change if parsed(diff.unified) else 0
            await self.undo(self._changes.taking_back(change, diff.path, hunk))


class One(NamedTuple):
    """A line in the list of changes: a call, or one file of it."""

    change: Change
    diff: Diff | None = None

    @property
    def name(self) -> tuple[str, str]:
        """The call and the file."""
        return self.change.call, self.diff.path if self.diff else ""


class ChangeList(Listed):
    """Every call that changed files, the newest first, and below it its files."""

    EMPTY = "No call has changed a file yet."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,right", "look", "Look", id="changes.look"),
        Binding("u", "undo", "Undo", id="changes.undo"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.changes = Changes(())
        self._lines: list[One] = []

    def show(self, changes: Changes) -> None:
        """Shows these from now on; what is at hand stays so, whatever comes above it."""
        before = self._lines[self.at : self.at + 1]
        self.changes = changes
        self._lines = [
            one
            for change in reversed(changes.found)
            for one in (One(change), *(One(change, diff) for diff in change.diffs))
        ]
        names = [one.name for one in self._lines]
        self.renew()
        same = [names.index(one.name) for one in before if one.name in names]
        self.go(same[0] if same else 0)

    def count(self) -> int:
        """See Pane."""
        return len(self._lines)

    def ends(self, number: int) -> tuple[list[Piece], list[Piece]]:
        """See Listed."""
        one, changes = self._lines[number], self.changes
        if one.diff is None:
            notes, bad = changes.notes(one.change)
            note = f"  {notes[-1]}" if notes else ""
            return [(changes.title(one.change), "strong"), (note, "bad" if bad else "dim")], []
        undone = changes.undone(one.change, one.diff.path)
        state = f"  undone ({undone.undo})" if undone else ""
        path = ("  " + one.diff.path, "dim" if undone else "")
        return [path, (f"  {told(one.diff)}", "dim"), (state, "mark")], []

    def on_click(self, event: events.Click) -> None:
        """Goes to the line; a second time, looks at it."""
        at = event.y + self.scroll_offset.y
        if at < len(self._lines):
            again = at == self.at
            self.go(at)
            if again:
                self.action_look()

    def action_look(self) -> None:
        """Shows what the call did to the file."""
        if self._lines:
            one = self._lines[self.at]
            path = (one.diff or one.change.diffs[0]).path
            self.app.push_screen(DiffScreen(path, lambda: "", call=one.change.call))

    async def action_undo(self) -> None:
        """Takes back all that the call did, or what it did to one file; or takes that back."""
        if self._lines and isinstance(self.screen, Looking):
            one = self._lines[self.at]
            path = one.diff.path if one.diff else ""
            await self.screen.undo(self.changes.taking_back(one.change, path))


class ChangesScreen(Looking):
    """Every change of the session, to be looked at and taken back."""

    KEYS = "Esc back  Enter look  u undo, or undo the undo"

    def compose(self) -> ComposeResult:
        """A title, the list, the keys."""
        yield Title("Changes of this session")
        yield ChangeList()
        yield Keys(self.KEYS)

    async def on_mount(self) -> None:
        """Reads, and listens."""
        self.query_one(ChangeList).focus()
        self._unlisten = self.app.desk.listen("items", self._news)
        self._begin(self.app.desk.conversation)

    def _begin(self, conversation: Conversation | None) -> None:
        if conversation is not None:
            self.app.desk.spawn(self._read(conversation))

    def _news(self, changed: list[str]) -> None:
        conversation = self.app.desk.conversation
        if conversation is not None and touches(conversation, changed):
            self._begin(conversation)

    async def _read(self, conversation: Conversation) -> None:
        changes = await read(self.app.desk, conversation)
        if self.children:  # it has not been left
            note = f"{changes.earlier} older ones are not shown" if changes.earlier else ""
            self.query_one(Title).tell("Changes of this session", note)
            self.query_one(ChangeList).show(changes)
