"""No power cut loses what was acknowledged; the same cuts do, once commits are not synced."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest
from powercut import PowerCut

from tuiagent.kernel import audit
from tuiagent.kernel.codec import Draft
from tuiagent.kernel.errors import StoreError
from tuiagent.ports import Answer
from tuiagent.stores.sqlite import SqliteStore

LIVES, CUTS = 4, 25
"""Journals, and how often the power of each is cut: looking at one costs more with each cut."""
STREAMS = 3


@pytest.fixture(autouse=True)
def _often_checkpointed() -> Iterator[None]:
    """The log is moved into the database every few commits, so that cuts hit that as well."""

    def hook(connection: apsw.Connection) -> None:
        connection.wal_autocheckpoint(50)

    apsw.connection_hooks.append(hook)
    yield
    apsw.connection_hooks.remove(hook)


class Life:
    """One journal through many power cuts."""

    def __init__(self, folder: Path, seed: int, *synchronous: str) -> None:
        self.random = Random(seed)
        self.synchronous = synchronous
        self.folder = folder
        self.root = folder / "0"
        self.expected: dict[str, list[bytes]] = {f"session/{n}": [] for n in range(STREAMS)}
        self.blobs: dict[str, bytes] = {}
        self.cuts = 0
        self.lost: list[str] = []

    def live(self) -> None:
        """Opens the journal, writes until the power fails, and looks at what remains."""
        vfs = PowerCut(f"cut{id(self)}", self.random.randrange(5, 500))
        pending: tuple[str, list[bytes]] | None = None
        store: SqliteStore | None = None
        try:
            store = SqliteStore(str(self.root / "journal.db"), vfs.name, *self.synchronous)
            while True:
                pending = self.draw()
                self.write(store, *pending)
                self.expected[pending[0]] += pending[1]
                pending = None
        except StoreError:
            if not vfs.dark:
                raise
        self.cuts += 1
        self.root = self.folder / str(self.cuts)
        vfs.cut(str(self.root), self.random)
        if store:
            store.close()
        self.look(pending)

    def draw(self) -> tuple[str, list[bytes]]:
        """A stream, and what shall be appended to it: some small, some big enough for a blob."""
        random = self.random
        sizes = [random.choice((40, 300, 3000, 30_000)) for _ in range(random.randrange(1, 5))]
        return f"session/{random.randrange(STREAMS)}", [random.randbytes(size) for size in sizes]

    def write(self, store: SqliteStore, stream: str, bodies: list[bytes]) -> None:
        """One transaction."""
        version = len(self.expected[stream])
        with store.transaction() as tx:
            drafts = [Draft("Said", 1, body) for body in bodies]
            records = tx.append(stream, version, drafts, 1.0, "me", None)
            once = f"{stream} {records[-1].version}"
            tx.remember("me", once, stream, 1.0, Answer(b"", records[-1].position))

    def look(self, pending: tuple[str, list[bytes]] | None) -> None:
        """Everything acknowledged is there; what was in flight is there whole, or not at all."""
        store = SqliteStore(str(self.root / "journal.db"))
        for stream, bodies in self.expected.items():
            records = store.read(stream, 0, 100_000)
            found = [record.body for record in records]
            assert audit.verify(stream, records) is None
            if pending and stream == pending[0] and found == bodies + pending[1]:
                bodies += pending[1]
            if found != bodies:
                assert len(found) < len(bodies), "something was made up"
                assert found == bodies[: len(found)], "what remains is not what was written first"
                self.lost.append(f"cut {self.cuts}: {stream} has {len(found)} of {len(bodies)}")
                self.expected[stream] = [body for body in found if body is not None]
            with store.transaction() as tx:
                last = f"{stream} {len(found)}"
                assert not found or tx.recall("me", last) is not None
                assert tx.recall("me", f"{stream} {len(found) + 1}") is None
        positions = [record.position for record in store.tail("*", 0, 100_000)]
        assert positions == list(range(1, len(positions) + 1))
        store.close()
        connection = apsw.Connection(str(self.root / "journal.db"))
        assert connection.execute("PRAGMA integrity_check").get == "ok"
        connection.close()


def test_a_hundred_power_cuts_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    written = 0
    for number in range(LIVES):
        life = Life(tmp_path / str(number), number)
        while life.cuts < CUTS:
            life.live()
        assert life.lost == []
        written += sum(map(len, life.expected.values()))
    assert written > 5 * LIVES * CUTS, f"only {written} events: too few to show anything"


def test_the_same_cuts_lose_much_where_commits_are_not_synced(tmp_path: Path) -> None:
    lost = 0
    for number in range(LIVES):
        life = Life(tmp_path / str(number), number, "NORMAL")
        while life.cuts < CUTS:
            life.live()
        lost += len(life.lost)
    assert lost > LIVES * CUTS // 4


def test_a_first_start_may_be_cut_anywhere(tmp_path: Path) -> None:
    for fail_at in range(1, 1000):
        life = Life(tmp_path / str(fail_at), fail_at)
        vfs = PowerCut(f"first{fail_at}", fail_at)
        store: SqliteStore | None = None
        try:
            store = SqliteStore(str(life.root / "journal.db"), vfs.name)
            life.write(store, "session/0", [b"first"])
            life.expected["session/0"] = [b"first"]
        except StoreError:
            if not vfs.dark:
                raise
        life.root = life.folder / "cut"
        done = not vfs.dark
        vfs.cut(str(life.root), life.random)
        if store:
            store.close()
        life.look(("session/0", [b"first"]))
        assert life.lost == []
        if done:
            break
    assert done
    assert fail_at > 30, "too few places to cut at"
