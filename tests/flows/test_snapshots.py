"""What standing views have read is kept, used again, and never believed blindly."""

from pathlib import Path

import pytest

from tests.house import STREAM, Fakes, build, call, opened, prompt, say, until
from tuiagent.engine import engine as engines
from tuiagent.kernel.lifecycle import DeleteSession, EraseSession
from tuiagent.kernel.run import RunFinished
from tuiagent.stores.memory import MemoryStore

VIEWS = ("grants", "inbox", "runs", "sessions", "usage")


async def read(folder: Path, store: MemoryStore, cache: str) -> dict[str, object]:
    """Every standing view, as a new engine reads it."""
    made = await build(Fakes(folder, []), store, cache=cache)
    found: dict[str, object] = {v: (await made.seat().read(v)).data for v in VIEWS}
    await made.close()
    return found


async def lived(folder: Path) -> MemoryStore:
    """A session in which something was asked, and something was done."""
    store = MemoryStore()
    turns = [call("list"), call("shell", command="touch canary"), say("x")]
    made = await build(Fakes(folder, turns), store)
    client = made.seat()
    await opened(client, folder, "auto")
    await prompt(client, "canary words")
    await until(client, RunFinished)
    await made.close()
    return store


async def test_a_snapshot_says_what_the_journal_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SNAPSHOT", 0)
    store, cache = await lived(tmp_path), str(tmp_path / "cache")
    anew = await read(tmp_path, store, "")
    assert await read(tmp_path, store, cache) == anew
    files = sorted(path.name for path in Path(cache).iterdir())
    assert files == [f"{name}.view" for name in VIEWS]
    for path in Path(cache).iterdir():
        assert path.stat().st_mode & 0o077 == 0
    rows = store.tail("*", 0)
    monkeypatch.setattr(store, "tail", lambda s, after=0, *a, **k: rows[after : after + 1])
    assert await read(tmp_path, store, cache) == anew, "nothing is read again"


@pytest.mark.parametrize("damage", ["torn", "changed", "empty", "folder", "journal", "version"])
async def test_a_snapshot_that_does_not_fit_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: str
) -> None:
    monkeypatch.setattr(engines, "SNAPSHOT", 0)
    store, cache = await lived(tmp_path), tmp_path / "cache"
    anew = await read(tmp_path, store, str(cache))
    file = cache / "sessions.view"
    body = file.read_bytes()
    if damage == "torn":
        file.write_bytes(body[:-5])
    elif damage == "changed":
        file.write_bytes(body.replace(b"canary", b"forged"))
    elif damage == "empty":
        file.write_bytes(b"")
    elif damage == "folder":
        file.unlink()
        file.mkdir()
    elif damage == "version":
        file.write_bytes(body.replace(b'"version":"', b'"version":"9'))
    else:
        store = await lived(tmp_path)  # another journal of the same length
        anew = await read(tmp_path, store, "")
    assert await read(tmp_path, store, str(cache)) == anew


async def test_nothing_of_an_erased_session_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "SNAPSHOT", 0)
    store, cache = await lived(tmp_path), tmp_path / "cache"
    await read(tmp_path, store, str(cache))
    assert b"canary" in (cache / "sessions.view").read_bytes()
    made = await build(Fakes(tmp_path, []), store, cache=str(cache))
    await made.seat().submit(DeleteSession(STREAM))
    await made.seat().submit(EraseSession(STREAM, now=True))
    for view in VIEWS:
        assert (await made.seat().read(view)).data == []
    await made.close()
    for path in cache.iterdir():
        assert b"canary" not in path.read_bytes()
