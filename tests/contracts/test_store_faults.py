"""What can happen to a journal's file: one clear message each time, and nothing lost."""

# ruff: noqa: PT012 - what happens in a transaction is more than one statement

import contextlib
import os
import random
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from tuiagent.kernel import audit
from tuiagent.kernel.codec import Draft, Record
from tuiagent.kernel.errors import StoreError
from tuiagent.stores import opening
from tuiagent.stores.sqlite import SqliteStore

ROOT = os.geteuid() == 0
STREAM = "session/a"
KILLED = """
import os, sys
from tuiagent.kernel.codec import Draft
from tuiagent.stores.sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
for number in range(int(sys.argv[2])):
    with store.transaction() as tx:
        draft = Draft("Said", 1, str(number).encode() * 50)
        tx.append("session/a", number, [draft], 1.0, "user", None)
os._exit(9)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def journal(root: Path) -> Path:
    """A journal of 40 events, closed in good order."""
    return written(root, 40)


def written(root: Path, count: int) -> Path:
    path = root / "journal.db"
    store = SqliteStore(str(path))
    say(store, count)
    store.close()
    return path


def killed(root: Path, count: int = 40) -> Path:
    """A journal whose writer died: everything new is in the log only."""
    path = root / "journal.db"
    env = dict(os.environ, PYTHONPATH=os.pathsep.join(filter(None, sys.path)))
    argv = [sys.executable, "-c", KILLED, str(path), str(count)]
    assert subprocess.run(argv, env=env, check=False).returncode == 9
    return path


def say(store: SqliteStore, count: int, size: int = 100) -> None:
    """Commits events one by one; their bodies cannot be compressed."""
    for _ in range(count):
        with store.transaction() as tx:
            head = tx.head(STREAM)
            draft = Draft("Said", 1, random.randbytes(size))
            tx.append(STREAM, head.version if head else 0, [draft], 1.0, "user", None)


def records(path: Path) -> list[Record]:
    """Everything in a journal, which is sound."""
    store = SqliteStore(str(path))
    found = store.read(STREAM, 0, 100_000)
    store.close()
    assert audit.verify(STREAM, found) is None
    return found


def use(path: Path) -> None:
    """Opens a journal, and looks how long it is."""
    with contextlib.closing(SqliteStore(str(path))) as store:
        store.position()


def command(root: Path, *args: str, busy: int = 5000) -> subprocess.CompletedProcess[str]:
    """The command line on a state root, which waits so many milliseconds for a lock."""
    home = root.parent / "home"
    env = dict(
        PATH=os.environ["PATH"],
        HOME=str(home),
        TUIAGENT_HOME=str(root),
        PYTHONPATH=os.pathsep.join(filter(None, sys.path)),
    )
    waits = f"from tuiagent.stores import opening; opening.BUSY = {busy}; "
    begin = "from tuiagent.__main__ import main; main()"
    argv = [sys.executable, "-c", waits + begin, *args]
    return subprocess.run(argv, env=env, capture_output=True, text=True, timeout=50, check=False)


def refused(root: Path, *words: str) -> None:
    """The store and the command line say all of this, in one line, and the latter exits 1."""
    with pytest.raises(StoreError) as error:
        use(root / "journal.db")
    done = command(root, "sessions", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tuiagent: ")
    assert done.stderr.count("\n") == 1
    for text in (str(error.value), done.stderr):
        assert str(root) in text
        for word in words:
            assert word in text


@contextlib.contextmanager
def mounted(folder: Path, size: str) -> Iterator[Path]:
    """A small disk of its own."""
    if not ROOT:
        pytest.skip("only root can mount a disk")
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@contextlib.contextmanager
def unwritable(path: Path) -> Iterator[None]:
    """A file or folder that nobody may change, root included."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if not ROOT:
        path.chmod(mode & ~0o222)
        yield
        path.chmod(mode)
        return
    if subprocess.run(["chattr", "+i", str(path)], capture_output=True, check=False).returncode:
        pytest.skip("root may write everything here: this disk knows no `chattr +i`")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


