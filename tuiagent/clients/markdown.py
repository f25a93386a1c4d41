"""A session as Markdown, for reading."""

import re
import time
from typing import Any

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.kernel import media
from tuiagent.kernel.message import Media


def markdown(row: dict[str, Any], items: list[dict[str, Any]]) -> str:
    """The transcript of a session, given its row and its items."""
    ident = row["stream"].partition("/")[2]
    title = " ".join((row["name"] or row["title"] or ident).split())
    parts = [
        f"# {title}",
        f"Session {ident}, {row['model']}, in `{row['folder']}`, {_when(row['opened'])}",
    ]
    parts += [part for item in items for part in _item(item)]
    return clean("\n\n".join(parts) + "\n")


def _item(item: dict[str, Any]) -> list[str]:
    if item["kind"] in ("notice", "run"):
        text = " ".join(filter(None, (item["status"], item["text"])))
        return [f"*{' '.join(text.split())}*", *_fenced(item["output"])]
    if item["kind"] == "call":
        args = msgspec.json.format(msgspec.json.encode(item["args"]), indent=2).decode()
        shown = _fenced(args, "json") if item["args"] else _fenced(item["text"])
        changes = [b["unified"] for b in item["blocks"] if b.get("type") == "diff"]
        diffs = [part for change in changes for part in _fenced(change, "diff")]
        more = [*_fenced(item["output"]), *diffs, *_shown(item)]
        return [f"### {item['name']}: {item['status']}", *shown, *more]
    who = item["actor"] if item["kind"] == "prompt" else "reply"
    status = "" if item["status"] in ("seen", "done") else f" ({item['status']})"
    words = [item["text"]] if item["text"].strip() else []
    more = [*_fenced(item["output"]), *_shown(item)]
    return [f"## {who}{status}, {_when(item['at'])}", *words, *more]


def _shown(item: dict[str, Any]) -> list[str]:
    """The images and documents that belong to it, each in a line."""
    found = msgspec.convert(item.get("media", ()), tuple[Media, ...], strict=False)
    return [f"*shown: {media.line(one)}*" for one in found]


def _fenced(text: str, language: str = "") -> list[str]:
    """The text as a block of code, between fences that are longer than any in it."""
    if not text.strip():
        return []
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}\n{text.rstrip()}\n{fence}"]


def _when(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
