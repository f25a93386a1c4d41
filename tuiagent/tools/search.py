"""Searches text in files."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from fnmatch import translate
from typing import Any

from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation
from tuiagent.kernel.places import holds_keys
from tuiagent.ports import Kit, Note, Runtime, Stat, schema
from tuiagent.tools.looking import Looking

MATCHES, FILES, SECONDS = 200, 20_000, 10.0
BYTES = 1024 * 1024
WIDTH = 400
NEAR = 2000
"""Files that are looked through for the name of one that is missing."""
SKIPPED = frozenset({".git", ".hg", "node_modules", "__pycache__", ".venv", ".tox"})


class Search(Looking):
    """Finds lines that match a regular expression."""

    name = "search"
    description = (
        "Search files for a Python regular expression; `path` is a file or folder, `glob` such as "
        "*.py limits the files. Gives path:line: text, at most 200 matches, 10 s; skips binary "
        "files, those over 1 MiB, .git, node_modules and, unless named by `path`, files for keys."
    )
    parameters = schema(
        ("pattern",),
        pattern={"type": "string"},
        path={"type": "string"},
        glob={"type": "string"},
    )

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """The matches in order of the paths, and which limit ended the search, if one did."""
        try:
            pattern = re.compile(args["pattern"])
        except re.error as error:
            raise ToolError(f"the pattern is not a regular expression: {error}") from error
        wanted = re.compile(translate(args.get("glob", "*")))
        top = kit.runtime.resolve(args.get("path", "."))
        base = kit.runtime.folder.rstrip("/") + "/"
        end = time.monotonic() + SECONDS
        lines: list[tuple[str, str]] = []
        stopped = ""
        async for number, file in walk(kit.runtime, top):
            if number > FILES or time.monotonic() > end:
                stopped = f"(stopped after {number} files: search a smaller part)"
                break
            name = file.path.removeprefix(base)
            named = file.path == top
            fits = named or wanted.match(name) or wanted.match(name.rpartition("/")[2])
            keys = holds_keys(file.path) and not named
            if not fits or keys or file.size > BYTES:
                continue
            body = await kit.runtime.read(file.path, BYTES)
            found = asyncio.to_thread(_lines, pattern, name, body, MATCHES + 1 - len(lines), end)
            lines += [(file.path, line) for line in await found]
            if len(lines) > MATCHES:
                lines, stopped = lines[:MATCHES], "(more matches are not shown)"
                break
        shown = await _open(lines, top, kit.runtime)
        return Observation("ok", "\n".join([*shown, stopped] if stopped else shown) or "no match")


async def _open(lines: list[tuple[str, str]], top: str, runtime: Runtime) -> list[str]:
    """The lines without those of files that hold keys under another name."""
    paths = dict.fromkeys(path for path, _ in lines if path != top)
    if not await runtime.twins(paths):
        return [line for _, line in lines]
    keys = {path for path in paths if await runtime.twins([path])}
    return [line for path, line in lines if path not in keys]


async def missing(runtime: Runtime, path: str) -> ToolError:
    """What to say of a file that is not there: where one of this name is, if there is one."""
    name = path.rstrip("/").rpartition("/")[2]
    base = runtime.folder.rstrip("/") + "/"
    async for number, file in walk(runtime, runtime.folder):
        if file.path.rpartition("/")[2] == name:
            found = file.path.removeprefix(base)
            return ToolError(f"there is no file {path}; did you mean {found}?")
        if number > NEAR:
            break
    return ToolError(f"there is no file {path}")


async def walk(runtime: Runtime, top: str) -> AsyncIterator[tuple[int, Stat]]:
    """Regular files below a place, in order, numbered."""
    number = 0
    left: list[Stat] = [await runtime.stat(top)]
    while left:
        entry = left.pop()
        if entry.kind == "file":
            number += 1
            yield number, entry
        elif entry.kind == "folder" and entry.path.rpartition("/")[2] not in SKIPPED:
            try:
                left += reversed(await runtime.list(entry.path))
            except ToolError:
                continue  # it may not be read: what can be found is found elsewhere


def _lines(pattern: re.Pattern[str], name: str, body: bytes, most: int, end: float) -> list[str]:
    """The matching lines of one file; long lines are cut, which bounds most patterns."""
    if b"\0" in body[:8192]:
        return []
    found: list[str] = []
    for number, line in enumerate(body.decode("utf-8", "replace").splitlines(), 1):
        if pattern.search(line[:WIDTH]):
            found.append(f"{name}:{number}: {line[:WIDTH]}")
        if len(found) == most or time.monotonic() > end:
            break
    return found
