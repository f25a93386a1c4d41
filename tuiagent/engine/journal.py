"""The only writer: loads, decides, appends, folds and publishes, in one transaction for many."""

import asyncio
import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from queue import SimpleQueue
from typing import Any, Protocol

from msgspec import Struct
from msgspec.structs import replace

from tuiagent.engine.clock import World
from tuiagent.kernel.aggregates import AGGREGATES
from tuiagent.kernel.codec import Codec, Draft, Record
from tuiagent.kernel.directory import STREAM, Directory
from tuiagent.kernel.errors import Conflict, Fenced, Refused, StoreError, TuiagentError
from tuiagent.kernel.event import At, Event, Fact, Intent, Past, kind_of
from tuiagent.kernel.lifecycle import SessionErased, SessionOpened
from tuiagent.ports import Answer, Claim, Store, Transaction

PIECE = 100
"""Records whose bodies are erased in one transaction, which others wait for."""


class Written(Struct, frozen=True):
    """What became of a request: the position at which it is done, and how many intents held."""

    position: int
    done: int


class Request(Struct):
    """Intents of one actor for one stream, to be decided in order."""

    stream: str
    intents: tuple[Intent, ...]
    actor: str
    once: str = ""
    fence: int = 0
    blobs: Mapping[str, bytes] = {}
    admit: Callable[[Directory], None] | None = None
    """Raises Refused for whoever may not ask this; judged in the transaction itself."""


class Cached(Struct):
    """A stream's folded state, as of a version."""

    state: Any
    version: int


Work = Callable[[Transaction], Any]


class Batch(Struct):
    """What one transaction did: news in commit order, and an outcome for each piece of work."""

    events: list[Event]
    outcomes: list[Any]


class Writer(Protocol):
    """Takes pieces of work, and has several of them committed together."""

    async def run(self, work: Work) -> Any:
        """The outcome of the work, once it is durable; raises what the work raised."""
        ...

    def close(self) -> None:
        """Finishes what was taken; takes nothing more."""
        ...


