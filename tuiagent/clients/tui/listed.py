"""A pane with a cursor: one of its lines is at hand."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.strip import Strip

from tuiagent.clients.tui.lines import Piece, lit, spread
from tuiagent.clients.tui.pane import Pane

ALL = 1 << 40


class Listed(Pane):
    """Lines of which one is at hand."""

    COMPONENT_CLASSES = {"cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", show=False, id="list.down"),
        Binding("k,up", "move(-1)", show=False, id="list.up"),
        Binding("pagedown", "page(1)", show=False, id="list.page_down"),
        Binding("pageup", "page(-1)", show=False, id="list.page_up"),
        Binding("g,home", f"move(-{ALL})", show=False, id="list.first"),
        Binding("G,shift+g,end", f"move({ALL})", show=False, id="list.last"),
    ]
    at = 0
    """The line that is at hand."""

    def ends(self, number: int) -> tuple[list[Piece], list[Piece]]:
        """What stands at the left and at the right of a line."""
        return [], []

    def go(self, at: int) -> None:
        """Takes a line at hand, and shows it."""
        self.refresh_line(self.at)
        self.at = min(max(0, at), max(0, self.count() - 1))
        height = max(1, self.scrollable_content_region.height)
        top = min(max(self.scroll_offset.y, self.at - height + 1), self.at)
        self.scroll_line(top)
        self.refresh_line(self.at)

    def action_move(self, by: int) -> None:
        """Goes up or down."""
        self.go(self.at + by)

    def action_page(self, by: int) -> None:
        """Goes a screenful up or down."""
        self.go(self.at + by * max(1, self.scrollable_content_region.height - 1))

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        number = y + self.scroll_offset.y
        if number >= self.count():
            return super().render_line(y)
        drawn = spread(self, *self.ends(number), self.scrollable_content_region.width)
        return lit(self, drawn) if number == self.at and self.has_focus else drawn
