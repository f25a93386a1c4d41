"""The shipped fake: a store in memory, with everything that the real one promises but a disk."""

import hashlib
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from itertools import accumulate, islice
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from tuiagent.kernel import audit
from tuiagent.kernel.codec import Draft, Record
from tuiagent.kernel.errors import Conflict, StoreError
from tuiagent.kernel.event import selects
from tuiagent.ports import Answer, Claim, Head
from tuiagent.stores import BIG


class Contents(Struct):
    """Everything that is committed."""

    records: list[Record] = []
    streams: dict[str, list[Record]] = {}
    wakes: dict[str, float] = {}
    claims: dict[str, Claim] = {}
    answers: dict[tuple[str, str], tuple[str, float, Answer]] = {}
    """By actor and `once`: the stream, the time and the answer."""
    blobs: dict[str, bytes] = {}
    refs: dict[tuple[str, str, int], bool] = {}
    """Blob, stream and version of the record that needs it."""
    erased: dict[tuple[str, int], bool] = {}
    """Stream and version of records without a body."""

    def shown(self, records: Sequence[Record]) -> list[Record]:
        """The records as they may be read."""
        if not self.erased:
            return list(records)
        gone = self.erased
        return [replace(r, body=None) if (r.stream, r.version) in gone else r for r in records]


class MemoryStore:
    """ports.Store whose life is that of this object; several engines may share one."""

    engine = "memory"

    def __init__(self) -> None:
        self._contents = Contents()
        self._alive: set[str] = set()
        self._lock = threading.RLock()
        self._open: MemoryTransaction | None = None
        self.transactions = MemoryTransaction

    def hold(self, owner: str) -> None:
        """This owner lives from now on."""
        self._alive.add(owner)

    def drop(self, owner: str) -> None:
        """This owner's process has died."""
        self._alive.discard(owner)

    def crash(self) -> None:
        """The machine has lost its power: what is not committed is gone, and so are all owners."""
        if self._open is not None:
            self._open.undo(0)
            self._open = None
        self._alive.clear()

    @contextmanager
    def transaction(self) -> Generator["MemoryTransaction"]:
        """See ports.Store. Raises StoreError when it crashed before its end."""
        with self._lock:
            if self._open is not None:
                raise StoreError("a transaction is open already")
            tx = self._open = self.transactions(self._contents, self._alive)
            try:
                yield tx
                if self._open is not tx:
                    raise StoreError("the store crashed before this was committed")
            except BaseException:
                tx.undo(0)
                raise
            finally:
                if self._open is tx:
                    self._open = None

    def read(self, stream: str, after: int = 0, limit: int = 1000) -> list[Record]:
        """See ports.Store."""
        with self._lock:
            found = self._contents.streams.get(stream, [])[after : after + limit]
            return self._contents.shown(found)

    def tail(
        self,
        select: str,
        after: int = 0,
        limit: int = 1000,
        kinds: frozenset[str] | None = None,
        room: int | None = None,
    ) -> list[Record]:
        """See ports.Store."""
        with self._lock:
            later = self._contents.records[after:]
            found = (r for r in later if selects(select, r.stream))
            wanted = (r for r in found if kinds is None or r.kind in kinds)
            shown = self._contents.shown(list(islice(wanted, limit)))
        sizes = accumulate(len(record.body or b"") for record in shown)
        fill = sum(room is None or size < room for size in sizes)
        return shown[: fill + 1]

    def position(self) -> int:
        """See ports.Store."""
        with self._lock:
            return len(self._contents.records)

    def heads(self, after: int = 0) -> list[Head]:
        """See ports.Store."""
        with self._lock:
            ends = [records[-1] for records in self._contents.streams.values() if records]
        heads = [Head(r.stream, r.version, r.hash, r.position) for r in ends]
        return sorted((h for h in heads if h.position > after), key=lambda head: head.position)

    def claims(self) -> dict[str, Claim]:
        """See ports.Store."""
        with self._lock:
            items = self._contents.claims.items()
            return {s: replace(c, alive=c.owner in self._alive) for s, c in items if c.owner}

    def due(self, now: float) -> list[str]:
        """See ports.Store."""
        with self._lock:
            return [stream for stream, wake in self._contents.wakes.items() if wake <= now]

    def refs(self, stream: str) -> list[tuple[str, int]]:
        """See ports.Store."""
        with self._lock:
            return [(key, version) for key, of, version in self._contents.refs if of == stream]

    def blob(self, key: str) -> bytes | None:
        """See ports.Store."""
        with self._lock:
            return self._contents.blobs.get(key)

    def size(self) -> int:
        """See ports.Store."""
        with self._lock:
            kept = self._contents.shown(self._contents.records)
            return sum(len(record.body or b"") for record in kept)

    def copy(self, target: str) -> None:
        """See ports.Store. Raises StoreError, as nothing could read that file."""
        raise StoreError("a journal in memory cannot be copied into a file")

    def close(self) -> None:
        """See ports.Store."""


