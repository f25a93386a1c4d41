"""What the conversation costs on the screen: keys, scrolling, resizing, opening, streaming.

The real app runs in this process, on a terminal that takes whatever is written: what is measured is
the time until it has written what a key changes, and the processor's part of it; the rest is other
programs and Textual's clock.
"""

import asyncio
import gc
import statistics
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bench_app import Driven, Terminal, shown
from bench_facts import history, spoken

from tuiagent.clients.tui.prompt import Prompt
from tuiagent.engine.clock import World
from tuiagent.engine.journal import Journal
from tuiagent.engine.past import read
from tuiagent.kernel import run as runs
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.event import Event
from tuiagent.kernel.session import PromptSubmitted
from tuiagent.ports import Window
from tuiagent.stores.sqlite import SqliteStore
from tuiagent.views.transcript import Item, TranscriptView

STREAM = "session/x"
TYPED = {
    "typed": ["a", "b"],
    "cursor": ["up"] * 4 + ["down"] * 4,
    "page": ["pageup", "pagedown"],
    "wheel": [],
}
"""What is measured, and the keys that are pressed for it, in turn."""
ANSWER = """\
# a heading about the matter

a line of plain text that goes on for a bit, with **bold** and `inline code` in it,
and then some more, so that it has to be folded at the right side of the screen.

- first item of a list
- second item of a list

```python
def add(left, right):
    # a comment inside of a code block
    return left + right
```

"""


def items(count: int) -> list[Item]:
    """A session of so many items, about five lines each."""
    found: list[Item] = []
    while len(found) < count:
        n = len(found)
        run = f"p{n}"
        found += [
            Item(run, "prompt", f"please do number {n}\nand then tell of it", "seen"),
            Item(f"{run}.1", "reply", ANSWER, "done"),
            *(Item(f"{run}.1.{k}", "call", "", "ok", name="shell", args={"command": f"ls {k}"},
                   output="some output\n" * 20) for k in range(1, 5)),
            Item(f"{run}.2", "reply", "word " * 60, "done"),
            Item(f"{run}.end", "run", "", "done"),
        ]  # fmt: skip
    return found[:count]


def median(times: Sequence[tuple[float, float]]) -> str:
    """Median and 95th percentile, and those of the processor."""
    said: list[str] = []
    for ordered in (sorted(column) for column in zip(*times, strict=True)):
        high = ordered[int(len(ordered) * 0.95)]
        said.append(f"{statistics.median(ordered):6.2f} ms, p95 {high:6.2f}")
    return " · processor ".join(said)


async def keys(it: Driven, count: int) -> dict[str, float]:
    """Typing, scrolling by a line and by a page; medians in milliseconds."""
    found = {}
    for what, names in TYPED.items():
        times: list[tuple[float, float]] = []
        (it.app.query_one(Prompt) if what == "typed" else it.talk).focus()
        it.talk.action_end()
        await it.rest()
        for n in range(60):
            if what == "wheel":
                work = partial(it.talk.scroll_relative, y=2 if n % 2 else -2, animate=False)
                times.append(await it.drawn(work))
            else:
                times.append(await it.key(names[n % len(names)]))
            await it.rest(0.02)
        found[what] = statistics.median(cpu for _, cpu in times)
        it.tell(f"  {what:<10} {count:>7} items {median(times)}")
    return found


async def standing() -> None:
    """The same keys with ten blocks and with twenty thousand; showing and resizing those."""
    before: dict[str, float] = {}
    for count in (10, 20_000):
        found = items(count)
        async with shown() as it:
            gc.collect()
            gc.freeze()
            began = time.perf_counter()
            took = await it.drawn(partial(it.talk.show, found))
            it.tell(f"show {count} items, to the last screen: {median([took])}")
            while it.talk._older:
                await it.rest(0.02)
            it.tell(f"  all {count} items: {(time.perf_counter() - began) * 1000:.0f} ms")
            it.tell(f"  {it.talk.flow.heights.total} rows")
            await it.rest()
            now = await keys(it, count)
            for what, value in before.items():
                it.tell(f"  {what}: {now[what] / value:.2f} x")
            before = now
            for width in (100, 121, 80):
                it.tell(f"  resize to {width}: {median([await it.resized(width, 40)])}")


