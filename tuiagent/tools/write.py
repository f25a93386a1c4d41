"""Writes a whole file; also what every tool that replaces a file's content shares."""

import hashlib
from difflib import unified_diff
from typing import Any

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Diff, Observation
from tuiagent.ports import Again, Kit, Note, Runtime
from tuiagent.tools.arguments import check, schema

BYTES = 16 * 1024 * 1024
DIFF = 200_000
"""Bytes of a file up to which a difference is shown."""


async def current(runtime: Runtime, path: str) -> bytes | None:
    """What a file holds now; None when there is none. Raises ToolError."""
    found = await runtime.stat(path)
    if found.kind == "missing":
        return None
    return await runtime.read(path, BYTES)


def mark(body: bytes | None) -> str:
    """The SHA-256 of a file's content, "" for no file."""
    return "" if body is None else hashlib.sha256(body).hexdigest()


class Replacing:
    """Replaces a file's content: knows before and after, so it can always be settled."""

    name = ""
    effect = "write"
    parameters: dict[str, Any] = {}

    async def content(self, args: dict[str, Any], before: bytes | None) -> bytes:
        """The new content. Raises ToolError."""
        raise NotImplementedError

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The file, and what it holds while a person looks at the call."""
        check(args, self.parameters)
        path = runtime.resolve(args["path"])
        before = await current(runtime, path)
        return Claims(
            self.name,
            self.effect,
            path,
            writes=(path,),
            folder=runtime.folder,
            state=(mark(before),),
        )

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """What was there and what will be; both are kept, so that it can be undone."""
        path = kit.runtime.resolve(args["path"])
        before = await current(kit.runtime, path)
        after = await self.content(args, before)
        blobs = [kit.blobs.put(body) for body in (before, after) if body is not None]
        return Note({"path": path, "before": mark(before), "after": mark(after)}, tuple(blobs))

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """Replaces the file, if it still is what it was."""
        after = await kit.blobs.get(note.data["after"])
        if after is None:
            raise ToolError("the new content was not kept; call again")
        await kit.runtime.write(note.data["path"], after, expect=note.data["before"])
        return await self.observation(kit, note)

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation | Again:
        """The file itself says whether it was replaced."""
        now = mark(await current(kit.runtime, note.data["path"]))
        if now == note.data["after"]:
            return await self.observation(kit, note)
        if now == note.data["before"]:
            return Again()
        path = note.data["path"]
        return Observation("error", f"{path} was changed by somebody else meanwhile: read it again")

    async def observation(self, kit: Kit, note: Note) -> Observation:
        """What was changed: a line for the model, a difference for people."""
        path, old, new = note.data["path"], note.data["before"], note.data["after"]
        before = await kit.blobs.get(old) if old else b""
        after = await kit.blobs.get(new)
        shown = path.removeprefix(kit.runtime.folder.rstrip("/") + "/")
        diff = unified(shown, before or b"", after or b"")
        added = sum(line[:1] == "+" and line[:3] != "+++" for line in diff.splitlines())
        removed = sum(line[:1] == "-" and line[:3] != "---" for line in diff.splitlines())
        verb = "changed" if old else "created"
        text = f"{verb} {shown} (+{added} -{removed} lines)"
        return Observation("ok", text, (Diff(shown, diff, old, new),))


def unified(path: str, before: bytes, after: bytes) -> str:
    """The difference as a unified diff, "" for what is too large or not text."""
    if len(before) + len(after) > DIFF or b"\0" in before or b"\0" in after:
        return ""
    old = before.decode("utf-8", "replace").splitlines(keepends=True)
    new = after.decode("utf-8", "replace").splitlines(keepends=True)
    return "".join(unified_diff(old, new, f"a/{path}", f"b/{path}"))


class Write(Replacing):
    """Creates or replaces a whole file."""

    name = "write"
    description = "Create or replace a whole file; missing folders are made. At most 16 MiB."
    parameters = schema(("path", "content"), path={"type": "string"}, content={"type": "string"})

    async def content(self, args: dict[str, Any], before: bytes | None) -> bytes:
        """The text as UTF-8."""
        body = args["content"].encode("utf-8", "surrogatepass")
        if len(body) > BYTES:
            raise ToolError(f"the content is larger than {BYTES} bytes")
        return body