class MemoryTransaction:
    """ports.Transaction on the contents themselves, with a list of what would undo it."""

    def __init__(self, contents: Contents, alive: set[str]) -> None:
        self._contents = contents
        self._alive = alive
        self._undo: list[tuple[dict[Any, Any], Any, Any] | str] = []

    @contextmanager
    def savepoint(self) -> Generator[None]:
        """See ports.Transaction."""
        mark = len(self._undo)
        try:
            yield
        except BaseException:
            self.undo(mark)
            raise

    def undo(self, mark: int) -> None:
        """Takes back everything done since the mark, the newest first."""
        while len(self._undo) > mark:
            step = self._undo.pop()
            if isinstance(step, str):
                self._contents.streams[step].pop()
                self._contents.records.pop()
                continue
            table, key, before = step
            if before is None:
                table.pop(key, None)
            else:
                table[key] = before

    def _set(self, table: dict[Any, Any], key: Any, value: Any) -> None:
        self._undo.append((table, key, table.get(key)))
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value

    def head(self, stream: str) -> Head | None:
        """See ports.Transaction."""
        records = self._contents.streams.get(stream)
        if not records:
            return None
        last = records[-1]
        return Head(stream, last.version, last.hash, last.position)

    def read(self, stream: str, after: int = 0) -> list[Record]:
        """See ports.Transaction."""
        return self._contents.shown(self._contents.streams.get(stream, [])[after:])

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
        at = float(at)
        records = self._contents.streams.setdefault(stream, [])
        if len(records) != expected:
            raise Conflict(f"{stream} is at version {len(records)}, not {expected}")
        previous = records[-1].hash if records else audit.root(stream)
        added: list[Record] = []
        for draft in drafts:
            if len(draft.body) > BIG:
                self.put_blob(draft.body)
            version = len(records) + 1
            digest = hashlib.sha256(draft.body).digest()
            then, who = at if draft.at is None else draft.at, draft.actor or actor
            previous = audit.link(
                previous, stream, version, then, who, draft.kind, draft.shape, digest
            )
            position = len(self._contents.records) + 1
            record = Record(
                position,
                stream,
                version,
                then,
                who,
                draft.kind,
                draft.shape,
                draft.body,
                digest,
                previous,
            )
            for key in draft.refs:
                self._set(self._contents.refs, (key, stream, version), True)
            records.append(record)
            self._contents.records.append(record)
            self._undo.append(stream)
            added.append(record)
        if added:
            self._set(self._contents.wakes, stream, wake)
        return added

    def claim(self, stream: str, owner: str) -> Claim | None:
        """See ports.Transaction."""
        claim = self._contents.claims.get(stream)
        if claim is not None and claim.owner == owner:
            return claim
        if claim is not None and claim.owner in self._alive:
            return None
        taken = Claim(owner, claim.fence + 1 if claim else 1)
        self._set(self._contents.claims, stream, taken)
        return taken

    def claimed(self, stream: str) -> Claim | None:
        """See ports.Transaction."""
        claim = self._contents.claims.get(stream)
        return claim if claim is not None and claim.owner else None

    def release(self, stream: str, owner: str) -> None:
        """See ports.Transaction."""
        claim = self._contents.claims.get(stream)
        if claim is not None and claim.owner == owner:
            self._set(self._contents.claims, stream, Claim("", claim.fence))

    def recall(self, actor: str, once: str) -> Answer | None:
        """See ports.Transaction."""
        found = self._contents.answers.get((actor, once))
        return found[2] if found else None

    def remember(self, actor: str, once: str, stream: str, at: float, answer: Answer) -> None:
        """See ports.Transaction."""
        if self.recall(actor, once):
            raise Conflict(f"`once` {once!r} has its answer already")
        self._set(self._contents.answers, (actor, once), (stream, at, answer))

    def erase(self, stream: str, after: int, before: int) -> None:
        """See ports.Transaction."""
        refs = self._contents.refs
        mine = [ref for ref in refs if ref[1] == stream and after < ref[2] < before]
        for ref in mine:
            self._set(refs, ref, None)
        needed = {key for key, _, _ in refs}
        for key in {key for key, _, _ in mine} - needed:
            self._set(self._contents.blobs, key, None)
        for version in range(after + 1, before):
            self._set(self._contents.erased, (stream, version), True)

    def tidy(self, before: float, pages: int) -> int:
        """See ports.Transaction."""
        for place, (stream, at, _) in list(self._contents.answers.items()):
            began = stream in self._contents.streams and (stream, 1) not in self._contents.erased
            if at < before and not began:
                self._set(self._contents.answers, place, None)
        return 0

    def put_blob(self, body: bytes) -> str:
        """See ports.Transaction."""
        key = hashlib.sha256(body).hexdigest()
        self._set(self._contents.blobs, key, body)
        return key
