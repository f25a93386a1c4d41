"""The journal: one SQLite file in WAL mode that several processes may open.

Durable means `synchronous=FULL`: a commit returns when the disk has it. The SQLite inside apsw is
used because the standard library's has a known WAL defect.
"""

# The type stubs of apsw are partial.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import contextlib
import hashlib
import os
import zlib
from collections.abc import Generator, Sequence
from typing import Any

import apsw

from tuiagent.kernel import audit
from tuiagent.kernel.codec import Draft, Record
from tuiagent.kernel.errors import Conflict
from tuiagent.ports import Answer, Claim, Head
from tuiagent.stores import BIG, copying, opening
from tuiagent.stores.locks import Locks
from tuiagent.stores.reading import SOURCE, Reader, records_of


class SqliteStore(Reader):
    """ports.Store in one file; its folder, the state root, also holds the locks."""

    engine = f"SQLite {apsw.sqlite_lib_version()}"

    def __init__(self, path: str, vfs: str = "", synchronous: str = "FULL") -> None:
        root = os.path.dirname(path)
        opening.prepare(root)
        self._path = path
        self.locks = Locks(root)
        self._writer = opening.connect(path, self.locks, vfs, synchronous)
        try:
            super().__init__(path, opening.attach(path, vfs))
        except BaseException:
            with contextlib.suppress(apsw.Error):  # the first error says why
                self._writer.close()
            self.locks.close()
            raise

    def hold(self, owner: str) -> None:
        """This process is the owner with this id, until it ends. Raises StoreError."""
        with opening.explained(self._root):
            self.locks.hold(owner)
            with self.locks.writing():  # the tables may have been changed since they were opened
                opening.look(self._writer, self._path)

    def copy(self, target: str) -> None:
        """See ports.Store. Raises StoreError."""
        with contextlib.closing(opening.attach(self._path, "")) as source:
            copying.copy(source, target)

    @contextlib.contextmanager
    def transaction(self) -> Generator["SqliteTransaction"]:
        """See ports.Store. Raises StoreError."""
        with opening.explained(self._root), self.locks.writing():
            tx = SqliteTransaction(self._writer, self.locks)
            tx.begin()
            try:
                yield tx
                self._commit(tx)
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise

    def _commit(self, tx: "SqliteTransaction") -> None:
        """Commits; when the disk is full, once more after giving up the reserve.

        SQLite takes everything back when COMMIT finds the disk full, so it is all written again;
        nobody else wrote meanwhile, so it gets the same positions.
        """
        try:
            self._writer.execute("COMMIT")
        except (apsw.FullError, apsw.IOError):
            if self._writer.in_transaction or not opening.release_reserve(self._root):
                raise
            tx.repeat()
            self._writer.execute("COMMIT")

    def claims(self) -> dict[str, Claim]:
        """See ports.Store."""
        query = "SELECT stream, owner, fence FROM claim WHERE owner <> ''"
        rows = self._query(lambda c: list(c.execute(query)))
        alive = {owner: self.locks.alive(owner) for owner in {row[1] for row in rows}}
        return {stream: Claim(owner, fence, alive[owner]) for stream, owner, fence in rows}

    def close(self) -> None:
        """See ports.Store."""
        self.locks.close()
        super().close()
        self._writer.close()


