"""Opens the journal's file, and says in plain words why it cannot be used."""

# The type stubs of apsw are partial.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

import contextlib
import os
from collections.abc import Generator

import apsw

from tuiagent.kernel.errors import StoreError
from tuiagent.stores import copying, wal
from tuiagent.stores.locks import Locks
from tuiagent.stores.schema import APPLICATION, MIGRATIONS

OLDEST = (3, 51, 0)
"""The SQLite that has no known defect in its WAL."""
BUSY = 5000
"""Milliseconds to wait for another program that keeps the file locked."""
RESERVE = 4 * 1024 * 1024
"""Bytes kept back so that the observation in flight can be written to a full disk."""
REMOTE = frozenset(
    "nfs nfs4 cifs smb2 smb3 smbfs 9p afs ceph fuse.sshfs fuse.s3fs fuse.rclone".split()
)
MOUNTS = "/proc/mounts"
BACKUPS = "backups"
"""The folder, in the state root, of copies that are made before tables change."""


def prepare(root: str) -> None:
    """Makes the state root, private to the user. Raises StoreError."""
    version = tuple(map(int, apsw.sqlite_lib_version().split(".")))
    if version < OLDEST:
        raise StoreError(f"SQLite {apsw.sqlite_lib_version()} is too old: install apsw >= 3.54")
    with explained(root):
        if not os.path.isdir(root):
            os.makedirs(root, 0o700, exist_ok=True)
            copying.sync(os.path.dirname(root))
        found = os.stat(root)
        if found.st_uid != os.geteuid():
            raise StoreError(
                f"{root} belongs to another user (number {found.st_uid}); run tuiagent as that "
                "user, or choose another folder with TUIAGENT_HOME"
            )
        if found.st_mode & 0o077:
            os.chmod(root, 0o700)


def connect(path: str, locks: Locks, vfs: str, synchronous: str) -> apsw.Connection:
    """The connection that writes; makes or migrates the tables. Raises StoreError."""
    root = os.path.dirname(path)
    with explained(root):
        if not _size(path):
            with locks.writing():
                _create(path)
        _logged(path, locks)
        connection = apsw.Connection(path, vfs=vfs or None)
        try:
            connection.set_busy_timeout(BUSY)
            if connection.readonly("main"):
                raise StoreError(
                    f"{path} is read-only, so nothing could be kept in it; make it writable "
                    "(chmod u+w), or choose another folder with TUIAGENT_HOME"
                )
            _migrate(connection, path, locks)
            connection.execute(f"PRAGMA synchronous={synchronous}; PRAGMA foreign_keys=ON")
            connection.execute("PRAGMA journal_size_limit=16777216; PRAGMA mmap_size=0")
            # What is written reaches the file at COMMIT only: see SqliteStore._commit.
            connection.execute("PRAGMA cache_spill=OFF")
            # What is erased, and what a page held before it was arranged anew, is overwritten.
            connection.execute("PRAGMA secure_delete=ON")
            reserve(root)
        except BaseException:
            with contextlib.suppress(apsw.Error):  # the first error says why
                connection.close()
            raise
        return connection


def attach(path: str, vfs: str) -> apsw.Connection:
    """A connection that only reads. Raises StoreError."""
    with explained(os.path.dirname(path)):
        connection = apsw.Connection(path, vfs=vfs or None)
        connection.set_busy_timeout(BUSY)
        connection.execute("PRAGMA query_only=ON")
        return connection


def _create(path: str) -> None:
    """Makes the empty file of a new journal, unless there was a journal before."""
    root = os.path.dirname(path)
    if _size(path):
        return  # another process was faster
    if _size(f"{path}-wal") or (os.path.exists(path) and os.path.exists(_reserve(root))):
        raise _emptied(path)
    _local(root)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    copying.sync(root)


def _emptied(path: str) -> StoreError:
    return StoreError(
        f"{path} is empty or gone, but there was a journal in it; restore a copy of it, or "
        f"move everything in {os.path.dirname(path)} away to begin anew"
    )


def _logged(path: str, locks: Locks) -> None:
    """Refuses a journal whose newest part, which is in the log, was taken away."""
    if not wal.lost(path):
        return
    with locks.writing():  # nobody writes a header now
        if what := wal.lost(path):
            raise StoreError(
                f"{path}-wal {what}, and with it the newest part of the journal; restore it or a "
                f"copy of everything. To go on without that part, end every tuiagent and remove "
                f"{path}-wal and {path}-shm"
            )


def _size(path: str) -> int:
    """The file's bytes; 0 also for a file that is not there."""
    try:
        return os.stat(path).st_size
    except FileNotFoundError:
        return 0


def _migrate(connection: apsw.Connection, path: str, locks: Locks) -> None:
    """Brings the tables to this version's shape, in one transaction, after a backup."""
    newest = len(MIGRATIONS)
    numbers = [
        connection.execute(f"PRAGMA {name}").get for name in ("user_version", "application_id")
    ]
    if numbers == [newest, APPLICATION]:
        return
    with locks.writing():
        version = look(connection, path)
        if version == newest:
            return  # another process was faster
        if version:
            _save(connection, path, locks, version)
        elif os.path.exists(_reserve(os.path.dirname(path))):
            raise _emptied(path)
        else:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
            if connection.execute("PRAGMA journal_mode=WAL").get != "wal":
                raise StoreError(
                    f"{path} cannot have a write-ahead log on this disk (no shared memory); choose "
                    "a local folder with TUIAGENT_HOME"
                )
        with connection:
            for migration in MIGRATIONS[version:]:
                connection.execute(migration.sql)
            connection.execute(f"PRAGMA application_id={APPLICATION}")
            connection.execute(f"PRAGMA user_version={newest}")
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")  # the file itself has the tables


