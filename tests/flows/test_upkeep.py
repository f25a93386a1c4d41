"""What is over is erased by itself, by one process, in pieces, and nothing else is."""

import contextlib
import fcntl
import os
import shutil
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.flows.test_cli import PROMPT, SAY, Cli
from tests.house import Fakes, build, opened, prompt, say, until
from tests.life import LIMIT
from tests.life import until as wait_until
from tuiagent.engine import upkeep as upkeeps
from tuiagent.engine.engine import Engine
from tuiagent.engine.seal import LINES, trim
from tuiagent.engine.upkeep import DAY, KEPT, Upkeep
from tuiagent.engine.verify import verify
from tuiagent.kernel.lifecycle import (
    DeleteSession,
    OpenSession,
    Origin,
    RestoreSession,
    SessionErased,
    SessionOpened,
)
from tuiagent.kernel.run import RunFinished
from tuiagent.ports import Client
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.stores.sqlite import SqliteStore
from tuiagent.vaults.signer import check

CANARY = "canary words "
OLD = 1.0
"""The time of what was last touched very long ago."""


class Root:
    """An engine on a state root of its own, and what looks after it."""

    def __init__(self, engine: Engine, store: SqliteStore, folder: Path) -> None:
        self.path = folder / "state"
        self.engine = engine
        self.store = store
        self.client: Client = engine.seat()
        sweep = LocalRuntime("/", {}, str(self.path / "spools")).sweep
        self.upkeep = Upkeep(engine, str(self.path), sweep)

    def later(self, seconds: float) -> None:
        """So much time passes."""
        world = self.engine.journal.world
        now = world.now() + seconds
        world.now = lambda: now  # type: ignore[method-assign]

    async def session(self, name: str, origin: str = "", over: bool = True) -> None:
        """A session, perhaps forked from another, that is deleted when it is to be over."""
        stream, begun = f"session/{name}", None
        if origin:
            last = self.store.read(f"session/{origin}", 0, 999)[-1]
            begun = Origin(last.stream, last.position)
        begin = SessionOpened("/", "scripted/x", "auto", {"A": CANARY + name}, origin=begun)
        await self.client.submit(OpenSession(stream, begin))
        if over:
            await self.client.submit(DeleteSession(stream, 5.0))

    def erased(self) -> list[str]:
        """The ids of the sessions of which nothing is left."""
        heads = self.store.heads(0)
        gone = [h.stream for h in heads if self.store.read(h.stream, 0, 1)[0].body is None]
        return sorted(stream.partition("/")[2] for stream in gone)

    def spool(self, name: str, changed: float) -> Path:
        """A command's folder, last touched then."""
        folder = self.path / "spools" / name
        folder.mkdir(parents=True, mode=0o700)
        (folder / "output").write_text(CANARY)
        os.utime(folder, (changed, changed))
        return folder


@asynccontextmanager
async def root_of(folder: Path) -> AsyncGenerator[Root]:
    store = SqliteStore(str(folder / "state" / "journal.db"))
    made = await build(Fakes(folder, lambda prompt: say("x")), store)
    try:
        yield Root(made, store, folder)
        problem = verify(made.journal, "", check, "").problem
        assert problem is None
    finally:
        await made.close()


# ---------------------------------------------------------------- sessions


async def test_what_is_over_is_erased_and_what_may_come_back_is_not(tmp_path: Path) -> None:
    async with root_of(tmp_path) as root:
        for name in ("stays", "over", "back"):
            await root.session(name, over=name != "stays")
        await root.client.submit(RestoreSession("session/back"))
        assert (await root.upkeep.run()).erased == 0
        root.later(6.0)
        await root.session("fresh")
        done = await root.upkeep.run()
        assert (done.erased, done.needed, root.erased()) == (1, [], ["over"])
        rows = (await root.client.read("sessions")).data
        assert [row["stream"] for row in rows] == ["session/stays", "session/back", "session/fresh"]
        again = await root.upkeep.run()
        assert (again.erased, root.erased()) == (0, ["over"])


