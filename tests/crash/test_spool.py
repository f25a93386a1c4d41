"""Commands outlive engines that are killed; what became of them is told truly."""

# ruff: noqa: ASYNC221 - a test may block its own loop

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Execution, Exit
from tuiagent.runtimes.family import listed, processes
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.runtimes.spool import WRAPPER, boot

ENGINE = """
import asyncio, sys
from tuiagent.ports import Execution
from tuiagent.runtimes.local import LocalRuntime

async def main(folder, spools, call, command):
    runtime = LocalRuntime(folder, {"PATH": "/usr/bin:/bin"}, spools)
    spool = await runtime.prepare(call)
    await runtime.exec(Execution(spool=spool, command=command, timeout=20), lambda _: None)

asyncio.run(main(*sys.argv[1:]))
"""


class Scene:
    """An engine in a process of its own, and a second one that looks after its death."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "folder"
        self.folder.mkdir()
        self.spools = root / "spools"
        self.call = f"t{secrets.token_hex(5)}.1.1"
        self.spool = self.spools / self.call
        self.runtime = LocalRuntime(
            str(self.folder), {"PATH": os.environ["PATH"]}, str(self.spools)
        )

    def engine(self, command: str, crash: str = "") -> subprocess.Popen[bytes]:
        """Starts an engine that runs a command and dies at the named point."""
        env = dict(os.environ, TUIAGENT_CRASH=crash, PYTHONPATH=os.pathsep.join(sys.path))
        argv = [
            sys.executable,
            "-c",
            ENGINE,
            str(self.folder),
            str(self.spools),
            self.call,
            command,
        ]
        return subprocess.Popen(argv, env=env, stderr=subprocess.PIPE)

    def execution(
        self, command: str = "echo $$ >>ran; echo done", timeout: float = 20
    ) -> Execution:
        return Execution(spool=str(self.spool), command=command, timeout=timeout)

    async def settle(self) -> str:
        return await self.runtime.settle(str(self.spool))

    async def follow(self, timeout: float = 20) -> Exit:
        return await self.runtime.follow(self.execution(timeout=timeout), lambda _: None)

    def runs(self) -> int:
        ran = self.folder / "ran"
        return len(ran.read_text().split()) if ran.exists() else 0


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def until(true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        await asyncio.sleep(0.005)


async def finished(process: subprocess.Popen[bytes]) -> int:
    _, _ = await asyncio.to_thread(process.communicate)
    return process.returncode


async def at_rest(scene: Scene) -> str:
    """The state after the wrapper, if there is one, has ended."""
    state = await scene.settle()
    while state == "running":
        await asyncio.sleep(0.005)
        state = await scene.settle()
    return state


@pytest.mark.parametrize(
    ("point", "state", "runs"),
    [
        ("spool:prepared", "void", 0),
        ("spool:locked", "void", 0),
        ("spool:started", "unknown", 0),
        ("spool:ran", "unknown", 1),
        ("spool:exited", "exited", 1),
    ],
)
async def test_a_kill_at_each_point_is_told_truly(
    scene: Scene, point: str, state: str, runs: int
) -> None:
    engine = scene.engine("echo $$ >>ran; echo done", crash=point)
    code = await finished(engine)
    if point == "spool:prepared":
        assert code == -signal.SIGKILL
    assert bool(list(scene.spool.glob("launched.*"))) == (point != "spool:prepared")
    assert await at_rest(scene) == state
    assert scene.runs() == runs
    if state == "void":
        with pytest.raises(ToolError, match="not started again"):
            await scene.runtime.exec(scene.execution(), lambda _: None)
        with pytest.raises(ToolError, match="never started"):
            await scene.follow()
        assert scene.runs() == 0
    elif state == "unknown":
        with pytest.raises(ToolError, match="unknown"):
            await scene.follow()
    else:
        assert (await scene.follow()).output == b"done\n"


async def test_an_engine_killed_right_after_the_spawn_loses_nothing(scene: Scene) -> None:
    engine = scene.engine("echo $$ >>ran; echo done", crash="spool:spawned")
    assert await finished(engine) == -signal.SIGKILL
    assert await scene.settle() in ("running", "exited")
    done = await scene.follow()
    assert (done.code, done.output, scene.runs()) == (0, b"done\n", 1)


async def test_a_command_outlives_its_engine_and_another_one_follows_it(scene: Scene) -> None:
    engine = scene.engine(
        "echo $$ >>ran; echo first; until [ -e go ]; do sleep 0.02; done; echo done"
    )
    await until(lambda: scene.runs() == 1, "the command")
    engine.kill()
    await finished(engine)
    assert await scene.settle() == "running"
    pieces: list[bytes] = []
    task = asyncio.create_task(scene.runtime.follow(scene.execution(), pieces.append))
    await until(lambda: pieces == [b"first\n"], "what was written before")
    (scene.folder / "go").touch()
    done = await task
    assert (done.code, done.output) == (0, b"first\ndone\n")
    assert b"".join(pieces) == done.output
    assert await scene.settle() == "exited"
    assert scene.runs() == 1


async def test_a_stopped_engine_that_is_killed_cannot_start_what_was_given_up(scene: Scene) -> None:
    """The second engine declares the call void between prepare and exec of the first one."""
    spool = await scene.runtime.prepare(scene.call)
    assert spool == str(scene.spool)
    assert await scene.settle() == "void"
    with pytest.raises(ToolError, match="not started again"):
        await scene.runtime.exec(scene.execution(), lambda _: None)
    assert scene.runs() == 0
    assert await scene.settle() == "void"


async def test_a_late_wrapper_never_runs_a_void_command(scene: Scene) -> None:
    assert await scene.settle() == "void"
    (scene.spool / "command").write_text("echo $$ >>ran\n")
    late = subprocess.run(
        ["/bin/sh", WRAPPER, str(scene.spool), "", "-", "/bin/sh"], cwd=scene.folder
    )
    assert late.returncode == 125
    assert scene.runs() == 0
    assert not (scene.spool / "started").exists()
    (scene.spool / "void").unlink()
    subprocess.run(
        ["/bin/sh", WRAPPER, str(scene.spool), "", "-", "/bin/sh"], cwd=scene.folder, check=True
    )
    assert scene.runs() == 1


async def test_a_missing_spool_becomes_void_for_good(scene: Scene) -> None:
    assert not scene.spool.exists()
    assert await scene.settle() == "void"
    assert (scene.spool / "void").exists()
    with pytest.raises(ToolError, match="not started again"):
        await scene.runtime.exec(scene.execution(), lambda _: None)


async def test_a_missing_spool_that_cannot_be_marked_is_unknown(scene: Scene) -> None:
    scene.spools.write_text("a file where the folder should be")
    assert await scene.settle() == "unknown"


async def test_a_killed_wrapper_is_unknown(scene: Scene) -> None:
    engine = scene.engine("echo $$ >>ran; sleep 60")
    await until(lambda: scene.runs() == 1, "the command")
    os.kill(int((scene.spool / "started").read_text()), signal.SIGKILL)
    await finished(engine)
    assert await scene.settle() == "unknown"
    await scene.runtime.kill(str(scene.spool))
    assert await scene.settle() == "exited"
    pid = int((scene.folder / "ran").read_text())
    assert pid not in processes()


async def test_what_was_launched_before_a_reboot_is_unknown_even_if_its_traces_are_lost(
    scene: Scene,
) -> None:
    await finished(scene.engine("echo $$ >>ran", crash="spool:locked"))
    assert await scene.settle() == "void"
    (scene.spool / "void").unlink()
    mark = scene.spool / f"launched.{boot()}"
    mark.rename(scene.spool / "launched.00000000-another-boot")
    assert await scene.settle() == "unknown"


async def test_a_half_written_exit_is_no_exit(scene: Scene) -> None:
    await finished(scene.engine("echo $$ >>ran"))
    assert await scene.settle() == "exited"
    for torn in ("", "1"):
        (scene.spool / "exit").write_text(torn)
        assert await scene.settle() == "unknown"


async def test_a_killed_call_ends_whoever_drives_it(scene: Scene) -> None:
    engine = scene.engine("echo $$ >>ran; sleep 60; echo never")
    await until(lambda: scene.runs() == 1, "the command")
    await scene.runtime.kill(str(scene.spool))
    assert await finished(engine) == 0
    done = await scene.follow()
    assert (done.code, done.timed_out) == (143, False)
    assert b"never" not in done.output


async def test_a_kill_before_the_start_prevents_it(scene: Scene) -> None:
    spool = await scene.runtime.prepare(scene.call)
    await scene.runtime.kill(spool)
    with pytest.raises(ToolError, match="not started again"):
        await scene.runtime.exec(scene.execution(), lambda _: None)
    assert await scene.settle() == "exited"
    assert scene.runs() == 0


async def test_kills_at_random_moments_never_leave_a_lie(scene: Scene) -> None:
    """Whatever the moment at which an engine dies: void never ran, exited ran once."""
    seen: set[str] = set()
    root = scene.folder.parent
    for number in range(12):
        (root / str(number)).mkdir()
        one = Scene(root / str(number))
        engine = one.engine("echo $$ >>ran; sleep 0.1; echo done")
        if number % 3:
            await until(one.spool.exists, "the spool")
        else:
            await until(lambda one=one: (one.spool / "started").exists(), "the wrapper")
        engine.kill()
        await finished(engine)
        state = await at_rest(one)
        seen.add(state)
        assert one.runs() == {"void": 0, "exited": 1}[state]
        if state == "exited":
            assert (await one.follow()).output == b"done\n"
    assert "exited" in seen


def test_processes_are_found_without_proc_too() -> None:
    assert listed()[os.getpid()].parent == os.getppid()
    assert processes()[os.getpid()].parent == os.getppid()
