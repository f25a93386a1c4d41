"""What every runtime in the table must do with a command that goes on though nobody follows it."""

import asyncio
import fcntl
import os
import secrets
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from tests.contracts.test_runtime import ignore, make, until
from tuiagent.ports import Execution, Runtime
from tuiagent.runtimes import TABLE, keeper

MIB = 1 << 20


@pytest.fixture(params=sorted(TABLE))
async def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Runtime]:
    made = make(request.param, tmp_path)
    yield made
    for spool in (tmp_path / "state/spools").iterdir():
        await made.kill(str(spool))


async def left_alone(runtime: Runtime, command: str, timeout: float) -> Execution:
    """A command that was started and is kept, but not followed."""
    spool = await runtime.prepare(f"t{secrets.token_hex(5)}.1.1")
    execution = Execution(spool, command, timeout)
    await runtime.start(execution)
    await runtime.keep(execution)
    return execution


async def test_its_output_does_not_fill_the_disk(runtime: Runtime) -> None:
    execution = await left_alone(runtime, "head -c 400000000 /dev/zero; echo end; sleep 60", 60)
    output = Path(execution.spool, "output")

    def bounded() -> bool:
        found = os.stat(output)
        return found.st_size > 400_000_000 and found.st_blocks * 512 < 20 * MIB

    await until(bounded, "the middle to be given back")
    data, size = await runtime.output(execution.spool, 0)
    assert data.endswith(b"end\n")
    assert size == 400_000_004


async def test_its_time_ends_though_nobody_waits_for_it(runtime: Runtime) -> None:
    execution = await left_alone(runtime, "sleep 60", 0.3)
    ended = Path(execution.spool, "exit")
    await until(lambda: ended.read_bytes().strip() != b"", "its end")
    done = await runtime.follow(execution, ignore)
    assert done.timed_out
    assert done.seconds < 30


async def test_its_keeper_goes_with_it(runtime: Runtime) -> None:
    execution = await left_alone(runtime, "sleep 60", 60)

    def keepers() -> list[bytes]:
        lines = [_line(path) for path in Path("/proc").glob("[0-9]*/cmdline")]
        return [
            line
            for line in lines
            if b"runtimes.keeper" in line and execution.spool.encode() in line
        ]

    await until(lambda: len(keepers()) == 1, "one keeper")
    await runtime.kill(execution.spool)
    await runtime.discard(execution.spool)
    await until(lambda: not keepers(), "no keeper")
    assert not os.path.exists(execution.spool)


async def test_a_second_keeper_ends_at_once(tmp_path: Path) -> None:
    runtime = make("local", tmp_path)
    execution = await left_alone(runtime, "sleep 60", 60)
    kept = Path(execution.spool, "kept")
    await until(lambda: kept.exists() and _locked(kept), "the first one")
    try:
        argv = keeper.command(execution.spool, 60)
        done = await asyncio.to_thread(subprocess.run, argv, timeout=20, check=False)
        assert done.returncode == 0
    finally:
        await runtime.kill(execution.spool)


def _locked(path: Path) -> bool:
    with open(path, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _line(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""  # it has ended
