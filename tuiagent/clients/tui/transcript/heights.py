"""How high blocks are, one above the other: found and changed quickly among very many."""

from collections.abc import Iterable
from itertools import accumulate

CHUNK = 256


class Heights:
    """The heights of blocks, in rows, with sums over every CHUNK of them."""

    def __init__(self, heights: Iterable[int] = ()) -> None:
        self._all = list(heights)
        self._sum()

    def _sum(self) -> None:
        rows = self._all
        self._sums = [sum(rows[n : n + CHUNK]) for n in range(0, len(rows), CHUNK)]
        self.total = sum(self._sums)

    def __len__(self) -> int:
        return len(self._all)

    def __getitem__(self, index: int) -> int:
        return self._all[index]

    def __setitem__(self, index: int, height: int) -> None:
        by = height - self._all[index]
        if by:
            self._all[index] = height
            self._sums[index // CHUNK] += by
            self.total += by

    def append(self, height: int) -> None:
        """One more at the end."""
        if len(self._all) % CHUNK == 0:
            self._sums.append(0)
        self._all.append(height)
        self._sums[-1] += height
        self.total += height

    def prepend(self, heights: list[int]) -> None:
        """More at the beginning."""
        self._all[:0] = heights
        self._sum()

    def top(self, index: int) -> int:
        """The rows above a block."""
        whole = index // CHUNK
        return sum(self._sums[:whole]) + sum(self._all[whole * CHUNK : index])

    def find(self, row: int) -> tuple[int, int]:
        """The block that a row lies in, and the row's number there."""
        if not self._all:
            return 0, 0
        row = max(0, min(row, self.total - 1))
        chunk = 0
        while chunk < len(self._sums) - 1 and row >= self._sums[chunk]:
            row -= self._sums[chunk]
            chunk += 1
        start = chunk * CHUNK
        for index, end in enumerate(accumulate(self._all[start : start + CHUNK]), start):
            if row < end:
                return index, row - (end - self._all[index])
        return len(self._all) - 1, 0