# ---------------------------------------------------------------- not our journal


def test_a_file_that_is_no_database_is_left_as_it_is(root: Path, journal: Path) -> None:
    text = b"Dear diary, this is not a database.\n" * 200
    journal.write_bytes(text)
    refused(root, "not a database", "move it away or restore a copy")
    assert journal.read_bytes() == text


def test_a_journal_of_a_newer_version_is_not_touched(root: Path, journal: Path) -> None:
    raw = apsw.Connection(str(journal))
    raw.execute("PRAGMA user_version=99")
    raw.close()
    before = journal.read_bytes()
    refused(root, "newer tuiagent (schema 99", "update tuiagent", "TUIAGENT_HOME")
    assert journal.read_bytes() == before


@pytest.mark.parametrize("version", [0, 1])
def test_another_programs_database_is_not_touched(root: Path, version: int) -> None:
    root.mkdir()
    path = root / "journal.db"
    raw = apsw.Connection(str(path))
    raw.execute(f"CREATE TABLE cookies(a); PRAGMA application_id=7; PRAGMA user_version={version}")
    raw.close()
    before = path.read_bytes()
    refused(root, "another program's database", "move it away", "TUIAGENT_HOME")
    assert path.read_bytes() == before


# ---------------------------------------------------------------- damage


def test_a_damaged_page_is_named_and_nothing_is_changed(root: Path, journal: Path) -> None:
    size = journal.stat().st_size
    with open(journal, "r+b") as file:
        file.seek(4096)
        file.write(random.Random(3).randbytes(size - 2 * 4096))
    before = journal.read_bytes()
    refused(root, "damaged", "restore a copy")
    assert journal.read_bytes() == before


def test_one_damaged_body_is_found_by_the_chain(root: Path, journal: Path) -> None:
    body = records(journal)[20].body
    assert body is not None
    data = journal.read_bytes()
    assert data.count(body) == 1
    journal.write_bytes(data.replace(body, body[:50] + bytes([body[50] ^ 1]) + body[51:]))
    store = SqliteStore(str(journal))
    problem = audit.verify(STREAM, store.read(STREAM))
    store.close()
    assert problem == audit.Problem(STREAM, 21, "its body was changed")


