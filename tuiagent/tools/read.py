"""Reads a file, with line numbers."""

from typing import Any

from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation
from tuiagent.ports import Kit, Note
from tuiagent.tools.arguments import schema
from tuiagent.tools.looking import Looking
from tuiagent.tools.search import missing

LINES = 2000
BYTES = 16 * 1024 * 1024
SHOWN = 256 * 1024
WIDTH = 2000


class Read(Looking):
    """Shows some lines of a text file."""

    name = "read"
    description = (
        "Read a text file with line numbers: at most 2000 lines and 256 KiB a call, lines cut at "
        "2000 characters."
    )
    parameters = schema(
        ("path",),
        path={"type": "string"},
        offset={"type": "integer", "minimum": 1, "description": "first line, from 1"},
        limit={"type": "integer", "minimum": 1, "description": "how many lines"},
    )

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """The lines, and how to go on where there are more."""
        if (await kit.runtime.stat(args["path"])).kind == "missing":
            raise await missing(kit.runtime, args["path"])
        data = await kit.runtime.read(args["path"], BYTES)
        if b"\0" in data[:8192]:
            raise ToolError(f"{args['path']} is a binary file ({len(data)} bytes)")
        lines = data.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
        first = args.get("offset", 1)
        if first > max(1, len(lines)):
            raise ToolError(f"{args['path']} has only {len(lines)} lines")
        shown: list[str] = []
        size = 0
        for number, line in enumerate(lines[first - 1 :], first):
            if len(shown) == min(LINES, args.get("limit", LINES)) or size > SHOWN:
                break
            text = line if len(line) <= WIDTH else line[:WIDTH] + "… (cut)"
            shown.append(f"{number:6}\t{text}")
            size += len(shown[-1])
        last = first - 1 + len(shown)
        if last < len(lines):
            more = f"({len(lines) - last} more lines; go on with offset={last + 1})"
            shown.append(more)
        return Observation("ok", "\n".join(shown) or "(the file is empty)")
