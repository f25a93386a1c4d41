"""Executions that survive the engine: a folder says what became of a command.

A spool holds: `command` (what to run), `lock` (flock held by the wrapper for as long as it lives),
`launched.BOOT` (under which boot it was launched), `started` (the wrapper's pid), `output`
(standard output and error), `exit` (the status), `void` (it never began and never will) and
`killed` (why it is being ended: kill or timeout). The times are those at which files were written.

Before the wrapper is spawned, `launched.BOOT` and the folders' names are on the disk. So within one
boot a missing `started` proves that nothing ran, and after a power cut a launched command is
unknown: the wrapper itself need not wait for the disk. (A file's name costs half of what its
content costs.) `started` and `exit` are trusted only when their line is complete.
"""

import contextlib
import fcntl
import functools
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

from tuiagent.kernel.errors import OutcomeUnknownError, ToolError
from tuiagent.ports import Exit

HEAD = 1 << 20
"""Bytes kept of the beginning of an output."""
TAIL = 15 << 20
"""Bytes kept of its end."""
LAG = 1 << 20
"""A listener who is further behind than this misses what lies between."""

WRAPPER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "wrapper.sh")
"""What runs a command and records how it ended."""

BLANK = b" " * 8
_CRASH = os.environ.get("TUIAGENT_CRASH", "")


def crash(point: str) -> None:
    """Kills this process at a named point; tests set TUIAGENT_CRASH, nobody else."""
    if point == _CRASH:
        os.kill(os.getpid(), signal.SIGKILL)


