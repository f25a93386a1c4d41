"""What the screens have in common: a head line, a foot line, and a list with one line at hand."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import set_cell_size
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widget import Widget

from tuiagent.clients.clean import clean
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.listed import ALL, Listed
from tuiagent.clients.tui.news import Unlisten
from tuiagent.clients.tui.status import Line
from tuiagent.clients.tui.wished import Wished

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

Ends = tuple[list[Piece], list[Piece]]
"""What stands at the left of a line, and at its right."""


class Says(Line):
    """A line of which the screen says what stands on it."""

    def __init__(self, ends: Callable[[], Ends], ident: str = "") -> None:
        super().__init__(id=ident or None)
        self._ends = ends

    def ends(self) -> Ends:
        """See Line."""
        return self._ends()


class Rows(Listed):
    """A list whose line at hand is seen wherever the focus is."""

    class Taken(Message):
        """The line at hand was chosen."""

    @property
    def lights(self) -> bool:
        """See Listed."""
        return True

    def __init__(self, ident: str = "") -> None:
        super().__init__(id=ident or None)

    def on_click(self, event: events.Click) -> None:
        """Has the line at hand that was clicked; a second time takes it."""
        at = event.y + self.scroll_offset.y
        if at == self.at and event.chain > 1:
            self.post_message(self.Taken())
        elif at < self.count():
            self.go(at)


class Sheet(Wished):
    """A screen over the work place."""

    app: "TuiApp"  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="back", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._unlisten: list[Unlisten] = []
        self._work: set[asyncio.Task[Any]] = set()

    def hear(self, topic: str, listener: Callable[[list[str]], None]) -> None:
        """Listens to the desk for as long as this is open."""
        self._unlisten.append(self.app.desk.listen(topic, listener))

    def later(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Goes on with something beside, for as long as this is open; trouble is shown."""
        task = self.app.desk.spawn(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    def on_unmount(self) -> None:
        """Lets go of the desk."""
        for unlisten in self._unlisten:
            unlisten()
        for task in list(self._work):
            task.cancel()

    def action_back(self) -> None:
        """Goes back to where this was opened."""
        self.dismiss()

    def said(self, *idents: str) -> None:
        """Draws these lines again."""
        for ident in idents:
            self.query_one(f"#{ident}", Widget).refresh()


class ListSheet(Sheet):
    """A screen with one list, which keys move from wherever the focus is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False, id="sheet.up"),
        Binding("down", "move(1)", show=False, id="sheet.down"),
        Binding("pageup", "page(-1)", show=False, id="sheet.page_up"),
        Binding("pagedown", "page(1)", show=False, id="sheet.page_down"),
        Binding("ctrl+home", f"move(-{ALL})", show=False, id="sheet.first"),
        Binding("ctrl+end", f"move({ALL})", show=False, id="sheet.last"),
    ]

    def action_move(self, by: int) -> None:
        """Goes so many lines down."""
        self.query_one(Rows).action_move(by)

    def action_page(self, by: int) -> None:
        """Goes so many pages down."""
        self.query_one(Rows).action_page(by)

    def on_rows_taken(self) -> None:
        """Opens what was clicked twice."""
        self.action_open()

    def action_open(self) -> None:
        """Does what Enter does with the line at hand."""


def fit(text: str, width: int) -> str:
    """The text, cleaned, on one line of exactly this many cells."""
    flat = clean(text).replace("\n", " ").replace("\t", " ")
    cut = set_cell_size(flat, width)
    if width and cut.rstrip() != flat.rstrip():
        return set_cell_size(cut, width - 1) + "…"
    return cut


def age(at: float) -> str:
    """How long ago that was, in few letters."""
    seconds = max(0.0, time.time() - at)
    for unit, size in (("y", 31_536_000), ("w", 604_800), ("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds / size)}{unit}"
    return "now"


def span(seconds: float) -> str:
    """How long something took, in few letters."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    hours, rest = divmod(whole // 60, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} days"
