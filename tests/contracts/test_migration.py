"""Tables change all at once or not at all, after a backup, and never under an older process."""

import os
import shutil
import signal
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.contracts.test_store_faults import (
    fill,
    mounted,
    records,
    refused,
    say,
    use,
    written,
)
from tests.contracts.test_store_processes import OWNER, python
from tests.golden.record import VERSIONS, restored, schema_of
from tuiagent.kernel.errors import StoreError
from tuiagent.stores import opening, reading, schema
from tuiagent.stores.locks import Locks
from tuiagent.stores.schema import Migration
from tuiagent.stores.sqlite import SqliteStore

NEWEST = len(schema.MIGRATIONS)
STEP = Migration(
    "CREATE TABLE more(a INTEGER) STRICT; INSERT INTO more SELECT version FROM event;"
    "ALTER TABLE stream ADD COLUMN more INTEGER NOT NULL DEFAULT 7"
)
ALONE = Migration("ALTER TABLE once RENAME TO answers; CREATE VIEW once AS SELECT 1", alone=True)
KILLED = """
import os, signal, sys, traceback
import apsw
from tuiagent.stores import copying, opening
from tuiagent.stores.schema import Migration
from tuiagent.stores.sqlite import SqliteStore

left = 0
opening.MIGRATIONS = (*opening.MIGRATIONS, Migration(sys.argv[1]))

def point(*_):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return True

def watched(connection):
    connection.exec_trace = point

def before(work):
    return lambda *args, **more: point() and work(*args, **more)

os.fsync, os.replace, os.makedirs = map(before, (os.fsync, os.replace, os.makedirs))
apsw.connection_hooks.append(watched)
for left, line in enumerate(sys.stdin):
    child = os.fork()
    if not child:
        try:
            SqliteStore(line.strip()).close()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""Opens the journals that it is told; the nth one in a process that is killed at its nth step."""


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal of 40 events, closed in good order."""
    return written(tmp_path / "state", 40)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A tuiagent that is one migration ahead."""
    monkeypatch.setattr(opening, "MIGRATIONS", (*schema.MIGRATIONS, STEP))
    return monkeypatch


def copies(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "backups").glob("*"))


def test_a_migration_is_made_after_a_backup_that_only_the_owner_reads(
    journal: Path, newer: pytest.MonkeyPatch
) -> None:
    root = journal.parent
    assert len(records(journal)) == 40
    assert schema_of(journal) == NEWEST + 1
    assert copies(root) == [f"schema-{NEWEST}.db"]
    copy = root / "backups" / f"schema-{NEWEST}.db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    newer.undo()
    refused(root, f"newer tuiagent (schema {NEWEST + 1}, this one knows {NEWEST})")
    (root / "elsewhere").mkdir(mode=0o700)
    restored = shutil.copy(copy, root / "elsewhere" / "journal.db")
    assert len(records(Path(restored))) == 40
    assert copies(root) == [f"schema-{NEWEST}.db"]


