"""What every runtime in the table must do with commands."""

import asyncio
import contextlib
import importlib
import os
import secrets
import signal
import stat
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tuiagent.kernel.errors import OutcomeUnknownError, ToolError
from tuiagent.ports import Execution, Exit, Runtime
from tuiagent.runtimes import TABLE, bubblewrap, family
from tuiagent.runtimes.spool import Spool

ENV = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "GREETING": "grüß dich"}
MIB = 1 << 20


def make(name: str, root: Path) -> Runtime:
    """One of the table, in a folder below this one; skips where there is no bubblewrap."""
    if name == "sandbox" and not bubblewrap.program():
        pytest.skip("bubblewrap is not installed, so its sandbox cannot be tried")
    module, _, attribute = TABLE[name].partition(":")
    folder = root / "folder"
    folder.mkdir(exist_ok=True)
    return getattr(importlib.import_module(module), attribute)(
        str(folder), dict(ENV, HOME=str(root)), str(root / "state/spools")
    )


@pytest.fixture(params=sorted(TABLE))
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Runtime:
    return make(request.param, tmp_path)


def ignore(_: bytes) -> None:
    """Listens to nothing."""


async def begin(runtime: Runtime, command: str, timeout: float = 20) -> Execution:
    spool = await runtime.prepare(f"t{secrets.token_hex(5)}.1.1")
    return Execution(spool=spool, command=command, timeout=timeout)


async def run(runtime: Runtime, command: str, timeout: float = 20) -> Exit:
    return await runtime.exec(await begin(runtime, command, timeout), ignore)


def running(execution: Execution) -> set[int]:
    """Every process of an execution but its wrapper and what holds it, as known out here."""
    spool = Spool(execution.spool)
    found = family.members(spool.folder, spool.wrapper(), {})
    return {pid for pid, one in found.items() if pid != spool.wrapper() and one.name != "bwrap"}


