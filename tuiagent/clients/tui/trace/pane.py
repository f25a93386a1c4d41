"""The pane of the tool trace: a line for each call, in order of time."""

import asyncio
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip

from tuiagent.clients.tui.bridge import Conversation
from tuiagent.clients.tui.folds import Folds
from tuiagent.clients.tui.lines import Piece, spread, strip
from tuiagent.clients.tui.listed import AtHand
from tuiagent.clients.tui.trace import rows
from tuiagent.clients.tui.trace.index import Index
from tuiagent.views.transcript import Item

PIECE = 250
"""Calls that a filter looks at before other things have their turn."""


class Trace(AtHand):
    """Calls, the newest last; follows it as long as the cursor stands there."""

    BORDER_TITLE = "Trace"
    EMPTY = "No tool was called yet."
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "unfold", show=False, id="trace.unfold"),
        Binding("c,g", "jump", show=False, id="trace.jump"),
        Binding("slash", "search", show=False, id="trace.filter"),
    ]

    class Jump(Message):
        """Somebody wants to see a call in the conversation."""

        def __init__(self, item: str) -> None:
            super().__init__()
            self.item = item

    def __init__(self, id: str | None = None) -> None:
        super().__init__(id=id)
        self.index = Index()
        self._folds = Folds()
        self._unfolded: dict[str, list[list[Piece]]] = {}
        """The lines below each call that is unfolded."""
        self._words: str | None = None
        """The filter, as it is typed; None for none."""
        self._typing = False
        self._filtering: asyncio.Task[None] | None = None

    def on_mount(self) -> None:
        """Listens."""
        self.app.desk.listen("conversation", self._another)
        self.app.desk.listen("items", self._items)
        self._another([])

    # ------------------------------------------------------------ what is shown

    @property
    def _conversation(self) -> Conversation | None:
        return self.app.desk.conversation

    @property
    def _top(self) -> int:
        """Lines above the calls, which stay: the filter's."""
        return 0 if self._words is None else 1

    @property
    def _view(self) -> int:
        """Lines of calls that are seen at once."""
        return self.scrollable_content_region.height - self._top

    def _item(self, entry: int) -> Item | None:
        known = self._conversation is not None and 0 <= entry < len(self.index.shown)
        return self._conversation.item(self.index.shown[entry]) if known else None  # type: ignore[union-attr]

    def count(self) -> int:
        """See Pane."""
        return self._folds.lines

    def renew(self, changed: list[str] | None = None) -> None:
        """See Pane."""
        height = self._folds.lines + self._top
        self.virtual_size = Size(self.scrollable_content_region.width, max(1, height))
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        width = self.scrollable_content_region.width
        if self._top and not y:
            return spread(self, *self._filter_line(), width)
        number = y - self._top + self.scroll_offset.y
        if number >= self._folds.lines:
            empty = "Nothing fits." if self.index.all else self.EMPTY
            return strip(self, [(empty, "dim")] if not number else [], width)
        entry, below = self._folds.at(number)
        item = self._item(entry)
        if item is None:
            return strip(self, [], width)
        if below:
            lines = self._unfolded.get(item.id, [])
            return strip(self, lines[below - 1] if below <= len(lines) else [], width)
        return spread(self, *rows.head(item, entry == self.at), width)

    def _filter_line(self) -> tuple[list[Piece], list[Piece]]:
        cursor = "▏" if self._typing else ""
        return [("/", "mark"), (f"{self._words}{cursor}", "strong")], [
            (f"{len(self.index.shown)} of {len(self.index.all)}", "dim")
        ]

    def _refold(self) -> None:
        """Unfolds again what was, wherever it stands now."""
        self._folds.clear()
        self._folds.count = len(self.index.shown)
        if self._unfolded:
            for entry, ident in enumerate(self.index.shown):
                if ident in self._unfolded:
                    self._folds.unfold(entry, len(self._unfolded[ident]))

    def _lines(self, item: Item) -> list[list[Piece]]:
        conversation = self._conversation
        reply = conversation.item(item.id.rpartition(".")[0]) if conversation else None
        session = conversation.stream.partition("/")[2] if conversation else ""
        width = max(12, self.scrollable_content_region.width)
        return rows.lines(item, reply, self.index.siblings(item.id), session, width)

    def on_resize(self, event: events.Resize) -> None:
        """Wraps anew what is unfolded, and keeps the call at hand in sight."""
        for ident in self._unfolded:
            item = self._conversation.item(ident) if self._conversation else None
            self._unfolded[ident] = self._lines(item) if item else []
        self._refold()
        self.renew()
        self._reveal()

    # ------------------------------------------------------------ what happens

    def _another(self, changed: list[str]) -> None:
        self._unfolded.clear()
        self.index.reset(self._conversation.items if self._conversation else [])
        self._words, self._typing = None, False
        self._refold()
        self.renew()
        self._grown(len(self.index.shown) - 1)

    def _items(self, changed: list[str]) -> None:
        conversation = self._conversation
        if conversation is None:
            return
        follows = self.at >= len(self.index.shown) - 1
        at_hand = self._item(self.at)
        moved = self.index.precede(conversation.items)
        grown = self.index.take(changed, conversation.item)
        if not moved and not any(map(self.index.knows, changed)):
            return
        again = [ident for ident in changed if ident in self._unfolded]
        for ident in again:
            item = conversation.item(ident)
            self._unfolded[ident] = self._lines(item) if item else []
        if moved and at_hand is not None:
            self.at = self.index.shown.index(at_hand.id)
        if moved or again:
            self._refold()
        self._folds.count = len(self.index.shown)
        self.renew()
        if grown and follows:
            self._grown(len(self.index.shown) - 1)

    # ------------------------------------------------------------ what is done

    def go(self, at: int) -> None:
        """See AtHand."""
        self.at = max(0, min(at, len(self.index.shown) - 1))
        self.refresh()
        self._reveal()

    def go_to(self, call: str) -> None:
        """Stands at this call; a filter that it does not pass is taken off."""
        if call not in self.index.shown:
            self._another([])
        if call in self.index.shown:
            self.go(self.index.shown.index(call))

    def _grown(self, entry: int) -> None:
        """Stands at a call once there is room for what is new."""
        self.go(entry)
        self.call_after_refresh(self._reveal)

    def _reveal(self) -> None:
        y = self.scroll_offset.y
        wanted = self._folds.reveal(self.at, self._view, y)
        if wanted != y:
            self.scroll_line(wanted)

    def action_move(self, by: int) -> None:
        """Goes to another call; through an unfolded one line by line."""
        y, first = self.scroll_offset.y + by, self._folds.top(self.at)
        item = self._item(self.at)
        height = 1 + len(self._unfolded.get(item.id, [])) if item else 1
        if abs(by) == 1 and first <= y <= first + height - self._view:
            self.scroll_line(y)
        else:
            super().action_move(by)

    def action_unfold(self) -> None:
        """Shows everything of the call at hand, or only its line."""
        item = self._item(self.at)
        if item is None:
            return
        if item.id in self._unfolded:
            del self._unfolded[item.id]
        else:
            self._unfolded[item.id] = self._lines(item)
        self._folds.unfold(self.at, len(self._unfolded.get(item.id, [])))
        self.renew()
        self._grown(self.at)

    def action_jump(self) -> None:
        """Shows the call in the conversation."""
        item = self._item(self.at)
        if item is not None:
            self.post_message(self.Jump(item.id))

    def on_click(self, event: events.Click) -> None:
        """Goes to a call; a second click unfolds it, or folds it."""
        y = event.y - self.gutter.top - self._top
        if y < 0 or y + self.scroll_offset.y >= self._folds.lines:
            return
        entry, below = self._folds.at(y + self.scroll_offset.y)
        if entry != self.at:
            self.go(entry)
        elif not below:
            self.action_unfold()

    # ------------------------------------------------------------ the filter

    def action_search(self) -> None:
        """Begins to type words that must occur in a call."""
        self._words, self._typing = self._words or "", True
        self.renew()

    def on_key(self, event: events.Key) -> None:
        """Types the filter: Enter keeps it, Escape takes it off."""
        if event.key == "escape" and self._words is not None:
            self._words, self._typing = None, False
        elif not self._typing:
            return
        elif event.key == "enter":
            self._typing = False
        elif event.key == "backspace":
            self._words = (self._words or "")[:-1]
        elif event.is_printable and event.character:
            self._words = (self._words or "") + event.character
        else:
            return
        event.stop()
        event.prevent_default()
        self._filter()

    def _filter(self) -> None:
        if self._filtering is not None:
            self._filtering.cancel()
        self.index.filter = tuple((self._words or "").lower().split())
        self._filtering = self.app.desk.spawn(self._sift())
        self.renew()

    async def _sift(self) -> None:
        """Looks through all calls piece by piece, so that typing never waits for it."""
        conversation, every = self._conversation, list(self.index.all)
        if conversation is None:
            return
        let: list[str] = []
        for first in range(0, len(every), PIECE):
            items = map(conversation.item, every[first : first + PIECE])
            let += [item.id for item in items if item is not None and self.index.lets(item)]
            await asyncio.sleep(0)
        looked = set(every)
        fresh = [ident for ident in self.index.shown if ident not in looked]
        self.index.show([*let, *fresh])
        self._refold()
        self.renew()
        self._grown(len(self.index.shown) - 1)