def test_a_migration_that_fails_changes_nothing_and_leaves_one_backup(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Migration("CREATE TABLE more(a INTEGER) STRICT; CREATE TABLE wrong(a) STRICT")
    monkeypatch.setattr(opening, "MIGRATIONS", (*schema.MIGRATIONS, wrong))
    for _ in range(3):
        with pytest.raises(StoreError, match="SQLite failed"):
            SqliteStore(str(journal))
    monkeypatch.undo()
    assert copies(journal.parent) == [f"schema-{NEWEST}.db"]
    assert len(records(journal)) == 40
    with closing(apsw.Connection(str(journal))) as raw:
        assert raw.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").get == 0


def test_killed_anywhere_it_opens_again_old_or_new_and_never_half(tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    original = written(tmp_path / "state", 40)
    outcomes: list[int] = []
    argv, pipe = [sys.executable, "-c", KILLED, STEP.sql], subprocess.PIPE
    with subprocess.Popen(argv, env=env, stdin=pipe, stdout=pipe, text=True) as opens:
        assert opens.stdin is not None
        assert opens.stdout is not None
        for left in range(1000):
            root = tmp_path / f"at-{left}"
            shutil.copytree(original.parent, root)
            path = root / "journal.db"
            print(path, file=opens.stdin, flush=True)
            code = int(opens.stdout.readline())
            if code == 0:
                break
            assert code == -signal.SIGKILL
            version = _whole(path)
            outcomes.append(version)
            for name in copies(root):  # what has its name is whole
                if name.endswith(".db"):
                    with closing(reading.copy(str(root / "backups" / name))) as copy:
                        assert len(copy.read("session/a", 0, 99)) == 40
            if version == NEWEST + 1:
                assert f"schema-{NEWEST}.db" in copies(root)
            shutil.rmtree(root)
    assert len(outcomes) > 20
    assert outcomes == sorted(outcomes), "once it is new it stays so"
    assert {NEWEST, NEWEST + 1} == set(outcomes)


def _whole(path: Path) -> int:
    """The version of the tables, which are all of that version."""
    with closing(apsw.Connection(str(path))) as raw:
        version = raw.execute("PRAGMA user_version").get
        made = raw.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'more'").get
        columns = [row[1] for row in raw.execute("PRAGMA table_info(stream)")]
        assert (bool(made), "more" in columns) == (version > NEWEST,) * 2
        assert raw.execute("PRAGMA integrity_check").get == "ok"
        assert raw.execute("SELECT count(*) FROM event").get == 40
    return version


def test_with_no_room_for_the_backup_nothing_is_changed(
    tmp_path: Path, newer: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "disk", "12m") as disk:
        newer.undo()
        path = disk / "state" / "journal.db"
        with closing(SqliteStore(str(path))) as store:
            say(store, 1, 400_000)
        filler = fill(disk)
        os.truncate(filler, filler.stat().st_size - 200_000)  # enough to open it
        before = path.read_bytes()
        newer.setattr(opening, "MIGRATIONS", (*schema.MIGRATIONS, STEP))
        for _ in range(2):
            with pytest.raises(StoreError, match="no copy of the journal could be made, and noth"):
                SqliteStore(str(path))
        assert path.read_bytes() == before
        assert copies(disk / "state") == []
        filler.unlink()
        assert len(records(path)) == 1
        assert schema_of(path) == NEWEST + 1


# ---------------------------------------------------------------- other processes


def test_what_only_adds_is_done_beside_an_older_process_which_goes_on(
    journal: Path, newer: pytest.MonkeyPatch
) -> None:
    newer.undo()
    older = SqliteStore(str(journal))
    older.hold("older")
    newer.setattr(opening, "MIGRATIONS", (*schema.MIGRATIONS, STEP))
    use(journal)
    say(older, 1)
    assert len(older.read("session/a", 0, 99)) == 41
    older.close()
    assert len(records(journal)) == 41


def test_what_takes_away_waits_until_no_other_owner_lives(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = python(OWNER, str(journal), "other", "session/a")
    assert other.stdout is not None
    assert other.stdout.readline() == "ready\n"
    monkeypatch.setattr(opening, "MIGRATIONS", (*schema.MIGRATIONS, ALONE))
    for _ in range(2):
        with pytest.raises(StoreError, match=r"1 older ones still use it; nothing was changed"):
            SqliteStore(str(journal))
    assert schema_of(journal) == NEWEST
    assert copies(journal.parent) == []
    other.kill()
    other.communicate()
    use(journal)
    assert schema_of(journal) == NEWEST + 1


def test_who_opened_before_a_migration_and_becomes_an_owner_after_it_is_refused(
    journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = SqliteStore(str(journal))  # and holds no lock yet
    monkeypatch.setattr(opening, "MIGRATIONS", (*schema.MIGRATIONS, ALONE))
    use(journal)
    monkeypatch.undo()
    with pytest.raises(StoreError, match="made by a newer tuiagent"):
        older.hold("older")
    older.close()
    assert Locks(str(journal.parent)).living() == []


# ---------------------------------------------------------------- the real ones


@pytest.mark.parametrize("version", VERSIONS)
def test_the_tables_of_every_version_become_those_of_a_new_journal(
    version: str, tmp_path: Path
) -> None:
    def tables(path: Path) -> list[tuple[str, ...]]:
        with closing(apsw.Connection(str(path))) as raw:
            query = "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'"
            return sorted(raw.execute(query))

    old = restored(version, tmp_path / "old")
    before = schema_of(old)
    use(old)
    assert tables(old) == tables(written(tmp_path / "new", 1))
    assert copies(old.parent) == ([f"schema-{before}.db"] if before < NEWEST else [])
