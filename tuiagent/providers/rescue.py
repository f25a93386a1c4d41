"""Tool calls that a small model wrote as text: taken for calls when name and schema fit.

The shapes are those of the models' own templates: a JSON object in tags (Hermes, Qwen), in a code
block, behind a mark (Mistral), or alone.
"""

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from tuiagent.kernel.message import ToolSpec
from tuiagent.kernel.reply import CallPart, Part, StopPart, TextPart

LONGEST = 1 << 20
"""Characters of an answer that is looked at."""
SHAPES = (
    r"<(?:tool_call|function_call|tool|tools)>\s*(.*?)\s*(?:</\w+>|\Z)",
    r"```(?:json|tool_call|tool|python)?[ \t]*\n(.*?)\n?[ \t]*(?:```|\Z)",
    r"\[TOOL_CALLS\]\s*(.*)\Z",
    r"\A\s*([\[{].*[\]}])\s*\Z",
)
TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
MARK = {"rescued": True}
"""In `details` of a call that was understood so."""


class Rescue:
    """Listens to an answer, and adds the calls that it wrote as text before its end."""

    def __init__(self, tools: tuple[ToolSpec, ...]) -> None:
        self._tools = tools
        self._text: list[str] = []
        self._called = False

    def take(self, part: Part) -> list[Part]:
        """The part, and before the final one what was found."""
        if isinstance(part, TextPart):
            self._text.append(part.text)
        elif isinstance(part, CallPart):
            self._called = True
        elif isinstance(part, StopPart) and part.reason == "end" and not self._called:
            calls = rescue("".join(self._text), self._tools)
            return [*calls, StopPart("calls") if calls else part]
        return [part]


def rescue(text: str, tools: tuple[ToolSpec, ...]) -> list[CallPart]:
    """The calls that an answer ends with; none when anything in it does not fit a tool."""
    if not tools or len(text) > LONGEST:
        return []
    known = {tool.name: tool for tool in tools}
    for shape in SHAPES:
        found = list(re.finditer(shape, text, re.DOTALL))
        if not found or text[found[-1].end() :].strip():
            continue
        values = [value for match in found for value in _values(match[1])]
        calls = [_call(value, known) for value in values]
        if calls and all(calls):
            return [
                CallPart(index, "", call[0], msgspec.json.encode(call[1]).decode(), MARK)
                for index, call in enumerate(calls)
                if call
            ]
    return []


def _values(text: str) -> Iterator[Any]:
    """The JSON values in a text, as one, as a list, or line by line."""
    try:
        value = msgspec.json.decode(text)
        yield from value if isinstance(value, list) else [value]
    except (msgspec.DecodeError, RecursionError):
        for line in text.splitlines():
            try:
                yield msgspec.json.decode(line)
            except (msgspec.DecodeError, RecursionError):
                yield None


def _call(value: Any, known: dict[str, ToolSpec]) -> tuple[str, dict[str, Any]] | None:
    """Name and arguments, None for what is no call of a known tool."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("function"), dict):
        value = value["function"]
    names = [name for name in ("name", "tool", "function") if isinstance(value.get(name), str)]
    given = [n for n in ("arguments", "parameters", "args", "input") if n in value]
    if len(names) != 1 or len(given) != 1:
        return None
    tool, args = known.get(value[names[0]]), value[given[0]]
    if isinstance(args, str):
        try:
            args = msgspec.json.decode(args)
        except (msgspec.DecodeError, RecursionError):
            return None
    return (tool.name, args) if tool and fits(args, tool.parameters) else None


def fits(args: Any, schema: dict[str, Any]) -> bool:
    """Whether arguments have all that a tool needs, in its types, and nothing that it lacks."""
    if not isinstance(args, dict):
        return False
    properties: dict[str, Any] = schema.get("properties", {})
    if any(name not in args for name in schema.get("required", ())):
        return False
    for name, value in args.items():
        if name not in properties:
            return False
        allowed = TYPES.get(str(properties[name].get("type")))
        if allowed and not (isinstance(value, allowed) and _plain(value, allowed)):
            return False
    return True


def _plain(value: Any, allowed: tuple[type, ...]) -> bool:
    """Python counts true as a number; JSON does not."""
    return not isinstance(value, bool) or bool in allowed
