"""Names that files define, found by looking at how lines begin: quick, and good enough to point."""

import os
import re
import stat
import threading
import time
from collections.abc import Sequence
from functools import cache

from msgspec import Struct

from tuiagent.clients.tui import fuzzy

LARGEST = 512 * 1024
"""Bytes of a file that is looked at."""
MOST, FILES = 200_000, 5000
"""Symbols that are kept, and files that are looked at, for one folder."""
SECONDS = 10.0
"""Time to look."""
NAME = r"(?P<name>[A-Za-z_$][\w$]*)"
BRACES = (
    r"(?:export\s+)?(?:default\s+)?(?:abstract\s+)?(?:public\s+|private\s+|protected\s+|internal\s+"
    r"|static\s+|final\s+|async\s+)*(?:class|interface|enum|function\*?|type|struct|trait|record"
    rf"|namespace|object|fun)\s+{NAME}"
    rf"|(?:export\s+)?(?:const|let|var)\s+(?P<value>[A-Za-z_$][\w$]*)\s*=\s*(?:async\s*)?(?:\(|function)"
)
LANGUAGES = {
    "py": rf"(?:async\s+)?(?:def|class)\s+{NAME}",
    "rb": r"(?:def|class|module)\s+(?:self\.)?(?P<name>[A-Za-z_]\w*[?!]?)",
    "go": rf"(?:func\s+(?:\([^)]*\)\s*)?|type\s+){NAME}",
    "rs": (
        r"(?:pub(?:\([^)]*\))?\s+)?(?:async\s+)?(?:unsafe\s+)?"
        rf"(?:fn|struct|enum|trait|mod|type|macro_rules!)\s+{NAME}"
    ),
    "php": rf"(?:\w+\s+)*(?:function|class|interface|trait)\s+{NAME}",
    "sh": r"(?:function\s+)?(?P<name>[A-Za-z_][\w-]*)\s*\(\)",
    "c": r"(?:struct|enum|union|class|namespace)\s+(?P<name>[A-Za-z_]\w*)\s*(?:\{|:|$)"
    r"|\#define\s+(?P<macro>[A-Za-z_]\w*)"
    r"|[A-Za-z_][\w\s*&:<>,]*?[\s*&](?P<function>[A-Za-z_]\w*)\s*\([^;\n]*$",
    "md": r"\#{1,6}\s+(?P<name>\S[^\n]*?)\s*$",
    "js": BRACES,
}
SAME = {
    "pyi": "py",
    "bash": "sh",
    "zsh": "sh",
    **dict.fromkeys("h cc cpp hpp cxx m".split(), "c"),
    **dict.fromkeys("ts tsx jsx mjs cjs java kt kts cs swift scala vue svelte".split(), "js"),
}
"""Endings that are looked at like another one."""
LONGEST = 300
"""Letters of a line that is looked at: longer ones are made by programs, for programs."""


class Symbol(Struct, frozen=True):
    """A name and the file that defines it."""

    name: str
    path: str
    score: float = 0.0
    positions: tuple[int, ...] = ()


@cache
def _pattern(language: str) -> re.Pattern[str]:
    return re.compile(rf"^ *(?:{LANGUAGES[language]})".replace(r"\s", " "), re.MULTILINE)


def names(text: str, path: str) -> list[str]:
    """What this file defines, in order, each once."""
    ending = path.rpartition(".")[2].lower()
    language = SAME.get(ending, ending)
    if language not in LANGUAGES:
        return []
    text = "\n".join(line for line in text.replace("\t", " ").split("\n") if len(line) <= LONGEST)
    found = (next(filter(None, match.groups()), "") for match in _pattern(language).finditer(text))
    return list(dict.fromkeys(name for name in found if name))


class Symbols:
    """The symbols of a folder's files, each file looked at again only when it has changed."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._known: dict[str, tuple[int, list[str]]] = {}
        """By path: when it was changed, and what it defines."""
        self._lock = threading.Lock()

    def of(self, path: str) -> list[str]:
        """What one file defines."""
        try:
            info = os.stat(os.path.join(self.folder, path))
        except OSError:
            return []
        known = self._known.get(path)
        if known is None or known[0] != info.st_mtime_ns:
            known = (info.st_mtime_ns, self._read(path, info))
            self._known[path] = known
        return known[1]

    def search(
        self, files: Sequence[str], name: str, limit: int, stop: threading.Event
    ) -> list[Symbol]:
        """The symbols that match best; stops early when it is to."""
        with self._lock:
            found: list[Symbol] = []
            seen = looked = 0
            until = time.monotonic() + SECONDS
            for path in files:
                ending = path.rpartition(".")[2].lower()
                if SAME.get(ending, ending) not in LANGUAGES or ending == "md":
                    continue
                looked += 1
                if stop.is_set() or looked > FILES or seen > MOST or time.monotonic() > until:
                    break
                here = self.of(path)
                seen += len(here)
                for hit in fuzzy.rank(name, here, limit):
                    found.append(Symbol(hit.text, path, hit.score, hit.positions))
                time.sleep(0)  # lets the screen have its turn
        return sorted(found, key=lambda one: (-one.score, one.name, one.path))[:limit]

    def _read(self, path: str, info: os.stat_result) -> list[str]:
        if info.st_size > LARGEST or not stat.S_ISREG(info.st_mode):
            return []
        try:
            with open(os.path.join(self.folder, path), encoding="utf-8", errors="replace") as file:
                return names(file.read(LARGEST), path)
        except OSError:
            return []
