"""The session's folder as it is on the disk now: read where it is open, followed by watching."""

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tuiagent.clients.tui.files import disk
from tuiagent.clients.tui.files.git import NOTHING, Git, GitError
from tuiagent.clients.tui.files.tree import Listing, Tree, above
from tuiagent.threads import in_thread

PATIENCE = 3.0
"""Seconds after which a folder that does not answer is said not to."""
REST = 1.0
"""Seconds at least between two questions to git."""
SOON = 0.02
"""Seconds in which what is read of several folders is told together."""
WATCHED = 500
"""Opened folders up to which the disk is followed."""
Spawn = Callable[[Coroutine[Any, Any, Any]], object]


class Place:
    """One folder, its tree, and what git and the agent did to it."""

    def __init__(
        self, root: str, spawn: Spawn, told: Callable[[], None], hide: bool = True
    ) -> None:
        """`spawn` goes on with work beside; `told` is called when something is different."""
        self.root = root
        self.tree = Tree(hide)
        self.git = Git(root)
        self.state = NOTHING
        self.note = ""
        """What a person should know, such as that the disk is not followed."""
        self.follows = True
        """Whether the disk can be followed, as far as is known."""
        self._changed: set[str] = set()
        self._changed_folders: set[str] = set()
        self._spawn, self._told = spawn, told
        self._looked_at = False
        self._closed = False
        self._reading: dict[str, bool] = {}
        """Folders that are being read, and whether they are to be read once more then."""
        self._asking = self._again = False
        self._telling: asyncio.TimerHandle | None = None
        """While folders that were read are not told yet: what is read at once is told together."""
        self._watch = disk.Watch(self._moved, self._unwatched)

    def look(self, looked_at: bool) -> None:
        """Whether somebody looks; only then the disk is followed."""
        self._looked_at = looked_at
        if looked_at:
            self.reread()
        else:
            self._watch.close()

    def close(self) -> None:
        """Nobody looks at this any more."""
        self._closed = True
        self._watch.close()

    def open(self, path: str) -> None:
        """Opens a folder, and reads it."""
        self.tree.expand(path)
        self._read_soon(path)

    def shut(self, path: str) -> None:
        """Closes a folder."""
        self.tree.collapse(path)
        self._follow()

    async def reveal(self, path: str) -> None:
        """Opens the folders above a path, one after another."""
        folders: list[str] = []
        while path := above(path):
            folders.append(path)
        for folder in reversed(folders):
            self.tree.expand(folder)
            await self._read(folder)

    def reread(self) -> None:
        """Reads what is open again, and follows the disk again if that can be done now."""
        self.follows, self.note = True, ""
        for path in list(self.tree.open):
            self._read_soon(path)
        self._ask_git()

    def changed(self, paths: Sequence[str]) -> None:
        """These files were changed by the agent."""
        self._changed, self._changed_folders = set(paths), set()
        for path in paths:
            while (path := above(path)) and path not in self._changed_folders:
                self._changed_folders.add(path)
        self._told()

    def by_agent(self, path: str) -> bool:
        """Whether the agent changed a file, or one in a folder."""
        return path in self._changed or path in self._changed_folders

    def in_git(self, path: str) -> str:
        """A file's letter, see git.State; "·" for a folder with such a file."""
        return self.state.mark(path) or ("·" if path in self.state.folders else "")

    def _read_soon(self, path: str) -> None:
        if path in self._reading:
            self._reading[path] = True
        else:
            self._reading[path] = False
            self._spawn(self._read(path))

    async def _read(self, path: str) -> None:
        """Reads a folder; one that does not answer is said not to, and waited for."""
        self._reading.setdefault(path, False)
        work = in_thread(lambda: disk.folder(self.root, path, self.git))
        done, _ = await asyncio.wait({work}, timeout=PATIENCE)
        if not done:
            self._put(path, Listing(problem=f"no answer for {PATIENCE:.0f} s; still waiting"))
        self._put(path, await work)
        if self._reading.pop(path, False):
            self._read_soon(path)

    def _put(self, path: str, listing: Listing) -> None:
        if not self._closed:
            self.tree.put(path, listing)
            if self._telling is None:
                self._telling = asyncio.get_running_loop().call_later(SOON, self._tell)

    def _tell(self) -> None:
        self._telling = None
        if not self._closed:
            self._follow()
            self._told()

    def _follow(self) -> None:
        """Follows the folders that were read, and the one with git's index."""
        if not self.follows or not self._looked_at or self._closed:
            return
        read = [path for path in self.tree.open if self.tree.readable(path)]
        if len(read) > WATCHED:
            self._unwatched(f"more than {WATCHED} folders are open")
            return
        folders = {os.path.join(self.root, path).rstrip("/") or "/" for path in read}
        self._watch.follow(frozenset(folders | ({self.state.watch} - {""})))

    def _moved(self, folders: set[str]) -> None:
        """The disk has news of these folders."""
        base = self.root.rstrip("/")
        for folder in folders:
            path = "" if folder in (base, self.root) else folder.removeprefix(base + "/")
            if path in self.tree.open:
                self._read_soon(path)
        self._ask_git()

    def _unwatched(self, why: str) -> None:
        self.follows = False
        self._watch.close()
        self.note = f"disk not followed: {why}; r reads again"
        self._told()

    def _ask_git(self) -> None:
        """Asks git what changed; not while it is being asked, and not all the time."""
        if self._asking:
            self._again = True
        elif not self._closed:
            self._asking, self._again = True, False
            self._spawn(self._asked())

    async def _asked(self) -> None:
        loop, before = asyncio.get_running_loop(), self.state
        began = loop.time()
        try:
            self.state = await in_thread(self.git.state)
        except GitError as error:
            self.state = NOTHING._replace(problem=str(error))
        if not self._closed:
            self._follow()
            if self.state != before:
                self._told()
        loop.call_later(max(REST, 3 * (loop.time() - began)), self._rested)

    def _rested(self) -> None:
        self._asking = False
        if self._again:
            self._ask_git()
