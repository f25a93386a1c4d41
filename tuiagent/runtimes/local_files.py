"""Files of this machine as tools reach them: by descriptors, no further than was judged."""

import asyncio
import copy
import os
from collections.abc import Callable, Iterable
from functools import partial
from typing import Self, TypeVar

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Stat
from tuiagent.runtimes import files, twins, walls

T = TypeVar("T")

SMALL = 1 << 20
"""Bytes up to which a file is read without a thread of its own."""
FEW = 100
"""Files that are looked at without one."""
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs"})


class LocalFiles:
    """The part of ports.Runtime that is about files, for one folder and one environment."""

    def __init__(self, folder: str, env: dict[str, str]) -> None:
        self.folder = os.path.realpath(folder)
        self._env = env
        self._remote = remote_mounts()
        self._claims: Claims | None = None

    def within(self, claims: Claims) -> Self:
        """The same for one call, which reaches no more elsewhere than it was judged by."""
        found = copy.copy(self)
        found._claims = claims
        return found

    def resolve(self, path: str) -> str:
        """The absolute path with all links resolved; `~` is the HOME of the environment."""
        return os.path.realpath(self._absolute(path))

    async def stat(self, path: str) -> Stat:
        """What lies there."""
        found = self.resolve(path)
        return self._told(await self._do(found, partial(files.stat_of, self._place(found))))

    async def twins(self, paths: Iterable[str]) -> list[str]:
        """Other names of these files that say that they may hold keys; see ports.Runtime."""
        places = [self._place(path) for path in paths]
        look = partial(twins.linked, places)
        linked = await self._do(self.folder, look, quick=len(places) <= FEW)
        if not linked:
            return []
        homes = walls.homes_of(self._env)
        found = await asyncio.to_thread(twins.keyed, linked, self.folder, homes)
        return [path for path in found if path not in places]

    async def read(self, path: str, limit: int) -> bytes:
        """A regular file of at most `limit` bytes. Raises ToolError."""
        found = self.resolve(path)
        self._may_read(found)
        work = partial(files.read, self._place(found), limit)
        return await self._do(found, work, quick=(await self.stat(found)).size <= SMALL)

    async def write(self, path: str, data: bytes, expect: str | None = None, mode: int = 0) -> None:
        """Replaces a file atomically and durably; links are kept, those to nowhere refused."""
        lost = files.dangling(self._place(self._absolute(path)))
        if lost is not None:
            raise ToolError(
                f"Cannot write {path}: the symbolic link {lost} leads to {os.readlink(lost)}, "
                "which does not exist. Write to that path itself, or remove the link."
            )
        found = self.resolve(path)
        self._may_write(found)
        await asyncio.to_thread(files.write, self._place(found), data, expect, mode)

    async def remove(self, path: str, expect: str) -> None:
        """Removes a regular file that still holds what has this SHA-256. Raises ToolError."""
        found = self.resolve(path)
        self._may_write(found)
        await asyncio.to_thread(files.remove, self._place(found), expect)

    async def list(self, path: str) -> list[Stat]:
        """What a folder holds, sorted by name, links not followed (their kind is other)."""
        found = self.resolve(path)
        self._may_list(found)
        entries = await asyncio.to_thread(files.list_of, self._place(found))
        return [self._told(entry) for entry in entries]

    def _place(self, path: str) -> str:
        """Where what commands see at a resolved path lies."""
        return path

    def _told(self, found: Stat) -> Stat:
        """What lies there, as commands see it."""
        return found

    def _may_list(self, path: str) -> None:
        """Raises ToolError when a resolved path is beyond what the call was judged by.

        The names in the session's folder may be looked at by whoever looks for one.
        """
        if not self._inside(path):
            self._may_read(path)

    def _may_read(self, path: str) -> None:
        """The same of what a file holds."""
        if self._claims is not None:
            self._claimed(path, (*self._claims.reads, *self._claims.writes))

    def _may_write(self, path: str) -> None:
        """The same of what is to be changed."""
        if self._claims is not None:
            self._claimed(path, self._claims.writes)

    def _claimed(self, path: str, paths: Iterable[str]) -> None:
        if not any(below(path, one) for one in paths):
            raise _moved(path)

    def _inside(self, path: str) -> bool:
        return below(path, self.folder)

    def _absolute(self, path: str) -> str:
        if "\0" in path or not path:
            raise ToolError(f"{path!r} is not a path: it is empty or holds a NUL byte.")
        try:
            os.fsencode(path)
        except UnicodeEncodeError as error:
            raise ToolError(f"{path!r} is not a path: a character of it has no bytes.") from error
        if path == "~" or path.startswith("~/"):
            path = self._env.get("HOME", "/") + path[1:]
        return os.path.join(self.folder, path)

    async def _do(self, path: str, work: Callable[[], T], quick: bool = True) -> T:
        """Runs file work here when it is quick: a thread costs as much as the work itself."""
        if quick and not path.startswith(self._remote):
            return work()
        return await asyncio.to_thread(work)


def below(path: str, top: str) -> bool:
    """Whether a resolved path is a place or lies below it."""
    return path == top or path.startswith(top.rstrip("/") + "/")


def _moved(path: str) -> ToolError:
    return ToolError(
        f"This leads to {path}, which is not what the call was judged by: a link was changed "
        "meanwhile. Nothing was done. Call again."
    )


def remote_mounts() -> tuple[str, ...]:
    """The folders, with a slash, under which files lie on another machine and may be slow."""
    try:
        with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
            rows = [line.split(" ", 3) for line in file]
    except FileNotFoundError:
        return ()
    return tuple(
        row[1].rstrip("/") + "/"
        for row in rows
        if row[2] in _REMOTE or row[2].startswith("fuse.") or row[2] == "autofs"
    )
