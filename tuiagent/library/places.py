"""Where people put what they write for agents: the one search rule, and how such a file is read."""

import os
import stat
from collections.abc import Iterator

from msgspec import Struct

from tuiagent.kernel.errors import ConfigError

SHIPPED, USER, PROJECT = "shipped", "user", "project"
FOLDERS = (".claude", ".agents", ".tuiagent")
"""The folders of a project, and but for the last of a home, that count least first."""
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PACKAGE = (HERE, os.path.dirname(HERE))
"""Where the shipped ones lie: in an installed package, and in a checkout."""
DEEP = 64
"""Folders between a session's and the top of its repository that are looked at."""


class Place(Struct, frozen=True):
    """A folder that may hold `skills/`, `commands/` and hooks."""

    path: str
    source: str
    """shipped, user or project."""
    within: str = ""
    """What no link may lead out of; "" where links are one's own."""


def places(folder: str, home: str, user: str) -> list[Place]:
    """What counts in a session's folder, what counts least first.

    `home` holds the user's own files for this program, `user` is their home directory.
    """
    shipped = (place for place in PACKAGE if os.path.isdir(os.path.join(place, "skills")))
    found = [Place(place, SHIPPED) for place in shipped][:1]
    if user:
        found += [Place(os.path.join(user, name), USER) for name in FOLDERS[:2]]
    if home:
        found.append(Place(home, USER))
    folders = upward(folder)
    for one in folders:
        if os.path.realpath(one) != os.path.realpath(user or "/"):
            found += [Place(os.path.join(one, n), PROJECT, folders[0]) for n in FOLDERS]
    return found


def upward(folder: str) -> list[str]:
    """The folders from the top of the repository to this one; only this one without one."""
    folders = [folder]
    while not os.path.exists(os.path.join(folders[-1], ".git")):
        parent = os.path.dirname(folders[-1])
        if parent == folders[-1] or len(folders) > DEEP:
            return [folder]
        folders.append(parent)
    return folders[::-1]


def entries(place: Place, kind: str, most: int) -> Iterator[str]:
    """The paths of what lies in a place's folder of this kind, by name, at most so many."""
    folder = os.path.join(place.path, kind)
    if not leads_out(place, folder):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            return
        yield from (os.path.join(folder, name) for name in names[:most])


def leads_out(place: Place, path: str) -> bool:
    """Whether links on the way lead out of where the place may hold things."""
    if not place.within:
        return False
    real, top = os.path.realpath(path), os.path.realpath(place.within)
    return real != top and not real.startswith(top.rstrip("/") + "/")


def read(place: Place, path: str, limit: int, cut: bool = False) -> str:
    """The text of a file of at most `limit` bytes, or its beginning. Raises ConfigError."""
    if leads_out(place, path):
        raise ConfigError("it is a link that leads out of the repository")
    return read_file(os.path.realpath(path), limit, cut)


def read_file(path: str, limit: int, cut: bool = False) -> str:
    """The text of a regular file that is no link: pipes do not block, and no size is trusted."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(file, "rb") as opened:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise ConfigError("it is not a regular file")
            body = opened.read(limit + 1)
    except OSError as error:
        raise ConfigError(error.strerror or str(error)) from error
    if len(body) > limit and not cut:
        raise ConfigError(f"it is longer than {limit // 1024} KiB")
    return body[:limit].decode("utf-8", "ignore" if cut else "replace")
