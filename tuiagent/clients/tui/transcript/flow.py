"""The flow: blocks one below the other, of which only those rows are made that are walked over."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tuiagent.clients.tui.transcript import tries
from tuiagent.clients.tui.transcript.blocks import Around, Block
from tuiagent.clients.tui.transcript.calls import BRIEF
from tuiagent.clients.tui.transcript.heights import Heights
from tuiagent.clients.tui.transcript.pictures import Pictures
from tuiagent.clients.tui.transcript.pieces import Piece
from tuiagent.clients.tui.transcript.rows import Row
from tuiagent.views.transcript import Item

KEPT = 600
"""Pieces whose rows are kept, those seen last."""
APART = ("prompt", "reply")
"""Kinds with a free line before them."""


class Place(NamedTuple):
    """A row: the block's index, its piece, and the row in that."""

    block: int
    piece: int = 0
    row: int = 0


START = Place(0)


class Flow:
    """Blocks with heights that are guessed until they are seen."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.heights = Heights()
        self.width = 80
        self.usual = BRIEF
        self.pictures = Pictures()
        self._base = 0
        self._by_id: dict[str, Block] = {}
        self._kept: OrderedDict[int, Piece] = OrderedDict()

    # ------------------------------------------------------------ what there is

    def find(self, ident: str) -> Block | None:
        """The block of an item."""
        return self._by_id.get(ident)

    def index(self, block: Block) -> int:
        """Where a block is now."""
        return block.number - self._base

    def numbered(self, number: int) -> Block:
        """The block with this number."""
        return self.blocks[number - self._base]

    def show(self, items: Sequence[Item]) -> None:
        """Begins anew with these; the very same items stay as they were drawn and folded."""
        self._base = 0
        self.blocks = [self._again(item, number) for number, item in enumerate(items)]
        self._by_id = {block.item.id: block for block in self.blocks}
        around = [block.around for block in self.blocks]
        self._look(0, len(self.blocks))
        for block, before in zip(self.blocks, around, strict=True):
            if block.around != before:
                block.renew()
        self.resize(self.width)

    def _again(self, item: Item, number: int) -> Block:
        block = self._by_id.get(item.id)
        if block is None or block.item is not item:
            return Block(item, number, self.pictures)
        block.number = number
        return block

    def append(self, item: Item) -> None:
        """One more at the end."""
        block = Block(item, self._base + len(self.blocks), self.pictures)
        self.blocks.append(block)
        self._by_id[item.id] = block
        last = len(self.blocks) - 1
        self.heights.append(0)
        if last:
            self._look_again(last - 1)
        self.change(block)

    def prepend(self, items: Sequence[Item]) -> int:
        """Older ones; how many rows they take, or about as many."""
        self._base -= len(items)
        older = [Block(item, self._base + n, self.pictures) for n, item in enumerate(items)]
        self.blocks[:0] = older
        self._by_id = {block.item.id: block for block in older} | self._by_id
        self._look(0, len(older))
        before = self.heights.total
        self.heights.prepend([block.height(self.width, self.usual) for block in older])
        later = [self._by_id.get(f"{item.id}.end") for item in items if item.kind == "prompt"]
        later += [self._try(item, 1) for item in items if tries.fault(item)]
        for block in filter(None, later):
            self._look(self.index(block), self.index(block) + 1)
            self.change(block)
        for index in range(len(older), len(self.blocks)):
            self._look(index, index + 1)
            self.change(self.blocks[index])
            if not self.blocks[index].silent:
                break
        return self.heights.total - before

    def change(self, block: Block) -> None:
        """Something of a block has changed, and perhaps the gap before what follows.

        And perhaps what is told of the tries that failed before it.
        """
        index = self.index(block)
        if failed := self._failed(block.item):
            for earlier in range(self.index(failed), index):
                self._look_again(earlier)
        self._look(index, index + 1)
        self._renew(index)
        for later in range(index + 1, len(self.blocks)):
            self._look_again(later)
            if not self.blocks[later].silent:
                break

    def _look_again(self, index: int) -> None:
        block = self.blocks[index]
        before = block.around
        self._look(index, index + 1)
        if block.around != before:
            self._renew(index)

    def _try(self, item: Item, step: int) -> Block | None:
        """The try before an answer, or the next one."""
        run, _, number = item.id.rpartition(".")
        if item.kind != "reply" or not number.isdecimal():
            return None
        return self._by_id.get(f"{run}.{int(number) + step}")

    def _failed(self, item: Item) -> Block | None:
        """The try before an answer, where it failed without a word."""
        earlier = self._try(item, -1)
        return earlier if earlier is not None and tries.fault(earlier.item) else None

    def _renew(self, index: int) -> None:
        block = self.blocks[index]
        seen = block.made
        block.renew()
        if seen:
            block.pieces(self.usual)
        self.heights[index] = block.height(self.width, self.usual)

    def resize(self, width: int, usual: int | None = None) -> None:
        """Another width, or another usual level."""
        self.width = max(1, width)
        if usual is not None:
            self.usual = usual
            for block in self.blocks:
                block.level = None
                block.renew()
        self.heights = Heights(block.height(self.width, self.usual) for block in self.blocks)

    def _look(self, start: int, end: int) -> None:
        """Finds out what stands around each of these blocks."""
        blocks = self.blocks
        for index in range(start, min(end, len(blocks))):
            block = blocks[index]
            item = block.item
            before = index - 1
            while before >= 0 and blocks[before].silent:
                before -= 1
            previous = blocks[before].item.kind if before >= 0 else ""
            gap = bool(previous) and (item.kind in APART or previous in ("prompt", "run"))
            if item.kind == "run":
                run = item.id.removesuffix(".end")
                known = filter(None, map(self._by_id.get, (run, f"{run}.1")))  # it may have waited
                begun = max((one.item.at for one in known), default=item.at)
                block.around = Around(took=item.at - begun)
                continue
            follows = blocks[index + 1].item if index + 1 < len(blocks) else None
            calls = ended = waits = False
            if follows is not None and item.kind == "reply":
                calls = follows.id.startswith(f"{item.id}.")
                waits = follows.id.startswith(tries.STALLED)
                said = follows.text if follows.kind == "run" else ""
                ended = item.status == "failed" and bool(said) and item.output.endswith(said)
            failed = self._failed(item)
            fault = tries.fault(failed.item) if failed else ""
            number = failed.around.tries + 1 if failed else 0
            again = self._told_later(index)
            block.around = Around(
                gap, calls, ended, 0.0, fault, number, again, waits, self._answers(before, item)
            )

    def _told_later(self, index: int) -> bool:
        """Whether a try that failed, or that it was waited for, is told of with the next."""
        item = self.blocks[index].item
        if tries.fault(item):
            later = self._try(item, 1)
        elif item.id.startswith((tries.STALLED, tries.RESUMED)):
            rest = self.blocks[index + 1 : index + 3]
            later = next((one for one in rest if not one.item.id.startswith(tries.RESUMED)), None)
        else:
            return False
        return later is not None and tries.vain(later.item) and bool(self._failed(later.item))

    def _answers(self, before: int, item: Item) -> str:
        """The prompt that a run's first reply is for, where others' words are before it."""
        run, _, attempt = item.id.rpartition(".")
        asked = self._by_id.get(run) if item.kind == "reply" and attempt == "1" else None
        if asked is None:
            return ""
        said = (b for b in self.blocks[before::-1] if not b.silent and b.item.kind != "notice")
        return "" if before < 0 or next(said, asked) is asked else asked.item.text

    # ------------------------------------------------------------ walking

    @property
    def end(self) -> Place:
        """The place behind the last row."""
        return Place(len(self.blocks))

    def pieces(self, index: int) -> list[Piece]:
        """The pieces of a block."""
        block = self.blocks[index]
        if not block.made:
            block.pieces(self.usual)
            self.heights[index] = block.height(self.width, self.usual)
        return block.pieces(self.usual)

    def rows(self, index: int, number: int) -> list[Row]:
        """The rows of a piece of a block."""
        piece = self.pieces(index)[number]
        before = piece.height(self.width)
        made = piece.rows(self.width)
        if len(made) != before:
            self.heights[index] += len(made) - before
        self._kept[id(piece)] = piece
        self._kept.move_to_end(id(piece))
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)[1].drop()
        return made

    def up(self, place: Place, count: int) -> Place:
        """So many rows above, or the first one."""
        index, number, row = place
        while count > row:
            count -= row
            while not number:
                if not index:
                    return START
                index -= 1
                number = len(self.pieces(index))
            number -= 1
            row = len(self.rows(index, number))
        return Place(index, number, row - count)

    def down(self, place: Place, count: int) -> Place:
        """So many rows below, or the end."""
        index, number, row = place
        while index < len(self.blocks):
            for piece in range(number, len(self.pieces(index))):
                size = len(self.rows(index, piece))
                if row + count < size:
                    return Place(index, piece, row + count)
                count -= max(0, size - row)
                row = 0
            index, number = index + 1, 0
        return self.end

    def walk(self, place: Place) -> Iterator[tuple[Block, Row]]:
        """The rows from a place on."""
        index, number, row = place
        while index < len(self.blocks):
            for piece in range(number, len(self.pieces(index))):
                for found in self.rows(index, piece)[row:]:
                    yield self.blocks[index], found
                row = 0
            index, number = index + 1, 0

    def top(self, place: Place) -> int:
        """The rows above a place, guessed where they were never seen."""
        if place.block >= len(self.blocks):
            return self.heights.total
        found = self.heights.top(place.block) + place.row
        for piece in self.pieces(place.block)[: place.piece]:
            found += piece.height(self.width)
        return found

    def locate(self, row: int) -> Place:
        """The place with about so many rows above it."""
        if not self.blocks:
            return START
        index, row = self.heights.find(row)
        for number, piece in enumerate(self.pieces(index)):
            size = piece.height(self.width)
            if row < size:
                return Place(index, number, min(row, len(self.rows(index, number)) - 1))
            row -= size
        return Place(index)

    def fit(self, place: Place) -> Place:
        """The place, or what is next to it since its block has changed."""
        index, number, row = place
        if index >= len(self.blocks):
            return self.end
        pieces = self.pieces(index)
        if number >= len(pieces):
            return Place(index, max(0, len(pieces) - 1)) if pieces else Place(index)
        return Place(index, number, min(row, max(0, len(self.rows(index, number)) - 1)))
