"""What panes that list things have in common: a title, lines that are drawn when they are seen."""

from typing import TYPE_CHECKING

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tuiagent.clients.tui.difference import GROUNDS
from tuiagent.clients.tui.lines import Piece, strip
from tuiagent.clients.tui.styled import Styled
from tuiagent.clients.tui.wrap import worded

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp


class Pane(Styled, ScrollView, can_focus=True):
    """A list of lines of which only those that are seen are drawn."""

    app: "TuiApp"  # type: ignore[assignment]
    COMPONENT_CLASSES = {"dim", "strong", "mark", "warn", "good", "bad", *GROUNDS}
    EMPTY = ""
    """Said when there is nothing."""

    def count(self) -> int:
        """How many lines there are."""
        return 0

    def line(self, number: int) -> list[Piece]:
        """What stands in a line."""
        return []

    def renew(self, changed: list[str] | None = None) -> None:
        """Draws again what is seen."""
        self.virtual_size = Size(self.scrollable_content_region.width, max(1, self.count()))
        self.refresh()

    def scroll_line(self, y: int) -> None:
        """Puts a line at the top at once, also before the bar that it may need is laid out."""
        self.scroll_to(y=y, animate=False, force=True, immediate=True)

    def watch_show_vertical_scrollbar(self, shown: bool) -> None:
        """Puts the bar, when it comes, where the lines already are."""
        if shown:
            self.vertical_scrollbar.position = self.scroll_y

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        width, number = self.scrollable_content_region.width, y + self.scroll_offset.y
        if count := self.count():
            return strip(self, self.line(number) if number < count else [], width)
        said = worded(self.EMPTY, width)
        return strip(self, [(said[number], "dim")] if number < len(said) else [], width)
