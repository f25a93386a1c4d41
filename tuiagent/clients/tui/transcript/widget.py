"""The conversation: what a person sees of it and does in it."""

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message

from tuiagent.clients.tui.transcript.blocks import Block
from tuiagent.clients.tui.transcript.calls import BRIEF, OPEN
from tuiagent.clients.tui.transcript.flow import START, Place
from tuiagent.clients.tui.transcript.roll import Roll
from tuiagent.clients.tui.transcript.search import Search


class Transcript(Roll):
    """The items of a session, with one of them at hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "cursor(-1)", "Up", show=False, id="transcript.up"),
        Binding("down,j", "cursor(1)", "Down", show=False, id="transcript.down"),
        Binding("enter,space", "fold", "Fold", id="transcript.fold"),
        Binding("e", "fold_all", "Fold all", id="transcript.fold_all"),
        Binding("y", "copy", "Copy", id="transcript.copy"),
        Binding("slash", "search", "Search", id="transcript.search"),
        Binding("n", "next(1)", "Next", show=False, id="transcript.next"),
        Binding("N", "next(-1)", "Back", show=False, id="transcript.back"),
        Binding("left_square_bracket", "prompt(-1)", "Prompt ↑", id="transcript.prompt_up"),
        Binding("right_square_bracket", "prompt(1)", "Prompt ↓", id="transcript.prompt_down"),
        Binding("home,g", "start", "Start", show=False, id="transcript.start"),
        Binding("end,G", "end", "End", show=False, id="transcript.end"),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False, id="transcript.page_up"),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False, id="transcript.page_down"),
        Binding("r", "retry", "Ask again", show=False, id="transcript.retry"),
        Binding("t", "trace", "Trace", show=False, id="transcript.trace"),
    ]

    class Retry(Message):
        """A person wants a run's prompt to be asked again."""

        def __init__(self, run: str) -> None:
            super().__init__()
            self.run = run

    class Jump(Message):
        """A person wants to see a call in the trace."""

        def __init__(self, call: str) -> None:
            super().__init__()
            self.call = call

    # ------------------------------------------------------------ what a person does

    def on_click(self, event: events.Click) -> None:
        """Takes the block at hand; its first line folds it."""
        y = event.get_content_offset_capture(self).y
        if y == self._room.height - 1 and self.news:
            self.action_end()
            return
        if not 0 <= y < len(self._shown) or event.chain > 1:
            return
        self.cursor, row = self._shown[y]
        if row.act and self.text_selection is None:
            self.action_fold()
        self.refresh()

    def on_focus(self) -> None:
        """Has a block at hand from now on."""
        self._hand()

    def _hand(self) -> Block | None:
        """The block at hand; the last that is seen, where none was chosen."""
        if self.cursor is None and self._shown:
            self.cursor = self._shown[-1][0]
        return self.cursor

    def action_cursor(self, step: int) -> None:
        """Takes the block above or below; one that is higher than the screen is paged through."""
        if not self._shown:
            return
        height = self._room.height
        if self.cursor is None or self.flow.index(self.cursor) not in self._seen():
            self.cursor = self._shown[-1 if step < 0 else 0][0]
            self.refresh()
            return
        index = self.flow.index(self.cursor)
        ends = self._shown[-1 if step > 0 else 0][0] is self.cursor
        top = self.flow.top(Place(index))
        hidden = (
            top + self.flow.heights[index] - self._top - height if step > 0 else self._top - top
        )
        if ends and hidden > 0 and self.flow.heights[index] > height:
            by = min(hidden, max(1, height - 2))
            place = self._place
            self._go(self.flow.down(place, by) if step > 0 else self.flow.up(place, by))
            return
        index += step
        while 0 <= index < len(self.flow.blocks) and not self.flow.heights[index]:
            index += step
        if 0 <= index < len(self.flow.blocks):
            self.take(self.flow.blocks[index])

    def _seen(self) -> range:
        first, last = self._shown[0][0], self._shown[-1][0]
        return range(self.flow.index(first), self.flow.index(last) + 1)

    def take(self, block: Block) -> None:
        """Has this block at hand, and shows it."""
        self.cursor = block
        index, height = self.flow.index(block), self._room.height
        if index not in self._seen() and abs(index - self._place.block) > height:
            self._go(self.flow.up(Place(index), height // 3))
            return
        list(self.flow.rows(index, n) for n in range(min(height, len(self.flow.pieces(index)))))
        top, size = self.flow.top(Place(index)), self.flow.heights[index]
        if top < self._top or size >= height:
            self._go(Place(index))
        elif top + size > self._top + height:
            self._go(self.flow.up(self.flow.down(Place(index), size), height))
        else:
            self.refresh()

    def action_fold(self) -> None:
        """Shows more of the block at hand, or only its first line."""
        block = self._hand()
        if block is None or not block.foldable:
            return
        block.level = block.turned(self.flow.usual)
        self._keep(lambda: self.flow.change(block))
        self.pinned = False
        index = self.flow.index(block)
        if self._place.block == index and self._place > Place(index):
            self._place = Place(index)
        self._settle()

    def action_fold_all(self) -> None:
        """Unfolds everything, or folds it as it was."""
        usual = BRIEF if self.flow.usual == OPEN else OPEN
        at = self._place.block
        self._keep(lambda: self.flow.resize(self.flow.width, usual))
        if not self.pinned:
            self._place = Place(at)
        self._settle()

    def action_copy(self) -> None:
        """Copies what the block at hand says, as it was written."""
        block = self._hand()
        if block is not None:
            text = block.words()
            self.app.copy_to_clipboard(text)
            count = text.count("\n") + 1
            self.notify(f"copied: {count} line{'s' if count > 1 else ''}", timeout=2)

    def action_prompt(self, step: int) -> None:
        """Goes to the prompt before, or the next one."""
        start = self.flow.index(self.cursor) if self.cursor else len(self.flow.blocks)
        blocks = self.flow.blocks
        order = range(start + 1, len(blocks)) if step > 0 else range(start - 1, -1, -1)
        for index in order:
            if blocks[index].item.kind == "prompt":
                self.cursor = blocks[index]
                self._go(Place(index))
                return
        if step > 0:
            self.action_end()

    def action_start(self) -> None:
        """Goes to the first block."""
        if self.flow.blocks:
            self.cursor = self.flow.blocks[0]
            self._go(START)

    def action_end(self) -> None:
        """Goes to the end, and stays there."""
        self.pinned, self.news = True, False
        self._settle()
        if self._shown:
            self.cursor = self._shown[-1][0]

    def action_page(self, step: int) -> None:
        """Goes as many rows as are seen, less two."""
        by = max(1, self._room.height - 2)
        self._go(self.flow.down(self._place, by) if step > 0 else self.flow.up(self._place, by))
        if self._shown:
            self.cursor = self._shown[0 if step < 0 else -1][0]

    def action_retry(self) -> None:
        """Has the prompt of the run at hand asked again."""
        block = self._hand()
        if block is not None and block.item.kind in ("run", "reply", "prompt"):
            ident = block.item.id
            kind = block.item.kind
            run = ident if kind == "prompt" else ident.rpartition(".")[0]
            self.post_message(self.Retry(run))

    def action_trace(self) -> None:
        """Shows the call at hand in the trace."""
        block = self._hand()
        if block is not None and block.item.kind in ("call", "job"):
            item = block.item
            self.post_message(self.Jump(item.text if item.kind == "job" else item.id))

    # ------------------------------------------------------------ searching

    def action_search(self) -> None:
        """Begins to take what is to be found."""
        self.search = Search()
        self.refresh()

    def on_key(self, event: events.Key) -> None:
        """Takes what is typed for a search."""
        search = self.search
        if search is None:
            keys = self._bindings.key_to_bindings.get(event.key, ())
            if not any(binding.action == "search" for binding in keys):
                return
            self.action_search()  # at once: what is typed next must not overtake it
        elif event.key == "escape":
            self.search = None
        elif not search.typing:
            return
        elif event.key == "enter":
            search.typing = False
            self.run_worker(self._search(search), exclusive=True, group="search")
        elif event.key == "backspace":
            search.text = search.text[:-1]
        elif event.is_printable and event.character:
            search.text += event.character
        event.stop()
        event.prevent_default()
        self.refresh()

    async def _search(self, search: Search) -> None:
        await search.look(self.flow.blocks)
        if self.search is search:
            self.action_next(-1)

    def action_next(self, step: int) -> None:
        """Goes to the next place where it was found."""
        search = self.search
        if search is None:
            return
        at = self.flow.index(self.cursor) if self.cursor else len(self.flow.blocks)
        start = self.flow.blocks[at].number if at < len(self.flow.blocks) else at
        if search.here == start and (place := self._found(at, search, step, search.place)):
            self._stand(place, search)
            return
        if search.here is None and step < 0:
            start += 1
        search.here = search.next(start, step)
        if search.here is not None:
            self._reveal(self.flow.numbered(search.here), search, step)
        self.refresh()

    def _reveal(self, block: Block, search: Search, step: int) -> None:
        """Unfolds a block as far as it takes to see what was found in it, and goes there."""
        index = self.flow.index(block)
        for level in (None, OPEN, OPEN + 1):
            if level is not None:
                block.level = level
                self._keep(lambda: self.flow.change(block))
            if place := self._found(index, search, step):
                self._stand(place, search)
                return
        self.take(block)

    def _found(
        self, index: int, search: Search, step: int, beyond: tuple[int, int] | None = None
    ) -> Place | None:
        """The next row of a block, or the one before, in which something was found."""
        for number in range(len(self.flow.pieces(index)))[::step]:
            if beyond is not None and (number - beyond[0]) * step < 0:
                continue
            rows = self.flow.rows(index, number)
            for row in range(len(rows))[::step]:
                here = (number, row)
                later = beyond is None or (here > beyond if step > 0 else here < beyond)
                if later and search.spots(rows[row]):
                    return Place(index, number, row)
        return None

    def _stand(self, place: Place, search: Search) -> None:
        """Has this row at hand, of all in which something was found."""
        self.cursor = self.flow.blocks[place.block]
        search.place = place.piece, place.row
        search.row = self.flow.rows(place.block, place.piece)[place.row]
        self._go(self.flow.up(place, self._room.height // 3))
        self.refresh()
