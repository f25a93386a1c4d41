"""Replaces one piece of a file by another."""

from difflib import SequenceMatcher
from typing import Any

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Kit, schema
from tuiagent.tools.changing import Change, Changing, current
from tuiagent.tools.search import missing

NEAR = 4000
"""Lines that are looked through for something like what was not found."""


class Edit(Changing):
    """Replaces text that occurs exactly once, or everywhere; all other bytes stay as they are."""

    name = "edit"
    description = (
        "Replace `old` by `new` in a file. `old` must occur exactly once (with `all`, at least "
        "once), copied exactly, without line numbers. Line ends and encoding are kept. Files of "
        "at most 16 MiB."
    )
    parameters = schema(
        ("path", "old", "new"),
        path={"type": "string"},
        old={"type": "string"},
        new={"type": "string"},
        all={"type": "boolean"},
    )

    async def plan(self, args: dict[str, Any], kit: Kit) -> list[Change]:
        """The file with the replacement made."""
        path = kit.runtime.resolve(args["path"])
        before = await current(kit.runtime, path)
        if before is None:
            raise await missing(kit.runtime, args["path"])
        return [Change(path, before, replaced(args, before))]


def replaced(args: dict[str, Any], before: bytes) -> bytes:
    """The file with the replacement made; works on bytes, so nothing else changes."""
    if not args["old"]:
        raise ToolError("`old` is empty; write replaces a whole file")
    old, new = encoded(args["old"], before), encoded(args["new"], before)
    if old == new:
        raise ToolError("`old` and `new` are the same")
    count = before.count(old)
    if not count:
        raise ToolError(f"`old` does not occur in {args['path']}{nearest(before, args['old'])}")
    if count > 1 and not args.get("all"):
        raise ToolError(
            f"`old` occurs {count} times in {args['path']}: give more of its surroundings, "
            "or all=true"
        )
    return before.replace(old, new)


def encoded(text: str, body: bytes) -> bytes:
    """The text in the file's own line ends and encoding."""
    crlf = body.count(b"\r\n")
    if crlf and crlf == body.count(b"\n"):
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        try:
            return text.encode("latin-1")
        except UnicodeEncodeError:
            raise ToolError("the file is not UTF-8 and cannot hold this text") from None
    return text.encode("utf-8", "surrogatepass")


def nearest(body: bytes, old: str) -> str:
    """The lines that are most like the first line that was looked for."""
    lines = body.decode("utf-8", "replace").splitlines()[:NEAR]
    wanted = next((line.strip() for line in old.splitlines() if line.strip()), "")
    best, place = 0.6, -1
    matcher = SequenceMatcher(a="", b=wanted, autojunk=False)
    for number, line in enumerate(lines):
        matcher.set_seq1(line.strip())
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
            ratio = matcher.ratio()
            if ratio > best:
                best, place = ratio, number
    if place < 0:
        return ": read it again"
    near = "\n".join(lines[place : place + max(1, min(5, old.count("\n") + 1))])
    return f". The nearest lines, from line {place + 1}, are:\n{near}"
