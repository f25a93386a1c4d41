"""The reading half of the SQLite journal; also of a copy of one."""

# The type stubs of apsw are partial.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import os
import threading
import zlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import apsw

from tuiagent.kernel.codec import Record
from tuiagent.ports import Head
from tuiagent.stores import copying, opening

T = TypeVar("T")
COLUMNS = (
    "e.position, e.stream, e.version, e.at, e.actor, e.kind, e.shape, e.body, e.body_hash, e.hash,"
    " b.body"
)
SOURCE = f"SELECT {COLUMNS} FROM event e LEFT JOIN blob b ON b.hash = e.blob"


class Reader:
    """Reads on one connection, from any thread; no read stays open. Raises StoreError."""

    def __init__(self, path: str, connection: apsw.Connection) -> None:
        self._root = os.path.dirname(path)
        self._reader = connection
        self._reading = threading.Lock()

    def read(self, stream: str, after: int = 0, limit: int = 1000) -> list[Record]:
        """See ports.Store."""
        query = f"{SOURCE} WHERE e.stream = ? AND e.version > ? ORDER BY e.version LIMIT ?"
        return self._query(lambda c: records_of(c, query, (stream, after, limit)))

    def tail(
        self,
        select: str,
        after: int = 0,
        limit: int = 1000,
        kinds: frozenset[str] | None = None,
        room: int | None = None,
    ) -> list[Record]:
        """See ports.Store."""
        if kinds is not None and select.endswith("*"):
            return self._of_kinds(select[:-1], after, limit, kinds, room)
        values: list[int | str] = []
        if select.endswith("*"):
            where, order = "e.position > ?", "e.position"
            values = [after]
            if len(select) > 1:
                where += " AND substr(e.stream, 1, ?) = ?"
                values += [len(select) - 1, select[:-1]]
        else:  # by version, which the index has in order; it is the same order
            where, order = "e.stream = ? AND e.version > ?", "e.version"
            values = [select, self._version(select, after)]
        if kinds is not None:
            where += f" AND e.kind IN ({','.join('?' * len(kinds))})"
            values += sorted(kinds)
        query = f"{SOURCE} WHERE {where} ORDER BY {order} LIMIT ?"
        return self._query(lambda c: records_of(c, query, (*values, limit), room))

    def _of_kinds(
        self, start: str, after: int, limit: int, kinds: frozenset[str], room: int | None
    ) -> list[Record]:
        """A part of many streams: each kind in the order that its index has, merged.

        With one IN for all kinds, SQLite would sort everything that is left for every part.
        """
        if not kinds:
            return []
        part = "SELECT position FROM event WHERE kind = ? AND position > ?"
        part += " AND substr(stream, 1, ?) = ?"
        parts = f"{' UNION ALL '.join([part] * len(kinds))} ORDER BY position LIMIT ?"
        found = f"e.position IN (SELECT position FROM ({parts}))"
        query = f"{SOURCE} WHERE {found} ORDER BY e.position"
        values = [value for kind in sorted(kinds) for value in (kind, after, len(start), start)]
        return self._query(lambda c: records_of(c, query, (*values, limit), room))

    def _version(self, stream: str, position: int) -> int:
        """The stream's version as of a position."""
        query = (
            "SELECT version FROM event WHERE stream = ? AND position <= ?"
            " ORDER BY version DESC LIMIT 1"
        )
        if not position:
            return 0
        return self._query(lambda c: c.execute(query, (stream, position)).get) or 0

    def position(self) -> int:
        """See ports.Store."""
        return self._query(lambda c: c.execute("SELECT max(position) FROM event").get) or 0

    def heads(self, after: int = 0) -> list[Head]:
        """See ports.Store."""
        query = (
            "SELECT id, version, hash, position FROM stream WHERE position > ? ORDER BY position"
        )
        return self._query(lambda c: [Head(*row) for row in c.execute(query, (after,))])

    def due(self, now: float) -> list[str]:
        """See ports.Store."""
        query = "SELECT id FROM stream WHERE wake <= ?"
        return self._query(lambda c: [row[0] for row in c.execute(query, (now,))])

    def refs(self, stream: str) -> list[tuple[str, int]]:
        """See ports.Store."""
        query = "SELECT blob, version FROM ref WHERE stream = ?"
        return self._query(lambda c: [(row[0], row[1]) for row in c.execute(query, (stream,))])

    def blob(self, key: str) -> bytes | None:
        """See ports.Store."""
        query = "SELECT body FROM blob WHERE hash = ?"
        packed = self._query(lambda c: c.execute(query, (key,)).get)
        return None if packed is None else zlib.decompress(packed)

    def size(self) -> int:
        """See ports.Store: of the file, once its log is in it."""
        query = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
        return self._query(lambda c: c.execute(query).get)

    def close(self) -> None:
        """See ports.Store."""
        with self._reading:
            self._reader.close()

    def _query(self, work: Callable[[apsw.Connection], T]) -> T:
        with opening.explained(self._root), self._reading:
            return work(self._reader)


def records_of(
    connection: apsw.Connection, query: str, values: Sequence[Any], room: int | None = None
) -> list[Record]:
    """The rows of a query for COLUMNS, with their large bodies, until these fill the room."""
    found: list[Record] = []
    rows = connection.execute(query, tuple(values))
    for row in rows:
        *columns, packed = row
        if packed is not None:
            columns[7] = zlib.decompress(packed)
        found.append(Record(*columns))
        if room is not None and (room := room - len(columns[7] or b"")) <= 0:
            rows.close()
            break
    return found


def copy(path: str) -> Reader:
    """Reads a copy of a journal, which nobody writes. Raises StoreError."""
    with opening.explained(os.path.dirname(path)):
        return Reader(path, copying.frozen(path))
