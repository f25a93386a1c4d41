"""What servers answer, as text: bounded, without what a terminal would obey, secrets masked."""

import re
from typing import Any

import mcp_types as types

from tuiagent.kernel.mask import Mask
from tuiagent.kernel.message import Observation

SHOWN = 30_000
"""Characters that a model reads of one answer."""
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?", re.DOTALL)


def observation(found: types.CallToolResult) -> Observation:
    """What came of a call."""
    parts = [block(one) for one in found.content]
    if found.structured_content is not None and not any(parts):
        from tuiagent.connectors.transport import encoded  # noqa: PLC0415 - a neighbour, heavy

        parts = [encoded(found.structured_content)]
    text = shortened("\n".join(part for part in parts if part))
    return Observation("error" if found.is_error else "ok", text or "(it answered nothing)")


def block(one: Any) -> str:
    """A part of an answer; what is no text is named."""
    if isinstance(one, types.TextContent):
        return one.text
    if isinstance(one, types.EmbeddedResource):
        return contents(one.resource)
    if isinstance(one, types.ResourceLink):
        return f"[resource {resource_line(one)}]"
    size = len(getattr(one, "data", "")) * 3 // 4
    return f"[{one.type} {getattr(one, 'mime_type', '')}, {size} bytes: not shown]"


def contents(one: Any) -> str:
    """What a resource holds, where it is text."""
    if isinstance(one, types.TextResourceContents):
        return one.text
    size = len(one.blob) * 3 // 4
    return f"[{one.uri} {one.mime_type or ''}, {size} bytes: not shown]"


def resource_line(one: Any) -> str:
    """A resource in one line."""
    words = (str(one.uri), one.name, one.mime_type or "", one.description or "")
    return " · ".join(word.replace("\n", " ")[:300] for word in words if word)


def shortened(text: str) -> str:
    """The head and the tail of the text, without escape sequences and what cannot be seen."""
    hidden = max(0, len(text) - SHOWN)
    if hidden:
        half = SHOWN // 2
        text = f"{text[:half]}\n… ({hidden} characters are not shown)\n{text[-half:]}"
    text = ESCAPE.sub("", text.replace("\r\n", "\n"))
    return Mask().text("".join(c for c in text if c.isprintable() or c in "\n\t"))
