"""Searching inside the conversation: what is typed, where it was found, and which place is next."""

import asyncio
import re
from collections.abc import Sequence

from tuiagent.clients.tui.transcript.blocks import Block
from tuiagent.clients.tui.transcript.rows import Row

AT_ONCE = 500
"""Blocks that are looked through before others have their turn."""


class Search:
    """One search; capital letters count only where some are typed."""

    def __init__(self) -> None:
        self.typing = True
        self.text = ""
        self.hits: list[int] = []
        """The numbers of blocks that hold it, oldest first."""
        self.here: int | None = None
        """The number of the block at hand."""
        self.place: tuple[int, int] | None = None
        """The piece and the row at hand in it."""
        self.row: Row | None = None
        """That row, as it is drawn."""
        self.searched = False

    @property
    def pattern(self) -> re.Pattern[str] | None:
        """What is looked for."""
        if not self.text:
            return None
        flags = re.IGNORECASE if self.text.islower() else 0
        return re.compile(re.escape(self.text), flags)

    async def look(self, blocks: Sequence[Block]) -> None:
        """Looks through all blocks, the newest first."""
        pattern = self.pattern
        self.hits, self.searched = [], False
        if pattern is None:
            return
        found: list[int] = []
        for count, block in enumerate(reversed(blocks), 1):
            if pattern.search(block.searched()):
                found.append(block.number)
            if count % AT_ONCE == 0:
                await asyncio.sleep(0)
        self.hits = found[::-1]
        self.searched = True

    def next(self, number: int, step: int) -> int | None:
        """The number of the next block that holds it, from one on; around the end if need be."""
        if not self.hits:
            return None
        if step > 0:
            return next((hit for hit in self.hits if hit > number), self.hits[0])
        return next((hit for hit in reversed(self.hits) if hit < number), self.hits[-1])

    def line(self) -> str:
        """What stands at the bottom of the screen."""
        if self.typing:
            return f"/{self.text}▏"
        if not self.searched:
            return f"/{self.text}  …"
        if not self.hits:
            return f"/{self.text}  found nowhere"
        place = self.hits.index(self.here) + 1 if self.here in self.hits else 0
        return f"/{self.text}  {place} of {len(self.hits)} · n next · N back · esc ends"

    def spots(self, row: Row) -> list[tuple[int, int]]:
        """Which characters of a row are what is looked for."""
        pattern = self.pattern
        if pattern is None or self.typing:
            return []
        return [match.span() for match in pattern.finditer(row.text)]