class Journal:
    """Turns intents into durable facts; `publish` is told of all news, in commit order."""

    def __init__(self, store: Store, codec: Codec, owner: str, world: World) -> None:
        self.store = store
        self.codec = codec
        self.owner = owner
        self.world = world
        self.publish: Callable[[list[Event]], None] = lambda events: None
        self.writer: Writer | None = None
        self._cache: dict[str, Cached] = {}
        self._seen = store.position()

    async def write(self, request: Request) -> Written:
        """Decides and appends; returns once it is durable and published.

        The first intent must hold (else Refused, Conflict or Fenced is raised and nothing is
        written); from the first later one that is refused, the rest is dropped.
        """
        return await self.run(lambda tx: self._decide(tx, request))

    async def claim(self, stream: str) -> Claim | None:
        """Takes the right to drive a stream; None while a living process has it."""
        return await self.run(lambda tx: tx.claim(stream, self.owner))

    async def reclaim(self, stream: str) -> Claim | None:
        """Claims a stream anew, so that what this process has begun before counts as abandoned."""

        def claim(tx: Transaction) -> Claim | None:
            tx.release(stream, self.owner)
            return tx.claim(stream, self.owner)

        return await self.run(claim)

    async def release(self, stream: str) -> None:
        """Gives the right to drive a stream back."""
        await self.run(lambda tx: tx.release(stream, self.owner))

    async def erase(self, stream: str, pause: float = 0.0) -> None:
        """Removes the bodies of an erased session, piece by piece: others write in between.

        A process that is killed meanwhile leaves some, for whoever does it again. Of a session
        that was not erased by a fact, nothing is removed. `pause` is in seconds.
        """
        kinds = frozenset({SessionErased.__name__})
        said = await asyncio.to_thread(self.store.tail, stream, 0, 1, kinds)
        for after in range(0, said[0].version if said else 0, PIECE):
            before = min(after + PIECE + 1, said[0].version)
            await self.run(lambda tx, a=after, b=before: tx.erase(stream, a, b))
            await asyncio.sleep(pause)

    async def sync(self) -> None:
        """Publishes what other processes wrote."""
        await self.run(lambda tx: None)

    def events(self, stream: str, after: int = 0) -> list[Event]:
        """A stream's events whose version is above `after`."""
        return [self.codec.event(record) for record in self.records(stream, after)]

    def history(self, stream: str, kinds: frozenset[str] | None = None) -> list[Event]:
        """The stream's events and, of a forked session, those of its origin before them."""
        return [self.codec.event(record) for record in self.lineage(stream, kinds)]

    def lineage(self, stream: str, kinds: frozenset[str] | None = None) -> list[Record]:
        """The stream's records and, of a forked session, those of its origin before them.

        Of these kinds alone, where any are named: the others are not read from the disk.
        """
        first = self.store.read(stream, 0, 1)
        if not first:
            return []
        records = self.records(stream) if kinds is None else self._of_kinds(stream, kinds)
        fact = self.codec.event(first[0]).fact
        origin = fact.origin if isinstance(fact, SessionOpened) else None
        if origin is None or origin.position >= first[0].position:
            return records
        before = self.lineage(origin.stream, kinds)
        return [*(record for record in before if record.position <= origin.position), *records]

    def records(self, stream: str, after: int = 0) -> list[Record]:
        """A stream's records whose version is above `after`, as they are stored."""
        found: list[Record] = []
        while records := self.store.read(stream, after):
            found += records
            after = records[-1].version
        return found

    def _of_kinds(self, stream: str, kinds: frozenset[str]) -> list[Record]:
        found: list[Record] = []
        while records := self.store.tail(stream, found[-1].position if found else 0, kinds=kinds):
            found += records
        return found

    def digest(self, position: int) -> str:
        """The hash (hexadecimal) of the record at this position, "" where there is none."""
        found = self.store.tail("*", position - 1, 1)
        return found[0].hash.hex() if found and found[0].position == position else ""

    async def run(self, work: Work) -> Any:
        """Does something in a transaction; its outcome once it is durable. Raises StoreError."""
        if self.writer is None:
            raise StoreError("the journal is closed")
        return await self.writer.run(work)

    # ------------------------------------------------------------ in the writer's thread

    def commit(self, works: Sequence[Work]) -> Batch:
        """Runs all this work in one transaction; a piece that fails leaves the others alone."""
        try:
            with self.store.transaction() as tx:
                outcomes = [self._attempt(tx, work) for work in works]
                self.world.point("in-transaction")
        except BaseException:
            self._cache.clear()
            raise
        self.world.point("committed")
        return Batch(self._news(), outcomes)

    def _attempt(self, tx: Transaction, work: Work) -> Any:
        try:
            with tx.savepoint():
                return work(tx)
        except TuiagentError as error:
            return error

    def _news(self) -> list[Event]:
        """Everything committed since the last time, by whatever process."""
        events: list[Event] = []
        while records := self.store.tail("*", self._seen):
            events += map(self.codec.event, records)
            self._seen = records[-1].position
        return events

    def _decide(self, tx: Transaction, request: Request) -> Written:
        mark = b""
        if request.admit:
            request.admit(self.directory(tx))
        if request.once:
            mark = self._mark(request.intents)
            answer = tx.recall(request.actor, request.once)
            if answer is not None:
                return self._repeat(answer, mark, request)
        self._check_fence(tx, request)
        try:
            written = self._append(tx, request)
        except Refused as refusal:
            if mark:
                return self._refuse(tx, request, Answer(mark, 0, str(refusal)))
            raise
        except BaseException:
            self._cache.pop(request.stream, None)
            raise
        if mark:
            self._remember(tx, request, Answer(mark, written.position))
        return written

    def _append(self, tx: Transaction, request: Request) -> Written:
        aggregate = AGGREGATES.get(kind_of(request.stream))
        if aggregate is None:
            raise Refused(f"there is no kind of stream for {request.stream}")
        cached = self._load(tx, request.stream)
        at = At(self.world.now(), request.actor, request.fence)
        facts: list[Fact] = []
        done = 0
        for intent in request.intents:
            try:
                decided = aggregate.decide(cached.state, intent, at)
            except Refused:
                if not done:
                    raise
                break
            for fact in decided:
                told = fact.fact if isinstance(fact, Past) else fact
                cached.state = aggregate.fold(cached.state, told)
            facts += decided
            done += 1
        if not facts:
            head = tx.head(request.stream)
            return Written(head.position if head else 0, done)
        for body in request.blobs.values():
            tx.put_blob(body)
        drafts = self._drafts(facts, tuple(request.blobs))
        wake = aggregate.wake(cached.state)
        records = tx.append(request.stream, cached.version, drafts, at.now, request.actor, wake)
        cached.version = records[-1].version
        if any(isinstance(fact, SessionErased) for fact in facts):
            self._cache.pop(request.stream, None)  # its bodies go next: see `erase`
        return Written(records[-1].position, done)

    def _drafts(self, facts: Iterable[Fact], refs: tuple[str, ...]) -> list[Draft]:
        """The facts as bytes; blobs that came along belong to the first of them."""
        drafts = [self.codec.draft(fact) for fact in facts]
        if refs:
            drafts[0] = replace(drafts[0], refs=refs)
        return drafts

    def directory(self, tx: Transaction) -> Directory:
        """Who may act here now, whatever process said so last."""
        return self._load(tx, STREAM).state

    def _load(self, tx: Transaction, stream: str) -> Cached:
        """The stream's state, caught up with what any process wrote."""
        cached = self._cache.get(stream)
        if cached is None:
            aggregate = AGGREGATES[kind_of(stream)]
            cached = self._cache[stream] = Cached(aggregate.initial(), 0)
        head = tx.head(stream)
        version = head.version if head else 0
        if cached.version < version:
            fold = AGGREGATES[kind_of(stream)].fold
            for record in tx.read(stream, cached.version):
                cached.state = fold(cached.state, self.codec.event(record).fact)
            cached.version = version
        return cached

    def _check_fence(self, tx: Transaction, request: Request) -> None:
        if not request.fence:
            return
        claim = tx.claimed(request.stream)
        if claim is None or claim.owner != self.owner or claim.fence != request.fence:
            raise Fenced(f"another owner drives {request.stream} now")

    def _mark(self, intents: Sequence[Intent]) -> bytes:
        joined = b"\0".join(self.codec.intent_bytes(intent) for intent in intents)
        return hashlib.sha256(joined).digest()

    def _repeat(self, answer: Answer, mark: bytes, request: Request) -> Written:
        if answer.intents != mark:
            raise Conflict(f"`once` {request.once!r} was used before for something else")
        if answer.refusal:
            raise Refused(answer.refusal)
        return Written(answer.position, len(request.intents))

    def _remember(self, tx: Transaction, request: Request, answer: Answer) -> None:
        tx.remember(request.actor, request.once, request.stream, self.world.now(), answer)

    def _refuse(self, tx: Transaction, request: Request, answer: Answer) -> Any:
        """Keeps the refusal, which the caller gets as an error without undoing the keeping."""
        self._remember(tx, request, answer)
        return Refusal(answer.refusal)


