"""What `tuiagent verify` notices: everything that was done to the journal behind its back."""

import asyncio
import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.life import Life
from tuiagent.engine.clock import World
from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal, Request, ThreadWriter
from tuiagent.engine.seal import Sealer
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.standing import STREAM as EVERYWHERE
from tuiagent.kernel.standing import AcceptTools
from tuiagent.stores.sqlite import SqliteStore
from tuiagent.vaults.signer import Signer

TURNS = [
    {"text": "I look.", "calls": [{"tool": "shell", "args": {"command": "echo one"}}]},
    {"text": "Done."},
]


@pytest.fixture
def life(tmp_path: Path) -> Life:
    """A session that was run, sealed and left."""
    life = Life(tmp_path, TURNS)
    life.finish()
    assert verified(life) == (0, "")
    return life


def verified(life: Life) -> tuple[int, str]:
    """The exit code, and what is not as it was written."""
    process = life.start("verify")
    out, err = process.communicate(timeout=60)
    assert err == b""
    first = out.decode().splitlines()[0]
    return process.returncode, first if process.returncode else ""


def tampered(life: Life, *statements: str) -> None:
    """Another program writes to the journal."""
    connection = apsw.Connection(str(life.root / "journal.db"))
    for statement in statements:
        connection.execute(statement)
    connection.close()


STREAM = "(SELECT stream FROM event WHERE stream LIKE 'session/%')"


@pytest.mark.parametrize(
    "statements",
    [
        (
            "UPDATE event SET body = CAST(body || ' ' AS BLOB)"
            f" WHERE version = 2 AND stream IN {STREAM}",
        ),
        (f"UPDATE event SET actor = 'somebody' WHERE version = 2 AND stream IN {STREAM}",),
        (f"UPDATE event SET at = at + 1 WHERE version = 3 AND stream IN {STREAM}",),
        (f"DELETE FROM event WHERE version = 3 AND stream IN {STREAM}",),
        (
            "DELETE FROM event WHERE stream LIKE 'session/%' AND version = (SELECT max(version)"
            " FROM event WHERE stream LIKE 'session/%')",
        ),
        (
            "DELETE FROM event WHERE stream LIKE 'seal/%'",
            "DELETE FROM stream WHERE id LIKE 'seal/%'",
        ),
        (
            "DELETE FROM event WHERE stream LIKE 'session/%'",
            "DELETE FROM stream WHERE id LIKE 'session/%'",
        ),
    ],
    ids=["body", "actor", "time", "a gap", "the end", "the seals", "a whole session"],
)
def test_what_another_program_did_is_noticed(life: Life, statements: tuple[str, ...]) -> None:
    tampered(life, *statements)
    code, first = verified(life)
    assert code == 1
    assert first.startswith("NOT AS IT WAS WRITTEN")


async def test_a_seal_that_is_cancelled_is_copied_before_the_next_is_made(tmp_path: Path) -> None:
    """The run has ended, and so does the process that was about to seal it."""

    class Cut(World):
        def point(self, name: str) -> None:
            if name == "sealed":
                task.cancel()

    with closing(SqliteStore(str(tmp_path / "journal.db"))) as store:
        store.hold("o1")
        journal = Journal(store, codec(), "o1", Cut())
        journal.writer = ThreadWriter(journal)
        key, copy = tmp_path / "key", tmp_path / "seals.jsonl"
        sealer = Sealer(journal, Hub(), lambda: Signer(str(key)), str(copy))
        granted = AcceptTools(EVERYWHERE, "config#x", {"a": "b"})
        await journal.write(Request(EVERYWHERE, (granted,), "ada"))
        task = asyncio.create_task(sealer.seal())
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await sealer.seal() == 0, "it was sealed"
        journal.writer.close()
    assert copy.read_bytes().count(b"\n") == 1


def copy_of(life: Life) -> list[list[object]]:
    text = (life.root / "seals.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def test_a_journal_rewritten_as_a_whole_does_not_fit_the_copy_of_its_seals(
    life: Life, tmp_path: Path
) -> None:
    """Another history, with right chains and right seals, but not those of the copy."""
    other = Life(tmp_path / "other", TURNS)
    other.home = life.home
    other.finish()
    copy = (life.root / "seals.jsonl").read_bytes()
    (other.root / "seals.jsonl").write_bytes(copy)
    assert copy_of(other)
    code, first = verified(other)
    assert code == 1
    assert "copied but is not in the journal" in first


@pytest.mark.parametrize("spoil", [lambda line: line[:-9], lambda line: b"{}" + line[2:]])
def test_a_copy_that_cannot_be_read_is_said(life: Life, spoil: Callable[[bytes], bytes]) -> None:
    path = life.root / "seals.jsonl"
    path.write_bytes(spoil(path.read_bytes()[:-1]) + b"\n")
    assert verified(life)[0] == 1
