"""Writes a whole file."""

from typing import Any

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Kit, schema
from tuiagent.tools.changing import BYTES, Change, Changing, current


class Write(Changing):
    """Creates or replaces a whole file."""

    name = "write"
    description = "Create or replace a whole file; missing folders are made. At most 16 MiB."
    parameters = schema(("path", "content"), path={"type": "string"}, content={"type": "string"})

    async def plan(self, args: dict[str, Any], kit: Kit) -> list[Change]:
        """The text as UTF-8."""
        body = args["content"].encode("utf-8", "surrogatepass")
        if len(body) > BYTES:
            raise ToolError(f"the content is larger than {BYTES} bytes")
        path = kit.runtime.resolve(args["path"])
        return [Change(path, await current(kit.runtime, path), body)]
