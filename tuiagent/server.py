"""The background server of a state root: how it is found, and how one is begun."""

import contextlib
import errno
import fcntl
import itertools
import os
import select
import socket
import struct
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tuiagent import __version__
from tuiagent.environment import KEEP
from tuiagent.kernel.errors import TuiagentError
from tuiagent.registry import load
from tuiagent.thin import SOCKET

RECORD, LOCK = "server.json", "server.lock"
READY = "--ready"
"""The flag of `serve` that names a pipe on which it says that it listens."""
SERVED = ("attach", "plain", "tui", "headless", "sessions", "jobs", "runs", "keys", "access")
"""Commands whose work is done by the server while there is one: it knows of it at once then."""
OTHER = """\
tuiagent: the server that runs (process {}) is version {}, this is {}: `tuiagent serve --restart` \
ends it, once what it has begun has ended, and begins a new one"""
WAITING = "tuiagent: waiting for the server before, which ends what it has begun"
STOP = "tuiagent status tells more, and tuiagent serve --stop ends it"
PAUSE, TRIES = 0.005, 20
"""Seconds between looks whether the server before has ended, and how many there are."""
DRAIN = 660.0
"""Seconds that it gets to end what it has begun."""
PATIENCE = 30.0
"""Seconds that a new server gets until it listens."""


class Site(Struct, frozen=True):
    """How a server is reached over the web, beside its own socket."""

    listen: tuple[str, ...] = ()
    """HOST:PORT each; none for no web."""
    guarded: bool = True
    """Whether a key is asked for."""
    public_url: str = ""
    origins: tuple[str, ...] = ()
    """Whose pages may use it."""

    def flags(self) -> list[str]:
        """The flags of `serve` that say this."""
        auth = [] if self.guarded else ["--auth", "none"]
        public = ["--public-url", self.public_url] if self.public_url else []
        listen = [word for address in self.listen for word in ("--listen", address)]
        origins = [word for origin in self.origins for word in ("--cors-origin", origin)]
        return [*listen, *auth, *public, *origins]


class ServerRecord(Struct, frozen=True):
    """Where a server is; kept in a file of the state root that only its user reads."""

    pid: Annotated[int, Meta(gt=0)]
    socket: str
    """The path of its Unix socket."""
    version: str
    started: float
    """Seconds since 1970."""
    addresses: tuple[str, ...] = ()
    """Where it listens for the web, such as http://127.0.0.1:4000."""
    site: Site = Site()
    """As it was told; an address in it may leave the port to the system."""


def server_record(root: str) -> ServerRecord | None:
    """The server that lives now, None for none."""
    if not held(root):
        return None
    try:
        with open(os.path.join(root, RECORD), "rb") as file:
            return msgspec.json.decode(file.read(), type=ServerRecord)
    except (OSError, msgspec.MsgspecError):
        return None  # it begins, or ends


def held(root: str) -> bool:
    """Whether a process is the server, be it one that begins or ends."""
    try:
        lock = os.open(os.path.join(root, LOCK), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def killed(root: str) -> bool:
    """Whether the newest server was killed: one that ends by itself leaves no record behind."""
    return not held(root) and os.path.exists(os.path.join(root, RECORD))


def served(root: str, command: str) -> ServerRecord | None:
    """The server that does this command's work, where one of this version runs."""
    record = server_record(root) if command in SERVED else None
    if record is None or record.version == __version__:
        return record
    print(OTHER.format(record.pid, record.version, __version__), file=sys.stderr)
    if command in ("plain", "attach") and sys.stdin.isatty():
        print("tuiagent: do that now? [y/N] ", end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() == "y":
            return load("tuiagent.clients.cli.serve:renewed")(root)
    return None


def listener(root: str) -> int:
    """The process that listens for commands now; 0 where the system does not tell.

    The system vouches for it, where a record is only a file. Raises OSError when nobody does.
    """
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer:
            near = f"/proc/self/fd/{folder}"  # a path for a socket has about 100 bytes
            peer.connect(os.path.join(near if os.path.isdir(near) else root, SOCKET))
            if not hasattr(socket, "SO_PEERCRED"):
                return 0
            size = struct.calcsize("3i")
            told = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
            pid: int = struct.unpack("3i", told)[0]
            if not pid:
                raise OSError(errno.ESRCH, "it is in another container")
            return pid
    finally:
        os.close(folder)


@contextlib.contextmanager
def only_server(root: str) -> Generator[None]:
    """Holds the right to be the server of this root, once one that ends has ended.

    Raises TuiagentError while another has it.
    """
    os.makedirs(root, 0o700, exist_ok=True)
    lock = os.open(os.path.join(root, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for tried in itertools.count(1):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                known = server_record(root) if tried >= TRIES else None
                if known or tried * PAUSE > DRAIN:
                    pid = f" (process {known.pid})" if known else ""
                    raise TuiagentError(f"a server of {root} runs already{pid}: {STOP}") from None
                if tried == TRIES:
                    print(WAITING, file=sys.stderr, flush=True)
                time.sleep(PAUSE)  # somebody may only have looked whether it is held
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(root, RECORD))  # of one that was killed
        yield
    finally:
        os.close(lock)


@contextlib.contextmanager
def announced(root: str, record: ServerRecord) -> Generator[None]:
    """Lets clients find the server while this is open."""
    path = os.path.join(root, RECORD)
    new = f"{path}.{os.getpid()}"
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, msgspec.json.encode(record))
    finally:
        os.close(file)
    os.replace(new, path)
    try:
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def begin(root: str, environ: Mapping[str, str], flags: Sequence[str] = ()) -> ServerRecord:
    """Starts a server that outlives this process, and waits until it listens.

    It gets no secret: keys are lent to it over its socket. `flags` are more ones of `serve`.
    Raises TuiagentError.
    """
    path = os.path.join(root, "logs", "server.log")
    try:
        _spawn(root, path, environ, flags)
    except OSError as error:
        raise TuiagentError(f"the background server cannot be started: {error}") from error
    record = server_record(root)
    if record is None:
        raise TuiagentError(f"the background server did not start: {_last(path)} (see {path})")
    return record


def _spawn(root: str, path: str, environ: Mapping[str, str], flags: Sequence[str]) -> None:
    """Starts a server that logs into this file, and waits until it listens or has ended."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    kept = {n: v for n, v in environ.items() if n in KEEP or n.startswith(("LC_", "PYTHON"))}
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    ready, told = os.pipe()
    try:
        theirs = max(told, log) + 1
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-P", "-m", "tuiagent", "serve", READY, str(theirs), *flags],
            {**kept, "TUIAGENT_HOME": root},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, log, 1),
                (os.POSIX_SPAWN_DUP2, log, 2),
                (os.POSIX_SPAWN_DUP2, told, theirs),
            ],
            setsid=True,
        )
        os.close(told)
        select.select([ready], [], [], PATIENCE)
    finally:
        os.close(ready)
        os.close(log)


def _last(path: str) -> str:
    """The last line of a log."""
    with contextlib.suppress(OSError), open(path, errors="replace") as file:
        lines = file.read()[-4000:].splitlines()
        return lines[-1] if lines else "it said nothing"
    return "it said nothing"
