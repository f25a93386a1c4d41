"""A list that takes keys itself."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from tuiagent.clients.tui.screens.sheet import Rows


class Menu(Rows):
    """Arrows, page keys, Home and End move the line at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "by(1)", "Down", show=False, id="menu.down"),
        Binding("up,k", "by(-1)", "Up", show=False, id="menu.up"),
        Binding("pagedown,space", "pages(1)", "Page down", show=False, id="menu.pagedown"),
        Binding("pageup", "pages(-1)", "Page up", show=False, id="menu.pageup"),
        Binding("home", "by(-1000000)", "First", show=False, id="menu.home"),
        Binding("end", "by(1000000)", "Last", show=False, id="menu.end"),
    ]

    def action_by(self, lines: int) -> None:
        """Goes so many lines down."""
        self.move(lines)

    def action_pages(self, pages: int) -> None:
        """Goes so many pages down."""
        self.page(pages)