async def test_what_others_were_forked_from_stays_as_long_as_they(tmp_path: Path) -> None:
    async with root_of(tmp_path) as root:
        await root.session("a")
        await root.session("b", "a")
        await root.session("c", "b", over=False)  # needs b, which needs a
        await root.session("x")
        await root.session("y", "x")  # both are over
        await root.session("p")
        root.later(6.0)
        await root.session("q", "p")  # may come back, and then needs p
        done = await root.upkeep.run()
        assert done.needed == ["session/a", "session/b", "session/p"]
        assert root.erased() == ["x", "y"]
        await root.client.submit(DeleteSession("session/c", 0.0))
        root.later(6.0)
        await root.upkeep.run()
        assert root.erased() == ["a", "b", "c", "p", "q", "x", "y"]


async def test_without_the_fact_nothing_is_erased(tmp_path: Path) -> None:
    async with root_of(tmp_path) as root:
        await root.session("a")
        await root.engine.erase("session/a")
        await root.engine.erase("session/nobody")
        assert root.erased() == []


async def test_a_long_session_goes_piece_by_piece_and_the_file_shrinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tuiagent.engine.journal.PIECE", 3)
    async with root_of(tmp_path) as root:
        await opened(root.client, tmp_path, stream="session/a")
        for number in range(4):
            name = f"p{number}"
            await prompt(root.client, os.urandom(40_000).hex(), name, "session/a")
            await until(root.client, RunFinished, "session/a", number + 1)
        await root.client.submit(DeleteSession("session/a", 0.0))
        root.later(1.0)
        done = await root.upkeep.run()
        assert (done.erased, root.erased()) == (1, ["a"])
        bodies = [record.body for record in root.store.read("session/a")]
        assert len(bodies) > 20
        assert set(bodies[:-1]) == {None}
        assert done.before - done.after > 150_000


@pytest.mark.parametrize("point", ["in-transaction", "committed"])
def test_killed_at_any_point_it_loses_nothing_and_is_done_at_last(
    tmp_path: Path, point: str
) -> None:
    cli = Cli(tmp_path, SAY, SAY)
    cli.home.mkdir()
    config = cli.home / ".config" / "tuiagent"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("retention_days = 0\n")
    cli.run("-p", "stays here", "--name", "stays")
    cli.run("-p", "-", "--name", "goes", input=CANARY + os.urandom(300_000).hex())
    shown = cli.run("sessions", "show", "stays").stdout
    assert "for 0 days" in cli.run("sessions", "delete", "goes").stdout
    original, kills = cli.root, 0
    for number in range(1, 100):
        cli.root = tmp_path / f"state-{number}"
        shutil.copytree(original, cli.root)
        process = cli.start("gc", crash=f"{point}:{number}")
        out, err = process.communicate(timeout=LIMIT)
        assert cli.run("verify").returncode == 0
        assert cli.run("sessions", "show", "stays").stdout == shown
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, err
        kills += 1
        assert "sessions erased" in cli.run("gc").stdout
        _is_nowhere(cli.root)
    assert kills > 4
    assert b"1 sessions erased" in out
    _is_nowhere(cli.root)


def _is_nowhere(root: Path) -> None:
    """What was erased is in no file, and its room was given back."""
    for path in root.rglob("*"):
        assert path.is_dir() or CANARY.encode() not in path.read_bytes(), path
    assert (root / "journal.db").stat().st_size < 200_000


# ---------------------------------------------------------------- once a day, by one process


