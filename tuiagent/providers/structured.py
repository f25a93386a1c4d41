"""Tool calls as JSON that a schema forces: for models that break the protocol of calls.

A prompt becomes one without tools, in which every answer is an object: the call of a tool, or the
answer in words. What comes back is turned into the parts of a usual answer.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from tuiagent.kernel.message import Call, Message, Prompt, Text, ToolSpec
from tuiagent.kernel.reply import CallPart, Part, StopPart, TextPart

ANSWER = "answer"
ASKED = """\

You answer with one JSON object and nothing else. To use a tool: {"tool": NAME, "args": {...}}. To
say something to the person, once all is done: {"tool": "answer", "args": {"text": "..."}}. The
tools:
"""
RESULT = "Result of {}:\n{}"


def asked(prompt: Prompt) -> Prompt:
    """The prompt in which calls and their results are text."""
    if not prompt.tools:
        return prompt
    lines = [
        f"- {t.name}: {t.description} args: {msgspec.json.encode(t.parameters).decode()}"
        for t in prompt.tools
    ]
    return replace(
        prompt,
        system=prompt.system + ASKED + "\n".join(lines),
        tools=(),
        messages=tuple(map(_told, prompt.messages)),
        schema={"anyOf": [_shape(tool) for tool in (*prompt.tools, _ANSWER)]},
    )


_ANSWER = ToolSpec(
    ANSWER,
    "",
    {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]},
)


def _shape(tool: ToolSpec) -> dict[str, Any]:
    """The schema of one call."""
    return {
        "type": "object",
        "properties": {"tool": {"const": tool.name}, "args": tool.parameters},
        "required": ["tool", "args"],
        "additionalProperties": False,
    }


def _told(message: Message) -> Message:
    """A message as it is told to a model that knows no calls."""
    if message.call is not None:
        text = "".join(b.text for b in message.blocks if isinstance(b, Text))
        others = tuple(b for b in message.blocks if not isinstance(b, Text))
        told = Text(RESULT.format(message.call.name, text))
        return Message("user", (told, *others))
    if message.role != "assistant":
        return message
    calls = [block for block in message.blocks if isinstance(block, Call)]
    words = "".join(block.text for block in message.blocks if isinstance(block, Text))
    said = [_written(ANSWER, {"text": words})] if words and not calls else []
    said += [_written(call.name, call.args or {}) for call in calls]
    return Message("assistant", (Text("\n".join(said)),))


def _written(name: str, args: dict[str, Any]) -> str:
    return msgspec.json.encode({"tool": name, "args": args}).decode()


class Heard:
    """Turns the parts of such an answer into those of a usual one."""

    def __init__(self) -> None:
        self._text: list[str] = []

    def take(self, part: Part) -> list[Part]:
        """The parts that this one stands for; words wait for the end."""
        if isinstance(part, TextPart):
            self._text.append(part.text)
            return []
        return [*self._said(part.reason)] if isinstance(part, StopPart) else [part]

    def _said(self, reason: str) -> list[Part]:
        text = "".join(self._text)
        if reason != "end":
            return [*([TextPart(text)] if text else []), StopPart(reason)]
        try:
            value = msgspec.json.decode(text)
            name, args = value["tool"], value["args"]
            if name == ANSWER:
                return [TextPart(str(args["text"])), StopPart("end")]
            arguments = msgspec.json.encode(args).decode()
            return [CallPart(0, "", str(name), arguments), StopPart("calls")]
        except (msgspec.DecodeError, RecursionError, LookupError, TypeError):
            return [*([TextPart(text)] if text else []), StopPart("end")]