class Refusal(Struct, frozen=True):
    """A refusal that was itself written down."""

    text: str


class ThreadWriter:
    """One thread that owns the write connection and commits all that is queued at once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._queue: SimpleQueue[tuple[Work, asyncio.Future[Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._main, name="journal", daemon=True)
        self._thread.start()

    async def run(self, work: Work) -> Any:
        """Queues the work; cancelling the waiter never cancels the commit."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._queue.put((work, future))
        return await future

    def close(self) -> None:
        """Waits until everything that was queued is durable."""
        self._queue.put(None)
        self._thread.join()

    def _main(self) -> None:
        while True:
            taken = [self._queue.get()]
            while not self._queue.empty():
                taken.append(self._queue.get())
            items = [item for item in taken if item is not None]
            if items:
                self._commit(items)
            if len(items) < len(taken):
                return

    def _commit(self, items: list[tuple[Work, asyncio.Future[Any]]]) -> None:
        try:
            batch = self._journal.commit([work for work, _ in items])
        except Exception as error:
            batch = Batch([], [error] * len(items))
        futures = [future for _, future in items]
        try:
            self._loop.call_soon_threadsafe(deliver, self._journal, batch, futures)
        except RuntimeError:
            return  # the loop was closed meanwhile: what was committed stays, nobody waits for it


def deliver(journal: Journal, batch: Batch, futures: list[asyncio.Future[Any]]) -> None:
    """Publishes the news, then tells everybody who waits; runs on the engine's loop."""
    if batch.events:
        journal.publish(batch.events)
    for future, outcome in zip(futures, batch.outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, Refusal):
            future.set_exception(Refused(outcome.text))
        elif isinstance(outcome, BaseException):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
