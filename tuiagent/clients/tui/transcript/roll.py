"""One scroll of lines, smooth however long it is: where it stands, and how it is drawn."""

from collections.abc import Callable, Sequence
from math import ceil

from textual import events
from textual.geometry import Offset, Region, Size
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from tuiagent.clients.tui.transcript import paint
from tuiagent.clients.tui.transcript.blocks import Block
from tuiagent.clients.tui.transcript.copying import between
from tuiagent.clients.tui.transcript.flow import START, Flow, Place
from tuiagent.clients.tui.transcript.paint import Painted
from tuiagent.clients.tui.transcript.rows import BLANK, Row
from tuiagent.clients.tui.transcript.search import Search
from tuiagent.views.transcript import Item

FIRST = 200
"""Items that are shown at once; older ones come behind, so many at a time."""
BEHIND = 500
NEW = " ↓ new below "
FINE = len(ScrollBarRender.VERTICAL_BARS)
"""Parts of a line that a scroll bar can show."""


class Roll(Painted):
    """Items, the newest at the bottom, where it stays until a person scrolls up."""

    EMPTY: Sequence[tuple[str, str]] = ()
    """Lines that are shown when there is nothing, and their styles."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.flow = Flow()
        self.cursor: Block | None = None
        self.pinned = True
        """Whether it stays at the bottom."""
        self.news = False
        """Whether something came below while it did not."""
        self.search: Search | None = None
        self._place = START
        self._shown: list[tuple[Block, Row]] = []
        self._top = 0
        self._origin = 0
        """What is taken from a row's number: so a selection stays where it is, whatever is learnt
        about the heights above it."""
        self._older: list[Item] = []
        self._settling = False
        self._look = 0
        self._slid = (0, 0, 0)

    # ------------------------------------------------------------ what it shows

    def show(self, items: Sequence[Item]) -> None:
        """Shows these from now on; the last ones at once, the others behind."""
        self.cursor, self.search, self.news, self.pinned = None, None, False, True
        self._origin = 0
        self._older = list(items[:-FIRST])
        self.flow.show(items[-FIRST:])
        self._settle()
        self._behind()

    def prepend(self, items: Sequence[Item]) -> None:
        """Older ones, before all others; what is seen stays where it is."""
        if self._older:
            self._older[:0] = items
        else:
            self._prepend(items)

    def changed(self, ids: Sequence[str], items: Sequence[Item]) -> None:
        """These have changed or are new; `items` holds them, oldest first, and perhaps others."""
        wanted = set(ids)
        found: list[Item] = []
        for item in reversed(items):
            if not wanted:
                break
            if item.id in wanted:
                wanted.discard(item.id)
                found.append(item)
        if found:
            self._keep(lambda: [self._take(item) for item in reversed(found)])
            whole = self.news or not self.pinned or self.search is not None
            self.news = not self.pinned
            self._settle(whole)

    def _take(self, item: Item) -> None:
        block = self.flow.find(item.id)
        if block is not None:
            block.item = item
            self.flow.change(block)
            return
        for number, older in enumerate(self._older):
            if older.id == item.id:
                self._older[number] = item
                return
        self.flow.append(item)

    def _behind(self) -> None:
        """Takes some of those that are still to come."""
        if not self._older:
            return
        part = self._older[-BEHIND:]
        del self._older[-BEHIND:]
        self._prepend(part)
        if self._older:
            self.call_after_refresh(self._behind)

    def _prepend(self, items: Sequence[Item]) -> None:
        def work() -> None:
            self.flow.prepend(items)
            self._place = self._place._replace(block=self._place.block + len(items))

        if items:
            self._keep(work, len(items))
            self._settle()

    # ------------------------------------------------------------ where it is

    @property
    def _room(self) -> Size:
        return self.scrollable_content_region.size

    def _keep(self, work: Callable[[], object], before: int = 0) -> None:
        """Does something that changes heights; the rows that are seen keep their numbers.

        `before` is how many blocks come before those there are.
        """
        above = self.flow.top(self._place)
        work()
        place = self.flow.fit(self._place)
        self._origin += self.flow.top(place) - above
        self._place = place

    def _settle(self, whole: bool = True) -> None:
        """Finds the rows that are seen, and tells the scroll bar.

        Draws all of them; or, with no other reason than new rows, only from the first of those on.
        """
        height = self._room.height
        if not height:
            return
        flow, above = self.flow, self.flow.top(self._place)
        place = self._place
        if self.pinned:
            found = flow.up(flow.end, height)
        else:
            found = place
            last = flow.up(flow.end, height) if flow.down(place, height) == flow.end else None
            if last is not None and last <= place:
                found, self.pinned, self.news = last, True, False
        shown: list[tuple[Block, Row]] = []
        for each in flow.walk(found):
            shown.append(each)
            if len(shown) == height:
                break
        self._origin += flow.top(place) - above
        before, top = self._shown, self._top
        self._place, self._shown = found, shown
        self._top = flow.top(found)
        self._tell(max(flow.heights.total, height))
        if whole or self._top != top or not before:
            self.refresh()
        elif (same := _alike(before, shown)) < height:
            self.refresh(Region(0, same, self._room.width, height - same))

    def _tell(self, total: int) -> None:
        """Moves the scroll bar, without laying out anything."""
        self._settling = True
        try:
            size = Size(self._room.width, total)
            if size != self.virtual_size:
                self.set_reactive(Widget.virtual_size, size)  # type: ignore[arg-type] - a class attribute
            self.set_reactive(Widget.scroll_y, float(self._top))  # type: ignore[arg-type] - as above
            self.set_reactive(Widget.scroll_target_y, float(self._top))  # type: ignore[arg-type]
            if self.show_vertical_scrollbar:
                self._slide(self.vertical_scrollbar, total, self._room.height)
        finally:
            self._settling = False

    def _slide(self, bar: ScrollBar, total: int, height: int) -> None:
        """Has the bar show it; it is drawn again only where that looks different."""
        thumb = max(1.0, height * height / total)
        start = (height - thumb) * self._top / max(1, total - height)
        look = height, int(start * FINE), ceil(thumb * FINE)
        bar.set_reactive(ScrollBar.window_virtual_size, total)
        bar.set_reactive(ScrollBar.window_size, height)
        bar.set_reactive(ScrollBar.position, self._top)
        if look != self._slid:
            self._slid = look
            bar.refresh()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Goes as far as was scrolled, in rows as they really are."""
        if self._settling or round(old_value) == round(new_value):
            return
        by = round(new_value) - self._top
        if round(new_value) >= self.max_scroll_y:
            self.pinned, self.news = True, False
            self._settle()
        elif abs(by) <= 3 * self._room.height:
            self._go(self.flow.down(self._place, by) if by > 0 else self.flow.up(self._place, -by))
        else:
            self._go(self.flow.locate(round(new_value)))

    def _go(self, place: Place) -> None:
        """Shows the rows from a place on."""
        above = self.flow.top(place)
        self._place = place
        self.pinned = False
        self._origin += self.flow.top(place) - above
        self._settle()

    def on_resize(self, event: events.Resize) -> None:
        """Folds everything to the new width; what is at the top stays there."""
        width = self._room.width - 1
        if width != self.flow.width:
            self._keep(lambda: self.flow.resize(width))
        self._settle()

    def notify_style_update(self) -> None:
        """Another theme: everything is drawn anew."""
        super().notify_style_update()
        self._look += 1

    # ------------------------------------------------------------ drawing

    def render_lines(self, crop: Region) -> list[Strip]:
        """See Widget, which would do again what is kept, where nothing is drawn around it."""
        if any(self.styles.gutter):
            return super().render_lines(crop)
        background = self.background_colors[1]
        strips = [self.render_line(y) for y in crop.line_range]
        for each in self.get_line_filters():
            strips = [strip.apply_filter(each, background) for strip in strips]
        if crop.column_span == (0, self._room.width):
            return strips
        return [strip.crop(*crop.column_span) for strip in strips]

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        room = self._room
        if not self._shown and 0 <= (number := y - room.height // 3) < len(self.EMPTY):
            text, style = self.EMPTY[number]
            return paint.banner([(f"   {text}", style)], self.palette, room.width)
        if y == room.height - 1 and (self.search is not None or self.news):
            return self._banner(room.width)
        block, row = self._shown[y] if y < len(self._shown) else (None, BLANK)
        number = self._top + y - self._origin
        selection = self.text_selection
        search = self.search
        bar = block is not None and block is self.cursor and self.has_focus
        marking = search.text if search is not None and not search.typing else ""
        here = search is not None and row is search.row
        key = (number, room.width, bar, marking, here, self._look)
        if selection is None and row.key == key:
            return row.strip  # type: ignore[return-value] - kept together with its key
        spots: list[tuple[int, int, object]] = []
        if search is not None and marking:
            look = self.palette["found-here" if here else "found"]
            spots += [(start, end, look) for start, end in search.spots(row)]
        if selection is not None and (span := selection.get_span(number)) is not None:
            look = self.screen.get_component_rich_style("screen--selection")
            end = span[1] if span[1] >= 0 else len(row.text)
            spots.append((span[0], end, look))
        strip = paint.painted(row, self.palette, room.width, number, bar, spots)  # type: ignore[arg-type]
        if selection is None:
            row.key, row.strip = key, strip
        return strip

    def _banner(self, width: int) -> Strip:
        if self.search is not None:
            return paint.banner([(self.search.line(), "new")], self.palette, width)
        room = max(0, width - len(NEW))
        return paint.banner([(" " * room, ""), (NEW, "new")], self.palette, width)

    def selection_updated(self, selection: Selection | None) -> None:
        """See Widget."""
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The words that are selected, as they were written: see Widget."""
        if selection.start is None and selection.end is None:
            return "\n\n".join(filter(None, (b.words() for b in self.flow.blocks))), "\n"
        start, end = (self._spot(spot) for spot in selection)
        return between(self.flow, start, end), "\n"

    def _spot(self, spot: Offset | None) -> tuple[Place, int] | None:
        """The place of a row that a selection knows, and the character there."""
        return None if spot is None else (self.flow.locate(spot.y + self._origin), spot.x)


def _alike(before: Sequence[tuple[Block, Row]], now: Sequence[tuple[Block, Row]]) -> int:
    """How many rows from the top on are the same."""
    for y, ((_, old), (_, new)) in enumerate(zip(before, now, strict=False)):
        if old is not new:
            return y
    return min(len(before), len(now))
