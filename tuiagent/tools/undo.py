"""Takes back what an earlier call did to files, and keeps what was done to them since."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Any

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Kit
from tuiagent.tools.changing import Change, Changing, current, lines, mark, separate

LINES = 20_000
"""Lines of a file up to which changes are merged."""


class Undo(Changing):
    """Merges each file's content from before the call into what it holds now, or changes nothing.

    A person asks for it; models are not told of it. `files` has path, before and after (SHA-256
    in hexadecimal, "" for no file) of what the call changed; `hunk` counts from 1.
    """

    name = "undo"
    description = ""
    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {"files": {"type": "array"}, "hunk": {"type": "integer"}},
        "required": ["files"],
    }

    def paths(self, args: dict[str, Any]) -> Sequence[str]:
        """The files that are changed back."""
        return [file["path"] for file in args["files"]]

    async def plan(self, args: dict[str, Any], kit: Kit) -> list[Change]:
        """The files without the call's changes. Raises ToolError where they were changed since."""
        return [await _planned(file, args.get("hunk", 0), kit) for file in args["files"]]


async def _planned(file: dict[str, Any], hunk: int, kit: Kit) -> Change:
    path = kit.runtime.resolve(file["path"])
    now = await current(kit.runtime, path)
    before, after = await _body(kit, file["before"]), await _body(kit, file["after"])
    if hunk:
        before = reversed_hunk(before or b"", after or b"", hunk)
    if mark(now) == file["after"]:
        return Change(path, now, before)
    if now is None or before is None or after is None:
        state = "is gone" if now is None else "was changed since"
        raise ToolError(f"{file['path']} {state}; nothing was undone")
    found = merged(after, now, before)
    if found is None:
        raise ToolError(f"the same lines of {file['path']} were changed since; nothing was undone")
    return Change(path, now, found)


async def _body(kit: Kit, key: str) -> bytes | None:
    if not key:
        return None
    body = await kit.blobs.get(key)
    if body is None:
        raise ToolError("what the file held before is not kept any more; nothing was undone")
    return body


def merged(base: bytes, ours: bytes, theirs: bytes) -> bytes | None:
    """`ours` with the changes that lead from `base` to `theirs`; None when they touch."""
    old, now, wanted = (lines(body) for body in (base, ours, theirs))
    if max(len(old), len(now), len(wanted)) > LINES:
        return None
    blocks = SequenceMatcher(None, old, now, autojunk=False).get_matching_blocks()
    edits: list[tuple[int, int, list[bytes]]] = []
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, wanted, autojunk=False).get_opcodes():
        if tag == "equal":
            continue
        # the lines around are the same too, so that it cannot slip in beside another change
        first, last = max(0, i1 - 1), min(len(old), i2 + 1)
        block = next((b for b in blocks if b.a <= first and last <= b.a + b.size), None)
        if block is None:
            return None
        start = block.b + i1 - block.a
        edits.append((start, start + i2 - i1, wanted[j1:j2]))
    for start, end, put in reversed(edits):
        now[start:end] = put
    return b"".join(now)


def reversed_hunk(before: bytes, after: bytes, hunk: int) -> bytes:
    """`after` without one of its changes, counted as they are shown. Raises ToolError."""
    old, new = lines(before), lines(after)
    if max(len(old), len(new)) > LINES:
        raise ToolError(f"the file has more than {LINES} lines; undo all of it instead")
    changes = separate(old, new)
    if not 1 <= hunk <= len(changes):
        raise ToolError(f"the call made {len(changes)} separate changes to this file")
    i1, i2, j1, j2 = changes[hunk - 1]
    return b"".join([*new[:j1], *old[i1:i2], *new[j2:]])
