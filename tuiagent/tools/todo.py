"""Keeps the agent's list of what is to be done."""

from typing import Any

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation, Todo, Todos
from tuiagent.ports import Again, Kit, Note, Runtime, schema
from tuiagent.tools.arguments import check

STATES = ("open", "doing", "done", "dropped")
SIGNS = {"open": "[ ]", "doing": "[>]", "done": "[x]", "dropped": "[-]"}
MOST = 100


class TodoList:
    """Replaces the whole list; people see it, and it outlives a shortened conversation."""

    name = "todo"
    effect = "read"
    description = (
        "Replace the list of what is to be done, for work of more than two steps; `items` is "
        "every item with its state (open, doing, done or dropped), 100 at most. Keep it current."
    )
    parameters = schema(
        ("items",),
        items={
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "text": {"type": "string"},
                    "state": {"type": "string", "enum": list(STATES)},
                },
                "required": ["text", "state"],
                "additionalProperties": False,
            },
        },
    )

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """Nothing is touched."""
        check(args, self.parameters)
        _items(args)
        return Claims(self.name, self.effect, "the list of todos", folder=runtime.folder)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Nothing: the list is in the call."""
        return Note()

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """The list as it is now."""
        items = _items(args)
        lines = [f"{SIGNS[item.state]} {item.text}" for item in items]
        return Observation("ok", "\n".join(lines) or "(nothing to do)", (Todos(items),))

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again:
        """The list can be told again."""
        return Again()


def _items(args: dict[str, Any]) -> tuple[Todo, ...]:
    """The items. Raises ToolError."""
    if len(args["items"]) > MOST:
        raise ToolError(f"the argument 'items' has more than {MOST} items")
    found: list[Todo] = []
    for number, item in enumerate(args["items"], 1):
        fits = isinstance(item, dict) and set(item) == {"text", "state"}
        if not fits or not isinstance(item["text"], str) or item["state"] not in STATES:
            states = ", ".join(STATES)
            raise ToolError(f"item {number} needs a text and a state, one of {states}")
        found.append(Todo(" ".join(item["text"].split()), item["state"]))
    return tuple(found)
