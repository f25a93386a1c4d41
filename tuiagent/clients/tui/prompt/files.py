"""The files and folders below a folder, to be found by some letters of their paths."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator

from tuiagent.clients.tui import fuzzy
from tuiagent.clients.tui.fuzzy import Hit
from tuiagent.clients.tui.prompt import symbols

MOST = 300_000
"""Files that are kept; deeper ones can still be named by writing their folder."""
SECONDS = 20.0
"""Time to list."""
FRESH = 10.0
"""Seconds for which a list counts as new."""
LISTED = 2000
"""Entries of one folder that are shown."""
SKIPPED = frozenset(
    ".git .hg .svn node_modules __pycache__ .venv venv .tox .mypy_cache .ruff_cache "
    ".pytest_cache dist build target .cache .idea".split()
)
"""Folders that are passed over where no git says what is ignored."""
GIT = (
    "git -c core.fsmonitor= -c core.hooksPath=/dev/null -c core.untrackedCache=false "
    "-c safe.bareRepository=explicit ls-files --cached --others --exclude-standard -z "
    "--exclude=__pycache__ --exclude=node_modules --exclude=.venv"
).split()
"""It runs nothing that a repository configures."""
QUIET = {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat"}


class FileIndex:
    """What lies below one folder; all of it works in threads, none of it blocks."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.symbols = symbols.Symbols(folder)
        self.closed = threading.Event()
        """Once set, nothing is listed any more."""
        self.cut = False
        """Whether there are more files than are kept."""
        self._blocks: list[str] = []
        self._files: list[str] = []
        self._listed = 0.0
        self._lock = threading.Lock()
        self._last: tuple[str, list[str]] = ("", [])
        """The query before, and all that matched it."""

    def refresh(self) -> None:
        """Lists the files, unless that was done just now; whoever comes meanwhile waits."""
        with self._lock:
            if self._listed and time.monotonic() - self._listed < FRESH:
                return
            self._take(self._found())
            self._listed = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether there is a list at all."""
        return bool(self._listed)

    @property
    def stale(self) -> bool:
        """Whether it should be listed anew."""
        return time.monotonic() - self._listed >= FRESH

    def search(self, query: str, limit: int, stop: threading.Event) -> list[Hit]:
        """The paths that match best; folders end with a slash. Nothing once it is to stop."""
        if query.startswith(("/", "~", "./", "../")):
            return self._beside(query, limit)
        before, known = self._last
        narrower = bool(before) and query.startswith(before)
        blocks = fuzzy.joined(known) if narrower else self._blocks
        matches = fuzzy.sifted(query, blocks, stop.is_set)
        if stop.is_set():
            return []
        self._last = (query, matches)
        return fuzzy.scored(query, matches, limit, stop.is_set)

    def look_for(self, name: str, limit: int, stop: threading.Event) -> list[symbols.Symbol]:
        """Symbols anywhere below the folder whose names match."""
        return self.symbols.search(self._files, name, limit, stop)

    def _found(self) -> Iterator[str]:
        """The paths of files, relative to the folder."""
        if os.path.lexists(os.path.join(self.folder, ".git")) or _in_git(self.folder):
            yield from self._git()
        else:
            yield from self._walk()

    def _git(self) -> Iterator[str]:
        try:
            git = subprocess.Popen(
                GIT,
                cwd=self.folder,
                env={**os.environ, **QUIET},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError:
            yield from self._walk()
            return
        some = False
        with git:
            assert git.stdout is not None
            rest = b""
            while piece := os.read(git.stdout.fileno(), 1 << 16):
                *paths, rest = (rest + piece).split(b"\0")
                some = True
                yield from map(os.fsdecode, paths)
            git.kill()  # it has ended, or has closed what it writes to
        if not some:
            yield from self._walk()

    def _walk(self) -> Iterator[str]:
        waiting = [""]
        while waiting:
            inside = waiting.pop(0)
            try:
                with os.scandir(os.path.join(self.folder, inside)) as entries:
                    for entry in entries:
                        path = os.path.join(inside, entry.name)
                        if not entry.is_dir(follow_symlinks=False):
                            yield path
                        elif entry.name not in SKIPPED:
                            waiting.append(path)
            except OSError:
                continue

    def _take(self, found: Iterator[str]) -> None:
        """Keeps them by depth, as what lies high is meant more often."""
        until = time.monotonic() + SECONDS
        depths: dict[int, list[str]] = {}
        folders: set[str] = set()
        files: list[str] = []
        cut = False
        for path in found:
            if self.closed.is_set():
                break
            if "\n" in path or not path:
                continue
            if len(files) >= MOST or time.monotonic() > until:
                cut = True
                break
            if not len(files) % fuzzy.BLOCK:
                time.sleep(fuzzy.BREATH)
            files.append(path)
            depths.setdefault(path.count("/"), []).append(path)
            while (path := path.rpartition("/")[0]) and path not in folders:
                folders.add(path)
                depths.setdefault(path.count("/"), []).append(path + "/")
        blocks = [block for depth in sorted(depths) for block in fuzzy.joined(depths[depth])]
        self._blocks, self._files, self.cut = blocks, files, cut
        self._last = ("", [])

    def _beside(self, query: str, limit: int) -> list[Hit]:
        """What a path leads to that lies elsewhere, or is ignored."""
        head, _, name = query.rpartition("/")
        folder = os.path.join(self.folder, os.path.expanduser(head + "/"))
        found: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if len(found) >= LISTED:
                        break
                    found.append(f"{head}/{entry.name}" + ("/" if entry.is_dir() else ""))
        except OSError:
            return []
        named = [path for path in found if "\n" not in path]
        start = len(head) + 1
        hits = fuzzy.rank(name, (path[start:] for path in named), limit)
        return [
            Hit(h.score, f"{head}/{h.text}", tuple(p + start for p in h.positions)) for h in hits
        ]


def _in_git(folder: str) -> bool:
    """Whether a folder above belongs to git."""
    while (above := os.path.dirname(folder)) != folder:
        folder = above
        if os.path.lexists(os.path.join(folder, ".git")):
            return True
    return False
