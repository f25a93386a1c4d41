"""Files by paths whose links are resolved already; every error is a ToolError that says what to do.

A folder is opened name by name without following links, and what is done in it is done by that
descriptor: a link that is swapped in after the path was resolved is refused, not followed.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Iterator

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Stat

_PATH_ONLY = getattr(os, "O_PATH", 0)
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC

ENTRIES = 100_000
"""Entries of a folder that are listed at most."""
HASHED = 64 << 20
"""Bytes of a file that is compared with what was read; what was read is always smaller."""

_MEANING = {
    errno.ENOENT: "it does not exist. Check the path, or list its folder.",
    errno.ENOTDIR: "a part of its path is not a folder. Check the path.",
    errno.EISDIR: "it is a folder. List it instead.",
    errno.EACCES: "permission was denied by the system.",
    errno.EPERM: "permission was denied by the system.",
    errno.ELOOP: "a symbolic link stands where its path has none, or links go in a circle.",
    errno.ENAMETOOLONG: "its name is too long.",
    errno.ENOSPC: "the disk is full; nothing was changed. Free some space first.",
    errno.EDQUOT: "the disk quota is used up; nothing was changed. Free some space first.",
    errno.EROFS: "it lies on a read-only file system.",
    errno.ENXIO: "it is not a regular file.",
}


def stat_of(path: str) -> Stat:
    """What lies at a resolved path."""
    with _explained("look at", path):
        try:
            found = os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            return Stat(path=path, kind="missing")
    return _stat(path, found)


def read(path: str, limit: int) -> bytes:
    """The whole of a regular file of at most `limit` bytes."""
    with _explained("read", path):
        # A look before opening: to open a device or a pipe may do something by itself.
        _regular(path, os.lstat(path))
        with opened_folder(os.path.dirname(path), make=False) as folder:
            file = os.open(os.path.basename(path), _FILE, dir_fd=folder)
        with open(file, "rb", buffering=0) as opened:
            found = os.fstat(file)
            _regular(path, found)
            if found.st_size > limit:
                raise _too_large(path, found.st_size, limit)
            body = _drain(file, limit + 1)
            if len(body) > limit:
                raise _too_large(path, max(os.fstat(opened.fileno()).st_size, len(body)), limit)
            return body


def write(path: str, data: bytes, expect: str | None, mode: int = 0) -> None:
    """Replaces a file atomically and durably, or leaves everything as it was."""
    name = os.path.basename(path)
    with _explained("write", path):
        if not name:
            raise IsADirectoryError(errno.EISDIR, "folder", path)
        with opened_folder(os.path.dirname(path), make=True) as folder:
            found = _look(name, folder)
            if found is not None:
                _regular(path, found)
            scratch = f".{name[:200]}.tuiagent-{os.urandom(6).hex()}"
            try:
                _fill(scratch, folder, data, found, mode)
                if expect is not None and _hash(name, folder) != expect:
                    raise ToolError(
                        f"Cannot write {path}: it is not what it was when it was last read; "
                        "nothing was changed. Read it again."
                    )
                os.rename(scratch, name, src_dir_fd=folder, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):  # it was not even made
                    os.unlink(scratch, dir_fd=folder)
                raise
            _sync(folder)


def remove(path: str, expect: str) -> None:
    """Removes a regular file, durably, if it holds what has this SHA-256."""
    name = os.path.basename(path)
    with _explained("delete", path), opened_folder(os.path.dirname(path), make=False) as folder:
        found = _look(name, folder)
        if found is not None:
            _regular(path, found)
        if found is None or _hash(name, folder) != expect:
            raise ToolError(
                f"Cannot delete {path}: it is not what it was when it was last read; "
                "nothing was changed. Read it again."
            )
        os.unlink(name, dir_fd=folder)
        _sync(folder)


def list_of(path: str) -> list[Stat]:
    """What a folder holds, sorted by name; a link is of kind other."""
    with _explained("list", path):
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise ToolError(f"Cannot list {path}: it is not a folder. Read it instead.")
        found: list[Stat] = []
        with opened_folder(path, make=False) as folder:
            opened = os.open(".", os.O_RDONLY | _FOLDER, dir_fd=folder)
            try:
                names = os.listdir(opened)
                if len(names) > ENTRIES:
                    raise ToolError(
                        f"Cannot list {path}: it holds more than {ENTRIES} entries. Look at a "
                        "part of it with a shell command."
                    )
                for name in sorted(names):
                    entry = _look(name, opened)
                    if entry is not None:
                        found.append(_stat(os.path.join(path, name), entry))
            finally:
                os.close(opened)
        return found


def dangling(path: str) -> str | None:
    """The symbolic link on an absolute path that leads nowhere, None when all lead somewhere."""
    while path != os.path.dirname(path):
        if os.path.islink(path) and not os.path.exists(path):
            return path
        path = os.path.dirname(path)
    return None


def _fill(scratch: str, folder: int, data: bytes, like: os.stat_result | None, mode: int) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(scratch, flags, 0o666, dir_fd=folder), "wb") as file:
        if like is not None:
            made = os.fstat(file.fileno())
            if (made.st_uid, made.st_gid) != (like.st_uid, like.st_gid):
                with contextlib.suppress(PermissionError):  # only root may give files away
                    os.fchown(file.fileno(), like.st_uid, like.st_gid)
            os.fchmod(file.fileno(), stat.S_IMODE(like.st_mode))
        elif mode:
            os.fchmod(file.fileno(), mode & 0o777)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


@contextlib.contextmanager
def opened_folder(path: str, make: bool) -> Iterator[int]:
    """A folder's descriptor, reached from the root without following a link."""
    folder = os.open("/", _PATH_ONLY | _FOLDER)
    try:
        for name in path.split("/"):
            if not name:
                continue
            try:
                inner = os.open(name, _PATH_ONLY | _FOLDER, dir_fd=folder)
            except FileNotFoundError:
                if not make:
                    raise
                with contextlib.suppress(FileExistsError):  # somebody was quicker: as good
                    os.mkdir(name, dir_fd=folder)
                _sync(folder)
                inner = os.open(name, _PATH_ONLY | _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _sync(folder: int) -> None:
    opened = os.open(".", os.O_RDONLY | _FOLDER, dir_fd=folder)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _look(name: str, folder: int) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _hash(name: str, folder: int) -> str:
    """SHA-256 of a regular file in hexadecimal, "" where there is none, "?" for what is too large
    to be what was read."""
    try:
        file = os.open(name, _FILE, dir_fd=folder)
    except FileNotFoundError:
        return ""
    with open(file, "rb") as opened:
        if os.fstat(file).st_size > HASHED:
            return "?"
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _drain(file: int, limit: int) -> bytes:
    pieces: list[bytes] = []
    while limit > 0 and (piece := os.read(file, min(limit, 1 << 20))):
        pieces.append(piece)
        limit -= len(piece)
    return b"".join(pieces)


def _stat(path: str, found: os.stat_result) -> Stat:
    if stat.S_ISREG(found.st_mode):
        return Stat(path, "file", found.st_size, stat.S_IMODE(found.st_mode))
    return Stat(path=path, kind="folder" if stat.S_ISDIR(found.st_mode) else "other")


def _regular(path: str, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "folder", path)
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.ENXIO, "not regular", path)


def _too_large(path: str, size: int, limit: int) -> ToolError:
    return ToolError(
        f"Cannot read {path}: it is too large ({size} bytes, at most {limit} are read at once). "
        "Look at a part of it with a shell command."
    )


@contextlib.contextmanager
def _explained(what: str, path: str) -> Iterator[None]:
    """Turns what the system says into a ToolError."""
    try:
        yield
    except OSError as error:
        meaning = _MEANING.get(error.errno or 0, f"{error.strerror or error}.")
        raise ToolError(f"Cannot {what} {path}: {meaning}") from error
