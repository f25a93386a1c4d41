"""The background server of a state root: how it is found, and how one is begun."""

import contextlib
import fcntl
import os
import select
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from tuiagent.config import KEEP
from tuiagent.kernel.errors import TuiagentError

RECORD, LOCK = "server.json", "server.lock"
READY = "--ready"
"""The flag of `serve` that names a pipe on which it says that it listens."""
STOP = "tuiagent status tells more, and tuiagent serve --stop ends it"
TRIES = 20
PATIENCE = 30.0
"""Seconds that a new server gets until it listens."""


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


class Site(Struct, frozen=True):
    """How a server is reached over the web, beside its own socket."""

    listen: tuple[str, ...] = ()
    """HOST:PORT each; none for no web."""
    guarded: bool = True
    """Whether a key is asked for."""
    public_url: str = ""
    origins: tuple[str, ...] = ()
    """Whose pages may use it."""


def server_record(root: str) -> ServerRecord | None:
    """The server that lives now, None for none."""
    try:
        lock = os.open(os.path.join(root, LOCK), os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None  # nobody holds it
    except BlockingIOError:
        pass
    finally:
        os.close(lock)
    try:
        with open(os.path.join(root, RECORD), "rb") as file:
            return msgspec.json.decode(file.read(), type=ServerRecord)
    except (OSError, msgspec.MsgspecError):
        return None  # it begins, or ends


@contextlib.contextmanager
def only_server(root: str, patient: bool = False) -> Generator[None]:
    """Holds the right to be the server of this root.

    Raises TuiagentError while another has it, unless it is patient.
    """
    os.makedirs(root, 0o700, exist_ok=True)
    lock = os.open(os.path.join(root, LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        for left in range(TRIES, -1, -1):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
                break
            except BlockingIOError:
                if not left:
                    known = server_record(root)
                    pid = f" (process {known.pid})" if known else ""
                    raise TuiagentError(f"a server of {root} runs already{pid}: {STOP}") from None
                time.sleep(0.005)  # somebody may only have looked whether it is held
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
