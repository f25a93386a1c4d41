"""The tool by which a model loads a skill, or a file that belongs to one."""

from collections.abc import Callable
from typing import Any

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ConfigError, ToolError
from tuiagent.kernel.message import Observation
from tuiagent.library.shelf import Shelf
from tuiagent.ports import Again, Kit, Note, Runtime, schema


class SkillTool:
    """Gives the text of a skill."""

    name = "skill"
    effect = "read"
    description = (
        "Load a skill by its name before doing what it is for; `file` gives a file of the skill's "
        "folder in place of its text. Skills are named with their descriptions at the beginning "
        "of the conversation."
    )
    parameters = schema(("name",), name={"type": "string"}, file={"type": "string"})

    def __init__(self, shelf: Callable[[str], Shelf]) -> None:
        self._shelf = shelf

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The skill's name: it is lent by this program, so that no path of the machine is read."""
        if not isinstance(args.get("name"), str) or not isinstance(args.get("file", ""), str):
            raise ToolError("say the `name` of a skill, and perhaps a `file` of it, as texts")
        return Claims(self.name, self.effect, args["name"], folder=runtime.folder)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Nothing is needed to look again."""
        return Note()

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """The text. Raises ToolError, which names the skills that there are."""
        try:
            shelf = self._shelf(kit.runtime.folder)
            return Observation("ok", shelf.material(args["name"], args.get("file", "")))
        except ConfigError as error:
            raise ToolError(str(error)) from error

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again:
        """Looking has no effect."""
        return Again()
