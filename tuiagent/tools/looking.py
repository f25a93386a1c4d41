"""What all tools share that only look: they can be asked again at any time."""

from typing import Any

from tuiagent.kernel.claims import Claims
from tuiagent.ports import Again, Kit, Note, Runtime
from tuiagent.tools.arguments import check


class Looking:
    """Looks at the file or folder in `path`, the session's folder when none is given."""

    name = ""
    effect = "read"
    parameters: dict[str, Any] = {}

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The file or folder."""
        check(args, self.parameters)
        path = runtime.resolve(args.get("path", "."))
        return Claims(self.name, self.effect, path, reads=(path,), folder=runtime.folder)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Nothing is needed to look again."""
        return Note()

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again:
        """Looking has no effect."""
        return Again()