def test_a_damaged_page_met_while_reading_or_writing_is_an_error_that_helps(
    root: Path, journal: Path
) -> None:
    raw = apsw.Connection(str(journal))
    page = raw.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'event'").get
    raw.close()
    with open(journal, "r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    store = SqliteStore(str(journal))
    for work in (lambda: store.tail("*"), lambda: say(store, 1)):
        with pytest.raises(StoreError, match="the journal is damaged; nothing was changed"):
            work()
    store.close()


@pytest.mark.parametrize("what", ["cut in half", "cut to nothing", "removed"])
def test_a_journal_cut_short_never_begins_anew(root: Path, journal: Path, what: str) -> None:
    if what == "removed":
        journal.unlink()
        journal.touch()
    else:
        os.truncate(journal, journal.stat().st_size // 2 if what == "cut in half" else 0)
    size = journal.stat().st_size
    refused(root, "restore a copy")
    assert journal.stat().st_size == size


def test_a_file_that_forgot_its_tables_never_begins_anew(root: Path, journal: Path) -> None:
    journal.unlink()
    raw = apsw.Connection(str(journal))
    raw.execute("VACUUM; PRAGMA journal_mode=WAL")
    raw.close()
    assert journal.stat().st_size > 0
    refused(root, "there was a journal in it", "restore a copy")


# ---------------------------------------------------------------- the log


def test_what_a_killed_writer_committed_is_there(root: Path) -> None:
    path = killed(root)
    assert path.with_name("journal.db-wal").stat().st_size > 40 * 4096
    assert len(records(path)) == 40


def test_a_removed_log_is_refused_until_somebody_accepts_the_loss(root: Path) -> None:
    path = killed(root)
    log = path.with_name("journal.db-wal")
    kept = log.read_bytes()
    log.unlink()
    for _ in range(2):
        refused(root, "journal.db-wal is gone", "restore it", "remove")
    log.write_bytes(kept)
    assert len(records(path)) == 40


def test_a_log_of_garbage_is_refused_until_it_is_restored(root: Path) -> None:
    path = killed(root)
    log = path.with_name("journal.db-wal")
    kept = log.read_bytes()
    for garbage in (random.Random(1).randbytes(len(kept)), b"\xff" + kept[1:], kept[:31] + b"!!"):
        log.write_bytes(garbage)
        refused(root, "journal.db-wal was overwritten", "restore it", "remove")
    log.write_bytes(kept)
    assert len(records(path)) == 40


def test_a_log_damaged_later_on_gives_everything_before(root: Path) -> None:
    path = killed(root)
    log = path.with_name("journal.db-wal")
    size = log.stat().st_size
    with open(log, "r+b") as file:
        file.seek(size * 3 // 4)
        file.write(random.Random(2).randbytes(size // 8))
    found = records(path)
    assert 20 < len(found) < 40
    assert [r.body for r in found] == [str(n).encode() * 50 for n in range(len(found))]


@pytest.mark.parametrize("names", [["-wal", "-shm"], ["-shm"]])
def test_without_the_log_the_tables_are_still_there(root: Path, names: list[str]) -> None:
    path = killed(root)
    for name in names:
        path.with_name(f"journal.db{name}").unlink()
    assert len(records(path)) == (0 if "-wal" in names else 40)


def test_an_index_that_holds_garbage_loses_nothing(root: Path) -> None:
    path = killed(root)
    path.with_name("journal.db-shm").write_bytes(random.Random(4).randbytes(32768))
    assert len(records(path)) == 40


# ---------------------------------------------------------------- locked, read-only


def test_a_journal_locked_by_another_program_is_named_within_the_time_limit(
    root: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = apsw.Connection(str(journal))
    for statement in ("PRAGMA locking_mode=EXCLUSIVE", "BEGIN EXCLUSIVE"):
        assert holder.execute(statement).get in (None, "exclusive")
    monkeypatch.setattr(opening, "BUSY", 300)
    began = time.monotonic()
    with pytest.raises(StoreError, match="keeps the journal locked; end it and try again"):
        SqliteStore(str(journal))
    assert time.monotonic() - began > 0.2, "who holds it for a moment only is waited for"
    done = command(root, "sessions", "list", busy=300)
    assert done.returncode == 1
    assert "keeps the journal locked" in done.stderr
    assert done.stderr.count("\n") == 1
    holder.close()
    assert len(records(journal)) == 40


def test_a_journal_locked_while_it_is_open_is_named_and_goes_on_afterwards(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "BUSY", 100)
    store = SqliteStore(str(journal))
    holder = apsw.Connection(str(journal))
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="keeps the journal locked; end it and try again"):
        say(store, 1)
    holder.execute("ROLLBACK")
    say(store, 1)
    assert len(store.read(STREAM)) == 41
    holder.close()
    store.close()


def test_a_read_only_file_is_refused(root: Path, journal: Path) -> None:
    with unwritable(journal):
        refused(root, "read-only", "make it writable", "TUIAGENT_HOME")
    assert len(records(journal)) == 40


def test_a_read_only_folder_is_refused(root: Path, journal: Path) -> None:
    with unwritable(root):
        refused(root, "cannot be opened", "writable", "TUIAGENT_HOME")
    assert len(records(journal)) == 40


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    refused(tmp_path / "file" / "state", "cannot be used", "TUIAGENT_HOME")
    refused(tmp_path / "file", "cannot be used", "TUIAGENT_HOME")


def test_a_read_only_disk_is_refused_and_what_is_on_it_stays(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "12m") as disk:
        path = written(disk / "state", 40)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        refused(disk / "state", "read-only", "TUIAGENT_HOME")
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert len(records(path)) == 40


@pytest.mark.skipif(not ROOT, reason="only root can forbid writing to a file that is open")
def test_a_disk_that_fails_while_it_is_written_loses_nothing(journal: Path) -> None:
    store = SqliteStore(str(journal))
    say(store, 1)
    with unwritable(journal.with_name("journal.db-wal")):
        for _ in range(2):
            with pytest.raises(StoreError, match="the disk reports an error; see the system's log"):
                say(store, 1)
        assert len(store.read(STREAM)) == 41
    say(store, 1)
    store.close()
    assert len(records(journal)) == 42


# ---------------------------------------------------------------- a full disk


def fill(disk: Path) -> Path:
    """Takes all the room that is left."""
    path = disk / "filler"
    with open(path, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(disk).free == 0
    return path


def test_on_a_full_disk_the_event_in_flight_is_kept_from_the_reserve(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "12m") as disk:
        root = disk / "state"
        path = root / "journal.db"
        store = SqliteStore(str(path))
        say(store, 10)
        reserve = root / "reserve"
        assert reserve.stat().st_blocks * 512 >= opening.RESERVE
        filler = fill(disk)
        say(store, 1, 1_000_000)
        assert not reserve.exists()
        fill(disk)
        before = store.tail("*", 0, 1000)
        assert [record.version for record in before] == list(range(1, 12))
        for _ in range(2):
            with pytest.raises(StoreError, match="disk is full; nothing was lost: make room"):
                say(store, 1, 1_000_000)
            assert store.tail("*", 0, 1000) == before
        done = command(root, "sessions", "list")
        assert done.returncode in (0, 1)
        assert done.stderr.count("\n") == done.returncode, done.stderr
        filler.unlink()
        say(store, 1)
        store.close()
        assert len(records(path)) == 12
        assert reserve.stat().st_blocks * 512 >= opening.RESERVE


def test_what_a_savepoint_undid_is_not_repeated_from_the_reserve(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "12m") as disk:
        store = SqliteStore(str(disk / "state" / "journal.db"))
        say(store, 2)
        fill(disk)
        with store.transaction() as tx:
            tx.append(STREAM, 2, [Draft("Said", 1, random.randbytes(300_000))], 1.0, "u", None)
            with pytest.raises(ZeroDivisionError), tx.savepoint():
                tx.append(STREAM, 3, [Draft("Said", 1, b"undone")], 1.0, "u", None)
                tx.claim(STREAM, "me")
                raise ZeroDivisionError
            told = tx.append(STREAM, 3, [Draft("Said", 1, b"kept")], 1.0, "u", None)
        assert not (disk / "state" / "reserve").exists()
        assert store.claims() == {}
        found = store.read(STREAM)
        assert found[3:] == told
        assert [record.position for record in found] == [1, 2, 3, 4]
        assert audit.verify(STREAM, found) is None
        store.close()


def test_a_disk_that_was_full_from_the_beginning_is_refused_or_works(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "1m") as disk:
        filler = fill(disk)
        refused(disk / "state", "full")
        filler.unlink()
        assert len(records(written(disk / "state", 5))) == 5
        assert not (disk / "state" / "reserve").exists()


def test_a_file_that_may_not_grow_fails_clearly_and_goes_on_afterwards(journal: Path) -> None:
    store = SqliteStore(str(journal))
    limited = store._writer  # what SQLite itself offers to make a disk full
    limited.execute("PRAGMA max_page_count=1")
    with pytest.raises(StoreError, match="disk is full; nothing was lost: make room and go on"):
        say(store, 1, 100_000)
    assert len(store.read(STREAM)) == 40
    limited.execute("PRAGMA max_page_count=4294967294")
    say(store, 1, 100_000)
    assert len(store.read(STREAM)) == 41
    store.close()


# ---------------------------------------------------------------- where it lies, and whose it is


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs"])
def test_a_network_drive_is_refused_unless_it_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    share = tmp_path / "my share"
    mounts = tmp_path / "mounts"
    escaped = str(share).replace(" ", "\\040")
    mounts.write_text(
        f"/dev/root / ext4 rw 0 0\nserver:/x {escaped} {kind} rw 0 0\n"
        f"server:/y {tmp_path}/my {kind} rw 0 0\n"
    )
    monkeypatch.setattr(opening, "MOUNTS", str(mounts))
    with pytest.raises(StoreError) as error:
        SqliteStore(str(share / "state" / "journal.db"))
    for word in (f"network drive ({kind})", "TUIAGENT_HOME", "TUIAGENT_ALLOW_NETWORK_DRIVE=1"):
        assert word in str(error.value)
    assert not (share / "state" / "journal.db").exists()
    SqliteStore(str(tmp_path / "my own" / "journal.db")).close()
    monkeypatch.setenv("TUIAGENT_ALLOW_NETWORK_DRIVE", "1")
    SqliteStore(str(share / "state" / "journal.db")).close()


def test_a_local_disk_mounted_over_a_network_drive_is_local(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"a / nfs rw 0 0\nb {tmp_path} nfs rw 0 0\nc {tmp_path} ext4 rw 0 0\n")
    monkeypatch.setattr(opening, "MOUNTS", str(mounts))
    SqliteStore(str(tmp_path / "state" / "journal.db")).close()


def test_everything_is_private_to_the_user(root: Path) -> None:
    root.mkdir(mode=0o755)
    root.chmod(0o755)
    before = os.umask(0)
    try:
        store = SqliteStore(str(root / "journal.db"))
        store.hold("me")
        say(store, 1)
        assert stat.S_IMODE(root.stat().st_mode) == 0o700
        modes = {
            str(path.relative_to(root)): oct(stat.S_IMODE(path.stat().st_mode))
            for path in root.rglob("*")
        }
        store.close()
    finally:
        os.umask(before)
    folders = {"owners"}
    assert {"journal.db", "journal.db-wal", "journal.db-shm", "journal.lock", "reserve"} <= set(
        modes
    )
    assert modes == {name: "0o700" if name in folders else "0o600" for name in modes}


@pytest.mark.skipif(not ROOT, reason="only root can give a folder to somebody else")
def test_somebody_elses_folder_is_refused(root: Path, journal: Path) -> None:
    os.chown(root, 4321, 4321)
    refused(root, "belongs to another user (number 4321)", "TUIAGENT_HOME")


WORK: list[Callable[[SqliteStore], object]] = [
    lambda store: store.tail("*"),
    lambda store: store.read(STREAM),
    lambda store: store.heads(),
    lambda store: store.claims(),
    lambda store: store.due(0),
    lambda store: store.blob("00"),
    lambda store: store.position(),
    lambda store: say(store, 1),
]


@pytest.mark.parametrize("number", range(len(WORK)))
def test_a_closed_store_says_so(journal: Path, number: int) -> None:
    store = SqliteStore(str(journal))
    store.close()
    with pytest.raises(StoreError, match=str(journal.parent)):
        WORK[number](store)


def test_a_failure_is_told_by_its_cause_and_not_by_the_roll_back_after_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    code = (
        "import resource, sys; resource.setrlimit(resource.RLIMIT_FSIZE, (20480, 20480)); "
        "from tuiagent.stores.sqlite import SqliteStore; SqliteStore(sys.argv[1])"
    )
    root.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", code, str(root / "journal.db")],
        check=False,
        capture_output=True,
        text=True,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "the disk" in last, done.stderr
    assert "rollback" not in last
