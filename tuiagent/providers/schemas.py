"""JSON schemas as providers force them upon an answer: the part of them that all understand.

Source: https://platform.openai.com/docs/guides/structured-outputs (supported schemas), and
https://docs.anthropic.com/en/docs/build-with-claude/structured-outputs (limitations).
"""

from typing import Any

DEEPEST = 10
"""Levels of a schema that are taken."""
TOLD = ("title", "description", "enum", "const", "$ref")
"""What is passed on as it is."""
LEFT_OUT = frozenset(
    "$schema $id $comment default examples deprecated readOnly writeOnly format pattern minLength "
    "maxLength minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minItems maxItems "
    "uniqueItems".split()
)
"""What only narrows or explains: an answer is checked against the whole schema once it is there."""


def strict(schema: dict[str, Any], optional: bool) -> dict[str, Any] | None:
    """A schema that can be forced, None where that cannot be said of this one.

    Whatever fits the result fits `schema`, but for what is LEFT_OUT. `optional` says whether a
    property may be missing.
    """
    if schema.get("type") != "object":
        return None
    try:
        return _strict(schema, optional, DEEPEST)
    except (ValueError, TypeError, AttributeError):
        return None


def _strict(schema: dict[str, Any], optional: bool, levels: int) -> dict[str, Any]:
    """Raises ValueError, TypeError or AttributeError for what cannot be forced."""
    if not levels:
        raise ValueError("it is nested too deep")
    made: dict[str, Any] = {}
    for name, value in schema.items():
        if name in TOLD or name == "type":
            made[name] = value
        elif name in ("properties", "$defs"):
            made[name] = {key: _strict(one, optional, levels - 1) for key, one in value.items()}
        elif name == "items":
            made[name] = _strict(value, optional, levels - 1)
        elif name in ("anyOf", "oneOf"):
            made["anyOf"] = [_strict(one, optional, levels - 1) for one in value]
        elif name not in LEFT_OUT and name not in ("required", "additionalProperties"):
            raise ValueError(f"{name} is not understood everywhere")
    if not {"type", "enum", "const", "$ref", "anyOf"} & made.keys():
        raise ValueError("it takes anything")
    return made | _object(schema, optional) if schema.get("type") == "object" else made


def _object(schema: dict[str, Any], optional: bool) -> dict[str, Any]:
    """What an object says: that nothing else is in it, and what must be. Raises ValueError."""
    names, needed = list(schema.get("properties", {})), list(schema.get("required", ()))
    free = schema.get("additionalProperties", True)
    closed = free is False or (free is True and names)
    if not closed or set(needed) - set(names) or (set(names) - set(needed) and not optional):
        raise ValueError("an object may hold anything, or leave out what is named")
    return {"required": needed, "additionalProperties": False}
