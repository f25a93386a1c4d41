"""Lists a folder."""

from typing import Any

from tuiagent.kernel.message import Observation
from tuiagent.ports import Kit, Note, schema
from tuiagent.tools.looking import Looking

ENTRIES = 1000


class List(Looking):
    """Shows what a folder holds."""

    name = "list"
    description = (
        "List a folder (default: the session's), folders with a slash, files with their size; "
        "`depth` levels (default 1), at most 1000 entries, without .git."
    )
    parameters = schema(
        path={"type": "string"}, depth={"type": "integer", "minimum": 1, "maximum": 8}
    )

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """One line for each entry, deeper ones indented by their path."""
        top = kit.runtime.resolve(args.get("path", "."))
        lines: list[str] = []
        left = [(top, args.get("depth", 1))]
        while left and len(lines) <= ENTRIES:
            folder, depth = left.pop(0)
            for entry in await kit.runtime.list(folder):
                name = entry.path.removeprefix(top.rstrip("/") + "/")
                if name.rpartition("/")[2] == ".git":
                    continue
                folder_ = entry.kind == "folder"
                size = "/" if folder_ else f"  {entry.size}"
                lines.append(name + size)
                if folder_ and depth > 1:
                    left.append((entry.path, depth - 1))
        if len(lines) > ENTRIES:
            lines = [*lines[:ENTRIES], "(more entries are not shown; list a folder further down)"]
        return Observation("ok", "\n".join(lines) or "(the folder is empty)")
