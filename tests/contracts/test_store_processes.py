"""Several processes on one journal file: nothing is lost, doubled or taken from the living."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tuiagent.kernel import audit
from tuiagent.kernel.codec import Draft, Record
from tuiagent.kernel.errors import StoreError
from tuiagent.ports import Claim
from tuiagent.stores import locks
from tuiagent.stores.locks import Locks
from tuiagent.stores.sqlite import SqliteStore

OWNER = """
import sys
from tuiagent.stores.sqlite import SqliteStore

store = SqliteStore(sys.argv[1])
store.hold(sys.argv[2])
with store.transaction() as tx:
    for stream in sys.argv[3:]:
        tx.claim(stream, sys.argv[2])
print("ready", flush=True)
sys.stdin.read()
"""
WRITER = """
import sys
from tuiagent.kernel.codec import Draft
from tuiagent.kernel.errors import Conflict
from tuiagent.stores.sqlite import SqliteStore

store, me = SqliteStore(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
written = conflicts = 0
while written < 500:
    seen = len(store.read("session/shared", 0, 10_000))
    try:
        with store.transaction() as tx:
            draft = Draft("Said", 1, f"{me} {written}".encode())
            tx.append("session/shared", seen, [draft], 1.0, me, None)
            own = tx.head(f"session/{me}")
            tx.append(f"session/{me}", own.version if own else 0, [draft], 1.0, me, None)
        written += 1
    except Conflict:
        conflicts += 1
print(conflicts, flush=True)
"""

BYSTANDER = """
import fcntl, sys

looks, other = (open(name, "w") for name in sys.argv[1:])
fcntl.flock(other, fcntl.LOCK_EX)
print("ready", flush=True)
sys.stdin.read()
"""
ITSELF = """
import sys
from tuiagent.stores.locks import Locks

held = Locks(sys.argv[1])
held.hold("me")
try:
    Locks(sys.argv[1]).kill("me")
except OSError:
    print("refused")
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the journal will be."""
    return str(tmp_path / "root" / "journal.db")


def python(script: str, *args: str) -> subprocess.Popen[str]:
    """A second process that runs this script."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", script, *args]
    return subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True)


def put(store: SqliteStore, stream: str, body: bytes) -> list[Record]:
    """Appends at the stream's end."""
    with store.transaction() as tx:
        head = tx.head(stream)
        version = head.version if head else 0
        return tx.append(stream, version, [Draft("Said", 1, body)], 1.0, "me", None)


def test_two_processes_write_500_events_each_into_one_stream(path: str) -> None:
    conflicts = 0
    with python(WRITER, path, "ann") as ann, python(WRITER, path, "bob") as bob:
        for process in (ann, bob):
            assert process.stdout
            assert process.stdout.readline() == "ready\n"
        for process in (ann, bob):
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in (ann, bob):
            assert process.stdout
            conflicts += int(process.stdout.readline())
    assert conflicts > 0, "the two never met, so this shows nothing"
    store = SqliteStore(path)
    assert [r.position for r in store.tail("*", 0, 10_000)] == list(range(1, 2001))
    shared = store.read("session/shared", 0, 10_000)
    for name in ("ann", "bob"):
        expected = [f"{name} {number}".encode() for number in range(500)]
        assert [r.body for r in shared if r.actor == name] == expected
        assert [r.body for r in store.read(f"session/{name}", 0, 10_000)] == expected
    assert audit.verify("session/shared", shared) is None
    store.close()


def test_four_processes_may_make_the_journal_at_once(path: str) -> None:
    processes = [python(OWNER, path, f"o{number}", f"session/{number}") for number in range(4)]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    store = SqliteStore(path)
    assert store.claims() == {f"session/{n}": Claim(f"o{n}", 1, True) for n in range(4)}
    for process in processes:
        process.communicate()
    assert {claim.alive for claim in store.claims().values()} == {False}
    store.close()


def test_a_stopped_owner_still_lives(path: str) -> None:
    with python(OWNER, path, "them", "session/a") as process:
        assert process.stdout
        process.stdout.readline()
        os.kill(process.pid, signal.SIGSTOP)
        store = SqliteStore(path)
        with store.transaction() as tx:
            assert tx.claim("session/a", "me") is None
        process.kill()
        process.wait()
        with store.transaction() as tx:
            assert tx.claim("session/a", "me") == Claim("me", 2)
        store.close()


