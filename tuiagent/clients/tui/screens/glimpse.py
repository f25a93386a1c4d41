"""A glimpse of a transcript: its last items as wrapped lines, for a preview or a moment of it."""

import json

from rich.cells import cell_len, chop_cells
from textual.geometry import Size

from tuiagent.clients.clean import clean
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.pane import Pane
from tuiagent.views.transcript import Item

ITEMS, LINES = 60, 12
"""Items that are shown, the last ones, and lines of each."""
LONGEST = 4000
"""Characters of an item that are looked at."""
HEADS = {"prompt": "❯ ", "reply": "", "call": "⚙ ", "job": "⚙ ", "notice": "· ", "run": "─ "}
STYLES = {"prompt": "strong", "notice": "dim", "run": "dim", "call": "mark", "job": "mark"}
BAD = {"error", "failed", "unknown", "denied", "limit", "refused"}


class Glimpse(Pane):
    """The end of a transcript, or of what it was once."""

    def __init__(self, ident: str = "") -> None:
        super().__init__(id=ident or None)
        self._items: list[Item] = []
        self._lines: list[Piece] = []
        self._wrapped: dict[int, tuple[Item, list[Piece]]] = {}
        self._width = 0

    def show(self, items: list[Item]) -> None:
        """Shows these from now on, the last of them at the bottom."""
        self._items = items[-ITEMS:]
        self._lay()

    def on_resize(self) -> None:
        """Wraps anew."""
        self._lay()

    def count(self) -> int:
        """See Pane."""
        return len(self._lines)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        return [self._lines[number]]

    def _lay(self) -> None:
        """Lays lines out; items that were shown before are not wrapped again."""
        width = self.scrollable_content_region.width
        if width < 1:
            return
        known = self._wrapped if width == self._width else {}
        self._width, self._wrapped, self._lines = width, {}, []
        for item in self._items:
            found = known.get(id(item))
            lines = found[1] if found and found[0] is item else _lines(item, width)
            self._wrapped[id(item)] = (item, lines)
            self._lines += lines
        height = self.scrollable_content_region.height
        self.virtual_size = Size(width, max(1, self.count()))
        self.scroll_line(max(0, self.count() - height))
        self.refresh()


def _lines(item: Item, width: int) -> list[Piece]:
    """An item in lines of at most this many cells; none for an answer that only called."""
    if item.kind == "reply" and item.status == "done" and not item.text.strip():
        return []
    style = "bad" if item.status in BAD else STYLES.get(item.kind, "")
    text = clean(_text(item)[:LONGEST]).replace("\t", "    ")
    head = HEADS.get(item.kind, "")
    room = max(1, width - cell_len(head))
    lines = [piece for line in text.split("\n") for piece in chop_cells(line, room) or [""]]
    more = len(lines) - LINES
    lines = lines[:LINES] if more > 0 else lines
    found: list[Piece] = [
        ((" " * len(head) if number else head) + line, style) for number, line in enumerate(lines)
    ]
    if more > 0:
        found.append((f"{' ' * len(head)}… {more} more lines", "dim"))
    return found


def _text(item: Item) -> str:
    if item.kind in ("call", "job"):
        args = item.args or {}
        told = next((str(v) for v in args.values() if isinstance(v, str)), json.dumps(args)[:200])
        return f"{item.name} {told.partition(chr(10))[0]}  {item.status}"
    if item.kind == "run":
        return f"{item.status} {item.text}".strip()
    if item.kind == "reply":
        return item.text.strip() or item.output or item.status
    return item.text