@functools.cache
def boot() -> str:
    """What identifies the time since this machine was last started."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        asked = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(asked, capture_output=True, check=True, text=True).stdout.strip()


@functools.cache
def lifeline() -> int:
    """The end of a pipe that closes when this process ends: nobody else has its other end."""
    theirs, _ = os.pipe()
    return theirs


class Spool:
    """The folder of one execution."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.call = os.path.basename(folder)
        """Its name. Everything that belongs to it has the folder as its TUIAGENT_CALL."""

    # ------------------------------------------------------------ starting

    def launch(
        self,
        command: str,
        argv: Sequence[str],
        cwd: str,
        env: dict[str, str],
        held: int = subprocess.DEVNULL,
        given: Sequence[int] = (),
        tied: bool = False,
    ) -> subprocess.Popen[bytes]:
        """Starts the wrapper; blocks for the disk and the spawn. Raises ToolError.

        `argv` runs the file that the command is put in. The wrapper keeps the descriptor `held`
        open for as long as it lives; what stands before the shell gets those `given`. One that is
        `tied` ends when this process does.
        """
        try:
            text = command.encode()
        except UnicodeEncodeError as error:
            raise ToolError("The command holds half a character (a lone surrogate).") from error
        if b"\0" in text:
            raise ToolError("The command holds a NUL byte; a shell cannot run it. Leave it out.")
        try:
            with self._locked(fcntl.LOCK_EX) as lock:
                if lock is None:
                    raise ToolError(
                        f"Call {self.call} is already running; it was not started again."
                    )
                if self._boot() or any(map(self._has, ("void", "started", "exit"))):
                    raise ToolError(
                        f"Call {self.call} was begun or given up before; not started again."
                    )
                self._write(text)
                life = (lifeline(),) if tied else ()
                words = (*map(str, life or "-"), *argv)
                return self._spawn(lock, words, cwd, env, held, (*given, *life))
        except OSError as error:
            raise ToolError(f"The command could not be started: {error}.") from error

    def _write(self, text: bytes) -> None:
        with open(self._path("command"), "wb", opener=_private) as file:
            file.write(text + b"\n")
        with open(self._path("exit"), "wb", opener=_private) as file:
            file.write(BLANK)  # so that the status finds a place on a full disk
        os.close(_private(self._path(f"launched.{boot()}"), os.O_WRONLY | os.O_CREAT))
        self._sync()

    def _spawn(
        self,
        lock: int,
        words: Sequence[str],
        cwd: str,
        env: dict[str, str],
        held: int,
        given: Sequence[int],
    ) -> subprocess.Popen[bytes]:
        with open(self._path("output"), "ab", opener=_private) as out:
            process = subprocess.Popen(
                ["/bin/sh", WRAPPER, self.folder, _CRASH, *words],
                stdin=lock,
                stdout=out,
                stderr=held,  # the command's goes to its stdout
                pass_fds=given,
                cwd=cwd,
                env={**env, "TUIAGENT_CALL": self.folder},
                start_new_session=True,
            )
        crash("spool:spawned")
        return process

    # ------------------------------------------------------------ what became of it

    def settle(self) -> str:
        """void, running, exited or unknown; makes sure that void stays void."""
        try:
            os.makedirs(self.folder, 0o700, exist_ok=True)
        except OSError:
            return "unknown"  # no void mark can be left, so a late wrapper cannot be ruled out
        try:
            with self._locked(fcntl.LOCK_SH) as lock:
                return "running" if lock is None else self._judge()
        except OSError as error:
            raise ToolError(f"Call {self.call} cannot be looked up now: {error}.") from error

    def _judge(self) -> str:
        if self.code() is not None:
            return "exited"
        if self._has("void"):
            return "void"
        if self._has("started") or self._boot() not in ("", boot()):
            return "unknown"
        self._put("void", b"")
        return "void"

    def _boot(self) -> str:
        """The boot under which it was launched, "" when it was not."""
        names = [name for name in os.listdir(self.folder) if name.startswith("launched.")]
        return names[0].partition(".")[2] if names else ""

    def code(self) -> int | None:
        """The exit status, None while there is none."""
        text, whole, _ = self._get("exit").partition(b"\n")
        return int(text) if whole else None

    def wrapper(self) -> int:
        """The wrapper's process id, 0 before it began; holds only while the lock is held."""
        text = self._get("started")
        return int(text) if text.endswith(b"\n") else 0

    def age(self) -> float:
        """Seconds since the command began; 0 before it did."""
        return max(0.0, time.time() - self._time("started", time.time()))

    def result(self, lost: int = 0) -> Exit:
        """How it ended; reads up to 16 MiB. `lost` bytes are known to be gone besides."""
        code = self.code()
        if code is None and self.settle() == "void":
            raise ToolError(
                f"Call {self.call} was never started: its wrapper ended before the command began "
                "(a full disk?). It may be run again."
            )
        if code is None:
            raise OutcomeUnknownError(
                f"The outcome of call {self.call} is unknown: its wrapper was ended from outside, "
                "or the machine went down. Look at what it has done before running it again."
            )
        ended = self._time("exit", time.time())
        output, dropped = self._output()
        return Exit(
            code=code,
            output=output,
            dropped=dropped + lost,
            seconds=max(0.0, ended - self._time("started", ended)),
            timed_out=code != 0 and self._get("killed") == b"timeout\n",
        )

    def size(self) -> int:
        """Bytes written by the command so far."""
        try:
            return os.stat(self._path("output")).st_size
        except FileNotFoundError:
            return 0

    def since(self, start: int) -> tuple[bytes, int]:
        """What was written from byte `start` on, at most the last MiB, and the size of all."""
        size = self.size()
        begin = max(0, start, size - LAG)
        if begin >= size:
            return b"", size
        with open(self._path("output"), "rb", buffering=0) as file:
            return pread(file.fileno(), size - begin, begin), size

    def _output(self) -> tuple[bytes, int]:
        try:
            file = os.open(self._path("output"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return b"", 0
        try:
            size = os.fstat(file).st_size
            if size <= HEAD + TAIL:
                return pread(file, size, 0), 0
            return pread(file, HEAD, 0) + pread(file, TAIL, size - TAIL), size - HEAD - TAIL
        finally:
            os.close(file)

    # ------------------------------------------------------------ waiting and ending

    def wait(self) -> None:
        """Blocks until no wrapper holds the lock."""
        try:
            lock = os.open(self._path("lock"), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_SH)
        finally:
            os.close(lock)

    def held(self) -> bool:
        """Whether a wrapper lives."""
        with self._locked(fcntl.LOCK_SH) as lock:
            return lock is None

    def condemn(self, reason: str) -> None:
        """Says why the execution is being ended; from now on it cannot succeed any more."""
        if self.code() is None and not self.condemned:
            self._put("killed", reason.encode() + b"\n")

    @property
    def condemned(self) -> bool:
        """Whether somebody began to end the execution."""
        return self._has("killed")

    def conclude(self, code: int) -> bool:
        """Records an exit status where the wrapper could not; False while a wrapper lives."""
        with self._locked(fcntl.LOCK_SH) as lock:
            if lock is not None and self.code() is None and not self._has("void"):
                self._put("exit", b"%d\n" % code)
            return lock is not None

    def discard(self) -> None:
        """Removes the folder. Raises ToolError while the command runs."""
        if not os.path.isdir(self.folder):
            return
        if self.held():
            raise ToolError(f"Call {self.call} still runs; end it before its spool is removed.")
        try:
            for name in os.listdir(self.folder):
                os.unlink(self._path(name))
            try:
                os.rmdir(self.folder)
            except OSError:  # what was just ended wrote its last word in between
                for name in os.listdir(self.folder):
                    os.unlink(self._path(name))
                os.rmdir(self.folder)
        except OSError as error:  # such as somebody who ends it just now
            raise ToolError(f"The spool of call {self.call} stays: {error}.") from error

    # ------------------------------------------------------------ files

    def _path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def _has(self, name: str) -> bool:
        return os.path.exists(self._path(name))

    def _get(self, name: str) -> bytes:
        try:
            with open(self._path(name), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""

    def _time(self, name: str, default: float) -> float:
        try:
            return os.stat(self._path(name)).st_mtime
        except FileNotFoundError:
            return default

    def _put(self, name: str, body: bytes) -> None:
        """Writes a file at once and durably."""
        scratch = self._path(f".{name}.{os.getpid()}")
        with open(scratch, "wb", opener=_private) as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, self._path(name))
        self._sync()

    def _sync(self) -> None:
        """Puts the names in the folder, and the folder's own name, on the disk."""
        for folder in (self.folder, os.path.dirname(self.folder)):
            opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)

    @contextlib.contextmanager
    def _locked(self, kind: int) -> Iterator[int | None]:
        """The lock file with the lock taken, or None while another holds it.

        Launching takes it alone, looking takes it shared: two who look do not see each other.
        """
        lock = os.open(self._path("lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield lock
        finally:
            os.close(lock)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def pread(file: int, length: int, start: int) -> bytes:
    """Bytes of a file; fewer only where it ends."""
    pieces: list[bytes] = []
    while length > 0 and (piece := os.pread(file, min(length, 1 << 24), start)):
        pieces.append(piece)
        start += len(piece)
        length -= len(piece)
    return b"".join(pieces)
