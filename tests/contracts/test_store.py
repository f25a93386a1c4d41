"""What every store in the table must do."""

# ruff: noqa: PT012 - what is undone is more than one statement

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import apsw
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tuiagent.kernel import audit
from tuiagent.kernel.codec import Draft, Record
from tuiagent.kernel.errors import Conflict
from tuiagent.ports import Answer, Claim, Store, Transaction
from tuiagent.registry import load
from tuiagent.stores import BIG, TABLE
from tuiagent.stores.locks import Locks
from tuiagent.stores.memory import MemoryStore
from tuiagent.stores.sqlite import SqliteStore

AT = 1_750_000_000.25
OWNER = """
import sys
from tuiagent.stores.sqlite import SqliteStore

path, owner, *streams = sys.argv[1:]
store = SqliteStore(path)
store.hold(owner)
with store.transaction() as tx:
    for stream in streams:
        assert tx.claim(stream, owner) is not None
print("ready", flush=True)
sys.stdin.read()
"""
WRITER = """
import sys
from tuiagent.kernel.codec import Draft
from tuiagent.stores.sqlite import SqliteStore

path, name = sys.argv[1:]
store = SqliteStore(path)
print("ready", flush=True)
sys.stdin.readline()
for number in range(150):
    with store.transaction() as tx:
        for stream in (f"session/{name}", "session/shared"):
            head = tx.head(stream)
            draft = Draft("Counted", 1, f"{name} {number}".encode())
            tx.append(stream, head.version if head else 0, [draft], 1.0, name, None)
store.close()
"""


