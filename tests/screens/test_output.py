"""What is written to a terminal that is slow, or gone: bounded, and never waited for."""

import asyncio
import fcntl
import os
import pty
import time
import tty
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest

from tuiagent.clients.tui import output
from tuiagent.clients.tui.output import MOST, Output

FRAME = "frame" * 1000


class Slow:
    """A terminal that nobody reads unless asked to, and what writes to it."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        fcntl.fcntl(self.master, fcntl.F_SETFL, os.O_NONBLOCK)
        self.freed = 0
        self.output = Output(self.slave, asyncio.get_running_loop(), self._free)

    def _free(self) -> None:
        self.freed += 1

    def read(self) -> bytes:
        """What waits in it."""
        found = b""
        with suppress(BlockingIOError):
            while data := os.read(self.master, 1 << 16):
                found += data
        return found

    async def until_free(self) -> bytes:
        """Reads until everything was written."""
        found = b""
        async with asyncio.timeout(20):
            while not self.freed:
                found += self.read()
                await asyncio.sleep(0)
        return found + self.read()


@pytest.fixture
async def slow() -> AsyncGenerator[Slow]:
    made = Slow()
    yield made
    made.output.close()
    os.close(made.master)
    os.close(made.slave)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [time.monotonic()]
    monkeypatch.setattr(output, "monotonic", lambda: now[0])
    return now


def fill(slow: Slow) -> None:
    """Writes until the terminal takes no more."""
    while not slow.output.full:
        slow.output.write(FRAME)
        slow.output.flush()


async def test_what_is_written_comes_whole_and_in_order(slow: Slow) -> None:
    slow.output.write("one ")
    slow.output.write("two")
    slow.output.flush()
    assert slow.read() == b"one two"
    slow.output.write("soon")
    await asyncio.sleep(0)
    assert slow.read() == b"soon"
    fill(slow)
    slow.output.write("last")
    assert (await slow.until_free()).endswith(b"frame" + b"last")
    assert not slow.output.full


async def test_a_terminal_that_does_not_keep_up_is_behind_until_it_has(
    slow: Slow, clock: list[float]
) -> None:
    fill(slow)
    assert not slow.output.behind, "a moment is nothing"
    clock[0] += 1
    assert slow.output.behind
    await slow.until_free()
    assert (slow.output.behind, slow.freed) == (False, 1)


async def test_what_waits_is_bounded(slow: Slow) -> None:
    fill(slow)
    for _ in range(3 * MOST // len(FRAME)):
        slow.output.write(FRAME)
    assert len(await slow.until_free()) < 2 * MOST


async def test_the_last_words_are_not_waited_for_without_end(
    slow: Slow, clock: list[float]
) -> None:
    fill(slow)
    slow.output.end("mended" * (1 << 16), 0.0)  # comes back, though nobody reads
    assert not slow.read().endswith(b"mended")
    assert not slow.output.full


async def test_the_last_words_come_though_much_waits_that_is_dropped(slow: Slow) -> None:
    fill(slow)
    slow.output.write(FRAME * 10)
    loop = asyncio.get_running_loop()
    reading = loop.run_in_executor(None, _read_on, slow, b"mended")
    slow.output.end("mended", 20.0)
    assert len(await reading) < 9 * len(FRAME) + (1 << 17)


def _read_on(slow: Slow, last: bytes) -> bytes:
    found = b""
    deadline = time.monotonic() + 20
    while not found.endswith(last):
        assert time.monotonic() < deadline
        found += slow.read()
    return found


async def test_a_terminal_that_is_gone_costs_nothing(slow: Slow) -> None:
    os.close(slow.master)
    slow.output.write("who reads this?")
    slow.output.flush()
    slow.output.write("and this?")
    slow.output.flush()
    assert not slow.output.full
    slow.master = os.open(os.devnull, os.O_RDONLY)
