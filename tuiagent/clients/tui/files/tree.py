"""A tree of folders of which only the opened ones are known: which lines it has, top to bottom."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

READING = "reading"


class Entry(NamedTuple):
    """A name in a folder."""

    name: str
    folder: bool = False
    link: bool = False
    ignored: bool = False


class Listing(NamedTuple):
    """What a folder holds, as far as it is shown."""

    entries: tuple[Entry, ...] = ()
    """Folders first, then by name."""
    more: int = 0
    """Further ones that are only counted."""
    problem: str = ""
    """Why nothing could be read."""


class Row(NamedTuple):
    """One line of the tree."""

    path: str
    """Below the root, with slashes; "" is the root itself."""
    depth: int
    entry: Entry
    note: str = ""
    """What is said instead of a name: that it is being read, why it cannot be, how many more."""


class Tree:
    """Folders as they were read, and those of them that are open; the root always is."""

    def __init__(self, hide: bool = True) -> None:
        self.hide = hide
        """Whether ignored names are left out."""
        self.rows: list[Row] = []
        self._paths: list[str] = []
        """Of the rows; "" for those that are no name. For finding one among very many."""
        self.open: set[str] = {""}
        self._listed: dict[str, Listing] = {}
        self.rebuild()

    def readable(self, path: str) -> bool:
        """Whether a folder was read."""
        listing = self._listed.get(path)
        return listing is not None and not listing.problem

    def put(self, path: str, listing: Listing) -> None:
        """A folder was read; what is gone from it is forgotten with all below it."""
        if path not in self.open:
            return
        before = self._listed.get(path)
        if before == listing:
            return
        gone = {e.name for e in before.entries if e.folder} if before else set[str]()
        for name in gone - {entry.name for entry in listing.entries if entry.folder}:
            self._forget(below(path, name))
        self._listed[path] = listing
        self._splice(path)

    def expand(self, path: str) -> None:
        """Opens a folder; its lines come once it is read."""
        if path not in self.open:
            self.open.add(path)
            self._splice(path)

    def collapse(self, path: str) -> None:
        """Closes a folder and all below it; they are read again when they are opened again."""
        if path in self.open and path:
            self._forget(path)
            self._splice(path)

    def find(self, path: str) -> int:
        """The number of the row with this path, or of the nearest folder above it; 0 if none."""
        while path:
            with suppress(ValueError):
                return self._paths.index(path)
            path = above(path)
        return 0

    def rebuild(self) -> None:
        """Makes all lines again."""
        self.rows = list(self._lines("", 0))
        self._paths = _named(self.rows)

    def _forget(self, path: str) -> None:
        under = path + "/"
        for other in [o for o in self.open if o == path or o.startswith(under)]:
            self.open.discard(other)
            self._listed.pop(other, None)

    def _splice(self, path: str) -> None:
        """Puts the lines below one folder in the place of those that stood there."""
        if not path:
            self.rebuild()
            return
        rows, at = self.rows, self.find(path)
        if rows[at].path != path:
            return
        depth, end = rows[at].depth, at + 1
        while end < len(rows) and rows[end].depth > depth:
            end += 1
        fresh = list(self._lines(path, depth + 1)) if path in self.open else []
        rows[at + 1 : end] = fresh
        self._paths[at + 1 : end] = _named(fresh)

    def _lines(self, path: str, depth: int) -> Iterator[Row]:
        listing = self._listed.get(path)
        if listing is None:
            yield Row(path, depth, Entry(""), READING)
            return
        hidden = 0
        for entry in listing.entries:
            if entry.ignored and self.hide:
                hidden += 1
                continue
            child = below(path, entry.name)
            yield Row(child, depth, entry)
            if entry.folder and child in self.open:
                yield from self._lines(child, depth + 1)
        if listing.problem:
            yield Row(path, depth, Entry(""), listing.problem)
        elif listing.more:
            yield Row(path, depth, Entry(""), f"{listing.more:,} more")
        elif len(listing.entries) == hidden:
            yield Row(path, depth, Entry(""), f"{hidden} ignored" if hidden else "empty")


def _named(rows: Sequence[Row]) -> list[str]:
    return ["" if row.note else row.path for row in rows]


def below(path: str, name: str) -> str:
    """The path of a name in a folder."""
    return f"{path}/{name}" if path else name


def above(path: str) -> str:
    """The folder that a path is in."""
    return path.rpartition("/")[0]


def ordered(entries: Sequence[Entry]) -> tuple[Entry, ...]:
    """Folders first, then by name, whatever the case."""
    return tuple(sorted(entries, key=order))


def order(entry: Entry) -> tuple[bool, str, str]:
    """What entries are sorted by."""
    return not entry.folder, entry.name.casefold(), entry.name
