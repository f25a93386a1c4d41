"""The editor of the prompt: many lines, chips and wide characters as units, light highlighting."""

import os
import re
from typing import TYPE_CHECKING, Any

from rich.cells import split_graphemes
from rich.text import Text
from textual import events
from textual.binding import Binding
from textual.document._document import Document, EditResult, Location, Selection
from textual.message import Message
from textual.widgets import TextArea

from tuiagent.clients.clean import clean
from tuiagent.clients.tui.prompt import chips, clipboard, keys
from tuiagent.clients.tui.prompt.vim import Vim
from tuiagent.clients.tui.styled import Styled
from tuiagent.kernel.errors import TuiagentError

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

MARKS = (
    r"(?P<code>`[^`\n]+`)"
    r"|(?<!\S)(?P<file>@(?:\"[^\"\n]+\"|\S+))"
    r"|(?<!\S)(?P<skill>#[a-z][\w-]*)"
)
FENCE = r"^\s*(?:```|~~~)"
FIRST = r"^(?P<command>/[a-z]+)(?=\s|$)|^(?P<shell>!!?)"
"""What only the first line may begin with."""
ELSEWHERE = {"cursor_up", "cursor_down", "select_line"}
"""What the prompt itself says, as its lists and the history come first."""
OWN_KEYS = {"select_all": "alt+a", "undo": "ctrl+underscore,alt+z", "redo": "alt+y"}
"""Where Textual's usual key is another one's here: Ctrl+Z stops, as in shells, Ctrl+Y allows."""


def _named(binding: Binding) -> Binding:
    """A binding of Textual's editor under a name by which people can move it to other keys."""
    keys = OWN_KEYS.get(binding.action, binding.key)
    words = binding.action.replace("(True)", ".select")
    return Binding(keys, binding.action, binding.description, show=False, id=f"edit.{words}")


USUAL = [binding for binding in TextArea.BINDINGS if isinstance(binding, Binding)]


