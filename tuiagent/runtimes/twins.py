"""Other names of files: a hard link to what holds keys is as good as the file itself.

The system does not tell them. So what has several names is compared with the files nearby whose
names say that they may hold keys.
"""

import os
import stat
from collections.abc import Iterable

from tuiagent.kernel import places
from tuiagent.runtimes import walls

Inode = tuple[int, int]
"""What a file is to the system, whatever its names: its device, and its number there."""


def linked(paths: Iterable[str]) -> set[Inode]:
    """Those files that have more than one name, links to be resolved before."""
    return {inode for path in paths if (inode := _shared(path))}


def keyed(files: set[Inode], folder: str, homes: Iterable[str]) -> list[str]:
    """The names of these that say so: in the folder, as far as is found soon, and of the homes."""
    tops = [folder, *walls.hidden(homes, ())]
    names = (path for path in (*tops, *walls.within(tops, _enters)) if places.keyed(path))
    return sorted({path for path in names if _shared(path) in files})


def _enters(entry: os.DirEntry[str]) -> bool:
    return entry.name not in walls.SKIPPED and entry.name != ".git"


def _shared(path: str) -> Inode | None:
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return None
    several = stat.S_ISREG(found.st_mode) and found.st_nlink > 1
    return (found.st_dev, found.st_ino) if several else None
