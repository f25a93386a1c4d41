"""What all tools share that change files: all or nothing, and always known afterwards."""

import hashlib
from collections.abc import Sequence
from difflib import SequenceMatcher, diff_bytes, unified_diff
from typing import Any

from msgspec import Struct

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Diff, Observation
from tuiagent.ports import Again, Kit, Note, Runtime
from tuiagent.tools.arguments import check

BYTES = 16 * 1024 * 1024
DIFF = 200_000
"""Bytes of a file up to which a difference is shown."""
UNENDED = b"\n\\ No newline at end of file\n"
"""What stands after a line that nothing ends, as diff(1) and git have it."""


class Change(Struct, frozen=True):
    """One file, before and after; None for no file."""

    path: str
    before: bytes | None
    after: bytes | None
    mode: int = 0
    """Permission bits of a file that is made; 0 for the usual ones."""


class Changed(Struct, frozen=True):
    """A change as it is kept in the note: SHA-256 in hexadecimal, "" for no file."""

    path: str
    before: str
    after: str
    mode: int = 0


class Changing:
    """Knows before and after of every file it changes, so that a call can always be settled."""

    name = ""
    effect = "write"
    parameters: dict[str, Any] = {}

    def paths(self, args: dict[str, Any]) -> Sequence[str]:
        """The paths that would be changed, as they were given. Raises ToolError."""
        return [args["path"]]

    async def plan(self, args: dict[str, Any], kit: Kit) -> list[Change]:
        """What is to be changed, in this order. Raises ToolError."""
        raise NotImplementedError

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The files, and what they hold while a person looks at the call."""
        check(args, self.parameters)
        paths = tuple(dict.fromkeys(runtime.resolve(path) for path in self.paths(args)))
        state = [mark(await current(runtime, path)) for path in paths]
        return Claims(
            self.name,
            self.effect,
            paths[0],
            writes=paths,
            folder=runtime.folder,
            state=tuple(state),
        )

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """What was there and what will be; both are kept, so that it can be undone."""
        plan = await self.plan(args, kit)
        bodies = (body for change in plan for body in (change.before, change.after))
        blobs = [kit.blobs.put(body) for body in bodies if body is not None]
        files = [
            {"path": c.path, "before": mark(c.before), "after": mark(c.after), "mode": c.mode}
            for c in plan
        ]
        return Note({"files": files}, tuple(blobs))

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """Changes every file, if each still is what it was; else none."""
        done: list[Changed] = []
        try:
            for change in _files(note):
                await _apply(kit, change)
                done.append(change)
        except ToolError as error:
            await _take_back(kit, done, error)
            raise
        return await self.observation(args, kit, note)

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation | Again:
        """The files themselves say how far it came; what was begun is brought to its end."""
        files = _files(note)
        marks = [mark(await current(kit.runtime, change.path)) for change in files]
        if all(now == change.before for now, change in zip(marks, files, strict=True)):
            return Again()
        for now, change in zip(marks, files, strict=True):
            if now not in (change.before, change.after):
                text = f"{change.path} was changed by somebody else meanwhile: read it again"
                return Observation("error", text)
        for now, change in zip(marks, files, strict=True):
            if now != change.after:
                await _apply(kit, change)
        return await self.observation(args, kit, note)

    async def proposed(self, args: dict[str, Any], kit: Kit) -> tuple[Diff, ...]:
        """See ports.Proposing."""
        plan = await self.plan(args, kit)
        return tuple(
            Diff(
                _shown(c.path, kit),
                unified(_shown(c.path, kit), c.before or b"", c.after or b""),
                mark(c.before),
                mark(c.after),
            )
            for c in plan
        )

    async def observation(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """What was changed: a line for the model, a difference for people."""
        lines: list[str] = []
        blocks: list[Diff] = []
        for change in _files(note):
            before = await kit.blobs.get(change.before) if change.before else b""
            after = await kit.blobs.get(change.after) if change.after else b""
            shown = _shown(change.path, kit)
            diff = unified(shown, before or b"", after or b"")
            rows = diff.splitlines()
            added = sum(row[:1] == "+" and row[:3] != "+++" for row in rows)
            removed = sum(row[:1] == "-" and row[:3] != "---" for row in rows)
            verb = "created" if not change.before else "changed" if change.after else "deleted"
            lines.append(f"{verb} {shown} (+{added} -{removed} lines)")
            blocks.append(Diff(shown, diff, change.before, change.after))
        return Observation("ok", "\n".join(lines), tuple(blocks))


def _shown(path: str, kit: Kit) -> str:
    """The path as people read it in the session's folder."""
    return path.removeprefix(kit.runtime.folder.rstrip("/") + "/")


async def current(runtime: Runtime, path: str) -> bytes | None:
    """What a file holds now; None when there is none. Raises ToolError."""
    found = await runtime.stat(path)
    if found.kind == "missing":
        return None
    return await runtime.read(path, BYTES)


def mark(body: bytes | None) -> str:
    """The SHA-256 of a file's content, "" for no file."""
    return "" if body is None else hashlib.sha256(body).hexdigest()


def lines(body: bytes) -> list[bytes]:
    """The lines of a file with their ends; only a line feed ends one, as in a unified diff."""
    found = body.split(b"\n")
    return [*(line + b"\n" for line in found[:-1]), *([found[-1]] if found[-1] else [])]


def separate(old: list[bytes], new: list[bytes]) -> list[tuple[int, int, int, int]]:
    """The separate changes from one to the other, in the order in which `unified` shows them.

    Each is first and end in `old`, then in `new`.
    """
    codes = SequenceMatcher(None, old, new).get_opcodes()
    return [(i1, i2, j1, j2) for tag, i1, i2, j1, j2 in codes if tag != "equal"]


def unified(path: str, before: bytes, after: bytes) -> str:
    """The difference as a unified diff, "" for what is too large or not text."""
    if len(before) + len(after) > DIFF or b"\0" in before or b"\0" in after:
        return ""
    names = f"a/{path}".encode(errors="replace"), f"b/{path}".encode(errors="replace")
    found = diff_bytes(unified_diff, lines(before), lines(after), *names)
    whole = (line if line.endswith(b"\n") else line + UNENDED for line in found)
    return b"".join(whole).decode("utf-8", "replace")


def _files(note: Note) -> list[Changed]:
    return [Changed(**file) for file in note.data["files"]]


async def _apply(kit: Kit, change: Changed) -> None:
    """Makes one change. Raises ToolError when the file is not what it was."""
    if not change.after:
        await kit.runtime.remove(change.path, expect=change.before)
        return
    body = await kit.blobs.get(change.after)
    if body is None:
        raise ToolError("the new content was not kept; call again")
    await kit.runtime.write(change.path, body, expect=change.before, mode=change.mode)


async def _take_back(kit: Kit, done: list[Changed], error: ToolError) -> None:
    """Undoes what was changed before the error. Raises ToolError that says what could not be."""
    stuck: list[str] = []
    for change in reversed(done):
        back = Changed(change.path, change.after, change.before)
        try:
            await _apply(kit, back)
        except ToolError:
            stuck.append(change.path)
    if stuck:
        raise ToolError(f"{error} These files were changed already: {', '.join(stuck)}") from error
