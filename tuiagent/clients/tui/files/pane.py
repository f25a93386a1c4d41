"""The pane of the file tree: what changed in the session's folder, and what to do with files."""

import os
from collections.abc import Awaitable
from typing import ClassVar

import msgspec
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message

from tuiagent.clients.clean import clean
from tuiagent.clients.tui.files import opening
from tuiagent.clients.tui.files.place import Place
from tuiagent.clients.tui.files.search import Search
from tuiagent.clients.tui.files.tree import Entry, Row, above
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.listed import Listed
from tuiagent.kernel.message import Diff
from tuiagent.ports import Window
from tuiagent.views.files import ChangedFile


class Files(Listed):
    """The session's folder, on this machine's disk."""

    BORDER_TITLE = "Files"
    COMPONENT_CLASSES = {"folder"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("l,right", "expand", "Open", show=False, id="files.expand"),
        Binding("h,left", "collapse", "Close", show=False, id="files.collapse"),
        Binding("enter", "look", "Look", id="files.look"),
        Binding("d", "differ", "Differences", id="files.differ"),
        Binding("slash", "find", "Find", id="files.find"),
        Binding("i", "ignored", "Ignored ones", id="files.ignored"),
        Binding("r", "reread", "Read again", id="files.reread"),
        Binding("o", "edit", "Edit", id="files.edit"),
        Binding("at", "mention", "Into the prompt", id="files.mention"),
        Binding("y", "copy", "Copy path", id="files.copy"),
        Binding("c", "app.changes", "All changes", id="files.changes"),
    ]

    class Mention(Message):
        """A path, below the session's folder, is to be spoken of."""

        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self._here = ""
        """The path that the cursor is at, "" for no name."""
        self._search: Search | None = None
        self._places: Place | None = None

    @property
    def place(self) -> Place:
        """The folder that is shown: of the session at hand, or where one would be opened."""
        desk = self.app.desk
        root = desk.conversation.status.folder if desk.conversation else ""
        if not root:
            root = desk.folder
        place = self._places
        if place is None or place.root != root:
            hide = place.tree.hide if place else True
            if place is not None:
                place.close()
            self.at, self._here, self._search = 0, "", None
            place = self._places = Place(root, desk.spawn, self.renew, hide)
            place.look(self.is_on_screen)
        return place

    # ------------------------------------------------------------ what is shown

    def on_mount(self) -> None:
        """Listens, and begins to read."""
        for topic in ("conversation", "items"):
            self.app.desk.listen(topic, self._news)
        self.renew()

    def on_unmount(self) -> None:
        """Follows the disk no more."""
        if self._places is not None:
            self._places.close()

    def on_show(self, event: events.Show) -> None:
        """Follows the disk while somebody can look."""
        self.place.look(True)

    def on_hide(self, event: events.Hide) -> None:
        """Nobody looks."""
        self.place.look(False)

    def on_focus(self, event: events.Focus) -> None:
        """Reads again where no news comes."""
        if not self.place.follows:
            self.place.reread()

    def _news(self, changed: list[str]) -> None:
        conversation, place = self.app.desk.conversation, self.place
        if conversation is None:
            place.changed([])
            return
        items = [conversation.item(ident) for ident in changed]
        blocks = (block for item in items if item is not None for block in item.blocks)
        if conversation.stream in changed or any(isinstance(block, Diff) for block in blocks):
            self.app.desk.spawn(self._read_agent(conversation.stream, place))

    async def _read_agent(self, stream: str, place: Place) -> None:
        found = await self.app.desk.client.read("files", stream, Window(100_000))
        rows = msgspec.convert(found.data, list[ChangedFile], strict=False)
        place.changed([row.path for row in rows if not row.same])

    def count(self) -> int:
        """See Pane."""
        if self._search is not None:
            return max(1, len(self._search.found))
        return len(self.place.tree.rows)

    def ends(self, number: int) -> tuple[list[Piece], list[Piece]]:
        """See Listed."""
        row, marks = self._row(number), list[Piece]()
        if not row.note and self.place.by_agent(row.path):
            marks.append((" ●", "mark"))
        if not row.note and (letter := self.place.in_git(row.path)):
            marks.append((f" {letter}", "good" if letter in "A?" else "warn"))
        if self._search is not None and not row.note:
            return [(row.path.rpartition("/")[2], ""), (f"  {above(row.path)}", "dim")], marks
        return _words(row, row.path in self.place.tree.open), marks

    def _row(self, number: int) -> Row:
        if self._search is None:
            return self.place.tree.rows[number]
        if self._search.found:
            entry = self._search.found[number]
            return Row(entry.name, 0, entry)
        return Row("", 0, Entry(""), self._search.note)

    def renew(self, changed: list[str] | None = None) -> None:
        """See Pane; the cursor stays at its name."""
        place, search = self.place, self._search
        if search is None and self._here:
            self.at = place.tree.find(self._here)
        super().renew()
        note = place.note or place.state.problem
        self.border_subtitle = Content(clean(search.title if search else note).replace("\n", " "))

    # ------------------------------------------------------------ moving

    def go(self, at: int) -> None:
        """See Listed."""
        super().go(at)
        row = self._row(self.at) if self.count() else None
        self._here = row.path if row is not None and not row.note else ""

    def action_expand(self) -> None:
        """Opens a folder, or goes into an open one."""
        row = self._row(self.at)
        if self._search is not None or row.note or not row.entry.folder:
            return
        if row.path in self.place.tree.open:
            self.go(self.at + 1)
        else:
            self.place.open(row.path)
            self.renew()

    def action_collapse(self) -> None:
        """Closes a folder, or goes to the one that this is in."""
        if self._search is not None:
            return
        row, tree = self._row(self.at), self.place.tree
        if row.path in tree.open and row.path and not row.note:
            self.place.shut(row.path)
            self.renew()
            return
        folder = row.path if row.note else above(row.path)
        if folder:
            self.go(tree.find(folder))

    def on_click(self, event: events.Click) -> None:
        """Opens or closes a folder; a file is looked at with the second click."""
        number = event.y - self.gutter.top + self.scroll_offset.y
        if not 0 <= number < self.count():
            return
        self.go(number)
        row = self._row(number)
        if row.entry.folder:
            self._turn(row.path)
        elif event.chain > 1:
            self.app.desk.spawn(self.action_look())

    def _turn(self, path: str) -> None:
        if path in self.place.tree.open:
            self.action_collapse()
        else:
            self.action_expand()

    def action_ignored(self) -> None:
        """Shows ignored names, or hides them."""
        tree = self.place.tree
        tree.hide = not tree.hide
        tree.rebuild()
        self.renew()

    def action_reread(self) -> None:
        """Reads all open folders again."""
        self.place.reread()

    # ------------------------------------------------------------ finding

    def action_find(self) -> None:
        """Begins a search in all files but ignored ones."""
        self._search = search = Search(self.place)
        self.at = 0
        self.renew()
        self.app.desk.spawn(self._find(search, search.list()))

    def _seek(self, search: Search, wanted: str) -> None:
        search.wanted = wanted
        self.renew()
        self.app.desk.spawn(self._find(search, search.look()))

    async def _find(self, search: Search, work: Awaitable[None]) -> None:
        await work
        if search is self._search:
            self.at = 0
            self.renew()
            self.scroll_line(0)

    async def on_key(self, event: events.Key) -> None:
        """Takes what is typed while something is searched for."""
        search = self._search
        if search is None:
            return
        if event.key == "escape":
            self._search = None
            self.renew()
        elif event.key == "enter":
            self._search = None
            if search.found:
                path = search.found[self.at].name
                await self.place.reveal(path)
                self.go(self.place.tree.find(path))
            self.renew()
        elif event.key == "backspace":
            self._seek(search, search.wanted[:-1])
        elif event.is_printable and event.character:
            self._seek(search, search.wanted + event.character)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: events.Paste) -> None:
        """See on_key."""
        if self._search is not None:
            event.stop()
            self._seek(self._search, self._search.wanted + event.text.partition("\n")[0])

    # ------------------------------------------------------------ files

    async def action_look(self) -> None:
        """Opens or closes a folder; shows what changed in a file, or what is in it."""
        path, row = self._here, self._row(self.at)
        if row.entry.folder and path:
            self._turn(path)
        elif path and (self.place.by_agent(path) or self.place.in_git(path) in set("DMRCTU")):
            self.action_differ()
        elif path:
            await opening.read(self.app, self.place, path)

    def action_differ(self) -> None:
        """Shows what changed in a file."""
        if self._here and not self._row(self.at).entry.folder:
            opening.differences(self.app, self.place, self._here)

    def action_mention(self) -> None:
        """Puts the path into the prompt."""
        path = self._here
        if clean(path) != path or "\n" in path:
            self.app.trouble(
                "its name holds what cannot be typed: rename it, or speak of its folder"
            )
        elif path:
            self.post_message(self.Mention(path))

    def action_copy(self) -> None:
        """Copies the path."""
        if path := self._here:
            self.app.copy_to_clipboard(path.encode("utf-8", "backslashreplace").decode())
            self.app.notify("the path was copied", markup=False)

    def action_edit(self) -> None:
        """Opens the file in the person's editor, which has the terminal meanwhile."""
        if self._here and not self._row(self.at).entry.folder:
            opening.edit(self.app, os.path.join(self.place.root, self._here))
            self.place.reread()


def _words(row: Row, opened: bool) -> list[Piece]:
    indent = "  " * row.depth
    if row.note:
        return [(f"{indent}  {row.note}", "dim")]
    entry = row.entry
    sign = "  " if not entry.folder else "▾ " if opened else "▸ "
    style = "dim" if entry.ignored else "folder" if entry.folder else ""
    return [(indent + sign, "dim"), (entry.name, style), (" →" if entry.link else "", "dim")]