async def streaming(pace: float) -> None:
    """20,000 deltas at once, or some with a pause between each, with keys meanwhile."""
    async with shown() as it:
        it.talk.show(items(200))
        view = TranscriptView(STREAM)
        facts = [PromptSubmitted("q", "go"), runs.AttemptStarted("q.1", 1)]
        for n, fact in enumerate(facts, 1):
            it.talk.changed(view.apply(Event(n, STREAM, n, 1.0, "x", fact)), view.items)
        await it.rest(0.3)
        whole = ANSWER * (80_000 // len(ANSWER) + 1)
        deltas = [whole[n : n + 4] for n in range(0, 80_000, 4)][: 20_000 if not pace else 1000]
        times: list[tuple[float, float]] = []
        slow: list[tuple[float, float]] = []
        cpu, offset, told, began = time.process_time(), 0, 0.0, time.perf_counter()
        for n, text in enumerate(deltas):
            view.apply(runs.Delta(STREAM, "q.1", offset, text))
            offset += len(text)
            now = time.perf_counter()
            if now - told >= 0.05 or n == len(deltas) - 1:
                told, before = now, time.process_time()
                it.talk.changed(["q.1"], view.items)
                took = time.perf_counter() - now, time.process_time() - before
                slow.append((took[0] * 1000, took[1] * 1000))
            if pace:
                if n % 20 == 19:
                    times.append(await it.key("a"))
                await asyncio.sleep(max(0.0, began + (n + 1) * pace - time.perf_counter()))
            elif n % 200 == 199:
                await asyncio.sleep(0)
        sent = time.perf_counter()
        await it.rest()
        spent = time.process_time() - cpu
        what = f"{len(deltas)} deltas" + (f", {1 / pace:.0f} a second" if pace else "")
        it.tell(f"{what}: CPU {spent:.2f} s, sent in {sent - began:.2f} s,"
                f" drawn {max(0.0, Terminal.wrote - sent) * 1000:.0f} ms after")  # fmt: skip
        it.tell(f"  a change: {median(slow)}, at most {max(cpu for _, cpu in slow):.1f}")
        if times:
            it.tell(f"  key to screen: {median(times)}")


async def opening() -> None:
    """The end of a long session, read and drawn."""
    for name, facts in (("20,000 blocks", history(45_000)), ("500 calls, 2 MB", _large())):
        with tempfile.TemporaryDirectory() as folder:
            store = SqliteStore(str(Path(folder) / "journal.db"), synchronous="OFF")
            journal = Journal(store, codec(), "o", World())
            with store.transaction() as tx:
                drafts = [journal.codec.draft(fact) for fact in facts]
                tx.append(STREAM, 0, drafts, time.time(), "owner", None)
            journal.run = _direct(journal)  # type: ignore[method-assign]
            began = time.perf_counter()
            found, _, _ = await read(journal, STREAM, Window(200))
            took = (time.perf_counter() - began) * 1000
            count, before, longest = len(found), found[0].position, 0.0
            while True:
                part = time.perf_counter()
                older, _, _ = await read(journal, STREAM, Window(500, before))
                longest = max(longest, time.perf_counter() - part)
                if not older:
                    break
                count, before = count + len(older), older[0].position
            whole = (time.perf_counter() - began) * 1000
            async with shown() as it:
                it.tell(f"{name}: the end read in {took:.1f} ms, all {count} items in {whole:.0f}"
                        f" ms, a part in at most {longest * 1000:.0f} ms")  # fmt: skip
                it.tell(f"  drawn: {median([await it.drawn(partial(it.talk.show, found))])}")
            store.close()


def _direct(journal: Journal) -> Any:
    async def run(work: Any) -> Any:
        with journal.store.transaction() as tx:
            return work(tx)

    return run


def _large() -> list[Any]:
    return [fact for turn in range(5) for fact in spoken(turn, 100)[0 if not turn else 2 :]]


async def screens(server: object, count: int) -> None:
    """Everything."""
    await standing()
    await streaming(0)
    await streaming(1 / 200)
    await opening()


if __name__ == "__main__":
    asyncio.run(screens(None, 1))