async def test_it_is_done_once_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeeps, "START", 0.0)
    async with root_of(tmp_path) as root:
        await root.session("a")
        root.later(6.0)
        assert DAY - 2 < await root.upkeep.turn() <= DAY
        assert root.erased() == ["a"]
        await root.session("b")
        root.later(DAY - 60)
        assert 0 < await root.upkeep.turn() <= 60
        assert root.erased() == ["a"]
        root.later(60)
        assert await root.upkeep.turn() > DAY - 2
        assert root.erased() == ["a", "b"]
        await root.session("c")
        root.later(-7 * DAY)  # the clock was set back: the stamp means nothing
        assert await root.upkeep.turn() > DAY - 2
        assert oct((root.path / "upkeep").stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize("text", ["", "soon", "1e99", "-5"])
async def test_a_stamp_that_cannot_be_read_counts_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setattr(upkeeps, "START", 0.0)
    async with root_of(tmp_path) as root:
        await root.session("a")
        root.later(6.0)
        (root.path / "upkeep").write_text(text)
        await root.upkeep.turn()
        assert root.erased() == ["a"]


async def test_while_another_process_is_at_it_nothing_is_done(tmp_path: Path) -> None:
    async with root_of(tmp_path) as root:
        await root.session("a")
        root.later(6.0)
        with open(root.path / "upkeep", "w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert (await root.upkeep.run()).busy
            assert await root.upkeep.turn() == DAY
            assert root.erased() == []
        assert (await root.upkeep.run()).erased == 1


def test_a_process_that_drives_something_does_it_beside_its_work(tmp_path: Path) -> None:
    waits = {
        "calls": [{"tool": "shell", "args": {"command": "until [ -e go ]; do sleep 0.1; done"}}]
    }
    cli = Cli(tmp_path, SAY)
    cli.home.mkdir()
    config = cli.home / ".config" / "tuiagent"
    config.mkdir(parents=True)
    (config / "config.toml").write_text("retention_days = 0\n")
    cli.run(*PROMPT, "--name", "goes")
    cli.run("sessions", "delete", "goes")
    (cli.root / "upkeep").unlink(missing_ok=True)  # whether or not it was done on the way
    second = Cli(tmp_path / "second", waits, SAY)
    second.root, second.home = cli.root, cli.home
    process = second.start(*PROMPT, "--allow", "shell")

    def erased() -> bool:
        with closing(SqliteStore(str(cli.root / "journal.db"))) as store:
            return bool(store.tail("*", 0, 9, frozenset({SessionErased.__name__})))

    wait_until(erased, "the deleted session to be erased")
    wait_until(lambda: (cli.root / "upkeep").read_bytes(), "the stamp")
    (second.work / "go").touch()
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 0, err
    assert cli.run("verify").returncode == 0


# ---------------------------------------------------------------- files


async def test_spools_of_dead_calls_go_and_those_in_use_do_not(tmp_path: Path) -> None:
    async with root_of(tmp_path) as root:
        await root.session("gone")
        await root.session("idle", over=False)
        await root.session("busy", over=False)
        with root.store.transaction() as tx:
            head = tx.head("session/busy")
            assert head is not None
        await root.engine.adopt("session/busy")
        root.later(6.0)
        now = root.engine.journal.world.now()
        gone = root.spool("gone.p1.1.1", now)
        dead = root.spool("idle.p1.1.1", OLD)
        nobody = root.spool("nobody.p1.1.1", OLD)
        young = root.spool("idle.p1.1.2", now - KEPT + 9)
        busy = root.spool("busy.p1.1.1", OLD)
        used = root.spool("idle.p1.1.3", OLD)
        with contextlib.ExitStack() as stack:
            lock = stack.enter_context(open(used / "lock", "w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
            os.utime(used, (OLD, OLD))
            done = await root.upkeep.run()
        left = [path for path in (gone, dead, nobody, young, busy, used) if path.exists()]
        assert (done.spools, left) == (3, [young, busy, used])


async def test_old_leftovers_go_and_nothing_else(tmp_path: Path) -> None:
    async with root_of(tmp_path) as root:
        old = ["cache/rules-ab", "cache/usage.view.77", "backups/schema-1.db", "backups/x.9.new"]
        other = ["cache/usage.view", "cache/other", "backups/mine.db"]
        for name in old + other:
            for path in (root.path / name, root.path / f"{name}-new"):
                path.parent.mkdir(exist_ok=True)
                path.touch()
            os.utime(root.path / name, (OLD, OLD))
        for name in ("old", "new"):
            (root.path / "tmp" / name).mkdir(parents=True)
            (root.path / "tmp" / name / "file").touch()
        os.utime(root.path / "tmp/old", (OLD, OLD))
        done = await root.upkeep.run()
        assert [path.name for path in (root.path / "tmp").iterdir()] == ["new"]
        left = [name for name in old + other if (root.path / name).exists()]
        assert left == other
        assert len(list((root.path / "cache").iterdir())) == 2 + 4
        assert "backups/mine.db" in done.copies


def test_the_copy_of_the_seals_keeps_its_newest_lines(tmp_path: Path) -> None:
    copy = tmp_path / "seals.jsonl"
    trim(str(copy))
    lines = [b"%d %s\n" % (number, b"x" * 200) for number in range(3 * LINES)]
    copy.write_bytes(b"".join(lines))
    trim(str(copy))
    copy.write_bytes(b"".join(lines * 2))
    trim(str(copy))
    assert copy.read_bytes() == b"".join(lines[-LINES:])
    assert oct(copy.stat().st_mode)[-3:] == "600"
    assert list(tmp_path.iterdir()) == [copy]
