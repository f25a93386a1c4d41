"""What the journal costs in one process: commits, folding, erasing, searching."""

import asyncio
import json
import os
import tempfile
import time
from typing import Any

from bench_facts import history, spoken
from bench_told import told

from tuiagent.engine.clock import World
from tuiagent.engine.drive import Context
from tuiagent.engine.engine import Engine
from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal, Request, ThreadWriter
from tuiagent.engine.neighbours import Neighbours
from tuiagent.engine.search import Searcher
from tuiagent.engine.upkeep import Upkeep
from tuiagent.kernel import run as runs
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.lifecycle import DeleteSession
from tuiagent.kernel.session import (
    ChangeMode,
    OpenSession,
    Session,
    SessionOpened,
    fold,
)
from tuiagent.stores.search import SearchFile
from tuiagent.stores.sqlite import SqliteStore
from tuiagent.views.search import phrases


async def writers(_: object, count: int) -> None:
    """Twenty writers at once: how many events share one fsync."""
    for kinds, streams in (("20 streams", 20), ("one stream", 1)):
        shared: list[float] = []
        for _ in range(count):
            with tempfile.TemporaryDirectory() as folder:
                shared.append(await _shared(folder, streams))
        told(f"20 writers on {kinds}", {"events that share an fsync": shared}, "")


async def _shared(folder: str, streams: int) -> float:
    store = SqliteStore(f"{folder}/journal.db")
    store.hold("o")
    journal = Journal(store, codec(), "o", World())
    commits = 0
    commit = journal.commit

    def counted(works: Any) -> Any:
        nonlocal commits
        commits += 1
        return commit(works)

    journal.commit = counted
    journal.writer = ThreadWriter(journal)
    for number in range(streams):
        opened = SessionOpened(folder, "scripted/x", "ask", {})
        stream = f"session/{number}"
        await journal.write(Request(stream, (OpenSession(stream, opened),), "me"))
    commits = 0
    before = store.position()

    async def write(number: int) -> None:
        stream = f"session/{number % streams}"
        for turn in range(25):
            mode = ("ask", "plan")[(turn + number) % 2]
            await journal.write(Request(stream, (ChangeMode(stream, mode),), "me"))

    await asyncio.gather(*map(write, range(20)))
    shared = (store.position() - before) / commits
    journal.writer.close()
    store.close()
    return shared


async def folding(_: object, count: int) -> None:
    """A whole session from its facts."""
    rows: dict[str, list[float]] = {"10,000 events": [], "100,000 events": []}
    for size, name in ((10_000, "10,000 events"), (100_000, "100,000 events")):
        facts = history(size)
        for _ in range(min(count, 5)):
            began = time.perf_counter()
            state = Session()
            for fact in facts:
                state = fold(state, fact)
            rows[name].append((time.perf_counter() - began) * 1000)
    told("fold", rows, "ms", "10,000 events")


async def upkeep(_: object, count: int) -> None:
    """A day of heavy use, deleted: what its erasing gives back, and whom it holds up."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(f"{folder}/journal.db")
        store.hold("o")
        journal = Journal(store, codec(), "o", World())
        journal.writer = ThreadWriter(journal)
        engine = Engine(
            Context(journal, Hub(), World(), None),  # type: ignore[arg-type] - nothing is driven
            Neighbours(journal, Hub(), None, None),  # type: ignore[arg-type]
        )
        facts = [*history(50_000, 12_000), runs.RunFinished("last", "done")]
        empty = store.size()
        for start in range(0, len(facts), 500):
            drafts = [journal.codec.draft(fact) for fact in facts[start : start + 500]]
            with store.transaction() as tx:
                tx.append("session/big", start, drafts, 1.0, "agent", None)
        turns = sum(isinstance(fact, runs.ReplyReceived) for fact in facts)
        full = store.size() - empty
        print(f"\n{turns} turns: {full} bytes, {full / turns:.0f} a turn")
        opened = OpenSession("session/other", SessionOpened(folder, "scripted/x", "ask", {}))
        await journal.write(Request(opened.stream, (opened,), "me"))
        told("a commit beside it", {"nothing": await _beside(journal, asyncio.sleep(2.0))}, "ms")
        delete = DeleteSession("session/big", 0.0)
        await journal.write(Request(delete.stream, (delete,), "me"))
        kept = Upkeep(engine, folder, None)  # type: ignore[arg-type] - no spools
        began = time.perf_counter()
        waits = await _beside(journal, kept.turn())
        took = time.perf_counter() - began
        left = store.size() - empty
        told("a commit beside it", {"upkeep": waits}, "ms")
        print(f"  longest {max(waits):.1f} ms; done after {took:.1f} s")
        print(f"  {left} bytes stay, {left / turns:.0f} a turn ({len(facts)} events)")
        began = time.perf_counter()
        await kept.run()
        print(f"  nothing to do: {time.perf_counter() - began:.3f} s")
        await engine.close()


async def _beside(journal: Journal, work: Any) -> list[float]:
    """Milliseconds of each of many commits, one every 10 ms, until the work is done."""
    waits: list[float] = []
    going = asyncio.ensure_future(work)
    while not going.done():
        mode = ("ask", "plan")[len(waits) % 2]
        began = time.perf_counter()
        change = ChangeMode("session/other", mode)
        await journal.write(Request(change.stream, (change,), "me"))
        waits.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.01)
    await going
    return waits


async def searching(_: object, count: int) -> None:
    """First indexing of 10,000 turns, a search afterwards, and the file beside the journal."""
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(os.path.join(folder, "journal.db"), synchronous="OFF")
        journal = Journal(store, codec(), "o", World())
        for number in range(100):
            drafts = [journal.codec.draft(fact) for fact in spoken(number, 100)]
            with store.transaction() as tx:
                tx.append(f"session/s{number}", 0, drafts, time.time(), "owner", None)
        rows = [{"stream": f"session/s{n}", "name": "", "title": "", "deleted": None}
                for n in range(100)]  # fmt: skip
        path = os.path.join(folder, "cache", "search.db")
        searcher = Searcher(journal, Hub(), SearchFile(path, "1"))
        began = time.perf_counter()
        await searcher.search('{"text": "unfindable"}', rows)
        told("first indexing", {"10,000 turns": [(time.perf_counter() - began) * 1000]}, "ms")
        found: dict[str, list[float]] = {}
        for words in ("return", "re", "self value", "turn4321", "unfindable"):
            for _ in range(count):
                began = time.perf_counter()
                await searcher.search(json.dumps({"text": words}), rows)
                found.setdefault(words, []).append((time.perf_counter() - began) * 1000)
        told("search", found, "ms")
        looked = phrases("self value"), frozenset(row["stream"] for row in rows), 20
        began = time.perf_counter()
        searcher._read(*looked)
        told("without an index", {"self value": [(time.perf_counter() - began) * 1000]}, "ms")
        store.close()
        sizes = [os.path.getsize(name) / 1e6 for name in (path, os.path.join(folder, "journal.db"))]
        print(f"index {sizes[0]:.0f} MB, journal {sizes[1]:.0f} MB: {sizes[0] / sizes[1]:.2f}")