def test_a_child_of_a_killed_owner_does_not_keep_its_lock(path: str) -> None:
    child = """
import subprocess
held = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
"""
    script = OWNER.replace("print(", f"{child}print(held.pid, ", 1)
    with python(script, path, "them", "session/a") as process:
        assert process.stdout
        grandchild = int(process.stdout.readline().split()[0])
        os.kill(process.pid, signal.SIGSTOP)
        os.kill(grandchild, signal.SIGSTOP)
        process.kill()
        process.wait()
        os.kill(grandchild, 0)
        store = SqliteStore(path)
        assert store.claims() == {"session/a": Claim("them", 1, False)}
        store.close()
        os.kill(grandchild, signal.SIGKILL)


def test_nobody_is_killed_but_whoever_has_the_lock(path: str) -> None:
    root = Path(path).parent
    (root / "owners").mkdir(parents=True)
    looks, locks = str(root / "owners/them.lock"), Locks(str(root))
    with python(BYSTANDER, looks, str(root / "other")) as bystander:
        assert bystander.stdout
        bystander.stdout.readline()
        locks.kill("them")
        locks.kill("nobody")
        with python(OWNER, path, "them", "session/a") as process:
            assert process.stdout
            process.stdout.readline()
            os.kill(process.pid, signal.SIGSTOP)
            locks.kill("them")
            assert process.wait(10) == -signal.SIGKILL
        locks.kill("them")
        assert bystander.poll() is None


def test_a_process_does_not_kill_itself(tmp_path: Path) -> None:
    with python(ITSELF, str(tmp_path)) as process:
        assert process.communicate()[0] == "refused\n"


# ---------------------------------------------------------------- lock files


def test_what_dead_owners_left_is_swept_and_the_living_are_not(path: str) -> None:
    owners = Path(path).parent / "owners"
    owners.mkdir(parents=True)
    for name in ("dead.lock", "dead.sock", "gone.sock"):
        (owners / name).touch()
    with python(OWNER, path, "them", "session/a") as process:
        assert process.stdout
        process.stdout.readline()
        (owners / "them.sock").touch()
        store = SqliteStore(path)
        store.hold("me")
        store.hold("me")
        assert sorted(os.listdir(owners)) == ["me.lock", "them.lock", "them.sock"]
        process.kill()
    assert store.claims()["session/a"].alive is False
    store.close()
    assert sorted(os.listdir(owners)) == ["them.lock", "them.sock"]


def test_a_lock_file_removed_while_it_is_taken_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Locks(str(tmp_path)), Locks(str(tmp_path))
    path = tmp_path / "owners" / "me.lock"
    take, taken = locks._take, []

    def take_and_lose(lock: int, name: str) -> None:
        take(lock, name)
        taken.append(lock)
        if len(taken) == 1:
            path.unlink()  # as a sweeper does that took it for a dead owner's

    monkeypatch.setattr(locks, "_take", take_and_lose)
    first.hold("me")
    assert len(taken) == 2
    assert second.alive("me")
    first.close()
    assert not second.alive("me")


def test_two_that_ask_at_once_both_learn_that_an_owner_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "owners" / "dead.lock"
    path.parent.mkdir()
    asking = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(asking, fcntl.LOCK_SH)
    assert Locks(str(tmp_path)).alive("dead") is False
    os.close(asking)


def test_an_owner_is_one_process(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "PATIENCE", 0.01)
    with python(OWNER, path, "them") as process:
        assert process.stdout
        process.stdout.readline()
        store = SqliteStore(path)
        with pytest.raises(StoreError, match=r"them\.lock has been held by another process"):
            store.hold("them")
        store.close()
        process.kill()


def test_a_process_stopped_while_it_writes_is_named_after_a_while(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = SqliteStore(path)
    put(store, "session/a", b"1")
    monkeypatch.setattr(locks, "PATIENCE", 0.01)
    stopped = os.open(Path(path).parent / "journal.lock", os.O_RDWR)
    fcntl.flock(stopped, fcntl.LOCK_EX)
    with pytest.raises(StoreError, match="hangs or was stopped"):
        put(store, "session/a", b"2")
    assert len(store.read("session/a")) == 1
    os.close(stopped)
    assert put(store, "session/a", b"2")[0].version == 2
    store.close()


def test_a_removed_lock_for_writing_is_made_anew(path: str) -> None:
    store = SqliteStore(path)
    put(store, "session/a", b"1")
    lock = Path(path).parent / "journal.lock"
    lock.unlink()
    put(store, "session/a", b"2")
    with store.transaction():
        other = os.open(lock, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)
    store.close()