def child(script: str, *args: str) -> subprocess.Popen[bytes]:
    """Another process, once it has said that it is ready."""
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    process = subprocess.Popen(
        [sys.executable, "-c", script, *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=env,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


def end(process: subprocess.Popen[bytes], number: int = 0) -> int:
    """Ends a child, by a signal if one is given; its exit status."""
    if number:
        process.send_signal(number)
    process.communicate(b"\n", timeout=50)
    return process.returncode


class Place(Protocol):
    """One journal, and other owners that share it and may die."""

    store: Store

    def hold(self, owner: str) -> None:
        """This process is an owner."""
        ...

    def born(self, owner: str, *streams: str) -> None:
        """Another owner takes streams."""
        ...

    def dies(self, owner: str) -> None:
        """It is killed."""
        ...

    def reopen(self) -> None:
        """The store is closed and opened again."""
        ...

    def close(self) -> None:
        """Ends what is left."""
        ...


class InMemory:
    """Owners that share one object."""

    def __init__(self, root: Path) -> None:
        self.store = MemoryStore()

    def hold(self, owner: str) -> None:
        self.store.hold(owner)

    def born(self, owner: str, *streams: str) -> None:
        self.store.hold(owner)
        with self.store.transaction() as tx:
            for stream in streams:
                assert tx.claim(stream, owner)

    def dies(self, owner: str) -> None:
        self.store.drop(owner)

    def reopen(self) -> None:
        """Its life is that of the object."""

    def close(self) -> None:
        self.store.close()


class InFile:
    """Owners that are processes."""

    def __init__(self, root: Path) -> None:
        self.path = str(root / "state" / "journal.db")
        self.store = SqliteStore(self.path)
        self._owners: dict[str, subprocess.Popen[bytes]] = {}

    def hold(self, owner: str) -> None:
        self.store.hold(owner)

    def born(self, owner: str, *streams: str) -> None:
        self._owners[owner] = child(OWNER, self.path, owner, *streams)

    def dies(self, owner: str) -> None:
        assert end(self._owners.pop(owner), signal.SIGKILL) == -signal.SIGKILL

    def reopen(self) -> None:
        self.store.close()
        self.store = SqliteStore(self.path)

    def close(self) -> None:
        for owner in list(self._owners):
            self.dies(owner)
        self.store.close()


PLACES: dict[str, type[InMemory] | type[InFile]] = {"memory": InMemory, "sqlite": InFile}


@pytest.fixture(params=sorted(TABLE))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    place = PLACES[request.param](tmp_path)
    assert isinstance(place.store, load(TABLE[request.param]))
    yield place
    place.close()


@pytest.fixture
def file(tmp_path: Path) -> Generator[InFile]:
    place = InFile(tmp_path)
    yield place
    place.close()


def past(text: str, at: float, actor: str) -> Draft:
    return Draft("Said", 1, text.encode(), (), at, actor)


def draft(text: str, kind: str = "Said", refs: tuple[str, ...] = ()) -> Draft:
    return Draft(kind, 1, text.encode(), refs)


def append(
    tx: Transaction,
    stream: str,
    *drafts: Draft,
    wake: float | None = None,
    at: float = AT,
    actor: str = "user",
) -> list[Record]:
    """Appends at the end, wherever that is."""
    head = tx.head(stream)
    return tx.append(stream, head.version if head else 0, drafts, at, actor, wake)


def add(store: Store, stream: str, *texts: str) -> list[Record]:
    """One transaction with these events."""
    with store.transaction() as tx:
        return append(tx, stream, *map(draft, texts))


def texts(records: list[Record]) -> list[str]:
    return [(record.body or b"-").decode() for record in records]


def trace(store: Store) -> list[Any]:
    """All that can be seen of a store."""
    return [
        store.position(),
        store.tail("*"),
        store.heads(),
        store.claims(),
        sorted(store.due(1e12)),
    ]


def sound(store: Store) -> None:
    """Positions and versions have no gaps, every chain holds, the heads are the ends."""
    records = store.tail("*", 0, 1_000_000)
    assert [record.position for record in records] == list(range(1, len(records) + 1))
    heads = store.heads()
    assert {head.stream for head in heads} == {record.stream for record in records}
    for head in heads:
        stream = store.read(head.stream, 0, 1_000_000)
        assert stream == [record for record in records if record.stream == head.stream]
        assert audit.verify(head.stream, stream) is None
        last = stream[-1]
        assert (head.version, head.hash, head.position) == (len(stream), last.hash, last.position)


# ---------------------------------------------------------------- appending


def test_events_get_gapless_versions_and_positions_in_commit_order(place: Place) -> None:
    assert trace(place.store) == [0, [], [], {}, []]
    given = [
        *add(place.store, "session/a", "1", "2"),
        *add(place.store, "session/b", "3"),
        *add(place.store, "session/a", "4"),
    ]
    assert [(r.position, r.stream, r.version) for r in given] == [
        (1, "session/a", 1),
        (2, "session/a", 2),
        (3, "session/b", 1),
        (4, "session/a", 3),
    ]
    assert [(r.at, r.actor, r.kind, r.shape) for r in given] == [(AT, "user", "Said", 1)] * 4
    assert place.store.tail("*") == given
    assert place.store.position() == 4
    assert texts(place.store.read("session/a")) == ["1", "2", "4"]
    assert texts(place.store.read("session/a", 1)) == ["2", "4"]
    assert texts(place.store.read("session/a", 1, 1)) == ["2"]
    assert place.store.read("session/c") == []
    sound(place.store)


def test_what_is_written_is_there_after_opening_anew(place: Place) -> None:
    add(place.store, "session/a", "1", "2")
    with place.store.transaction() as tx:
        tx.remember("user", "k", "session/a", AT, Answer(b"hash", 2))
        tx.claim("session/a", "me")
    before = trace(place.store)
    place.reopen()
    assert trace(place.store) == before
    with place.store.transaction() as tx:
        assert tx.recall("user", "k") == Answer(b"hash", 2)
    add(place.store, "session/a", "3")
    sound(place.store)


@pytest.mark.parametrize("expected", [0, 1, 3])
def test_a_stream_that_moved_is_a_conflict_and_nothing_is_written(
    place: Place, expected: int
) -> None:
    add(place.store, "session/a", "1", "2")
    before = trace(place.store)
    with (
        pytest.raises(Conflict, match=f"session/a is at version 2, not {expected}"),
        place.store.transaction() as tx,
    ):
        tx.append("session/a", expected, [draft("x")], AT, "user", 1.0)
    assert trace(place.store) == before


def test_a_transaction_reads_what_it_wrote(place: Place) -> None:
    add(place.store, "session/a", "1")
    with place.store.transaction() as tx:
        added = append(tx, "session/a", draft("2"), draft("3"))
        assert texts(tx.read("session/a")) == ["1", "2", "3"]
        assert texts(tx.read("session/a", 2)) == ["3"]
        head = tx.head("session/a")
        assert head is not None
        assert (head.version, head.hash, head.position) == (3, added[-1].hash, 3)
        assert tx.head("session/b") is None


def test_appending_nothing_changes_nothing(place: Place) -> None:
    with place.store.transaction() as tx:
        append(tx, "session/a", draft("1"), wake=5.0)
    before = trace(place.store)
    with place.store.transaction() as tx:
        assert tx.append("session/a", 1, [], AT, "user", None) == []
        assert tx.append("session/new", 0, [], AT, "user", 3.0) == []
    assert trace(place.store) == before


# ---------------------------------------------------------------- undoing


def test_a_savepoint_undoes_only_what_was_done_inside(place: Place) -> None:
    add(place.store, "session/a", "1")
    with place.store.transaction() as tx:
        append(tx, "session/a", draft("2"))
        with pytest.raises(ZeroDivisionError), tx.savepoint():
            append(tx, "session/a", draft("lost"), wake=1.0)
            append(tx, "session/new", draft("lost"))
            tx.claim("session/a", "me")
            tx.remember("user", "k", "session/a", AT, Answer(b"", 1))
            key = tx.put_blob(b"lost")
            raise ZeroDivisionError
        assert tx.recall("user", "k") is None
        assert tx.claimed("session/a") is None
        assert tx.head("session/new") is None
        with tx.savepoint():
            append(tx, "session/a", draft("3"))
            with pytest.raises(ZeroDivisionError), tx.savepoint():
                append(tx, "session/a", draft("lost too"))
                raise ZeroDivisionError
            append(tx, "session/b", draft("4"))
    assert texts(place.store.tail("*")) == ["1", "2", "3", "4"]
    assert place.store.blob(key) is None
    assert place.store.claims() == {}
    assert place.store.due(10) == []
    sound(place.store)


def test_an_outer_savepoint_undoes_the_inner_ones(place: Place) -> None:
    with place.store.transaction() as tx:
        with pytest.raises(ZeroDivisionError), tx.savepoint():
            with tx.savepoint():
                append(tx, "session/a", draft("lost"))
            raise ZeroDivisionError
        append(tx, "session/a", draft("kept"))
    assert texts(place.store.tail("*")) == ["kept"]
    sound(place.store)


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, Conflict])
def test_a_rollback_leaves_no_trace(place: Place, error: type[BaseException]) -> None:
    with place.store.transaction() as tx:
        append(tx, "session/a", draft("1"), wake=7.0)
        tx.claim("session/a", "me")
        tx.remember("user", "old", "session/a", AT, Answer(b"", 1))
    before = trace(place.store)
    with pytest.raises(error), place.store.transaction() as tx:
        append(tx, "session/a", draft("lost"), wake=1.0)
        append(tx, "session/b", draft("lost" * BIG), wake=1.0)
        tx.release("session/a", "me")
        tx.claim("session/b", "me")
        tx.remember("user", "new", "session/a", AT, Answer(b"", 1))
        key = tx.put_blob(b"lost")
        raise error
    assert trace(place.store) == before
    assert place.store.blob(key) is None
    with place.store.transaction() as tx:
        assert tx.recall("user", "new") is None
        assert tx.recall("user", "old") == Answer(b"", 1)
        assert tx.claimed("session/a") == Claim("me", 1)
    assert texts(add(place.store, "session/a", "2")) == ["2"]
    sound(place.store)