async def until(true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    """Waits for a fact about another process."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"waited {seconds} s for: {what}"
        await asyncio.sleep(0.005)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def written(path: Path) -> Callable[[], bool]:
    return lambda: path.exists() and path.read_text().endswith("\n")


async def test_exit_status_and_output_come_back(runtime: Runtime) -> None:
    done = await run(runtime, "echo out; exit 7")
    assert (done.code, done.output, done.dropped, done.timed_out) == (7, b"out\n", 0, False)
    assert 0 <= done.seconds < 10


async def test_both_streams_keep_the_order_in_which_they_were_written(runtime: Runtime) -> None:
    done = await run(runtime, "for i in 1 2 3; do echo o$i; echo e$i >&2; done")
    assert done.output == b"o1\ne1\no2\ne2\no3\ne3\n"


async def test_a_command_is_a_script_of_many_lines_not_shown_in_the_process_list(
    runtime: Runtime,
) -> None:
    done = await run(
        runtime, "secret=hidden-$((6*7))\necho \"$secret\"\ntr '\\0' ' ' </proc/$$/cmdline"
    )
    first, _, shown = done.output.partition(b"\n")
    assert first == b"hidden-42"
    assert b"/command" in shown
    assert b"secret" not in shown


async def test_it_runs_in_the_folder_with_nothing_to_read_and_no_open_file(
    runtime: Runtime,
) -> None:
    done = await run(runtime, "pwd -P; readlink /proc/$$/fd/0; cat; ls /proc/self/fd | wc -l")
    # 0, 1, 2 and the folder that ls reads: neither the lock nor anything of ours
    assert done.output.decode().split() == [runtime.folder, "/dev/null", "4"]


async def test_it_is_out_of_reach_of_the_signals_of_our_terminal(runtime: Runtime) -> None:
    execution = await begin(runtime, "until [ -e go ]; do sleep 0.02; done")
    task = asyncio.create_task(runtime.exec(execution, ignore))
    await until(lambda: bool(running(execution)), "the command")
    sessions = {os.getsid(Spool(execution.spool).wrapper())}
    for pid in running(execution):
        with contextlib.suppress(ProcessLookupError):  # one that slept has woken up
            sessions.add(os.getsid(pid))
    Path(runtime.folder, "go").touch()
    await task
    assert os.getsid(0) not in sessions


async def test_the_environment_is_exactly_the_record(runtime: Runtime, tmp_path: Path) -> None:
    os.environ["TUIAGENT_TEST_SECRET"] = "not for children"
    try:
        execution = await begin(runtime, "env -0")
        done = await runtime.exec(execution, ignore)
    finally:
        del os.environ["TUIAGENT_TEST_SECRET"]
    seen = dict(row.split("=", 1) for row in done.output.decode().split("\0") if row)
    for of_the_shell in ("PWD", "OLDPWD", "SHLVL", "_"):
        seen.pop(of_the_shell, None)
    mark = {"TUIAGENT_CALL": execution.spool}
    assert seen == ENV | {"HOME": str(tmp_path)} | mark


async def test_output_arrives_while_the_command_runs(runtime: Runtime, tmp_path: Path) -> None:
    pieces: list[bytes] = []
    execution = await begin(runtime, "echo first; until [ -e go ]; do sleep 0.02; done; echo last")
    task = asyncio.create_task(runtime.exec(execution, pieces.append))
    await until(lambda: pieces == [b"first\n"], "the first line")
    Path(runtime.folder, "go").touch()
    done = await task
    assert b"".join(pieces) == done.output == b"first\nlast\n"


async def test_long_output_keeps_its_first_and_last_part(runtime: Runtime) -> None:
    execution = await begin(runtime, "echo begin; yes 0123456789abcde | head -c 41943040; echo end")
    done = await runtime.exec(execution, ignore)
    whole = b"begin\n" + b"0123456789abcde\n" * (40 * MIB // 16) + b"end\n"
    assert done.output == whole[:MIB] + whole[-15 * MIB :]
    assert done.dropped == len(whole) - 16 * MIB


async def test_the_disk_is_given_back_while_long_output_grows(runtime: Runtime) -> None:
    command = (
        "yes 0123456789abcde | head -c 62914560; until [ -e go ]; do sleep 0.02; done; echo end"
    )
    execution = await begin(runtime, command)
    output = os.path.join(execution.spool, "output")
    task = asyncio.create_task(runtime.exec(execution, ignore))
    await until(
        lambda: (
            os.path.exists(output)
            and os.stat(output).st_size == 60 * MIB
            and os.stat(output).st_blocks * 512 < 19 * MIB
        ),
        "a hole in the output",
    )
    Path(runtime.folder, "go").touch()
    done = await task
    assert done.output.endswith(b"0123456789abcde\nend\n")
    assert (len(done.output), done.dropped) == (16 * MIB, 44 * MIB + 4)
    assert b"\0" not in done.output


async def test_a_command_that_cuts_its_own_output_is_followed_on(runtime: Runtime) -> None:
    pieces: list[bytes] = []
    command = "echo first; until [ -e go ]; do sleep 0.02; done; echo x > /dev/stderr; echo last"
    execution = await begin(runtime, command)
    task = asyncio.create_task(runtime.exec(execution, pieces.append))
    await until(lambda: bool(pieces), "the first line")
    Path(runtime.folder, "go").touch()
    done = await task
    assert done.output == b"x\nlast\n"


async def test_a_child_in_the_background_does_not_hold_the_call(runtime: Runtime) -> None:
    execution = await begin(runtime, "sleep 600 & echo $!")
    done = await asyncio.wait_for(runtime.exec(execution, ignore), 30)
    assert done.code == 0
    assert bool(running(execution)) == (runtime.sandbox == "")  # what is in a sandbox ends with it
    await runtime.kill(execution.spool)
    await until(lambda: not running(execution), "the end of the background child")
    assert await runtime.settle(execution.spool) == "exited"
    assert (await runtime.follow(execution, ignore)).code == 0


async def test_a_timeout_ends_everything_and_says_so(runtime: Runtime) -> None:
    execution = await begin(runtime, "echo $$; sleep 600; echo never", timeout=0.3)
    done = await runtime.exec(execution, ignore)
    assert done.timed_out
    assert done.code == 128 + signal.SIGTERM
    assert b"never" not in done.output
    assert not running(execution)


async def test_a_timeout_that_the_command_survives_with_success_is_no_success(
    runtime: Runtime,
) -> None:
    done = await run(runtime, "trap 'exit 0' TERM; while :; do sleep 0.05; done", timeout=0.3)
    assert (done.code, done.timed_out) == (143, True)


async def test_kill_reaches_what_fled_and_what_ignores_term(
    runtime: Runtime, tmp_path: Path
) -> None:
    for name, command in {
        "plain": "echo $$ >plain; exec sleep 60",
        "session": "setsid sh -c 'echo $$ >session; exec sleep 60' &",
        "forked": "(setsid sh -c 'echo $$ >forked; exec sleep 60' &) ; true",
        "bare": "env -i /bin/sh -c '/bin/echo $$ >bare; exec /bin/sleep 60' &",
        "orphan": "(env -i /bin/sh -c '/bin/echo $$ >orphan; exec /bin/sleep 60' &) ; true",
        "deaf": "(trap '' TERM; echo $BASHPID >deaf; while :; do sleep 0.1; done) &",
    }.items():
        Path(runtime.folder, f"{name}.sh").write_text(command)
    names = ("session", "forked", "bare", "orphan", "deaf", "plain")
    execution = await begin(runtime, "".join(f". ./{name}.sh\n" for name in names))
    task = asyncio.create_task(runtime.exec(execution, ignore))
    files = [Path(runtime.folder, name) for name in names]
    for file in files:
        await until(written(file), f"{file.name} to begin")
    pids = running(execution)
    assert len(pids) >= len(names)
    await runtime.kill(execution.spool)
    assert [pid for pid in pids if alive(pid)] == []
    done = await task
    assert done.code in (137, 143)
    assert not done.timed_out
    assert await runtime.settle(execution.spool) == "exited"


@pytest.mark.parametrize("killed", [False, True])
async def test_nothing_is_given_up_before_it_was_told_to_end(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """Where much runs, a look at all processes may itself take longer than the patience."""
    execution = await begin(runtime, "(trap '' HUP; sleep 600) & sleep 600")
    task = asyncio.create_task(runtime.exec(execution, ignore))
    await until(lambda: len(running(execution)) >= 2, "the command")
    pids, look, late = running(execution), family.members, [0.0]

    def slow(*given: Any) -> Any:
        found = look(*given)
        late[0] = 100.0
        return found

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late[0], sleep=time.sleep)
    monkeypatch.setattr(family, "members", slow)
    monkeypatch.setattr(family, "time", clock)
    if killed:
        os.kill(Spool(execution.spool).wrapper(), signal.SIGKILL)
        with pytest.raises(OutcomeUnknownError):
            await task
        assert await runtime.settle(execution.spool) == "unknown"
    else:
        await runtime.kill(execution.spool)
        assert (await task).code == 128 + signal.SIGTERM
    assert [pid for pid in pids if alive(pid)] == []


async def test_a_cancelled_follower_leaves_the_command_running(runtime: Runtime) -> None:
    execution = await begin(runtime, "until [ -e go ]; do sleep 0.02; done; echo done")
    task = asyncio.create_task(runtime.exec(execution, ignore))
    started = Path(execution.spool, "started")
    await until(written(started), "the command")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await runtime.settle(execution.spool) == "running"
    follower = asyncio.create_task(runtime.follow(execution, ignore))
    Path(runtime.folder, "go").touch()
    done = await follower
    assert (done.code, done.output) == (0, b"done\n")
    pid = int(started.read_text())
    await until(lambda: not os.path.exists(f"/proc/{pid}"), "our own child to be reaped")


async def test_who_follows_later_keeps_to_the_same_deadline(
    runtime: Runtime, tmp_path: Path
) -> None:
    execution = await begin(runtime, "sleep 60", timeout=3000)
    task = asyncio.create_task(runtime.exec(execution, ignore))
    started = Path(execution.spool, "started")
    await until(written(started), "the command")
    task.cancel()
    hour_ago = time.time() - 3600
    os.utime(started, (hour_ago, hour_ago))
    done = await asyncio.wait_for(make("local", tmp_path).follow(execution, ignore), 5)
    assert done.timed_out
    assert done.seconds > 3599


async def test_many_commands_run_at_once_off_the_main_thread(runtime: Runtime) -> None:
    async def all_of_them() -> list[bytes]:
        # each waits for the next one's file: none ends unless all run together
        commands = [
            f"touch f{n}; until [ -e f{(n + 1) % 12} ]; do sleep 0.01; done; echo {n}"
            for n in range(12)
        ]
        return [one.output for one in await asyncio.gather(*(run(runtime, c) for c in commands))]

    result: list[list[bytes]] = []
    thread = threading.Thread(target=lambda: result.append(asyncio.run(all_of_them())))
    thread.start()
    await asyncio.to_thread(thread.join)
    assert result == [[b"%d\n" % n for n in range(12)]]


async def test_a_call_is_never_started_twice(runtime: Runtime) -> None:
    execution = await begin(runtime, "echo x >>twice")
    await runtime.exec(execution, ignore)
    with pytest.raises(ToolError, match="not started again"):
        await runtime.exec(execution, ignore)
    assert Path(runtime.folder, "twice").read_text() == "x\n"


async def test_a_call_that_cannot_be_started_says_why_and_is_void(
    runtime: Runtime, tmp_path: Path
) -> None:
    with pytest.raises(ToolError, match="NUL"):
        await run(runtime, "echo \0")
    with pytest.raises(ToolError, match="half a character"):
        await run(runtime, "echo \ud800")
    execution = await begin(runtime, "echo")
    os.rmdir(runtime.folder)
    with pytest.raises(ToolError, match="could not be started"):
        await runtime.exec(execution, ignore)
    assert await runtime.settle(execution.spool) == "void"


async def test_spools_are_private_and_their_names_safe(runtime: Runtime, tmp_path: Path) -> None:
    spool = await runtime.prepare("p3k9.2.1")
    again = await runtime.prepare("p3k9.2.1")
    assert spool != again
    for folder in (spool, again, os.path.dirname(spool)):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700
    for bad in ("", "..", "../x", "a/b", ".hidden", "a b", "x" * 101, "a\n"):
        with pytest.raises(ToolError):
            await runtime.prepare(bad)
    for foreign in (str(tmp_path), "/", spool + "/..", os.path.dirname(spool)):
        with pytest.raises(ToolError):
            await runtime.discard(foreign)
        with pytest.raises(ToolError):
            await runtime.kill(foreign)


async def test_discard_removes_a_settled_spool_and_refuses_a_running_one(runtime: Runtime) -> None:
    execution = await begin(runtime, "sleep 60")
    task = asyncio.create_task(runtime.exec(execution, ignore))
    await until(written(Path(execution.spool, "started")), "the command")
    with pytest.raises(ToolError, match="still runs"):
        await runtime.discard(execution.spool)
    await runtime.kill(execution.spool)
    await task
    await runtime.discard(execution.spool)
    assert not os.path.exists(execution.spool)
    await runtime.discard(execution.spool)
