"""The search index: one disposable SQLite file beside the journal, never part of its commits.

The text is folded by views.search: accents, case and signs are gone, and each character of a script
without spaces is a word of its own, so that the plainest tokenizer will do. Tried on 14 MB of
prompts, replies, calls and outputs, the trigram tokenizer took 4 times as long to fill (3.9 s, not
1.0 s), made a file 3.4 times as large (3.2 bytes for each byte of text, not 0.9), and found no word
of two characters, of which Chinese has many. A prefix index made the file 1.5 times as large and
spared 5 ms of a search for two letters, so there is none.

The table of words holds no text (`content=''`); that lies beside it, compressed. Nobody keeps the
file open: each use opens it under a lock, so that it may be removed whenever it is in doubt.
"""

# The type stubs of apsw are partial.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import contextlib
import os
import zlib
from collections.abc import Generator, Iterable, Sequence
from typing import Any

import apsw

from tuiagent.kernel.errors import StoreError
from tuiagent.stores.locks import holding
from tuiagent.views.search import Entry, Phrase, fold

TABLES = """
CREATE TABLE mark(version TEXT NOT NULL, position INTEGER NOT NULL, hash TEXT NOT NULL) STRICT;
CREATE TABLE text(
    id INTEGER PRIMARY KEY, position INTEGER NOT NULL, stream TEXT NOT NULL, at REAL NOT NULL,
    kind TEXT NOT NULL, body BLOB NOT NULL
) STRICT;
CREATE INDEX text_stream ON text(stream);
CREATE VIRTUAL TABLE words USING fts5(
    body, content='', tokenize='ascii'
);
INSERT INTO words(words, rank) VALUES('secure-delete', 1);
"""
SETTINGS = "PRAGMA secure_delete=ON; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-16000"
SLOWER = 35
"""Texts that are indexed in the time in which one is forgotten (2.3 ms)."""
NOTHING = (0, "")
"""The place of an index that has read nothing."""


class SearchFile:
    """engine.search.Index in one file; one of another version is dropped and made anew."""

    def __init__(self, path: str, version: str) -> None:
        self._path = path
        self._version = version

    @contextlib.contextmanager
    def using(self) -> Generator["SearchTable"]:
        """The index to itself, in one transaction. Raises StoreError; drops it when damaged."""
        try:
            with self._locked(), self._opened() as connection, connection:
                yield SearchTable(connection)
        except (apsw.CorruptError, apsw.NotADBError, apsw.SQLError) as error:
            self.drop()
            raise StoreError(f"{self._path} was damaged and is made anew [{error}]") from error
        except (apsw.Error, OSError) as error:
            raise StoreError(f"{self._path} cannot be used [{error}]") from error

    def forget(self, stream: str) -> None:
        """Removes what the index holds of a stream, also from the disk's pages. Raises StoreError.

        When that fails, the whole index goes.
        """
        if not os.path.exists(self._path):
            return
        try:
            with self.using() as table:
                table.forget(stream)
        except StoreError:
            self.drop()

    def drop(self) -> None:
        """Removes the file. Raises StoreError."""
        try:
            with self._locked():
                for end in ("-journal", "-wal", "-shm", ""):
                    with contextlib.suppress(FileNotFoundError):
                        os.unlink(self._path + end)
        except OSError as error:
            raise StoreError(
                f"{self._path} holds what was erased and cannot be removed: {error.strerror}; "
                "remove it yourself"
            ) from error

    @contextlib.contextmanager
    def _locked(self) -> Generator[None]:
        os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
        with holding(f"{self._path}.lock"):
            yield

    @contextlib.contextmanager
    def _opened(self) -> Generator[apsw.Connection]:
        """The file, with its tables. Raises apsw.NotADBError for one of another version."""
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        with contextlib.closing(apsw.Connection(self._path)) as connection:
            connection.execute(SETTINGS)
            if not connection.execute("SELECT count(*) FROM sqlite_schema").get:
                with connection:
                    connection.execute(TABLES)
                    mark = (self._version, *NOTHING)
                    connection.execute("INSERT INTO mark VALUES(?,?,?)", mark)
            if connection.execute("SELECT version FROM mark").get != self._version:
                raise apsw.NotADBError("it is of another version")
            yield connection


class SearchTable:
    """engine.search.Table: the index while it is used."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    def mark(self) -> tuple[int, str]:
        """See engine.search.Table."""
        row = self._connection.execute("SELECT position, hash FROM mark").fetchone()
        return (row[0], row[1]) if row else NOTHING

    def reach(self, position: int, digest: str) -> None:
        """See engine.search.Table."""
        self._connection.execute("UPDATE mark SET position = ?, hash = ?", (position, digest))

    def add(self, entries: Iterable[Entry]) -> None:
        """See engine.search.Table."""
        for entry in entries:
            body = zlib.compress(entry.text.encode("utf-8", "replace"), 1)
            row = (entry.position, entry.stream, entry.at, entry.kind, body)
            insert = "INSERT INTO text(position, stream, at, kind, body) VALUES(?,?,?,?,?)"
            self._connection.execute(insert, row)
            words = (self._connection.last_insert_rowid(), fold(entry.text))
            self._connection.execute("INSERT INTO words(rowid, body) VALUES(?,?)", words)

    def forget(self, stream: str) -> bool:
        """See engine.search.Table. A table without text has to be told what it shall forget."""
        count = "SELECT count(*) FROM text"
        mine: Any = self._connection.execute(f"{count} WHERE stream = ?", (stream,)).get
        every: Any = self._connection.execute(count).get
        if mine * SLOWER > every:
            self.clear()
            return False
        query = "SELECT id, body FROM text WHERE stream = ?"
        rows: list[Any] = self._connection.execute(query, (stream,)).fetchall()
        for ident, body in rows:
            words = (ident, fold(zlib.decompress(body).decode()))
            delete = "INSERT INTO words(words, rowid, body) VALUES('delete', ?, ?)"
            self._connection.execute(delete, words)
        self._connection.execute("DELETE FROM text WHERE stream = ?", (stream,))
        return True

    def clear(self) -> None:
        """See engine.search.Table."""
        self._connection.execute("INSERT INTO words(words) VALUES('delete-all')")
        self._connection.execute("DELETE FROM text")
        self.reach(*NOTHING)

    def find(self, wanted: Sequence[Phrase], among: frozenset[str], limit: int) -> list[Entry]:
        """See engine.search.Table."""
        match = " AND ".join('"' + " ".join(phrase) + '" *' for phrase in wanted)
        query = (
            "SELECT t.position, t.stream, t.at, t.kind, t.body FROM words w CROSS JOIN text t"
            " ON t.id = w.rowid WHERE w.body MATCH ? ORDER BY w.rowid DESC"
        )
        found: list[Entry] = []
        for position, stream, at, kind, body in self._connection.execute(query, (match,)):
            if len(found) >= limit:
                break
            if stream in among:
                text = zlib.decompress(body).decode()
                found.append(Entry(position, stream, at, kind, text))
        return found
