"""A list of entries of one line each, of which some are unfolded into more."""

from bisect import bisect_right, insort


class Folds:
    """Which line belongs to which entry; costs what is unfolded, whatever the list's length."""

    def __init__(self) -> None:
        self.count = 0
        """Entries."""
        self._heights: dict[int, int] = {}
        """Lines below each unfolded entry's first."""
        self._order: list[int] = []

    @property
    def lines(self) -> int:
        """How many lines there are."""
        return self.count + sum(self._heights.values())

    def clear(self) -> None:
        """Folds all."""
        self._heights.clear()
        self._order.clear()

    def unfold(self, entry: int, height: int) -> None:
        """Gives an entry so many more lines; none folds it."""
        if entry in self._heights and not height:
            self._order.remove(entry)
            del self._heights[entry]
        elif height:
            if entry not in self._heights:
                insort(self._order, entry)
            self._heights[entry] = height

    def unfolded(self, entry: int) -> bool:
        """Whether it has more lines."""
        return entry in self._heights

    def top(self, entry: int) -> int:
        """The entry's first line."""
        before = self._order[: bisect_right(self._order, entry - 1)]
        return entry + sum(self._heights[other] for other in before)

    def reveal(self, entry: int, view: int, y: int) -> int:
        """The scroll offset nearest to `y` at which so many lines show the entry, or all of it."""
        first = self.top(entry)
        low, high = sorted((first, first + 1 + self._heights.get(entry, 0) - view))
        return max(0, low, min(y, high))

    def at(self, line: int) -> tuple[int, int]:
        """The entry that a line belongs to, and which of its lines it is, from 0."""
        gone = 0
        for entry in self._order:
            first = entry + gone
            if line <= first:
                break
            if line <= first + self._heights[entry]:
                return entry, line - first
            gone += self._heights[entry]
        return line - gone, 0
