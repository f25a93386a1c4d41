"""A program that runs beside the engine and never outlives it, whatever becomes of either.

Between the two stands a guard, a small process of its own: it starts the program, which talks with
the engine directly, and holds one end of a pipe of which the engine has the other. When that pipe
closes, by the engine's wish or by its death, the guard ends the program with all its descendants.
"""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence

from tuiagent.runtimes.guard import MARK

START = (
    "import sys; sys.path[:] = sys.argv.pop(1).split(':'); "
    "from tuiagent.runtimes.guard import main; main()"
)


class Companion:
    """A running program, by its standard streams."""

    def __init__(self, process: "subprocess.Popen[bytes]", lifeline: int, line: int) -> None:
        self.source = asyncio.StreamReader(limit=line)
        self.errors = asyncio.StreamReader(limit=line)
        self._process = process
        self._lifeline = lifeline
        self._pipes: list[asyncio.BaseTransport] = []

    async def connect(self) -> None:
        """Has its streams be read and written by this loop."""
        loop, process = asyncio.get_running_loop(), self._process
        pipe, flow = await loop.connect_write_pipe(asyncio.streams.FlowControlMixin, process.stdin)
        self.sink = asyncio.StreamWriter(pipe, flow, None, loop)
        self._pipes.append(pipe)
        for reader, end in ((self.source, process.stdout), (self.errors, process.stderr)):
            made = asyncio.StreamReaderProtocol(reader)
            pipe, _ = await loop.connect_read_pipe(lambda made=made: made, end)
            self._pipes.append(pipe)

    def end(self) -> None:
        """Has it and its descendants ended; does not wait."""
        lifeline, self._lifeline = self._lifeline, -1
        if lifeline >= 0:
            for pipe in self._pipes:
                pipe.close()
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
    made = Companion(process, ours, line)
    try:
        await made.connect()
    except BaseException:
        made.end()
        raise
    return made
