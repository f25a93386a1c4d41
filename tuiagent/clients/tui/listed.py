"""Lists in which one thing is at hand, all moved by the same keys."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from tuiagent.clients.tui.lines import Piece, lit, spread
from tuiagent.clients.tui.pane import Pane

ALL = 1 << 40


class AtHand(Pane):
    """Things of which one is at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", show=False, id="list.down"),
        Binding("k,up", "move(-1)", show=False, id="list.up"),
        Binding("pagedown,space", "page(1)", show=False, id="list.page_down"),
        Binding("pageup", "page(-1)", show=False, id="list.page_up"),
        Binding("g,home", f"move(-{ALL})", show=False, id="list.first"),
        Binding("G,shift+g,end", f"move({ALL})", show=False, id="list.last"),
    ]
    at = 0
    """Which one it is, counted from 0."""

    def go(self, at: int) -> None:
        """Takes this one at hand, or the nearest that there is, and shows it."""

    def action_move(self, by: int) -> None:
        """Goes up or down."""
        self.go(self.at + by)

    def action_page(self, by: int) -> None:
        """Goes a screenful up or down."""
        self.go(self.at + by * max(1, self.scrollable_content_region.height - 1))


class Listed(AtHand):
    """Lines of which one is at hand."""

    COMPONENT_CLASSES = {"cursor"}

    class Moved(Message):
        """Another line is at hand."""

    @property
    def lights(self) -> bool:
        """Whether one sees which line is at hand."""
        return self.has_focus

    def ends(self, number: int) -> tuple[list[Piece], list[Piece]]:
        """What stands at the left and at the right of a line."""
        return self.line(number), []

    def go(self, at: int) -> None:
        """See AtHand."""
        at = max(0, min(at, self.count() - 1))
        moved, self.at = at != self.at, at
        height = max(1, self.scrollable_content_region.height)
        self.scroll_line(min(max(self.scroll_offset.y, at - height + 1), at))
        self.refresh()
        if moved:
            self.post_message(self.Moved())

    def renew(self, changed: list[str] | None = None) -> None:
        """See Pane; the line at hand stays on the list."""
        super().renew(changed)
        self.at = max(0, min(self.at, self.count() - 1))

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        number = y + self.scroll_offset.y
        if number >= self.count():
            return super().render_line(y)
        drawn = spread(self, *self.ends(number), self.scrollable_content_region.width)
        return lit(self, drawn) if number == self.at and self.lights else drawn
