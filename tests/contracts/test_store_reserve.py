"""On a full disk, what is in flight is still written, once, from what was kept in reserve."""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import apsw
import pytest

from tuiagent.kernel import audit
from tuiagent.kernel.codec import Draft, Record
from tuiagent.kernel.errors import StoreError
from tuiagent.ports import Answer
from tuiagent.stores.sqlite import SqliteStore


class FullDisk(apsw.VFS):
    """A disk on which, once it is `full`, nothing fits but what a removed reserve left."""

    def __init__(self, reserve: Path) -> None:
        self.reserve = reserve
        self.full = False
        self.spare = 4 * 1024 * 1024
        super().__init__("full", "unix")

    def xOpen(self, name: Any, flags: list[int]) -> "FullDiskFile":
        """Opens a file that grows only while there is room."""
        return FullDiskFile(self, name, flags)

    def take(self, size: int) -> None:
        """Raises what SQLite makes of ENOSPC."""
        if not self.full:
            return
        if self.reserve.exists() or size > self.spare:
            raise apsw.FullError("no space left on device")
        self.spare -= size


class FullDiskFile(apsw.VFSFile):
    """A file on it."""

    def __init__(self, disk: FullDisk, name: Any, flags: list[int]) -> None:
        self.disk = disk
        super().__init__("unix", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        """Writes where there is room."""
        self.disk.take(len(data))
        super().xWrite(data, offset)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The state root."""
    return tmp_path / "root"


@pytest.fixture
def disk(root: Path) -> Iterator[FullDisk]:
    """A disk that is not full yet."""
    vfs = FullDisk(root / "reserve")
    yield vfs
    vfs.unregister()


def open_store(root: Path) -> SqliteStore:
    """The journal on that disk."""
    return SqliteStore(str(root / "journal.db"), "full")


def write(store: SqliteStore, *bodies: bytes) -> list[Record]:
    """One transaction, a part of which is taken back before its end."""
    with store.transaction() as tx:
        head = tx.head("session/a")
        version = head.version if head else 0
        with suppress(KeyError), tx.savepoint():
            tx.append("session/a", version, [Draft("Lost", 1, b"lost")], 1.0, "me", 5.0)
            raise KeyError
        with tx.savepoint():
            drafts = [Draft("Said", 1, body, (tx.put_blob(body),)) for body in bodies]
            records = tx.append("session/a", version, drafts, 1.0, "me", 9.0)
        tx.claim("session/a", "me")
        tx.remember("me", str(records[-1].version), "session/a", 1.0, Answer(b"", version))
        return records


def test_the_observation_in_flight_is_written_once_and_unchanged(
    root: Path, disk: FullDisk
) -> None:
    store = open_store(root)
    first = write(store, b"before")
    assert (root / "reserve").stat().st_blocks * 512 >= 4 * 1024 * 1024
    disk.full = True
    large = Random(1).randbytes(3_000_000)
    given = write(store, b"small", large)
    assert not (root / "reserve").exists()
    assert [record.position for record in given] == [2, 3]
    assert store.read("session/a") == first + given
    assert audit.verify("session/a", first + given) is None
    assert store.blob(hashlib.sha256(large).hexdigest()) == large
    assert store.due(9.0) == ["session/a"]
    assert store.claims()["session/a"].fence == 1
    disk.full = False
    store.close()


def test_without_a_reserve_it_says_so_and_goes_on_once_there_is_room(
    root: Path, disk: FullDisk
) -> None:
    store = open_store(root)
    first = write(store, b"before")
    disk.full, disk.spare = True, 0
    for _ in range(2):
        with pytest.raises(StoreError, match="disk is full; nothing was lost: make room"):
            write(store, b"lost")
    assert store.read("session/a") == first
    assert (store.position(), store.due(5.0)) == (1, [])
    disk.full = False
    assert [record.position for record in write(store, b"after")] == [2]
    store.close()
    assert not (root / "reserve").exists()
    open_store(root).close()
    assert (root / "reserve").exists()


def test_another_error_of_the_disk_is_tried_once_more_at_most(
    root: Path, disk: FullDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(root)
    write(store, b"before")
    tries: list[int] = []

    def broken(self: FullDisk, size: int) -> None:
        tries.append(size)
        raise apsw.IOError("input/output error")

    monkeypatch.setattr(FullDisk, "take", broken)
    with pytest.raises(StoreError, match="the disk reports an error"):
        write(store, b"lost")
    assert len(tries) == 2
    monkeypatch.undo()
    assert [record.position for record in write(store, b"after")] == [2]
    assert [record.body for record in store.read("session/a")] == [b"before", b"after"]
    store.close()
