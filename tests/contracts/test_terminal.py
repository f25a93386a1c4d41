"""What every runtime in the table must do with terminals."""

import asyncio
import os
import secrets
import signal
import time
from pathlib import Path

import pytest

from tests.contracts.test_runtime import ignore, make
from tuiagent.kernel.errors import OutcomeUnknownError, ToolError
from tuiagent.ports import Execution, Runtime
from tuiagent.runtimes import TABLE
from tuiagent.tools.screen import lines, screen


@pytest.fixture(params=sorted(TABLE))
def runtime(request: pytest.FixtureRequest, tmp_path: Path) -> Runtime:
    return make(request.param, tmp_path)


@pytest.fixture
async def terminal(runtime: Runtime) -> object:
    spool = await runtime.prepare(f"t{secrets.token_hex(5)}.1.1")
    execution = Execution(spool, "", float("inf"), (80, 24))
    await runtime.start(execution)
    yield execution
    await runtime.kill(spool)


async def shows(runtime: Runtime, spool: str, text: bytes, start: int = 0) -> bytes:
    """The output, once this is in it."""
    async with asyncio.timeout(20):
        while True:
            data, _ = await runtime.output(spool, start)
            if text in data:
                return data
            await asyncio.sleep(0.01)


async def test_it_is_a_terminal_of_the_size_that_was_asked_for(
    runtime: Runtime, terminal: Execution
) -> None:
    typed = await runtime.type(terminal.spool, "a", "command", "stty size; test -t 0 && echo tty")
    assert typed.refused == ""
    await shows(runtime, terminal.spool, b"24 80\r\ntty\r\n", typed.offset)


async def test_a_command_is_typed_once_whoever_asks_again(
    runtime: Runtime, terminal: Execution
) -> None:
    first = await runtime.type(terminal.spool, "a", "command", "echo 1xyz >> ran")
    await shows(runtime, terminal.spool, b"133;D;0", first.offset)
    again = await runtime.type(terminal.spool, "a", "command", "echo 1xyz >> ran")
    assert again == first == await runtime.typed(terminal.spool, "a")
    last = await runtime.type(terminal.spool, "b", "command", "cat ran; echo e''nd")
    data = await shows(runtime, terminal.spool, b"end", last.offset)
    assert data.count(b"1xyz") == 1


async def test_what_is_given_up_is_never_typed(runtime: Runtime, terminal: Execution) -> None:
    """Whoever settles the call has the last word, and it stays said."""
    assert await runtime.typed(terminal.spool, "a") is None
    Path(terminal.spool, "type.a").write_bytes(b"command\ntouch typed")
    done = await runtime.type(terminal.spool, "b", "command", "ls -a; echo e''nd")
    data = await shows(runtime, terminal.spool, b"end", done.offset)
    assert b"typed" not in data
    assert await runtime.typed(terminal.spool, "a") is None


async def test_commands_wait_for_the_prompt_and_keys_for_a_program(
    runtime: Runtime, terminal: Execution
) -> None:
    spool = terminal.spool
    begun = await runtime.type(spool, "a", "command", "echo be''gun; cat")
    await shows(runtime, spool, b"begun", begun.offset)
    assert (await runtime.type(spool, "b", "command", "echo no")).refused == "busy"
    assert (await runtime.type(spool, "c", "keys", "hello\n")).refused == ""
    await shows(runtime, spool, b"hello\r\nhello", begun.offset)
    assert (await runtime.type(spool, "d", "keys", "\x03")).refused == ""
    await shows(runtime, spool, b"133;D;130", begun.offset)
    assert (await runtime.type(spool, "e", "keys", "x")).refused == "idle"


@pytest.mark.parametrize(
    "text",
    [
        "echo 'a b'\necho c",
        "cat <<END\n!x $HOME `date`\nEND",
        "x=1\n" * 5000 + "echo $x",
        "exec 3</dev/null; echo grüße 漢字",
        "false; # '",
    ],
)
async def test_any_command_arrives_as_it_is(
    runtime: Runtime, terminal: Execution, text: str
) -> None:
    """Not through the line that the terminal edits, which has limits and meanings of its own."""
    typed = await runtime.type(terminal.spool, "a", "command", text)
    data = await shows(runtime, terminal.spool, b"\x1b]133;D;", typed.offset)
    assert b"error" not in data
    assert (await runtime.settle(terminal.spool)) == "running"


async def test_it_ends_with_its_shell_though_a_child_keeps_it_open(
    runtime: Runtime, terminal: Execution
) -> None:
    await runtime.type(terminal.spool, "a", "command", "sleep 1000 & disown; exit 7")
    assert (await runtime.follow(terminal, ignore)).code == 7
    with pytest.raises(ToolError, match="has ended"):
        await runtime.type(terminal.spool, "b", "command", "echo no")


async def test_a_terminal_that_was_killed_says_what_it_knows(
    runtime: Runtime, terminal: Execution
) -> None:
    spool = Path(terminal.spool)
    await runtime.type(terminal.spool, "a", "command", "X=1")
    (spool / "typed.b").touch()  # as if it had died just then
    os.killpg(int((spool / "started").read_text()), signal.SIGKILL)
    with pytest.raises(OutcomeUnknownError):  # the lock is free a moment later
        await runtime.follow(terminal, ignore)
    assert await runtime.settle(terminal.spool) == "unknown"
    assert (await runtime.typed(terminal.spool, "a")) is not None
    with pytest.raises(OutcomeUnknownError):
        await runtime.typed(terminal.spool, "b")


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\r\nb\r\n", "a\nb"),
        (b"10%\r 50%\r100%\r\n", "100%"),
        (b"\x1b[31mred\x1b[0m \x1b]8;;http://x\x07link\x1b]8;;\x07", "red link"),
        (b"abc\x08\x08X\r\n", "aXc"),
        (b"\x1b[>4;2m\x1b[?4mvi", "vi"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"\x1b[999999999;1Hx\x1b[1;1", "x"),
    ],
)
def test_what_a_terminal_shows(data: bytes, text: str) -> None:
    assert lines(data) == text
    assert "\x1b" not in screen(data)


def test_many_empty_rows_cost_little() -> None:
    """What a program writes is looked at on the engine's loop."""
    began = time.process_time()
    assert lines(b"\x1b[1ma" + b"\n" * 32_000 + b"\rb").count("\n") == 32_000
    assert time.process_time() - began < 1.0
