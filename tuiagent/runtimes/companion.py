"""A program that runs beside the engine and never outlives it, whatever becomes of either.

Between the two stands a guard, a small process of its own: it starts the program, which talks with
the engine directly, and holds one end of a pipe of which the engine has the other. When that pipe
closes, by the engine's wish or by its death, the guard ends the program with all its descendants.
"""

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

from tuiagent.runtimes import family

MARK = "TUIAGENT_CALL"
"""In the environment of everything that belongs to one program."""
MOMENT = 0.5
"""Seconds in which a program whose input ended may end by itself."""
GRACE = 2.0
"""Seconds between TERM and KILL."""
START = (
    "import sys; sys.path[:] = sys.argv.pop(1).split(':'); "
    "from tuiagent.runtimes.companion import guard; guard()"
)


class Companion:
    """A running program, by its standard streams."""

    def __init__(
        self,
        process: "subprocess.Popen[bytes]",
        lifeline: int,
        sink: asyncio.StreamWriter,
        source: asyncio.StreamReader,
        errors: asyncio.StreamReader,
    ) -> None:
        self.sink = sink
        self.source = source
        self.errors = errors
        self._process = process
        self._lifeline = lifeline

    def end(self) -> None:
        """Has it and its descendants ended; does not wait."""
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            self.sink.close()
            os.close(lifeline)
            threading.Thread(target=self._process.wait, daemon=True, name="companion").start()


async def start(
    argv: Sequence[str], environ: Mapping[str, str], folder: str, line: int
) -> Companion:
    """Starts a program, without a shell. `line` is how many bytes of a line are read ahead.

    Raises OSError; a program that is not there ends with 127 and says so on its standard error.
    """
    theirs, ours = os.pipe()
    guarding = [sys.executable, "-IS", "-c", START, ":".join(sys.path), str(theirs), *argv]
    try:
        process = subprocess.Popen(  # noqa: ASYNC220 - a moment, on a loop that is for this
            guarding,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            env={**environ, MARK: f"companion-{os.urandom(8).hex()}"},
            start_new_session=True,
            pass_fds=(theirs,),
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    assert process.stdin
    assert process.stdout
    assert process.stderr
    loop = asyncio.get_running_loop()
    pipe, flow = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, process.stdin)
    sink = asyncio.StreamWriter(pipe, flow, None, loop)
    source, errors = await _reading(process.stdout, line), await _reading(process.stderr, line)
    return Companion(process, ours, sink, source, errors)


async def _reading(pipe: IO[bytes], line: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=line)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    return reader


def guard() -> None:
    """The guard's own life; ends with the program's exit status."""
    lifeline, argv = int(sys.argv[1]), sys.argv[2:]
    news, bell = os.pipe()
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    try:
        child = subprocess.Popen(argv)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{argv[0]} cannot be started: {error}\n")
        sys.stderr.flush()
        os._exit(127)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)  # or nobody would see that the program closed them
    while child.poll() is None:
        heard, _, _ = select.select([lifeline, news], [], [])
        if news in heard:
            os.read(news, 4096)
        if lifeline in heard:
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(MOMENT)
            break
    _end(child)
    code = child.poll()
    os._exit(code & 0xFF if code is not None and code >= 0 else 128 + signal.SIGKILL)


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Ends what is left of the family: TERM, then KILL after the grace."""
    began = time.monotonic()
    known: dict[int, family.Process] = {}
    warned: set[family.Process] = set()
    while known := family.members(os.environ[MARK], os.getpid(), known):
        waited = time.monotonic() - began
        if waited > family.PATIENCE:
            return
        for one in known.values():
            if waited > GRACE or one not in warned:
                number = signal.SIGKILL if waited > GRACE else signal.SIGTERM
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(one.pid, number)
        warned.update(known.values())
        child.poll()
        time.sleep(0.01)
