"""People's own tools: of files that they trust, and of packages that they have installed."""

import hashlib
import os
import re
import stat
import sys
import types
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from tuiagent.ports import Tool
from tuiagent.tools import TABLE, UNTOLD

GROUP = "tuiagent.tools"
"""The entry points at which packages offer tools: `NAME = "module:attribute"`."""
SIZE = 1 << 20
"""Bytes that a file with tools may have."""
NAME = re.compile(r"[a-z_][a-z0-9_]{0,63}")
"""What a tool may be called: providers take no other names, and rules are written with them."""


class Offered(Struct, frozen=True):
    """A place where tools come from, and what became of it."""

    source: str
    """A file's path, or a package's entry point."""
    tools: tuple[str, ...] = ()
    problem: str = ""


def digest(path: str) -> str:
    """The SHA-256 of a file, in hexadecimal. Raises OSError."""
    return hashlib.sha256(_read(path)).hexdigest()


def from_files(trusted: Mapping[str, str]) -> tuple[dict[str, Tool], list[Offered]]:
    """The tools of files that hold what was trusted. Only those are run, and just those bytes."""
    found: dict[str, Tool] = {}
    told: list[Offered] = []
    for path, sha256 in trusted.items():
        try:
            source = _read(path)
            if hashlib.sha256(source).hexdigest() != sha256:
                why = f"it has changed since it was trusted; look at it, then: tools add {path}"
                told.append(Offered(path, (), why))
                continue
            told.append(_take(path, _tools(_run(path, source)), found))
        except (Exception, SystemExit) as error:  # a person's own code may fail in any way
            told.append(Offered(path, (), f"{type(error).__name__}: {error}"))
    return found, told


def _run(path: str, source: bytes) -> list[Any]:
    """What the file's module holds."""
    name = f"tuiagent_file_{hashlib.sha256(path.encode()).hexdigest()[:16]}"
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module  # where dataclasses and the like look for the names of types
    exec(compile(source, path, "exec"), module.__dict__)
    return list(vars(module).values())


def _read(path: str) -> bytes:
    """What a regular file holds; nothing that could block or be without end. Raises OSError."""
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(opened, "rb") as file:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError(f"{path} is not a regular file")
        source = file.read(SIZE + 1)
    if len(source) > SIZE:
        raise OSError(f"{path} is longer than {SIZE} bytes")
    return source


def from_packages() -> tuple[dict[str, Tool], list[Offered]]:
    """The tools of installed packages."""
    found: dict[str, Tool] = {}
    told: list[Offered] = []
    for name, value in _entries().items():
        try:
            from tuiagent.registry import load  # noqa: PLC0415 - few have such packages

            thing = load(value)
            made = thing() if isinstance(thing, type) else thing
            told.append(_take(f"{name} = {value}", _tools([made]), found))
        except (Exception, SystemExit) as error:  # somebody else's code may fail in any way
            told.append(Offered(f"{name} = {value}", (), f"{type(error).__name__}: {error}"))
    return found, told


def _take(source: str, made: list[Tool], found: dict[str, Tool]) -> Offered:
    """Adds the tools whose names are free."""
    taken = [tool.name for tool in made if tool.name in {*TABLE, *UNTOLD, *found}]
    free = [tool for tool in made if tool.name not in taken]
    found.update((tool.name, tool) for tool in free)
    problem = f"there is a {', '.join(taken)} already" if taken else ""
    if not made:
        problem = "it holds no tool: mark a function with @tuiagent.tool(…)"
    return Offered(source, tuple(tool.name for tool in free), problem)


def _tools(values: Iterable[Any]) -> list[Tool]:
    """What of this can do what a tool does."""
    parts = ("name", "effect", "description", "parameters", "claims", "note", "run", "settle")
    every = [v for v in values if not isinstance(v, type) and all(hasattr(v, p) for p in parts)]
    named = [v for v in every if isinstance(v.name, str) and NAME.fullmatch(v.name)]
    return list({id(v): v for v in named}.values())


def _entries() -> dict[str, str]:
    """The entry points, by name.

    Most people have none: a look for files that name the group takes 1 ms where the standard
    library's own way takes 25, and each start has to look.
    """
    if not any(map(_offers, sys.path)):
        return {}
    from importlib.metadata import entry_points  # noqa: PLC0415

    return {entry.name: entry.value for entry in entry_points(group=GROUP)}


def _offers(place: str) -> bool:
    """Whether a package that is installed here names the group."""
    try:
        names = [name for name in os.listdir(place) if name.endswith((".dist-info", ".egg-info"))]
    except OSError:
        return False  # it is no folder, as a zip file is none
    for name in names:
        try:
            with open(os.path.join(place, name, "entry_points.txt"), "rb") as file:
                if f"[{GROUP}]".encode() in file.read():
                    return True
        except OSError:
            continue  # it has none
    return False
