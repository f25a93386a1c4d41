"""A small secret in a file of its own: put there whole, and read only where it is truly private."""

import contextlib
import errno
import os
import stat
from collections.abc import Callable

from tuiagent.kernel.errors import StoreError

LARGEST = 4096
"""Bytes that are read, where nothing else is said."""
ANEW = "or remove it to have a new one made"


def kept(path: str, make: Callable[[], bytes]) -> tuple[bytes, bool]:
    """What the file holds, and whether it was made just now. Raises StoreError."""
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    made = not os.path.lexists(path) and put(path, make())
    return read(path), made


def put(path: str, body: bytes, replace: bool = False) -> bool:
    """Puts this there, whole or not at all; False when another process was faster."""
    scratch = f"{path}.{os.urandom(6).hex()}"
    file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        if replace:
            os.rename(scratch, path)
            return True
        with contextlib.suppress(FileExistsError):
            os.link(scratch, path)
            return True
        return False
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(scratch)


def read(path: str, most: int = LARGEST) -> bytes:
    """What the file holds. Raises StoreError where others could have written or read it."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        file = os.open(path, flags)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise StoreError(f"{path} is a link: put the file itself there, {ANEW}") from error
        raise StoreError(f"{path} cannot be read ({error.strerror})") from error
    with os.fdopen(file, "rb") as source:
        found = os.fstat(source.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise StoreError(f"{path} is no file: remove it to have one made")
        if found.st_uid != os.getuid():
            raise StoreError(f"{path} belongs to another user: chown it, {ANEW}")
        if found.st_mode & 0o077:
            raise StoreError(
                f"{path} can be read by others, so it proves nothing: chmod 600 it, {ANEW}"
            )
        return source.read(most)
