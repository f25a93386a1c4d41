"""The server's numbers: started, watched by many, and by one who never reads.

The server has one core, the load generator another one; the CPU of both is told. It needs Linux's
/proc. What is the goal stands beside each figure; nothing fails when it is missed.
"""

import asyncio
import http.client
import json
import os
import resource
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
from bench_facts import history
from bench_viewers import Events, Socket, Speaker, Viewer

from tuiagent.kernel import run as runs
from tuiagent.kernel.aggregates import codec
from tuiagent.stores.sqlite import SqliteStore

TUIAGENT = Path(__file__).resolve().parent.parent / ".venv/bin/tuiagent"
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20
IDLE, CLIENTS, READER, START, START_BIG, TOKEN_LATE, DELIVERY_LATE = 80, 300, 8, 0.5, 2, 500, 300
"""The goals: MiB, MiB, MiB, seconds, seconds, milliseconds, milliseconds."""


def told(what: str, value: float, unit: str, goal: float | None = None) -> None:
    """A figure, and its goal."""
    beside = "" if goal is None else f"   goal {goal:g} {unit}"
    print(f"  {what:44} {value:10.2f} {unit}{beside}", flush=True)


def p99(values: Sequence[float]) -> float:
    """What 99 of 100 do not exceed."""
    return statistics.quantiles(values, n=100)[98]


def cores() -> tuple[set[int], set[int]]:
    """The server's core and the load generator's; the same where there is one."""
    free = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return {free[0]}, {free[-1]}


