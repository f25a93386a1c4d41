"""What git says of a folder: which names it ignores, which files changed, and how.

It is asked in threads, for so long, and runs nothing that the repository configures.
"""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from typing import NamedTuple

from tuiagent.kernel import repository

SECONDS = 10.0
MOST = 16 * 1024 * 1024
"""Bytes of an answer that are taken."""
MARKS = "UDARCTM"
"""Letters of a state, the weightiest first."""


class GitError(Exception):
    """Git could not say it; the message says why."""


class State(NamedTuple):
    """What differs from HEAD."""

    files: dict[str, str]
    """A letter by path below the folder: U, D, A, R, C, T, M, or ? for what git does not know."""
    folders: frozenset[str]
    """Those with such a file anywhere below."""
    watch: str = ""
    """The folder in which git keeps its index, "" when it is not known."""
    problem: str = ""
    """Why nothing is known."""

    def mark(self, path: str) -> str:
        """The letter of a path; what lies in an unknown folder is unknown."""
        while path:
            if path in self.files:
                return self.files[path]
            path = path.rpartition("/")[0]
            if self.files.get(path) != "?":
                return ""
        return ""


NOTHING = State({}, frozenset())


class Git:
    """One folder, as git sees it. Every method blocks, and raises GitError."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._words: list[str] = []

    def state(self) -> State:
        """What differs from HEAD below the folder; nothing where there is no repository."""
        try:
            lines = self._ask("rev-parse", "--show-prefix", "--absolute-git-dir").split(b"\n")
        except GitError as error:
            return NOTHING._replace(problem="" if "not a git repo" in str(error) else str(error))
        prefix, watch = (os.fsdecode(line) for line in lines[:2])
        words = ("status", "--porcelain=v2", "-z", "--untracked-files=normal", "--", ".")
        files = parsed(self._ask(*words), prefix)
        return State(files, frozenset(_folders(files)), watch)

    def ignored(self, path: str, names: Sequence[str]) -> set[str]:
        """Those of the names in a folder that git ignores; none where there is no repository."""
        if not names:
            return set()
        prefix = f"{path}/" if path else "./"
        given = b"".join(os.fsencode(prefix + name) + b"\0" for name in names)
        found = self._ask("check-ignore", "-z", "--stdin", given=given, fine=(0, 1))
        return {os.fsdecode(line).removeprefix(prefix) for line in found.split(b"\0") if line}

    def diff(self, path: str) -> str:
        """How a file differs from HEAD, as a unified diff; "" when it does not."""
        plain = ("--no-ext-diff", "--no-textconv", "--no-renames", "--no-color")
        words = ("--literal-pathspecs", "diff", *plain, "HEAD", "--", f"./{path}")
        return self._ask(*words).decode("utf-8", "replace")

    def every(self) -> list[str]:
        """All files below the folder but those that are ignored."""
        words = ("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate")
        return [os.fsdecode(line) for line in self._ask(*words).split(b"\0") if line]

    def _ask(self, *words: str, given: bytes = b"", fine: Sequence[int] = (0,)) -> bytes:
        if not self._words:
            program = shutil.which("git") or ""
            inside = os.path.realpath(self.folder).rstrip("/") + "/"
            if not program or os.path.realpath(program).startswith(inside):
                raise GitError("there is no git on this machine's PATH")
            names = self._run([program, *repository.NAMES], b"", (0,)).split(b"\0")
            self._words = [program, *repository.settings(names)]
        return self._run([*self._words, *words], given, fine)

    def _run(self, command: Sequence[str], given: bytes, fine: Sequence[int]) -> bytes:
        """What it prints. Raises GitError also after SECONDS and for more than MOST bytes."""
        own = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as said:
            source.write(given)
            source.seek(0)
            try:
                process = subprocess.Popen(
                    command,
                    cwd=self.folder,
                    env=own | repository.ENVIRONMENT,
                    stdin=source,
                    stdout=subprocess.PIPE,
                    stderr=said,
                )
            except (OSError, ValueError) as error:
                raise GitError(f"git cannot be run: {error}") from None
            late = threading.Timer(SECONDS, process.kill)
            late.daemon = True
            late.start()
            with process:
                assert process.stdout is not None
                found = process.stdout.read(MOST + 1)
                if len(found) > MOST:
                    process.kill()
            if not late.is_alive():
                raise GitError(f"git took longer than {SECONDS:.0f} s")
            late.cancel()
            said.seek(0)
            if len(found) > MOST:
                raise GitError(f"git had more to say than {MOST >> 20} MiB")
            if process.returncode not in fine:
                raise GitError(said.read(500).decode("utf-8", "replace").strip() or "git failed")
            return found


def parsed(answer: bytes, prefix: str = "") -> dict[str, str]:
    """The letters of `git status --porcelain=v2 -z` by path below the folder of this prefix."""
    found: dict[str, str] = {}
    fields = iter(answer.split(b"\0"))
    for field in fields:
        kind, _, rest = field.partition(b" ")
        if kind in (b"?", b"!"):
            path, letter = rest, kind.decode()
        elif kind in (b"1", b"2", b"u"):
            path = field.split(b" ", {b"1": 8, b"2": 9, b"u": 10}[kind])[-1]
            if kind == b"2":
                next(fields, b"")
            state = "U" if kind == b"u" else rest[:2].decode("ascii", "replace")
            letter = next((mark for mark in MARKS if mark in state), "M")
        else:
            continue
        found[os.fsdecode(path).removeprefix(prefix).rstrip("/")] = letter
    return found


def _folders(files: dict[str, str]) -> set[str]:
    found: set[str] = set()
    for path in files:
        while (path := path.rpartition("/")[0]) and path not in found:
            found.add(path)
    return found