class Editor(Styled, TextArea, inherit_bindings=False):
    """A text area in which chips and whole characters are units that no cursor stands within."""

    app: "TuiApp"  # type: ignore[assignment]
    BINDINGS = [
        *(_named(binding) for binding in USUAL if binding.action not in ELSEWHERE),
        Binding("alt+e", "outside", "Edit in $EDITOR", id="edit.outside"),
        Binding("alt+o", "unfold", "Show the paste at the cursor", show=False, id="edit.unfold"),
    ]
    COMPONENT_CLASSES = {
        "editor--chip",
        "editor--code",
        "editor--command",
        "editor--file",
        "editor--shell",
        "editor--skill",
    }
    DEFAULT_CSS = """
    Editor {
        height: auto;
        min-height: 1;
        max-height: 33vh;
        border: none;
        padding: 0;
        background: transparent;
        scrollbar-size-vertical: 1;
        &:focus { border: none; }
        & .editor--chip { background: $primary-muted; color: $text-primary; }
        & .editor--code { color: $text-accent; }
        & .editor--command { color: $text-primary; text-style: bold; }
        & .editor--file { color: $text-success; }
        & .editor--shell { color: $text-warning; text-style: bold; }
        & .editor--skill { color: $text-secondary; }
    }
    """

    class Looking(Message):
        """The clipboard of the system may hold an image; if not, this text is pasted."""

        def __init__(self, text: str = "") -> None:
            super().__init__()
            self.text = text

    def __init__(self, vim: bool = False, **more: Any) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, **more)
        keys.teach()
        self.cursor_blink = False
        self.match_cursor_bracket = False
        self.folder = ""
        """Where relative paths begin."""
        self.chips: chips.Chips = {}
        self.vim = Vim(self) if vim else None
        self._begun = False
        """Whether Ctrl+X was pressed, and what comes next belongs to it."""
        self._fenced: frozenset[int] = frozenset()

    def on_mount(self) -> None:
        """Follows its place on the screen, which input methods open their windows at."""
        self.screen.screen_layout_refresh_signal.subscribe(self, lambda screen: self._place())

    def _place(self) -> None:
        if self.has_focus:
            self.app.cursor_position = self.cursor_screen_offset

    @property
    def standing(self) -> tuple[str, Selection]:
        """What stands there, and where the cursor is in it."""
        return self.text, self.selection

    @property
    def sent(self) -> str:
        """The text with what stands behind its chips."""
        return chips.expanded(self.text, self.chips)

    @property
    def shown(self) -> tuple[chips.Chip, ...]:
        """The chips by which the model is shown something."""
        here = (self.chips.get(found[0]) for found in re.finditer(chips.CHIP, self.text))
        return tuple(chip for chip in here if chip is not None and chip.shown)

    def put(self, text: str) -> None:
        """Puts this in place of everything, which can be undone; the cursor stands at its end."""
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.history.checkpoint()
        self.move_cursor(self.document.end)

    def begin(self, text: str, folded: chips.Chips) -> None:
        """Begins with this text, and nothing to be undone."""
        self.chips = dict(folded)
        self.load_text(text)
        self.move_cursor(self.document.end)

    def index_of(self, location: Location) -> int:
        """Where a place is, counted in letters from the beginning."""
        assert isinstance(self.document, Document)
        return self.document.get_index_from_location(location)

    def location_of(self, index: int) -> Location:
        """The row and column of a place that is counted so."""
        assert isinstance(self.document, Document)
        return self.document.get_location_from_index(index)

    # ------------------------------------------------------------ units

    def _units(self, row: int) -> list[tuple[int, int]]:
        """The parts of a line that no cursor may stand within."""
        line = self.document[row] if row < self.document.line_count else ""
        if line.isascii():
            return []
        whole = [(a, b) for a, b, _ in split_graphemes(line)[0] if b - a > 1]
        return [*whole, *chips.spans(line, self.chips)]

    def _edge(self, location: Location, forward: bool) -> Location:
        row, column = location
        for start, end in self._units(row):
            if start < column < end:
                return (row, end if forward else start)
        return location

    def _validate_selection(self, selection: Selection) -> Selection:
        """Where the cursor would stand within a unit, it goes on to the unit's edge."""
        start, end = super()._validate_selection(selection)
        stop = self._edge(end, forward=end > self.selection.end)
        return Selection(stop if start == end else self._edge(start, forward=start > end), stop)

    def _replace_via_keyboard(
        self, insert: str, start: Location, end: Location
    ) -> EditResult | None:
        first, last = sorted((start, end))
        return super()._replace_via_keyboard(
            insert, self._edge(first, forward=False), self._edge(last, forward=True)
        )

    def _delete_via_keyboard(self, start: Location, end: Location) -> EditResult | None:
        first, last = sorted((start, end))
        return super()._delete_via_keyboard(
            self._edge(first, forward=False), self._edge(last, forward=True)
        )

    def chip_here(self) -> chips.Chip | None:
        """The chip at the cursor, if it stands beside one."""
        row, column = self.cursor_location
        line = self.document[row]
        for start, end in chips.spans(line, self.chips):
            if start <= column <= end:
                return self.chips[line[start:end]]
        return None

    # ------------------------------------------------------------ keys, mouse, pastes

    def check_consume_key(self, key: str, character: str | None = None) -> bool:
        """Whether the key is text; see TextArea."""
        return not key.startswith("alt+") and super().check_consume_key(key, character)

    async def _on_key(self, event: events.Key) -> None:
        """Takes letters, and does what is bound to other keys before it takes the next one.

        Left to itself, what a binding does comes after letters that were typed behind its key.
        """
        key = keys.meant(event.key)
        begun, self._begun = self._begun, False
        text = self.check_consume_key(key, event.character)
        event.prevent_default()
        if self.vim and self.vim.key(key, event.character):
            event.stop()
        elif begun and key == "ctrl+e":
            event.stop()
            self.action_outside()
        elif text:
            await super()._on_key(event)
        elif await self.app._check_bindings(key):
            event.stop()

    async def _on_paste(self, event: events.Paste) -> None:
        """Takes a paste; a long one and the path of an image become chips."""
        event.stop()
        event.prevent_default()
        if event.text:
            self.take_paste(event.text)
        else:  # what some terminals send where there is an image in the clipboard
            self.post_message(self.Looking())

    def take_paste(self, text: str) -> None:
        """Puts a paste at the cursor, or the chip that stands for it."""
        text = clean(text.replace("\r\n", "\n").replace("\r", "\n"))
        number = chips.number_after(self.chips)
        folded = chips.pasted(text, number)
        found = chips.dropped(text, self.folder, number) or ([folded] if folded else [])
        if found:
            self.insert_chip(*found)
        else:
            self._insert(text)

    def insert_chip(self, *found: chips.Chip) -> None:
        """Puts a chip at the cursor, or several."""
        self.chips |= {chip.label: chip for chip in found}
        self._insert(" ".join(chip.label for chip in found))

    def _insert(self, text: str) -> None:
        self.history.checkpoint()
        found = self._replace_via_keyboard(text, *self.selection)
        if found:
            self.move_cursor(found.end_location)

    def action_cut(self) -> None:
        """Cuts what is selected; where nothing is, it begins Ctrl+X Ctrl+E, the shells' key."""
        self._begun = self.selection.is_empty
        if not self._begun:
            super().action_cut()

    def action_paste(self) -> None:
        """Puts in an image from the system's clipboard, else what was copied in the app."""
        if clipboard.reader(os.environ):
            self.post_message(self.Looking(self.app.clipboard))
        else:
            self.take_paste(self.app.clipboard)

    async def _on_click(self, event: events.Click) -> None:
        chip = self.chip_here() if event.chain == 2 else None
        if chip:
            self.action_unfold()

    def action_unfold(self) -> None:
        """Shows what the chip at the cursor stands for."""
        from tuiagent.clients.tui.prompt.folded import FoldedScreen  # noqa: PLC0415 - rarely shown

        chip = self.chip_here()
        if chip is None:
            return

        def unfold(wanted: bool | None) -> None:
            if wanted and chip.label in self.text:
                self.put(self.text.replace(chip.label, chip.text, 1))

        self.app.push_screen(FoldedScreen(chip), unfold)

    def action_outside(self) -> None:
        """Edits the text in the person's own editor, which has the terminal meanwhile."""
        from textual.app import SuspendNotSupported  # noqa: PLC0415 - few ever need it

        from tuiagent.clients.tui.outside import edited  # noqa: PLC0415

        text = self.text
        try:
            with self.app.suspend():
                found = edited(text, os.environ)
        except SuspendNotSupported:
            self.app.trouble("there is no terminal here that an editor could take")
        except (TuiagentError, OSError) as error:
            self.app.trouble(str(error))
        else:
            if found != text:
                self.put(found)
        self.app.refresh(layout=True)

    # ------------------------------------------------------------ looks

    def _build_highlight_map(self) -> None:
        """Called after each edit: finds the lines in fences, when there is a fence at all."""
        super()._build_highlight_map()
        fenced: set[int] = set()
        if "```" in self.document.text or "~~~" in self.document.text:
            inside = False
            for row, line in enumerate(self.document.lines):
                edge = re.match(FENCE, line) is not None
                if inside or edge:
                    fenced.add(row)
                inside = inside != edge
        self._fenced = frozenset(fenced)

    def get_line(self, line_index: int) -> Text:
        """A line with its marks coloured."""
        line = super().get_line(line_index)
        plain = line.plain
        if line_index in self._fenced:
            line.stylize(self.get_component_rich_style("editor--code"))
            return line
        if not plain:
            return line
        found = list(re.finditer(MARKS, plain))
        if line_index == 0 and (first := re.match(FIRST, plain)):
            found.append(first)
        for mark in found:
            style = self.get_component_rich_style(f"editor--{mark.lastgroup}")
            line.stylize(style, *mark.span(mark.lastgroup or 0))
        for start, end in chips.spans(plain, self.chips):
            line.stylize(self.get_component_rich_style("editor--chip"), start, end)
        return line
