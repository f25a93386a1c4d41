"""Copies of a journal that SQLite makes while others write: whole and durable, or not there."""

# The type stubs of apsw are partial.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import contextlib
import os

import apsw

from tuiagent.kernel.errors import StoreError

SCRATCH = ".new"
"""Behind the name of a copy that is not whole yet."""


def copy(source: apsw.Connection, target: str) -> None:
    """Puts everything that is committed there, readable for nobody else. Raises StoreError.

    A copy that was there before is replaced. The source's writers are not held up.
    """
    scratch = f"{target}.{os.getpid()}{SCRATCH}"
    try:
        file = os.open(scratch, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            _fill(source, scratch)
            os.fsync(file)
        finally:
            os.close(file)
        os.replace(scratch, target)
        sync(os.path.dirname(target))
    except (apsw.Error, OSError) as error:
        with contextlib.suppress(OSError):  # it may not even have been made
            os.unlink(scratch)
        why = error.strerror if isinstance(error, OSError) else error
        raise StoreError(
            f"{target}: no copy of the journal could be made, and nothing was changed: make room "
            f"for it, and its folder writable, and try again [{why}]"
        ) from error


def _fill(source: apsw.Connection, scratch: str) -> None:
    """Copies all pages, and reads them again. Raises apsw.Error."""
    made = apsw.Connection(scratch)
    try:
        # whether it is whole is settled by its name, so it needs no journal of its own
        made.execute("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
        with made.backup("main", source, "main") as backup:
            backup.step(-1)
    finally:
        made.close()
    with contextlib.closing(frozen(scratch)) as made:
        found = made.execute("PRAGMA quick_check(1)").get
        if found != "ok":
            raise apsw.CorruptError(str(found))


def frozen(path: str) -> apsw.Connection:
    """A connection to a file that nobody writes; it makes no files beside it."""
    for character in "%?#":  # what means something in a URI, see sqlite.org/uri.html
        path = path.replace(character, f"%{ord(character):02x}")
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    return apsw.Connection(f"file:{path}?immutable=1", flags=flags)


def sync(folder: str) -> None:
    """Makes a folder's new entries outlive a power cut."""
    file = os.open(folder or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