def _save(connection: apsw.Connection, path: str, locks: Locks, version: int) -> None:
    """A backup of tables that are about to be changed, once nobody needs them as they are."""
    others = locks.living()
    if others and any(migration.alone for migration in MIGRATIONS[version:]):
        raise StoreError(
            f"{path} has to be changed for this tuiagent, but {len(others)} older ones still use "
            "it; nothing was changed: end them, and start again"
        )
    folder = os.path.join(os.path.dirname(path), BACKUPS)
    os.makedirs(folder, 0o700, exist_ok=True)
    copying.copy(connection, os.path.join(folder, f"schema-{version}.db"))


def look(connection: apsw.Connection, path: str) -> int:
    """The number of the newest migration in the file, 0 for an empty one. Raises StoreError.

    Asked under the lock: while another process makes the tables, the answers do not fit together.
    """
    version = int(connection.execute("PRAGMA user_version").get or 0)
    if connection.execute("PRAGMA application_id").get != APPLICATION:
        if version or connection.execute("SELECT count(*) FROM sqlite_schema").get:
            raise StoreError(
                f"{path} is another program's database; move it away, or choose another folder "
                "with TUIAGENT_HOME"
            )
    elif version > len(MIGRATIONS):
        raise StoreError(
            f"{path} was made by a newer tuiagent (schema {version}, this one knows "
            f"{len(MIGRATIONS)}); update tuiagent, or choose another folder with TUIAGENT_HOME"
        )
    return version


def reserve(root: str) -> None:
    """Keeps some of the disk back, where there is room."""
    path = _reserve(root)
    if _size(path) >= RESERVE:
        return
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(file, 0, RESERVE)
    except OSError:
        os.unlink(path)  # the disk is full already: there is nothing to keep back
    finally:
        os.close(file)


def release_reserve(root: str) -> bool:
    """Gives the reserve to the disk; False when it is gone already."""
    try:
        os.unlink(_reserve(root))
    except FileNotFoundError:
        return False
    return True


def _reserve(root: str) -> str:
    return os.path.join(root, "reserve")


def _local(root: str) -> None:
    """Refuses a network drive: neither its locks nor its shared memory can be trusted."""
    if os.environ.get("TUIAGENT_ALLOW_NETWORK_DRIVE") == "1" or not os.path.exists(MOUNTS):
        return
    inside = os.path.realpath(root) + "/"
    place, kind = "", ""
    with open(MOUNTS, encoding="utf-8", errors="replace") as file:
        for line in file:
            mount, type_ = line.split(" ")[1:3]
            mount = mount.replace("\\040", " ").rstrip("/") + "/"
            if inside.startswith(mount) and len(mount) >= len(place):
                place, kind = mount, type_
    if kind in REMOTE:
        raise StoreError(
            f"{root} lies on a network drive ({kind}), on which a journal is not safe; choose a "
            "local folder with TUIAGENT_HOME, or accept it with TUIAGENT_ALLOW_NETWORK_DRIVE=1"
        )


@contextlib.contextmanager
def explained(root: str) -> Generator[None]:
    """Turns what SQLite and the system say into one message that helps."""
    try:
        yield
    except apsw.Error as error:
        first = error.__context__  # what made SQLite roll back by itself, where that failed after
        cause = first if isinstance(first, apsw.Error) else error
        raise StoreError(f"{root}: {_advice(cause)} [{cause}]") from error
    except OSError as error:
        if not isinstance(error.filename, str) or not _related(error.filename, root):
            raise
        raise StoreError(
            f"{error.filename}: the state folder cannot be used: {error.strerror}; make it "
            "writable for you, or choose another folder with TUIAGENT_HOME"
        ) from error


def _related(path: str, root: str) -> bool:
    """Whether the path is above, at or below the state root."""
    return f"{path}/".startswith(f"{root}/") or root.startswith(f"{path.rstrip('/')}/")


ADVICE: dict[type[apsw.Error], str] = {
    apsw.FullError: "the disk is full; nothing was lost: make room and go on",
    apsw.ReadOnlyError: "the journal cannot be written (read-only disk or file); make it writable,"
    " or choose another folder with TUIAGENT_HOME",
    apsw.CantOpenError: "the journal cannot be opened; make the folder and what is in it writable"
    " for you, or choose another one with TUIAGENT_HOME",
    apsw.BusyError: "another program keeps the journal locked; end it and try again",
    apsw.LockedError: "another program keeps the journal locked; end it and try again",
    apsw.NotADBError: "the journal's file is not a database; move it away or restore a copy",
    apsw.CorruptError: "the journal is damaged; nothing was changed: restore a copy of it",
    apsw.IOError: "the disk reports an error; see the system's log, and try again",
}
"""What happened, and what to do next."""


def _advice(error: apsw.Error) -> str:
    found = (text for kind, text in ADVICE.items() if isinstance(error, kind))
    return next(found, "SQLite failed; try again")
