"""What is read from the disk: folders, the beginnings of files, and news of both.

The session's folder is read here and not through the client: whoever looks at this screen is on the
machine on which the session works, be the engine in this process or in a server.
"""

import asyncio
import heapq
import os
import re
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import NamedTuple

from tuiagent.clients.tui import fuzzy
from tuiagent.clients.tui.files.git import Git, GitError
from tuiagent.clients.tui.files.tree import Entry, Listing, below, order, ordered
from tuiagent.folder import changes
from tuiagent.kernel.places import OWN, PROTECTED

SHOWN = 5000
"""Entries of a folder that are shown; further ones are counted."""
HEAD = 512 * 1024
"""Bytes of a file that are shown."""
BINARY = 2048
"""Bytes of a file that is no text that are shown."""
FOUND = 500
"""Files that a search shows."""
WALKED = 300_000
"""Files that a search looks at where there is no repository."""
PACE = 0.5
"""Seconds of news that is taken together."""


def folder(root: str, path: str, git: Git) -> Listing:
    """What is in a folder below the root. Blocks; what cannot be read says why."""
    try:
        with os.scandir(os.path.join(root, path)) as found:
            count = 0

            def entries() -> Iterator[Entry]:
                nonlocal count
                for entry in found:
                    if _stands_in(entry):
                        continue
                    count += 1
                    link = entry.is_symlink()
                    inside = not link and entry.is_dir(follow_symlinks=False)
                    yield Entry(entry.name, inside, link)

            shown = heapq.nsmallest(SHOWN, entries(), key=order)
    except OSError as error:
        return Listing(problem=error.strerror or str(error))
    ignored = {".git"}
    with suppress(GitError):  # then nothing is hidden; the state of the pane says why
        ignored |= git.ignored(path, [entry.name for entry in shown if entry.name != ".git"])
    marked = [entry._replace(ignored=entry.name in ignored) for entry in shown]
    return Listing(ordered(marked), count - len(shown))


def _stands_in(entry: os.DirEntry[str]) -> bool:
    """Whether it is an empty folder that stands there only while a sandbox holds a command."""
    name = f"/{entry.name}/"
    ours = re.search(PROTECTED, name) or re.search(OWN, name)
    if not ours or entry.is_symlink():
        return False
    with suppress(OSError), os.scandir(entry.path) as inside:
        return next(inside, None) is None
    return False


class Head(NamedTuple):
    """The beginning of a file."""

    text: str
    note: str
    """What it is, and how much of it is not shown."""
    plain: bool = True
    """Whether it is text."""


def head(root: str, path: str) -> Head:
    """The beginning of a file below the root. Blocks; what cannot be read says why."""
    whole = os.path.join(root, path)
    try:
        if not stat.S_ISREG(os.lstat(whole).st_mode):
            link = os.path.islink(whole)
            return Head("", f"a link to {os.readlink(whole)}" if link else "not a file", False)
        with open(whole, "rb") as file:
            body, size = file.read(HEAD), os.fstat(file.fileno()).st_size
    except OSError as error:
        return Head("", error.strerror or str(error), False)
    if b"\0" in body[:8192]:
        rows = range(0, min(len(body), BINARY), 16)
        return Head("\n".join(_dumped(body, at) for at in rows), f"binary, {size:,} bytes", False)
    cut = f", the first {len(body):,} are shown" if size > len(body) else ""
    return Head(body.decode("utf-8", "replace"), f"{size:,} bytes{cut}")


def _dumped(body: bytes, at: int) -> str:
    part = body[at : at + 16]
    text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
    return f"{at:08x}  {part.hex(' '):47}  {text}"


def every(root: str, git: Git) -> list[str]:
    """All files below the root but ignored ones, at most WALKED where git does not know. Blocks."""
    with suppress(GitError):
        return git.every()
    found: list[str] = []
    for where, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != ".git")
        path = os.path.relpath(where, root)
        found += [below("" if path == "." else path, name) for name in names]
        if len(found) > WALKED:
            break
    return found[: WALKED + 1]


def matching(paths: Sequence[str], wanted: str, stopped: Callable[[], bool]) -> Listing:
    """Those of the paths that hold the letters of all these words, the best first. Blocks."""
    named = [path for path in paths if "\n" not in path]
    found = fuzzy.sifted(wanted, fuzzy.joined(named), stopped)
    hits = fuzzy.scored(wanted, found, FOUND, stopped)
    return Listing(tuple(Entry(hit.text) for hit in hits), len(found) - len(hits))


class Watch:
    """News of a few folders, from the file system."""

    def __init__(self, told: Callable[[set[str]], None], failed: Callable[[str], None]) -> None:
        """Calls `told` with folders in which something changed, `failed` with why there is no news.

        Both on the loop on which `follow` was called.
        """
        self._told, self._failed = told, failed
        self._task: asyncio.Task[None] | None = None
        self._followed: frozenset[str] = frozenset()

    def follow(self, folders: frozenset[str]) -> None:
        """From now on it is news of these, and of no others."""
        if folders == self._followed:
            return
        fresh = folders - self._followed
        self.close()
        self._followed = folders
        if folders:
            self._task = asyncio.create_task(self._run(folders, fresh))

    def close(self) -> None:
        """No more news."""
        if self._task is not None:
            self._task.cancel()
        self._followed = frozenset()

    async def _run(self, folders: frozenset[str], fresh: frozenset[str]) -> None:
        try:
            async for paths in changes(sorted(folders), PACE):
                # what came between the reading of a folder and its watch is looked for once
                found = {os.path.dirname(path) for path in paths} | fresh
                fresh = frozenset()
                if found:
                    self._told(found)
        except (FileNotFoundError, NotADirectoryError):
            self._followed = frozenset()  # one of them has gone: whoever reads them sees which
            self._told(set(folders))
        except OSError as error:
            self._failed(error.strerror or str(error))