# ---------------------------------------------------------------- once


def test_an_answer_is_given_again_to_the_same_actor_only(place: Place) -> None:
    done, refused = Answer(b"\0\xff", 12), Answer(b"x", 0, "no: ä")
    with place.store.transaction() as tx:
        assert tx.recall("user", "k") is None
        tx.remember("user", "k", "session/a", AT, done)
        tx.remember("agent", "k", "session/a", AT, refused)
        assert tx.recall("user", "k") == done
    with place.store.transaction() as tx:
        assert tx.recall("user", "k") == done
        assert tx.recall("agent", "k") == refused
        assert tx.recall("user", "other") is None
        with pytest.raises(Conflict, match="'k'"):
            tx.remember("user", "k", "session/a", AT, refused)
        assert tx.recall("user", "k") == done


def test_answers_are_kept_as_long_as_their_stream_and_at_least_for_a_time(place: Place) -> None:
    answer = Answer(b"x", 1)
    with place.store.transaction() as tx:
        for stream in ("s/stays", "s/goes"):
            tx.append(stream, 0, [Draft("A", 1, b"{}")], 1.0, "p", None)
        for stream in ("s/stays", "s/goes", "s/never"):
            tx.remember("old", stream, stream, AT, answer)
            tx.remember("new", stream, stream, AT + 2, answer)
        tx.append("s/goes", 1, [Draft("A", 1, b"{}")], 1.0, "p", None)
        tx.erase("s/goes", 0, 2)
    with place.store.transaction() as tx:
        tx.tidy(AT + 1, 1)
    with place.store.transaction() as tx:
        left = {
            (actor, stream)
            for actor in ("old", "new")
            for stream in ("s/stays", "s/goes", "s/never")
            if tx.recall(actor, stream) is not None
        }
    assert left == {("old", "s/stays"), *(("new", f"s/{n}") for n in ("stays", "goes", "never"))}