class SqliteTransaction:
    """ports.Transaction between BEGIN IMMEDIATE and COMMIT."""

    def __init__(self, connection: apsw.Connection, locks: Locks) -> None:
        self._connection = connection
        self._locks = locks
        self._written: list[tuple[str, tuple[Any, ...]]] = []

    def begin(self) -> None:
        """Begins; the lock for writing is held already."""
        self._connection.execute("BEGIN IMMEDIATE")

    def repeat(self) -> None:
        """Begins anew and writes everything once more."""
        self.begin()
        for statement, values in self._written:
            self._connection.execute(statement, values)

    def _write(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values)
        self._written.append((statement, values))

    @contextlib.contextmanager
    def savepoint(self) -> Generator[None]:
        """See ports.Transaction."""
        mark = len(self._written)
        try:
            with self._connection:
                yield
        except BaseException:
            del self._written[mark:]
            raise

    def head(self, stream: str) -> Head | None:
        """See ports.Transaction."""
        query = "SELECT id, version, hash, position FROM stream WHERE id = ?"
        row = self._connection.execute(query, (stream,)).fetchone()
        return Head(*row) if row else None

    def read(self, stream: str, after: int = 0) -> list[Record]:
        """See ports.Transaction."""
        query = f"{SOURCE} WHERE e.stream = ? AND e.version > ? ORDER BY e.version"
        return records_of(self._connection, query, (stream, after))

    def append(
        self,
        stream: str,
        expected: int,
        drafts: Sequence[Draft],
        at: float,
        actor: str,
        wake: float | None,
    ) -> list[Record]:
        """See ports.Transaction."""
        head = self.head(stream)
        version = head.version if head else 0
        if version != expected:
            raise Conflict(f"{stream} is at version {version}, not {expected}")
        previous = head.hash if head else audit.root(stream)
        records: list[Record] = []
        for draft in drafts:
            version += 1
            digest = hashlib.sha256(draft.body).digest()
            then, who = float(at if draft.at is None else draft.at), draft.actor or actor
            previous = audit.link(
                previous, stream, version, then, who, draft.kind, draft.shape, digest
            )
            records.append(self._insert(stream, version, then, who, draft, digest, previous))
        if records:
            last = records[-1]
            self._write(
                "INSERT INTO stream(id, version, hash, position, wake) VALUES(?,?,?,?,?)"
                " ON CONFLICT(id) DO UPDATE SET version = excluded.version, hash = excluded.hash,"
                " position = excluded.position, wake = excluded.wake",
                stream,
                last.version,
                last.hash,
                last.position,
                wake,
            )
        return records

    def _insert(
        self,
        stream: str,
        version: int,
        at: float,
        actor: str,
        draft: Draft,
        digest: bytes,
        link: bytes,
    ) -> Record:
        body: bytes | None = draft.body
        blob: str | None = None
        if len(draft.body) > BIG:
            body, blob = None, self.put_blob(draft.body)
        self._write(
            "INSERT INTO event(stream, version, at, actor, kind, shape, body, body_hash, hash,"
            " blob) VALUES(?,?,?,?,?,?,?,?,?,?)",
            *(stream, version, at, actor, draft.kind, draft.shape, body, digest, link, blob),
        )
        position = self._connection.last_insert_rowid()
        for key in (*draft.refs, *([blob] if blob else [])):
            self._write(
                "INSERT OR IGNORE INTO ref(blob, stream, version) VALUES(?,?,?)",
                key,
                stream,
                version,
            )
        return Record(
            position,
            stream,
            version,
            at,
            actor,
            draft.kind,
            draft.shape,
            draft.body,
            digest,
            link,
        )

    def claim(self, stream: str, owner: str) -> Claim | None:
        """See ports.Transaction."""
        query = "SELECT owner, fence FROM claim WHERE stream = ?"
        row = self._connection.execute(query, (stream,)).fetchone()
        if row and row[0] == owner:
            return Claim(*row)
        if row and row[0] and self._locks.alive(row[0]):
            return None
        fence = row[1] + 1 if row else 1
        self._write(
            "INSERT INTO claim(stream, owner, fence) VALUES(?,?,?)"
            " ON CONFLICT(stream) DO UPDATE SET owner = excluded.owner, fence = excluded.fence",
            stream,
            owner,
            fence,
        )
        return Claim(owner, fence)

    def claimed(self, stream: str) -> Claim | None:
        """See ports.Transaction."""
        query = "SELECT owner, fence FROM claim WHERE stream = ? AND owner <> ''"
        row = self._connection.execute(query, (stream,)).fetchone()
        return Claim(*row) if row else None

    def release(self, stream: str, owner: str) -> None:
        """See ports.Transaction."""
        update = "UPDATE claim SET owner = '' WHERE stream = ? AND owner = ?"
        self._write(update, stream, owner)

    def recall(self, actor: str, once: str) -> Answer | None:
        """See ports.Transaction."""
        query = "SELECT intents, position, refusal FROM once WHERE actor = ? AND key = ?"
        row = self._connection.execute(query, (actor, once)).fetchone()
        return Answer(*row) if row else None

    def remember(self, actor: str, once: str, stream: str, at: float, answer: Answer) -> None:
        """See ports.Transaction."""
        if self.recall(actor, once):
            raise Conflict(f"`once` {once!r} has its answer already")
        self._write(
            "INSERT INTO once(actor, key, stream, at, intents, position, refusal)"
            " VALUES(?,?,?,?,?,?,?)",
            *(actor, once, stream, at, answer.intents, answer.position, answer.refusal),
        )

    def erase(self, stream: str, after: int, before: int) -> None:
        """See ports.Transaction. What becomes free is overwritten."""
        mine = "FROM ref WHERE stream = ? AND version > ? AND version < ?"
        place = (stream, after, before)
        keys = [row[0] for row in self._connection.execute(f"SELECT blob {mine}", place)]
        self._write(f"DELETE {mine}", *place)
        for key in set(keys):
            unused = "NOT EXISTS(SELECT 1 FROM ref WHERE ref.blob = blob.hash)"
            self._write(f"DELETE FROM blob WHERE hash = ? AND {unused}", key)
        # Written anew rather than changed: pages that become emptier are joined only then.
        columns = "position, stream, version, at, actor, kind, shape, body_hash, hash"
        whole = "WHERE stream = ? AND version > ? AND version < ?"
        rows = self._connection.execute(f"SELECT {columns} FROM event {whole}", place).fetchall()
        self._write(f"DELETE FROM event {whole}", *place)
        for row in rows:
            self._write(f"INSERT INTO event({columns}) VALUES(?,?,?,?,?,?,?,?,?)", *row)

    def tidy(self, before: float, pages: int) -> int:
        """See ports.Transaction."""
        began = (
            "SELECT 1 FROM event WHERE stream = once.stream AND version = 1"
            " AND (body IS NOT NULL OR blob IS NOT NULL)"
        )
        self._write(f"DELETE FROM once WHERE at < ? AND NOT EXISTS({began})", before)
        # one row for each page, which is given back only when its row is fetched
        self._connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
        return self._connection.execute("PRAGMA freelist_count").get

    def put_blob(self, body: bytes) -> str:
        """See ports.Transaction."""
        key = hashlib.sha256(body).hexdigest()
        self._write(
            "INSERT OR IGNORE INTO blob(hash, size, body) VALUES(?,?,?)",
            key,
            len(body),
            zlib.compress(body, 1),
        )
        return key