class Running:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[bytes], root: str, ready: float) -> None:
        self.process = process
        self.ready = ready
        """Seconds from its start."""
        record = json.loads(Path(root, "server.json").read_text())
        self.url: str = record["addresses"][0]
        argv = [str(TUIAGENT), "serve", "--print-key"]
        env = _environ(root)
        self.key = subprocess.run(argv, env=env, capture_output=True, check=True).stdout.decode()
        self.key = self.key.strip()
        self._wire = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=60)
        self._last = time.monotonic()

    @property
    def memory(self) -> float:
        """MiB that are resident now."""
        return self._status("VmRSS")

    @property
    def peak(self) -> float:
        """MiB that were resident at most."""
        return self._status("VmHWM")

    def _status(self, name: str) -> float:
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition(f"{name}:")[2].split()[0]) / 1024

    @property
    def cpu(self) -> float:
        """Seconds of its own, so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """A request that is answered well."""
        data = None if body is None else msgspec.json.encode(body)
        if time.monotonic() - self._last > 3:
            self._wire.close()  # as the server does with one that is idle
        head = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        self._wire.request(method, f"/api/v1{path}", data, head)
        answer = self._wire.getresponse()
        found = answer.read()
        self._last = time.monotonic()
        assert answer.status < 300, (path, answer.status, found)
        return json.loads(found)

    def opened(self, folder: str, count: int, prefix: str = "s") -> list[str]:
        """Sessions."""
        names = [f"{prefix}{number}" for number in range(count)]
        for name in names:
            self.ask("POST", "/sessions", {"folder": folder, "id": name, "mode": "plan"})
        return names


def _environ(root: str, **more: str) -> dict[str, str]:
    environ = {"PATH": os.environ["PATH"], "HOME": root, "TUIAGENT_HOME": root, **more}
    for name in ("LANG", "LC_ALL"):
        environ |= {name: os.environ[name]} if name in os.environ else {}
    return environ


@asynccontextmanager
async def serving(root: str, **more: str) -> AsyncGenerator[Running]:
    """A server on its own core while this is open; this process has the other one."""
    own, others = cores()
    before = os.sched_getaffinity(0) if hasattr(os, "sched_setaffinity") else set[int]()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    os.makedirs(root, exist_ok=True)
    ready, told_ready = os.pipe()
    argv = [str(TUIAGENT), "serve", "--ready", str(told_ready), "--listen", "127.0.0.1:0"]
    with open(f"{root}/served.log", "ab") as log:
        if before:
            os.sched_setaffinity(0, own)
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: ASYNC220 - what follows is all there is to do
            argv, env=_environ(root, **more), pass_fds=[told_ready], stdout=log, stderr=log
        )
        if before:
            os.sched_setaffinity(0, others)
    os.close(told_ready)
    try:
        word = await asyncio.to_thread(os.read, ready, 1)
        took = time.monotonic() - began
        assert word, Path(root, "served.log").read_text()
        yield Running(process, root, took)
    finally:
        os.close(ready)
        process.terminate()
        await asyncio.to_thread(process.wait)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        if before:
            os.sched_setaffinity(0, before)


class Busy:
    """The CPU that the server and this process take."""

    def __init__(self, server: Running) -> None:
        self._server = server
        self._began = time.monotonic(), server.cpu, time.process_time()

    def tell(self) -> None:
        """As parts of a core."""
        wall = time.monotonic() - self._began[0]
        told("CPU of the server's core", 100 * (self._server.cpu - self._began[1]) / wall, "%")
        own = 100 * (time.process_time() - self._began[2]) / wall
        told("CPU of the load generator's core", own, "%")


# ---------------------------------------------------------------- serve


async def serve(_: object, count: int) -> None:
    """Memory of an idle server, and its start with few and with very many events behind it."""
    with tempfile.TemporaryDirectory() as folder:
        async with serving(f"{folder}/new") as server:
            print("\na server of an empty state root")
            await asyncio.sleep(2.0)  # what begins a moment after the start has begun
            told("start to ready, the first ever", server.ready, "s")
            told("idle", server.memory, "MiB", IDLE)
        for sessions, events, goal in ((200, 10_000, START), (200, 1_000_000, START_BIG)):
            root = f"{folder}/{events}"
            took = filled(root, sessions, events)
            size = os.path.getsize(f"{root}/journal.db") / MIB
            print(f"\n{sessions} sessions, {events} events ({size:.0f} MiB, made in {took:.0f} s)")
            await _starts(root, count, goal)
            shutil.rmtree(root)


async def _starts(root: str, count: int, goal: float) -> None:
    times: list[float] = []
    listed = 0.0
    for turn in range(count):
        async with serving(root) as server:
            times.append(server.ready)
            began = time.monotonic()
            found = await asyncio.to_thread(server.ask, "GET", "/sessions?limit=200")
            listed = time.monotonic() - began
            assert len(found["items"]) == 200
            if turn == 0:
                told("start to ready, the first", server.ready, "s", goal)
                told("then the list of sessions, the first", listed, "s")
                await asyncio.sleep(2.0)
                told("idle after it", server.memory, "MiB", IDLE)
    told(f"start to ready, median of {count}", statistics.median(times), "s", goal)
    told("and at most", max(times), "s", goal)
    told("then the list of sessions, the last", listed, "s")


def filled(root: str, sessions: int, events: int) -> float:
    """A journal, written through the store in bulk, without waiting for the disk; seconds."""
    began = time.monotonic()
    os.makedirs(root)
    store = SqliteStore(f"{root}/journal.db", synchronous="OFF")
    known = codec()
    each = events // sessions
    facts = history(each - 1)
    ended = [*facts, runs.RunFinished(f"p{_last(facts)}", "done")]
    drafts = [known.draft(fact) for fact in ended]
    with closing(store):
        for number in range(sessions):
            with store.transaction() as tx:
                tx.append(f"session/s{number}", 0, drafts, time.time(), "owner", None)
    return time.monotonic() - began


def _last(facts: Sequence[Any]) -> int:
    return sum(isinstance(fact, runs.RunStarted) for fact in facts)


# ---------------------------------------------------------------- viewers


async def viewers(_: object, count: int) -> None:
    """100 sessions that stream, with two viewers each: what is lost, and how late it comes."""
    await _streamed("100 sessions, 30 tokens/s, two viewers each", 100, 2, 30.0, 300, TOKEN_LATE)


async def clients(_: object, count: int) -> None:
    """Many who are idle, many deliveries, and some who never read."""
    await _idle(2000)
    name = "10,000 deliveries/s: 5 sessions, 40 tokens/s, 50 viewers each"
    await _streamed(name, 5, 50, 40.0, 400, DELIVERY_LATE)
    print("\nwho never reads 400 prompts of 100 KB, beside 10 sessions with two viewers each")
    without, late = await _flooded(0)
    told("99 of 100 tokens of the others, without any", late, "ms")
    many = 10
    beside, late = await _flooded(many)
    told(f"99 of 100 tokens of the others, with {many}", late, "ms")
    told("memory then, without any", without, "MiB")
    told(f"memory then, with {many}", beside, "MiB")
    told("one of them", (beside - without) / many, "MiB", READER)


async def _idle(many: int) -> None:
    print(f"\n{many} idle clients, each with a WebSocket that watches a session")
    with tempfile.TemporaryDirectory() as folder:
        async with serving(f"{folder}/root") as server:
            (name,) = await asyncio.to_thread(server.opened, folder, 1)
            before = server.memory
            watching: list[Viewer] = []
            while len(watching) < many:
                some = (Socket(server.url, server.key, name).begin() for _ in range(50))
                watching += await asyncio.gather(*some)
                await asyncio.sleep(0.3)  # a key has 200 requests in a second
            told("memory without any", before, "MiB")
            told("memory", server.memory, "MiB", CLIENTS)
            told("one of them", (server.memory - before) * 1024 / many, "KiB")
            for viewer in watching:
                viewer.until = "SessionNamed"
            busy = Busy(server)
            await asyncio.sleep(5.0)
            busy.tell()
            began = time.monotonic()
            await asyncio.to_thread(server.ask, "PATCH", f"/sessions/{name}", {"name": "other"})
            await asyncio.gather(*(viewer.over for viewer in watching))
            told("a fact is told to all of them after", (time.monotonic() - began) * 1000, "ms")
            told("memory afterwards", server.memory, "MiB", CLIENTS)
            for viewer in watching:
                viewer.close()


async def _flooded(silent: int) -> tuple[float, float]:
    """How much the server holds while so many do not read, and how late others get theirs.

    In MiB and milliseconds.
    """
    with tempfile.TemporaryDirectory() as folder:
        speaker = Speaker()
        url = await speaker.start()
        async with serving(
            f"{folder}/root", OPENAI_BASE_URL=url, TUIAGENT_MODEL="openai/x"
        ) as server:
            names = await asyncio.to_thread(server.opened, folder, 10)
            (large,) = await asyncio.to_thread(server.opened, folder, 1, "large")
            watching = [
                await kind(server.url, server.key, name).begin()
                for name in names
                for kind in (Socket, Events)
            ]
            reader = await Socket(server.url, server.key, large).begin()
            asleep = [
                await (Socket, Events)[number % 2](server.url, server.key, large).begin()
                for number in range(silent)
            ]
            for viewer in asleep:
                viewer.transport.pause_reading()
            await asyncio.to_thread(_said, server, [large, *names])
            await asyncio.to_thread(_flood, server, large)
            memory = server.memory
            await asyncio.gather(*(viewer.over for viewer in watching), reader.over)
            for viewer in asleep:  # they have slept for less than it takes to be cut
                viewer.transport.resume_reading()
            await asyncio.gather(*(viewer.over for viewer in asleep))
            _complete([reader, *asleep])
            return memory, p99([one for viewer in watching for one in viewer.late])


def _complete(watching: Sequence[Viewer]) -> None:
    """What the first has seen, all have seen, as far as they have come."""
    whole = watching[0].facts
    for viewer in watching:
        assert viewer.facts == whole[: len(viewer.facts)], "a fact is lost or out of order"
    if len(watching) > 1:
        lagged = sum(bool(viewer.faults["lagged"]) for viewer in watching[1:])
        told("of them have missed signals, and no fact", lagged, "")


def _flood(server: Running, session: str) -> None:
    for number in range(400):
        server.ask(
            "POST", f"/sessions/{session}/input", {"prompt": f"{number:06d}" + "x" * 100_000}
        )


async def _streamed(
    name: str, sessions: int, each: int, rate: float, tokens: int, goal: float
) -> None:
    print(f"\n{name}")
    with tempfile.TemporaryDirectory() as folder:
        root = f"{folder}/root"
        speaker = Speaker()
        speaker.rate, speaker.tokens = rate, tokens
        url = await speaker.start()
        async with serving(root, OPENAI_BASE_URL=url, TUIAGENT_MODEL="openai/x") as server:
            names = await asyncio.to_thread(server.opened, folder, sessions)
            kinds = (Socket, Events)
            watching = [
                await kinds[number % 2](server.url, server.key, session).begin()
                for session in names
                for number in range(each)
            ]
            busy = Busy(server)
            await asyncio.to_thread(_said, server, names)
            began = time.monotonic()
            async with asyncio.timeout(120 + tokens / rate):
                await asyncio.gather(*(viewer.over for viewer in watching))
            told("longest wait for a run's end", time.monotonic() - began, "s")
            busy.tell()
            told("memory of the server, at most", server.peak, "MiB")
            told("the model itself was late by at most", speaker.behind, "ms")
            for viewer in watching:
                viewer.close()
        _compared(f"{root}/journal.db", watching)
        late = [one for viewer in watching for one in viewer.late]
        told("tokens that were delivered", len(late), "")
        told("token to viewer, median", statistics.median(late), "ms")
        told("token to viewer, 99 of 100", p99(late), "ms", goal)
        told("token to viewer, at most", max(late), "ms")


def _said(server: Running, names: Sequence[str]) -> None:
    for name in names:
        server.ask("POST", f"/sessions/{name}/input", {"prompt": "go"})


def _compared(path: str, watching: Sequence[Viewer]) -> None:
    """Holds what each has seen against the journal."""
    known = codec()
    events: dict[str, list[Any]] = {}
    with closing(SqliteStore(path)) as store:
        for session in {viewer.session for viewer in watching}:
            events[session] = [known.event(r) for r in store.read(f"session/{session}", 0, 10_000)]
    faults: dict[str, int] = {}
    for viewer in watching:
        whole = [(e.position, e.version, e.kind) for e in events[viewer.session]]
        if viewer.facts != whole[: len(viewer.facts)] or "RunFinished" not in {
            kind for *_, kind in viewer.facts
        }:
            viewer.faults["facts that are not the journal's"] += 1
        for event in events[viewer.session]:
            said = event.fact
            if isinstance(said, runs.ReplyReceived) and (
                viewer.texts.get(said.attempt) != said.reply.text
            ):
                viewer.faults["texts that are not the journal's"] += 1
        for name, number in viewer.faults.items():
            faults[name] = faults.get(name, 0) + number
    told("lost or out of order", sum(faults.values()), "", 0)
    for name, number in faults.items():
        told(f"  {name}", number, "")