# ---------------------------------------------------------------- who drives


def test_the_fence_rises_with_every_claim_and_outlives_a_release(place: Place) -> None:
    place.hold("me")
    with place.store.transaction() as tx:
        assert tx.claimed("session/a") is None
        assert tx.claim("session/a", "me") == Claim("me", 1)
        assert tx.claim("session/a", "me") == Claim("me", 1)
        assert tx.claimed("session/a") == Claim("me", 1)
    assert place.store.claims() == {"session/a": Claim("me", 1, True)}
    with place.store.transaction() as tx:
        tx.release("session/a", "somebody else")
        assert tx.claimed("session/a") == Claim("me", 1)
        tx.release("session/a", "me")
        assert tx.claimed("session/a") is None
    assert place.store.claims() == {}
    with place.store.transaction() as tx:
        assert tx.claim("session/a", "me") == Claim("me", 2)
        assert tx.claim("session/b", "me") == Claim("me", 1)


def test_a_stream_is_taken_over_only_when_its_owner_is_dead(place: Place) -> None:
    place.hold("me")
    place.born("other", "session/a", "session/b")
    assert place.store.claims()["session/a"] == Claim("other", 1, True)
    with place.store.transaction() as tx:
        assert tx.claim("session/a", "me") is None
        tx.release("session/a", "me")
        assert tx.claim("session/a", "me") is None
        assert tx.claimed("session/a") == Claim("other", 1)
    place.dies("other")
    assert place.store.claims()["session/a"] == Claim("other", 1, False)
    with place.store.transaction() as tx:
        assert tx.claim("session/a", "me") == Claim("me", 2)
    assert place.store.claims() == {
        "session/a": Claim("me", 2, True),
        "session/b": Claim("other", 1, False),
    }
    place.born("other", "session/b")  # the same id again: its claim is its own
    assert place.store.claims()["session/b"] == Claim("other", 1, True)


def test_a_closed_store_gives_its_owner_up(file: InFile) -> None:
    file.hold("me")
    with file.store.transaction() as tx:
        tx.claim("session/a", "me")
    file.reopen()
    assert file.store.claims() == {"session/a": Claim("me", 1, False)}
    assert os.listdir(Path(file.path).parent / "owners") == []


def test_what_a_dead_owner_left_is_removed_and_a_living_one_keeps_it(file: InFile) -> None:
    owners = Path(file.path).parent / "owners"
    file.born("living")
    file.born("dead")
    for owner in ("living", "dead"):
        (owners / f"{owner}.sock").touch()
    file.dies("dead")
    assert (owners / "dead.lock").exists()
    file.hold("me")
    assert sorted(os.listdir(owners)) == ["living.lock", "living.sock", "me.lock"]


