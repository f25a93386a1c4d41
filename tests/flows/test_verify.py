"""What `tuiagent verify` notices: everything that was done to the journal behind its back."""

import json
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from tests.life import Life

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
