"""Deletes a file."""

from typing import Any

from tuiagent.ports import Kit, schema
from tuiagent.tools.changing import Change, Changing, current
from tuiagent.tools.search import missing


class Delete(Changing):
    """Removes one regular file; what it held is kept, so that it can be brought back."""

    name = "delete"
    description = "Delete one file of at most 16 MiB. It can be undone by the person."
    parameters = schema(("path",), path={"type": "string"})

    async def plan(self, args: dict[str, Any], kit: Kit) -> list[Change]:
        """The file, gone."""
        path = kit.runtime.resolve(args["path"])
        before = await current(kit.runtime, path)
        if before is None:
            raise await missing(kit.runtime, args["path"])
        return [Change(path, before, None, (await kit.runtime.stat(path)).mode)]
