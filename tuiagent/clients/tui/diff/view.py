"""Differences and files, line by line: unified or side by side, highlighted, change to change."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.style import Style

from tuiagent.clients.tui.diff.hunks import Line, paired
from tuiagent.threads import in_thread

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

SIDES = 120
"""Columns from which old and new stand side by side."""
COLOURED = 3000
"""Lines of a section up to which its words are coloured."""
KINDS = {" ": "same", "+": "added", "-": "removed", "@": "between", "\\": "between"}


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


class Row(NamedTuple):
    """One line on the screen."""

    section: int
    left: Line | None = None
    right: Line | None = None
    text: str = ""
    """Of what is no line of a file."""
    style: str = ""
    """How that is drawn."""
    sides: bool = False
    """Whether old and new stand side by side."""


class DiffView(ScrollView, can_focus=True):
    """Sections of which only the lines that are seen are drawn; one change is at hand."""

    app: "TuiApp"  # type: ignore[assignment]
    COMPONENT_CLASSES = {
        "title",
        "dim",
        "bad",
        "same",
        "added",
        "removed",
        "between",
        "added-word",
        "removed-word",
        "number",
        "at-hand",
    }
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
        self._rows: list[Row] = []
        self._sides: bool | None = None
        self._differs = False
        self._content: dict[int, Content] = {}
        """Coloured lines, by the identity of a line that `sections` keeps alive."""
        self._styles: dict[str, Style] = {}
        self._made = 0

    @property
    def sides(self) -> bool:
        """Whether old and new stand side by side."""
        wide = self.size.width >= SIDES if self._sides is None else self._sides
        return wide and self._differs

    async def show(self, sections: Sequence[Section], at: tuple[int, int] | None = None) -> None:
        """Shows these from now on; what was at hand stays so unless something else is said."""
        self.sections, self._content = sections, {}
        self._differs = any(line.change for section in sections for line in section.lines)
        if at is not None:
            self.at = at
        await self._make()
        if at is not None:
            self.call_after_refresh(self._reveal)
        coloured = await in_thread(lambda: dict(_coloured(sections)))
        if sections is self.sections:
            self._content = coloured
            self.refresh()

    async def _make(self) -> None:
        self._made += 1
        made, sections, sides = self._made, self.sections, self.sides
        rows = await in_thread(lambda: list(_rows(sections, sides)))
        if made == self._made:
            self._rows = rows
            self._resize()

    def _resize(self) -> None:
        """Only what is wider than the screen is scrolled to the side."""
        longest = (len(row.left.text) for row in self._rows if row.left and not row.sides)
        columns = max(longest, default=0) + 2 * self._digits + 5
        wider = columns > self.scrollable_content_region.width
        self.virtual_size = Size(columns if wider else 1, max(1, len(self._rows)))
        self.refresh()

    @property
    def _digits(self) -> int:
        last = (max(line.old, line.new) for s in self.sections for line in s.lines[-1:])
        return max(3, len(str(max(last, default=0))))

    async def on_resize(self, event: events.Resize) -> None:
        """Old and new find another place."""
        await self._make()

    def notify_style_update(self) -> None:
        """See Widget: another theme has other colours."""
        super().notify_style_update()
        self._styles.clear()

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
            row = self._rows[number]
            line = row.left or row.right
            self.at = row.section, line.change if line and line.change else self.at[1]
            self.refresh()

    def _places(self) -> Iterator[tuple[int, int]]:
        for number, section in enumerate(self.sections):
            yield from ((number, line.change) for line in section.lines if line.change)

    def _reveal(self) -> None:
        """Scrolls to the change at hand, and shows its heading with it where that fits."""
        places = [n for n, row in enumerate(self._rows) if self._is_at_hand(row)]
        if not places:
            return
        head = next(n for n, row in enumerate(self._rows) if row.section == self.at[0])
        height, now = max(1, self.scrollable_content_region.height), self.scroll_offset.y
        first = head if places[-1] - head < height else max(0, places[0] - 2)
        last = min(places[-1] + 1, first + height - 1)
        self.scroll_to(y=min(max(now, last - height + 1), first), animate=False)
        self.refresh()

    def _is_at_hand(self, row: Row) -> bool:
        line = row.left or row.right
        return row.section == self.at[0] and line is not None and line.change == self.at[1] != 0

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        width, number = self.scrollable_content_region.width, y + self.scroll_offset.y
        if number >= len(self._rows):
            text = self._empty if not number and not self.sections else ""
            return self._strip([(text, self._style("dim"))], width, self._style("same"))
        row = self._rows[number]
        if row.style:
            return self._strip([(row.text, self._style(row.style))], width, self._style(row.style))
        hand = [("▌" if self._is_at_hand(row) else " ", self._style("at-hand"))]
        if row.sides:
            half = (width - 2) // 2
            left = self._half(row.left, row.left.old or row.left.new if row.left else 0, half)
            right = self._half(row.right, row.right.new if row.right else 0, width - 2 - half)
            same = self._style("same")
            return Strip.join([self._strip(hand, 1, same), left, self._strip([], 1, same), right])
        assert row.left is not None
        line = row.left
        numbers = "".join(f"{n or '':>{self._digits}} " for n in (line.old, line.new))
        head = [*hand, (numbers, self._style("number"))]
        start = self._strip(head, 2 * self._digits + 3, self._style("same"))
        rest = max(0, width - start.cell_length)
        return Strip.join([start, self._text(line, rest, self.scroll_offset.x)]).crop(0, width)

    def _half(self, line: Line | None, number: int, width: int) -> Strip:
        if line is None or width <= 0:
            return self._strip([], max(0, width), self._style("between"))
        head = self._strip(
            [(f"{number or '':>{self._digits}} ", self._style("number"))],
            self._digits + 1,
            self._style("same"),
        )
        return Strip.join([head, self._text(line, max(0, width - head.cell_length), 0)])

    def _text(self, line: Line, width: int, first: int) -> Strip:
        """A line's sign and words."""
        name = KINDS[line.kind]
        base = self._style(name)
        content = self._content.get(id(line)) or Content(line.text)
        for start, end in line.words:
            content = content.stylize(self._style(f"{name}-word"), start, end)
        sign = "⋯" if line.kind == "@" else line.kind
        pieces = [(f"{sign} ", base), *content.render(base, "", self._parse)]
        whole = sum(len(text) for text, _ in pieces)
        return self._strip(pieces, max(width, whole * 2), base).crop(first, first + width)

    def _strip(self, pieces: Sequence[tuple[str, Style]], width: int, base: Style) -> Strip:
        segments = [Segment(text, style.rich_style) for text, style in pieces if text]
        return Strip(segments).adjust_cell_length(width, base.rich_style)

    def _style(self, name: str) -> Style:
        found = self._styles.get(name)
        if found is None:
            found = self._styles[name] = self.get_visual_style(name)
        return found

    def _parse(self, style: str | Style) -> Style:
        if isinstance(style, Style):
            return style
        found = self._styles.get(style)
        if found is None:
            found = self._styles[style] = Style.parse(style, self.app.theme_variables)
        return found


def _rows(sections: Sequence[Section], sides: bool) -> Iterator[Row]:
    for number, section in enumerate(sections):
        if number:
            yield Row(number, style="same")
        if section.title:
            yield Row(number, text=section.title, style="title")
        for note in section.notes:
            yield Row(number, text=note, style="bad" if section.bad else "dim")
        kinds = {line.kind for line in section.lines}
        if sides and not kinds <= {"+", "@", "\\"} and not kinds <= {"-", "@", "\\"}:
            yield from (Row(number, *pair, sides=True) for pair in paired(section.lines))
        else:
            yield from (Row(number, line) for line in section.lines)


def _coloured(sections: Sequence[Section]) -> Iterator[tuple[int, Content]]:
    """The lines of files with their words coloured, by what stands there before and after."""
    for section in sections:
        if not section.path or len(section.lines) > COLOURED:
            continue
        from textual.highlight import highlight  # noqa: PLC0415 - pygments; after the first frame

        for sign in "-+":
            side = [line for line in section.lines if line.kind in (" ", sign)]
            content = highlight("\n".join(line.text for line in side), path=section.path)
            coloured = content.split("\n", allow_blank=True)
            for line, one in zip(side, coloured, strict=False):
                yield id(line), one
