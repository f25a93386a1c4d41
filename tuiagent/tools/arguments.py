"""Checks a call's arguments against the tool's JSON schema; the model reads what is wrong."""

from difflib import get_close_matches
from typing import Any

from tuiagent.kernel.errors import ToolError

TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def check(args: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Raises ToolError for a missing, unknown or wrongly typed argument."""
    known: dict[str, dict[str, Any]] = parameters["properties"]
    for name in parameters["required"]:
        if name not in args:
            raise ToolError(f"the argument {name!r} is missing")
    for name, value in args.items():
        if name not in known:
            near = get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
            raise ToolError(f"there is no argument {name!r}; {hint}")
        wanted = known[name]["type"]
        fits = isinstance(value, TYPES[wanted]) and not (
            isinstance(value, bool) and wanted in ("integer", "number")
        )
        if not fits:
            raise ToolError(f"the argument {name!r} must be of type {wanted}")
        least = known[name].get("minimum")
        if least is not None and value < least:
            raise ToolError(f"the argument {name!r} must be at least {least}")
