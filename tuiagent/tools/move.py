"""Moves a file."""

from collections.abc import Sequence
from typing import Any

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Kit, schema
from tuiagent.tools.changing import Change, Changing, current
from tuiagent.tools.search import missing


class Move(Changing):
    """Gives one regular file another path, where nothing lies yet."""

    name = "move"
    description = (
        "Move or rename one file of at most 16 MiB; missing folders are made, nothing is replaced."
    )
    parameters = schema(("path", "to"), path={"type": "string"}, to={"type": "string"})

    def paths(self, args: dict[str, Any]) -> Sequence[str]:
        """Where it lies, and where it will."""
        return [args["path"], args["to"]]

    async def plan(self, args: dict[str, Any], kit: Kit) -> list[Change]:
        """The new file is made before the old one goes."""
        runtime = kit.runtime
        source, target = runtime.resolve(args["path"]), runtime.resolve(args["to"])
        body = await current(runtime, source)
        if body is None:
            raise await missing(runtime, args["path"])
        if (await runtime.stat(target)).kind != "missing":
            raise ToolError(f"there is something at {args['to']} already; nothing was moved")
        mode = (await runtime.stat(source)).mode
        return [Change(target, None, body, mode), Change(source, body, None, mode)]
