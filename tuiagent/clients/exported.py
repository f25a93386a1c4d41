"""A session as a text, to be read, worked with, imported or played again.

What is for reading and for being given away has placeholders for secrets. What is for being
imported is whole: only keys that this machine's programs know are left out of it.
"""

from typing import Any

import msgspec

from tuiagent.clients.clean import plain
from tuiagent.clients.find import ALL
from tuiagent.clients.markdown import markdown
from tuiagent.kernel.mask import Mask
from tuiagent.kernel.replay import Header as Bundle
from tuiagent.kernel.replay import header as header_of
from tuiagent.ports import Client

WHOLE = "with everything that was said in it, secrets too but for keys that are known here"
KINDS = {".md": "markdown", ".json": "json", ".jsonl": "events"}
"""What a file's ending says of what it is to hold."""


async def told(client: Client, row: dict[str, Any], kind: str) -> tuple[str, str]:
    """The session of this row as markdown, json, events or replay, and what to know of that."""
    stream = row["stream"]
    if kind in ("events", "replay"):
        view = "export" if kind == "events" else "replay"
        lines = (await client.read(view, stream)).data
        text = "\n".join(lines) + "\n"
        if kind == "events":
            return text, WHOLE
        return text, _bundled(header_of(text.encode().split(b"\n")[:-1]))
    items = (await client.read("transcript", stream, ALL)).data
    mask = Mask()
    mask.learn(items)
    items = mask.value(items)
    text = plain(msgspec.json.encode(items).decode()) + "\n"
    return text if kind == "json" else markdown(mask.value(row), items), masked(mask.found)


def _bundled(told: Bundle) -> str:
    left_out = f"; {told.left_out} frames are there without their facts" if told.left_out else ""
    return f"{told.frames} frames, {masked(told.masked)}{left_out}; read it before you give it away"


def masked(found: dict[str, int]) -> str:
    """What was masked, in words."""
    listed = ", ".join(f"{name} {count}" for name, count in found.items())
    return f"masked: {listed}" if listed else "nothing in it was masked"
