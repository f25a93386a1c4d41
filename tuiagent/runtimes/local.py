"""This machine: commands run under a wrapper that outlives us, files through descriptors."""

import asyncio
import contextlib
import itertools
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Execution, Exit, Typed
from tuiagent.runtimes import family, keeper, terminal
from tuiagent.runtimes.local_files import LocalFiles
from tuiagent.runtimes.spool import HEAD, Spool, crash
from tuiagent.runtimes.tail import Tail
from tuiagent.threads import in_thread

TICK = 0.05
"""Seconds between two looks at the output of a command that runs."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHELLS = (
    "/bin/bash",
    "/usr/bin/bash",
    "/usr/local/bin/bash",
    "/opt/homebrew/bin/bash",
    "/run/current-system/sw/bin/bash",
)


class LocalRuntime(LocalFiles):
    """ports.Runtime on this machine, for one folder and one recorded environment.

    `spools` is the private folder under which each execution gets its own. With `sandbox` it is
    said why commands run without one: see kernel.claims.
    """

    def __init__(self, folder: str, env: dict[str, str], spools: str, sandbox: str = "") -> None:
        safe = {**env, "PATH": _absolute_only(env["PATH"])} if "PATH" in env else env
        super().__init__(folder, safe)
        self.sandbox = sandbox
        self._spools = os.path.realpath(spools)
        self._shell = shell()

    # ------------------------------------------------------------ commands

    def find(self, program: str) -> str:
        """The absolute path of a program on the recorded PATH, links resolved; "" for none."""
        for folder in self._env.get("PATH", "").split(":"):
            path = os.path.join(self.folder, folder, program)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return os.path.realpath(path)
        return ""

    async def prepare(self, call: str) -> str:
        """Makes the private spool folder of a call; a call that is begun anew gets a new one."""
        if not _NAME.fullmatch(call):
            raise ToolError(f"{call!r} cannot name a call: letters, digits, dot, dash, underscore.")
        try:
            private(self._spools)
            spool = os.path.join(self._spools, call)
            for number in itertools.count(2):
                with contextlib.suppress(FileExistsError):
                    os.mkdir(spool, 0o700)
                    break
                spool = os.path.join(self._spools, f"{call}-{number}")
        except OSError as error:
            raise ToolError(f"No place for call {call} could be made: {error}.") from error
        crash("spool:prepared")
        return spool

    async def exec(self, execution: Execution, output: Callable[[bytes], None]) -> Exit:
        """Starts the command and follows it to the end; being cancelled leaves it running."""
        spool = self._spool(execution.spool)

        def run() -> None:
            # Waiting for the child itself rather than for its lock also reaps it.
            self._launch(spool, execution).wait()

        return await _follow(spool, execution.timeout, output, in_thread(run))

    async def start(self, execution: Execution) -> None:
        """Starts the command under its wrapper and leaves it running."""
        launch = partial(self._launch, self._spool(execution.spool), execution)
        process = await in_thread(launch)
        in_thread(process.wait)  # reaps it

    async def keep(self, execution: Execution) -> None:
        """Sees to it that its time and its output stay within bounds though nobody follows it."""
        argv = keeper.command(self._spool(execution.spool).folder, execution.timeout)
        null = subprocess.DEVNULL
        start = partial(
            subprocess.Popen[bytes],
            argv,
            env={},
            cwd="/",
            stdin=null,
            stdout=null,
            stderr=null,
            start_new_session=True,
        )
        in_thread((await in_thread(start)).wait)  # reaps it

    async def output(self, spool: str, start: int) -> tuple[bytes, int]:
        """What an execution has written from a byte on, at most the last MiB, and up to where."""
        return await asyncio.to_thread(self._spool(spool).since, start)

    async def type(self, spool: str, ident: str, kind: str, text: str) -> Typed:
        """Types into a terminal, once for each `ident`; see ports.Runtime. Raises ToolError."""
        return await terminal.type_into(self._spool(spool), ident, kind, text)

    async def typed(self, spool: str, ident: str) -> Typed | None:
        """What became of it; None when it never was typed and never will be."""
        return await terminal.typed(self._spool(spool), ident)

    def _launch(self, spool: Spool, execution: Execution) -> subprocess.Popen[bytes]:
        """Starts the wrapper; blocks. Raises ToolError."""
        return self._begin(spool, execution, ())

    def _begin(
        self, spool: Spool, execution: Execution, sandbox: Sequence[str], **more: Any
    ) -> subprocess.Popen[bytes]:
        """Starts the wrapper, with the sandbox in front of the shell."""
        argv, command = (*sandbox, self._shell), execution.command
        if execution.terminal is not None:
            command = terminal.command(spool.folder, argv, execution.terminal)
            argv = (self._shell,)
        tied = execution.tied
        return spool.launch(command, argv, self.folder, self._env, tied=tied, **more)

    async def settle(self, spool: str) -> str:
        """What became of an execution: void, running, exited, unknown (nothing of it runs then)."""
        found = self._spool(spool)
        state = found.settle()
        if state == "unknown":
            await in_thread(partial(family.clear, found))
            return found.settle()
        return state

    async def follow(self, execution: Execution, output: Callable[[bytes], None]) -> Exit:
        """Follows an execution that another process started, to its end."""
        spool = self._spool(execution.spool)
        if spool.settle() == "void":
            raise ToolError(f"Call {spool.call} was never started; there is nothing to follow.")
        return await _follow(spool, execution.timeout, output, in_thread(spool.wait))

    async def kill(self, spool: str) -> None:
        """Ends the command and all its descendants: TERM, then KILL after 2 s."""
        await in_thread(partial(family.end, self._spool(spool), "kill"))

    async def discard(self, spool: str) -> None:
        """Removes the spool folder of a settled call."""
        await asyncio.to_thread(self._spool(spool).discard)

    async def sweep(self, prefix: str, keep: frozenset[str]) -> None:
        """Removes spool folders whose names begin so, but those to keep and those in use."""
        await asyncio.to_thread(self._sweep, prefix, keep)

    def _sweep(self, prefix: str, keep: frozenset[str]) -> None:
        with contextlib.suppress(OSError, ToolError):  # what cannot be removed harms nobody
            for name in os.listdir(self._spools):
                path = os.path.join(self._spools, name)
                if name.startswith(prefix) and path not in keep and not Spool(path).held():
                    Spool(path).discard()

    def _spool(self, folder: str) -> Spool:
        parent, name = os.path.split(folder)
        if parent != self._spools or not _NAME.fullmatch(name):
            raise ToolError(f"{folder} is not a spool of this runtime ({self._spools}).")
        return Spool(folder)


async def _follow(
    spool: Spool, allowed: float, output: Callable[[bytes], None], ended: asyncio.Future[None]
) -> Exit:
    """Hands on the output until the wrapper has ended; ends the command after `allowed` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + allowed - spool.age()
    tail = Tail(spool, output)
    while not ended.done():
        await asyncio.wait([ended], timeout=min(TICK, max(0.0, deadline - loop.time())))
        tail.read()
        if tail.excess():
            await asyncio.to_thread(tail.free)
        if not ended.done() and loop.time() >= deadline:
            await in_thread(partial(family.end, spool, "timeout"))
            await asyncio.wait([ended])
    ended.result()
    tail.read()
    if spool.code() is None:  # the wrapper was killed
        await in_thread(partial(family.clear, spool))
    if spool.size() <= HEAD:
        return spool.result(tail.lost)
    return await asyncio.to_thread(spool.result, tail.lost)


def _absolute_only(path: str) -> str:
    """PATH without entries that would let the folder in which a command runs bring programs."""
    return ":".join(entry for entry in path.split(":") if entry.startswith("/"))


def private(folder: str) -> None:
    """Makes a folder that only its owner may enter."""
    os.makedirs(folder, 0o700, exist_ok=True)
    if os.stat(folder).st_mode & 0o077:
        os.chmod(folder, 0o700)


def shell() -> str:
    """The system's bash, else /bin/sh; never one that PATH or SHELL leads to."""
    return next((path for path in _SHELLS if os.access(path, os.X_OK)), "/bin/sh")