def test_a_child_process_does_not_keep_its_parents_locks(file: InFile) -> None:
    file.hold("me")
    add(file.store, "session/a", "1")
    sleeper = subprocess.Popen(
        [sys.executable, "-c", "print('ready', flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        close_fds=False,
    )
    assert sleeper.stdout is not None
    assert sleeper.stdout.readline() == b"ready\n"
    with file.store.transaction() as tx:
        tx.claim("session/a", "me")
    file.reopen()
    assert file.store.claims() == {"session/a": Claim("me", 1, False)}
    add(file.store, "session/a", "2")
    assert end(sleeper) == 0


# ---------------------------------------------------------------- waking


def test_streams_are_due_from_their_time_on_until_they_say_otherwise(place: Place) -> None:
    with place.store.transaction() as tx:
        append(tx, "session/a", draft("1"), wake=10.0)
        append(tx, "session/b", draft("1"), wake=0.0)
        append(tx, "session/c", draft("1"), wake=None)
    assert place.store.due(9.9) == ["session/b"]
    assert sorted(place.store.due(10.0)) == ["session/a", "session/b"]
    with place.store.transaction() as tx:
        append(tx, "session/b", draft("2"), wake=None)
        append(tx, "session/c", draft("2"), wake=11.0)
    assert place.store.due(10.0) == ["session/a"]
    assert sorted(place.store.due(11.0)) == ["session/a", "session/c"]


# ---------------------------------------------------------------- large things


def test_blobs_are_kept_by_their_hash(place: Place) -> None:
    with place.store.transaction() as tx:
        keys = [tx.put_blob(body) for body in (b"", b"\0\xff" * 70_000, b"abc", b"abc")]
    assert place.store.blob(keys[0]) == b""
    assert place.store.blob(keys[1]) == b"\0\xff" * 70_000
    assert keys[2] == keys[3] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert place.store.blob("0" * 64) is None


@pytest.mark.parametrize("size", [0, 1, BIG - 1, BIG, BIG + 1, 20 * BIG])
def test_bodies_of_every_size_come_back_whole(place: Place, size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    with place.store.transaction() as tx:
        tx.append("session/a", 0, [Draft("Big", 1, body), draft("x")], AT, "user", None)
        assert tx.read("session/a")[0].body == body
    assert place.store.read("session/a")[0].body == body
    assert place.store.tail("*")[0].body == body
    assert place.store.tail("session/a", 0, 1)[0].body == body
    kept = place.store.blob(hashlib.sha256(body).hexdigest())
    assert kept == (body if size > BIG else None)
    sound(place.store)


def test_large_bodies_are_stored_once_and_every_blob_is_referred_to(file: InFile) -> None:
    large = "large" * BIG
    with file.store.transaction() as tx:
        image = tx.put_blob(b"before")
        append(tx, "session/a", draft(large, refs=(image,)), draft("small"), draft(large))
    raw = apsw.Connection(file.path)
    rows = raw.execute("SELECT version, body IS NULL, blob FROM event ORDER BY version").get
    body = rows[0][2]
    assert rows == [(1, 1, body), (2, 0, None), (3, 1, body)]
    kept = raw.execute("SELECT hash, length(body) < 5000 FROM blob").get
    assert sorted(kept) == sorted([(image, 1), (body, 1)])
    refs = raw.execute("SELECT blob, stream, version FROM ref").get
    expected = [(image, "session/a", 1), (body, "session/a", 1), (body, "session/a", 3)]
    assert sorted(refs) == sorted(expected)
    raw.close()


# ---------------------------------------------------------------- reading


def test_what_is_erased_is_gone_and_the_chain_still_holds(place: Place) -> None:
    place.hold("o")
    with place.store.transaction() as tx:
        shared, own = tx.put_blob(b"shared" * 100), tx.put_blob(b"canary" * 100)
        drafts = [Draft("A", 1, b"canary", (shared, own)), Draft("A", 1, b"canary" * 5000)]
        tx.append("s/a", 0, drafts, 1.0, "p", None)
        tx.append("s/b", 0, [Draft("A", 1, b"stays", (shared,))], 1.0, "p", None)
    hashes = [record.hash for record in place.store.read("s/a")]
    with pytest.raises(RuntimeError), place.store.transaction() as tx:
        tx.erase("s/a", 0, 3)
        raise RuntimeError
    assert place.store.read("s/a")[0].body == b"canary"
    with place.store.transaction() as tx:
        tx.append("s/a", 2, [Draft("Z", 1, b"{}")], 2.0, "p", None)
        tx.erase("s/a", 0, 3)
    place.reopen()
    found = place.store.read("s/a")
    assert [record.body for record in found] == [None, None, b"{}"]
    assert [record.hash for record in found[:2]] == hashes
    assert place.store.blob(own) is None
    assert place.store.blob(shared) == b"shared" * 100
    assert place.store.read("s/b")[0].body == b"stays"
    assert place.store.tail("s/*")[0].body is None


def test_only_what_lies_between_two_versions_is_erased(place: Place) -> None:
    with place.store.transaction() as tx:
        keys = [tx.put_blob(str(n).encode() * 99) for n in range(6)]
        drafts = [Draft("A", 1, str(n).encode(), (keys[n],)) for n in range(6)]
        tx.append("s/a", 0, drafts, 1.0, "p", None)
        tx.erase("s/a", 1, 4)
    found = place.store.read("s/a")
    assert [r.body for r in found] == [b"0", None, None, b"3", b"4", b"5"]
    assert [place.store.blob(key) is None for key in keys] == [False, True, True, *[False] * 3]
    assert audit.verify("s/a", found) is None


def test_free_room_is_given_back_piece_by_piece(file: InFile) -> None:
    with file.store.transaction() as tx:
        body = os.urandom(400_000)
        tx.append("s/a", 0, [Draft("A", 1, body), Draft("B", 1, b"x")], 1.0, "p", None)
    full = file.store.size()
    with file.store.transaction() as tx:
        tx.erase("s/a", 0, 2)
    left, pieces = 1, 0
    while left:
        with file.store.transaction() as tx:
            before, left = left, tx.tidy(0.0, 20)
        pieces += 1
        assert pieces == 1 or left == max(0, before - 20)
    assert pieces > 3
    assert full - file.store.size() > 380_000


def test_a_tail_selects_by_stream_kind_position_and_number(place: Place) -> None:
    with place.store.transaction() as tx:
        append(tx, "session/a", draft("1", "A"), draft("2", "B"))
        append(tx, "session/ab", draft("3", "A"))
        append(tx, "channel/a", draft("4", "A"))
        append(tx, "session/a", draft("5", "A"), draft("6", "C"))
    tail = place.store.tail

    def kinds(*names: str) -> frozenset[str]:
        return frozenset(names)

    assert texts(tail("*")) == ["1", "2", "3", "4", "5", "6"]
    assert texts(tail("*", 4)) == ["5", "6"]
    assert texts(tail("*", 1, 2)) == ["2", "3"]
    assert texts(tail("*", 6)) == []
    assert texts(tail("session/*")) == ["1", "2", "3", "5", "6"]
    assert texts(tail("session/a*")) == ["1", "2", "3", "5", "6"]
    assert texts(tail("session/ab*")) == ["3"]
    assert texts(tail("session/a")) == ["1", "2", "5", "6"]
    assert texts(tail("session/a", 1)) == ["2", "5", "6"]
    assert texts(tail("session/a", 4)) == ["5", "6"]
    assert texts(tail("session/a", 0, 3)) == ["1", "2", "5"]
    assert texts(tail("session/a", 0, 2, kinds("A"))) == ["1", "5"]
    assert texts(tail("*", 1, 100, kinds("A", "C"))) == ["3", "4", "5", "6"]
    assert texts(tail("*", 0, 1, kinds("B"))) == ["2"]
    assert texts(tail("*", 0, 100, kinds())) == []
    assert texts(tail("*", 0, 100, None, 3)) == ["1", "2", "3"]
    assert texts(tail("session/a", 0, 2, None, 3)) == ["1", "2"]
    assert texts(tail("session/*", 0, 100, kinds("A"), 1)) == ["1"]
    assert texts(tail("*", 6, 100, None, 1)) == []
    assert texts(tail("session/_", 0)) == []
    assert texts(tail("session/%*", 0)) == []


def test_heads_are_the_ends_of_what_changed_after_a_position(place: Place) -> None:
    add(place.store, "session/a", "1", "2")
    add(place.store, "session/b", "3")
    last = add(place.store, "session/a", "4")[-1]
    heads = place.store.heads()
    assert [(h.stream, h.version, h.position) for h in heads] == [
        ("session/b", 1, 3),
        ("session/a", 3, 4),
    ]
    assert heads[1].hash == last.hash
    assert [head.stream for head in place.store.heads(3)] == ["session/a"]
    assert place.store.heads(4) == []


def test_other_threads_read_whole_transactions_while_one_writes(place: Place) -> None:
    rounds = 120

    def follow(seen: list[Record]) -> None:
        while len(seen) < 3 * rounds:
            news = place.store.tail("*", len(seen))
            assert len(news) % 3 == 0
            seen.extend(news)
            assert place.store.position() >= len(seen)

    histories: list[list[Record]] = [[], [], []]
    with ThreadPoolExecutor(3) as readers:
        following = [readers.submit(follow, history) for history in histories]
        for number in range(rounds):
            with place.store.transaction() as tx:
                append(tx, "session/a", draft(f"{number}a"))
                append(tx, "session/b", draft(f"{number}b"), draft(f"{number}c"))
        for reader in following:
            reader.result(30)
    assert histories == [place.store.tail("*")] * 3
    sound(place.store)


def test_two_processes_write_one_file_and_nothing_is_lost(file: InFile) -> None:
    writers = {name: child(WRITER, file.path, name) for name in ("one", "two")}
    for writer in writers.values():
        assert writer.stdin is not None
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    assert [end(writer) for writer in writers.values()] == [0, 0]
    sound(file.store)
    assert file.store.position() == 600
    shared = texts(file.store.read("session/shared"))
    for name in writers:
        written = [f"{name} {number}" for number in range(150)]
        assert texts(file.store.read(f"session/{name}")) == written
        assert [text for text in shared if text.startswith(name)] == written


# ---------------------------------------------------------------- both give the same answers

Op = Callable[[Transaction], Any]
STREAMS = st.sampled_from(["session/a", "session/ab", "session/ä*", "channel/a", "x"])
OWNERS = st.sampled_from(["me", "you", "they"])
KINDS = st.sampled_from(["Said", "Done", "Ü"])
TIMES = st.none() | st.integers(0, 5).map(float)
BODIES = st.binary(max_size=30) | st.integers(BIG - 1, BIG + 2).map(bytes)
DRAFTS = st.lists(st.builds(Draft, KINDS, st.integers(1, 3), BODIES), max_size=4)
AFTER = st.integers(0, 40)
LIMIT = st.integers(0, 20)


def appends(stream: str, off: int, drafts: list[Draft], actor: str, wake: float | None) -> Op:
    def run(tx: Transaction) -> Any:
        head = tx.head(stream)
        version = head.version if head else 0
        return tx.append(stream, version + off, drafts, AT + version / 3, actor, wake)

    return run


def remembers(actor: str, once: str, answer: Answer) -> Op:
    return lambda tx: tx.remember(actor, once, "session/a", AT, answer)


ANSWERS = st.builds(Answer, st.binary(max_size=3), st.integers(0, 9), st.sampled_from(["", "no"]))
KEYS = st.sampled_from(["k1", "k2"])
OPS: st.SearchStrategy[Op] = st.one_of(
    st.builds(appends, STREAMS, st.just(0), DRAFTS, OWNERS, TIMES),
    st.builds(appends, STREAMS, st.sampled_from([0, 0, 0, -1, 1]), DRAFTS, OWNERS, TIMES),
    st.builds(lambda s, a: lambda tx: tx.read(s, a), STREAMS, AFTER),
    st.builds(lambda s: lambda tx: tx.head(s), STREAMS),
    st.builds(lambda s, o: lambda tx: tx.claim(s, o), STREAMS, OWNERS),
    st.builds(lambda s: lambda tx: tx.claimed(s), STREAMS),
    st.builds(lambda s, o: lambda tx: tx.release(s, o), STREAMS, OWNERS),
    st.builds(remembers, OWNERS, KEYS, ANSWERS),
    st.builds(lambda a, k: lambda tx: tx.recall(a, k), OWNERS, KEYS),
    st.builds(lambda body: lambda tx: tx.put_blob(body), BODIES),
)
Block = tuple[list[Op], bool]
"""What is done inside one savepoint, and whether it is then undone."""
BLOCKS = st.lists(st.tuples(st.lists(OPS, max_size=4), st.booleans()), max_size=3)


class Undone(Exception):
    """Ends a savepoint or a transaction."""


def savepoint(tx: Transaction, block: Block, answers: list[Any]) -> None:
    """Does the block; what it was told goes into `answers`, also when it is undone."""
    operations, undone = block
    try:
        with tx.savepoint():
            answers.extend(operation(tx) for operation in operations)
            if undone:
                raise Undone
    except (Undone, Conflict) as error:
        answers.append(repr(error))


def transact(store: Store, first: list[Op], blocks: list[Block], undone: bool) -> list[Any]:
    """Everything that one transaction was told."""
    answers: list[Any] = []
    try:
        with store.transaction() as tx:
            answers.extend(operation(tx) for operation in first)
            for block in blocks:
                savepoint(tx, block, answers)
            if undone:
                raise Undone
    except (Undone, Conflict) as error:
        answers.append(repr(error))
    return answers


class Twins(RuleBasedStateMachine):
    """One life, led in memory and in a file."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = os.path.join(self.folder.name, "state")
        self.memory = MemoryStore()
        self.file = SqliteStore(os.path.join(self.root, "journal.db"), synchronous="OFF")
        self.owners: dict[str, Locks] = {}

    def same(self, ask: Callable[[Store], Any]) -> None:
        assert ask(self.file) == ask(self.memory)

    @rule(
        first=st.lists(OPS, max_size=3), blocks=BLOCKS, undone=st.sampled_from([False] * 4 + [True])
    )
    def transaction(self, first: list[Op], blocks: list[Block], undone: bool) -> None:
        self.same(lambda store: transact(store, first, blocks, undone))

    @rule(owner=OWNERS)
    def lives(self, owner: str) -> None:
        self.memory.hold(owner)
        self.owners.setdefault(owner, Locks(self.root)).hold(owner)

    @rule(owner=OWNERS)
    def dies(self, owner: str) -> None:
        self.memory.drop(owner)
        if owner in self.owners:
            self.owners.pop(owner).close()

    @rule()
    def reopen(self) -> None:
        self.file.close()
        self.file = SqliteStore(os.path.join(self.root, "journal.db"), synchronous="OFF")

    @rule(
        select=STREAMS | st.sampled_from(["*", "session/*", "session/a*", "nothing*", "session/"]),
        after=AFTER,
        limit=LIMIT,
        kinds=st.none() | st.frozensets(KINDS),
        room=st.none() | st.integers(1, 60),
    )
    def tail(
        self,
        select: str,
        after: int,
        limit: int,
        kinds: frozenset[str] | None,
        room: int | None,
    ) -> None:
        self.same(lambda store: store.tail(select, after, limit, kinds, room))

    @rule(stream=STREAMS, after=AFTER, limit=LIMIT)
    def read(self, stream: str, after: int, limit: int) -> None:
        self.same(lambda store: store.read(stream, after, limit))

    @rule(after=AFTER, now=st.integers(0, 5))
    def ask(self, after: int, now: int) -> None:
        self.same(lambda store: store.heads(after))
        self.same(lambda store: sorted(store.due(now)))

    @rule(body=BODIES)
    def blob(self, body: bytes) -> None:
        self.same(lambda store: store.blob(hashlib.sha256(body).hexdigest()))

    @invariant()
    def alike(self) -> None:
        if hasattr(self, "memory"):
            self.same(trace)
            sound(self.file)

    def teardown(self) -> None:
        if hasattr(self, "memory"):
            self.file.close()
            for locks in self.owners.values():
                locks.close()
            self.folder.cleanup()


class TestTwins(Twins.TestCase):
    """Memory and file cannot be told apart."""

    settings = settings(stateful_step_count=20)


def test_what_happened_elsewhere_keeps_its_time_and_actor(place: Place) -> None:
    with place.store.transaction() as tx:
        told = append(tx, "session/a", past("then", 1.5, "imported/x"), draft("now"))
    found = place.store.read("session/a")
    assert found == told
    assert [(r.at, r.actor) for r in found] == [(1.5, "imported/x"), (AT, "user")]
    assert audit.verify("session/a", found) is None


def test_a_streams_refs_name_what_its_records_need(place: Place) -> None:
    with place.store.transaction() as tx:
        one, two = tx.put_blob(b"one"), tx.put_blob(b"two")
        append(tx, "session/a", draft("x", refs=(one,)), draft("y", refs=(one, two)))
        append(tx, "session/b", draft("z", refs=(two,)))
    assert sorted(place.store.refs("session/a")) == sorted([(one, 1), (one, 2), (two, 2)])
    assert place.store.refs("session/b") == [(two, 1)]
    assert place.store.refs("session/c") == []


def test_a_part_of_a_long_journal_costs_as_little_as_of_a_short_one(tmp_path: Path) -> None:
    """A view reads kinds part by part: the cost of one must not grow with what is left."""
    store = SqliteStore(str(tmp_path / "j" / "journal.db"), synchronous="OFF")
    steps: list[int] = []
    for half in range(2):
        with store.transaction() as tx:
            drafts = [Draft(kind, 1, b"{}") for kind in ("A", "B", "C")] * 2000
            tx.append("session/a", half * 6000, drafts, AT, "me", None)
        steps.append(0)

        def count() -> bool:
            steps[-1] += 1
            return False

        store._reader.set_progress_handler(count, 100)
        assert len(store.tail("session/*", 0, 50, frozenset({"A", "B"}))) == 50
        store._reader.set_progress_handler(None)
    store.close()
    assert steps[1] <= steps[0] + 5
