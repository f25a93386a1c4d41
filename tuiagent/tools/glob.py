"""Finds files by their names."""

import time
from fnmatch import translate
from re import compile as pattern_of
from typing import Any

from tuiagent.kernel.message import Observation
from tuiagent.ports import Kit, Note, schema
from tuiagent.tools.looking import Looking
from tuiagent.tools.search import FILES, SECONDS, walk

SHOWN = 500


class Glob(Looking):
    """Lists files whose path or name fits a pattern."""

    name = "glob"
    description = (
        "Find files by name: `pattern` such as *.py or src/**/test_*.py, below `path` (default: "
        "the session's folder). At most 500 paths, 10 s; skips .git, node_modules."
    )
    parameters = schema(("pattern",), pattern={"type": "string"}, path={"type": "string"})

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """The paths in order, and which limit ended the search, if one did."""
        text = args["pattern"]
        wanted = pattern_of(translate(text)), pattern_of(translate(text.replace("**/", "")))
        top = kit.runtime.resolve(args.get("path", "."))
        end = time.monotonic() + SECONDS
        found: list[str] = []
        async for number, file in walk(kit.runtime, top):
            if number > FILES or len(found) == SHOWN or time.monotonic() > end:
                found.append(f"(stopped after {number - 1} files: search a smaller part)")
                break
            path = file.path.removeprefix(top.rstrip("/") + "/")
            name = path.rpartition("/")[2] if "/" not in text else path
            if any(one.match(name) for one in wanted):
                found.append(path)
        return Observation("ok", "\n".join(found) or "no file fits")
