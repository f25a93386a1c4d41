"""Differences and files, line by line: unified or side by side, highlighted, change to change."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tuiagent.clients.tui.transcript import diff, paint
from tuiagent.clients.tui.transcript.diff import Line
from tuiagent.clients.tui.transcript.paint import Painted
from tuiagent.clients.tui.transcript.rows import BLANK, Row, fold, line
from tuiagent.threads import in_thread

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

COLOURED = 200_000
"""Characters of a section up to which its words are coloured."""


class Section(NamedTuple):
    """What is shown together under a heading."""

    title: str
    lines: tuple[Line, ...]
    path: str = ""
    """Whose words they are, which decides how they are coloured."""
    notes: tuple[str, ...] = ()
    """What is said below the heading."""
    bad: bool = False
    """Whether the notes tell of something that went wrong."""


class Seen(NamedTuple):
    """One line on the screen."""

    section: int
    row: Row
    change: int = 0
    """Which of the section's changes it shows; 0 for none."""


class DiffView(Painted):
    """Sections of which only the lines that are seen are drawn; one change is at hand."""

    app: "TuiApp"  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "step(1)", "Next change", id="diff.next"),
        Binding("p", "step(-1)", "Previous change", id="diff.previous"),
        Binding("j", "scroll_down", show=False, id="diff.down"),
        Binding("k", "scroll_up", show=False, id="diff.up"),
        Binding("g", "scroll_home", show=False, id="diff.top"),
        Binding("G,shift+g", "scroll_end", show=False, id="diff.bottom"),
        Binding("space", "page_down", show=False, id="diff.page"),
        Binding("s", "sides", "Side by side", id="diff.sides"),
        Binding("y", "copy", "Copy change", id="diff.copy"),
        Binding("u", "undo(False)", "Undo change", id="diff.undo"),
        Binding("U,shift+u", "undo(True)", "Undo file", id="diff.undo_file"),
    ]

    class Undo(Message):
        """The change at hand, or all of its section, is to be taken back."""

        def __init__(self, section: int, change: int) -> None:
            super().__init__()
            self.section = section
            self.change = change
            """Counted from 1; 0 for all."""

    def __init__(self, empty: str = "Nothing differs.") -> None:
        super().__init__()
        self.sections: Sequence[Section] = ()
        self.at = (0, 0)
        """The section and the change in it that are at hand."""
        self._empty = empty
        self._rows: list[Seen] = []
        self._looks: list[list[diff.Spans]] = []
        """The words of each line of each section."""
        self._sides: bool | None = None
        self._made = 0

    @property
    def sides(self) -> bool:
        """Whether old and new stand side by side, where a section has both."""
        return self.size.width >= diff.WIDE if self._sides is None else self._sides

    @property
    def _width(self) -> int:
        """Cells that a row has, behind the mark of what is at hand."""
        return max(1, self.scrollable_content_region.width - 1)

    async def show(self, sections: Sequence[Section], at: tuple[int, int] | None = None) -> None:
        """Shows these from now on; what was at hand stays so unless something else is said."""
        looks = await in_thread(lambda: [diff.looks(s.lines, s.path, COLOURED) for s in sections])
        self.sections, self._looks = sections, looks
        if at is not None:
            self.at = at
        await self._make()
        if at is not None:
            self.call_after_refresh(self._reveal)

    async def _make(self) -> None:
        self._made += 1
        made, sections, looks = self._made, self.sections, self._looks
        width, sides = self._width, self.sides
        rows = await in_thread(lambda: list(_rows(sections, looks, width, sides)))
        if made == self._made:
            self._rows = rows
            self.virtual_size = Size(1, max(1, len(rows)))
            self.refresh()

    async def on_resize(self, event: events.Resize) -> None:
        """Folds everything to the new width."""
        await self._make()

    def action_step(self, by: int) -> None:
        """Goes to the next change, or the one before."""
        places = list(dict.fromkeys(self._places()))
        if not places:
            return
        after = [place for place in places if place > self.at]
        before = [place for place in places if place < self.at]
        self.at = (after or places[-1:])[0] if by > 0 else (before or places[:1])[-1]
        self._reveal()

    def action_sides(self) -> None:
        """Puts old and new side by side, or one below the other."""
        self._sides = not self.sides
        self.app.desk.spawn(self._make())

    def action_copy(self) -> None:
        """Copies what the change at hand put there, or else what it took away."""
        section, change = self.at
        lines = self.sections[section].lines if section < len(self.sections) else ()
        mine = [line for line in lines if line.change == change and change]
        kept = [line.text for line in mine if line.kind == "+"]
        gone = [line.text for line in mine if line.kind == "-"]
        text = "\n".join(kept or gone or [line.text for line in lines if not line.change])
        self.app.copy_to_clipboard(text)
        self.app.notify(f"{len(text):,} characters copied", markup=False)

    def action_undo(self, whole: bool) -> None:
        """Asks to take back the change at hand, or all of its section."""
        section, change = self.at
        if section < len(self.sections):
            self.post_message(self.Undo(section, 0 if whole else change))

    def on_click(self, event: events.Click) -> None:
        """Takes the change that was clicked at hand."""
        number = event.y + self.scroll_offset.y
        if number < len(self._rows):
            seen = self._rows[number]
            self.at = seen.section, seen.change or self.at[1]
            self.refresh()

    def _places(self) -> Iterator[tuple[int, int]]:
        for number, section in enumerate(self.sections):
            yield from ((number, line.change) for line in section.lines if line.change)

    def _reveal(self) -> None:
        """Scrolls to the change at hand, and shows its heading with it where that fits."""
        places = [n for n, seen in enumerate(self._rows) if self._is_at_hand(seen)]
        if not places:
            return
        head = next(n for n, seen in enumerate(self._rows) if seen.section == self.at[0])
        height, now = max(1, self.scrollable_content_region.height), self.scroll_offset.y
        first = head if places[-1] - head < height else max(0, places[0] - 2)
        last = min(places[-1] + 1, first + height - 1)
        self.scroll_to(y=min(max(now, last - height + 1), first), animate=False)
        self.refresh()

    def _is_at_hand(self, seen: Seen) -> bool:
        return (seen.section, seen.change) == self.at and seen.change != 0

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        width, number = self.scrollable_content_region.width, y + self.scroll_offset.y
        if number >= len(self._rows):
            text = self._empty if not number and not self.sections else ""
            return paint.banner([(text, "muted")], self.palette, width)
        seen = self._rows[number]
        return paint.painted(seen.row, self.palette, width, number, self._is_at_hand(seen), ())


def _rows(
    sections: Sequence[Section], looks: Sequence[list[diff.Spans]], width: int, sides: bool
) -> Iterator[Seen]:
    size = max((diff.gutter(section.lines) for section in sections), default=0)
    for number, (section, spans) in enumerate(zip(sections, looks, strict=True)):
        if number:
            yield Seen(number, BLANK)
        if section.title:
            yield Seen(number, Row(((line(section.title), "heading code"),), fill="code"))
        for note in section.notes:
            look = "bad" if section.bad else "muted"
            yield from (Seen(number, row) for row in fold([(line(note), look)], width))
        both = sides and diff.beside(section.lines, diff.WIDE)
        for one, row in diff.rows(section.lines, spans, width, size, both):
            yield Seen(number, row, one.change)
