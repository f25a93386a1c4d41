"""What a person types at a session, and how they leave it: the loop of the line-mode client."""

import asyncio
import codecs
import os
import select
import signal
import sys
import threading
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import TYPE_CHECKING

from tuiagent.clients.cli import CANCELLED, DONE, ERROR
from tuiagent.clients.host import Host
from tuiagent.clients.leave import HUNG_UP, hand_over, on_signals
from tuiagent.clients.window import Window
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.presence import GONE

if TYPE_CHECKING:
    from tuiagent.clients.cli.attach import Attached

DETACH = "/detach"
END = "\x04"
"""What stands for Ctrl-D at a terminal."""
LEAVE = ("/quit", "exit", "quit", ":q", END)
ASKED = """\
asks: a run is going on. d = it goes on in the background (also Ctrl-D), s = stop it and leave, \
l = leave it as it is, anything else = stay"""


async def talk(here: "Attached", host: Host, window: Window | None, interrupts: bool = True) -> int:
    """Until the input ends, somebody leaves, or a signal comes; the exit code.

    A person types when they like. A line from a pipe waits until the session does, so that a
    script is read as it was meant; when the pipe ends, so does this once nothing goes on.
    """
    left = _on_signals(here, interrupts, window)
    watching = asyncio.create_task(here.watch())
    typing = asyncio.create_task(_type(here, person()))
    try:
        await asyncio.wait({watching, typing, left}, return_when=asyncio.FIRST_COMPLETED)
        first = next(task for task in (left, watching, typing) if task.done())
        code: int | None = first.result()
        typing.cancel()
        seen = asyncio.create_task(here.seen())
        await asyncio.wait({watching, seen}, return_when=asyncio.FIRST_COMPLETED)
        seen.cancel()
    finally:
        for task in (watching, typing):
            task.cancel()
        await asyncio.gather(watching, typing, return_exceptions=True)
    with suppress(OSError, TuiagentError):
        await here.show(GONE)
    hung_up = code == HUNG_UP
    if (code is None or hung_up) and here.busy:
        if await hand_over(host, window, here.ident, code or DONE, here.voice.line):
            return code or DONE
        here.left()
        return ERROR
    if not hung_up:
        here.left()
    return code or DONE


def person() -> bool:
    """Whether somebody types, and sees it; else the input is a script, or there is none."""
    return sys.stdin is not None and sys.stdin.isatty()


async def _type(here: "Attached", somebody: bool) -> int | None:
    """Does what is typed; the exit code once there is no more, None to go on in the background."""
    await here.caught_up.wait()
    async with aclosing(_lines()) as lines:
        async for line in lines:
            words = line.strip()
            if not somebody and words != "/interrupt":
                await here.turn.wait()
            if words == DETACH:
                return None
            if words not in LEAVE:
                await here.typed(words)
            elif not (somebody and here.running):
                return DONE
            elif (code := await _asked(here, lines)) != STAY:
                return code
        if somebody:
            return await _asked(here, lines) if here.running else DONE
    await here.turn.wait()
    return here.exit


STAY = -1


async def _asked(here: "Attached", lines: AsyncGenerator[str]) -> int | None:
    """What is to become of the run: the exit code, None for the background, or STAY."""
    here.voice.line(ASKED)
    answer = (await anext(lines, "d")).strip().lower()
    if answer in ("d", DETACH, *LEAVE):
        return None
    if answer == "s":
        await here.typed("/interrupt")
        await here.turn.wait()
        return DONE
    return DONE if answer == "l" else STAY


def _on_signals(here: "Attached", interrupts: bool, window: Window | None) -> "asyncio.Future[int]":
    """Ctrl-C interrupts the run where that is meant, a second one leaves; TERM and HUP leave."""
    loop = asyncio.get_running_loop()
    left: asyncio.Future[int] = loop.create_future()
    tasks: list[asyncio.Task[None]] = []

    def leave(code: int) -> None:
        if not left.done():
            left.set_result(code)

    def interrupt() -> None:
        here.voice.end(always=True)  # the terminal has just written ^C
        if here.warned or not interrupts:
            leave(CANCELLED)
            return
        here.warned = True
        if here.running:
            here.voice.line("note: stopping what is going on; Ctrl-C again leaves")
            tasks.append(loop.create_task(here.typed("/interrupt")))
        else:
            here.voice.line("note: nothing is going on; Ctrl-C again leaves")

    loop.add_signal_handler(signal.SIGINT, interrupt)
    on_signals(leave, window)
    return left


async def _lines() -> AsyncGenerator[str]:
    """Lines of standard input, read by a thread of its own, until it ends or is gone.

    Nothing more is read once this is closed: what is typed then is meant for somebody else.
    """
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[str | None] = asyncio.Queue()
    ended, end = os.pipe()

    def read() -> None:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        text = ""
        ends, allowed = 0, 1 if person() else 0
        with suppress(OSError, ValueError):
            while ends <= allowed and ended not in select.select([0, ended], [], [])[0]:
                data = os.read(0, 65536)
                ends = 0 if data else ends + 1  # a terminal goes on after a Ctrl-D, if it is there
                *whole, text = (text + decoder.decode(data)).split("\n")
                for line in whole if data or not allowed else [END]:
                    loop.call_soon_threadsafe(lines.put_nowait, line)
        with suppress(RuntimeError):  # the loop has ended meanwhile
            if text := text + decoder.decode(b"", True):
                loop.call_soon_threadsafe(lines.put_nowait, text)
            loop.call_soon_threadsafe(lines.put_nowait, None)

    if sys.stdin is None:
        return
    encoding = sys.stdin.encoding
    threading.Thread(target=read, daemon=True, name="input").start()
    try:
        while (line := await lines.get()) is not None:
            yield line
    finally:
        os.write(end, b"\n")
