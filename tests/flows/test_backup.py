"""Copies of the journal: whole, private, verified, and made while others write."""

import stat
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.contracts.test_store_processes import WRITER, python
from tests.flows.test_cli import PROMPT, SAY, Cli
from tuiagent.kernel import audit
from tuiagent.kernel.errors import StoreError
from tuiagent.stores import reading
from tuiagent.stores.sqlite import SqliteStore


def test_a_copy_is_made_once_verified_and_reads_as_the_journal(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    cli.run(*PROMPT, "--name", "a")
    shown = cli.run("sessions", "show", "a").stdout
    copy = tmp_path / "what? 100% #1.db"
    done = cli.run("backup", str(copy))
    assert (done.returncode, "their chains whole" in done.stdout) == (0, True)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    files = {path.name for path in tmp_path.iterdir() if path.is_file()}
    assert files == {"script.json", copy.name}
    before = copy.read_bytes()
    again = cli.run("backup", str(copy))
    assert (again.returncode, copy.read_bytes()) == (2, before)
    assert "is there already" in again.stderr
    assert cli.run("backup").returncode == 0
    (other,) = (cli.root / "backups").iterdir()
    assert stat.S_IMODE(other.parent.stat().st_mode) == 0o700
    cli.root = tmp_path / "restored"
    cli.root.mkdir(mode=0o700)
    copy.rename(cli.root / "journal.db")
    assert cli.run("sessions", "show", "a").stdout == shown
    assert cli.run("verify").returncode == 0


def test_a_copy_that_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    cli.run(*PROMPT)
    done = cli.run("backup", str(tmp_path / "nowhere" / "x.db"))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "no copy of the journal could be made" in done.stderr
    with closing(SqliteStore(str(cli.root / "journal.db"))) as store, pytest.raises(StoreError):
        store.copy(str(cli.work))  # a folder has that name
    assert not list(tmp_path.glob("*.new"))


def test_a_copy_of_a_journal_that_was_changed_says_so(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    cli.run(*PROMPT)
    with closing(apsw.Connection(str(cli.root / "journal.db"))) as raw:
        raw.execute("UPDATE event SET body = x'7b7d' WHERE kind = 'PromptSubmitted'")
    done = cli.run("backup", str(tmp_path / "x.db"))
    assert done.returncode == 1
    assert "NOT AS IT WAS WRITTEN" in done.stdout


def test_copies_made_while_two_processes_write_are_whole(tmp_path: Path) -> None:
    path = str(tmp_path / "root" / "journal.db")
    sizes: list[int] = []
    with python(WRITER, path, "ann") as ann, python(WRITER, path, "bob") as bob:
        writers = (ann, bob)
        for process in writers:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in writers:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        with closing(SqliteStore(path)) as store:
            while any(process.poll() is None for process in writers):
                copy = str(tmp_path / f"{len(sizes)}.db")
                store.copy(copy)
                with closing(reading.copy(copy)) as made:
                    for head in made.heads():
                        records = made.read(head.stream, 0, 10_000)
                        assert audit.verify(head.stream, records) is None
                        assert records[-1].hash == head.hash
                    sizes.append(made.position())
    assert len(set(sizes)) > 2, "nothing was written meanwhile, so this shows nothing"
    assert sizes == sorted(sizes)
