"""Changes several files at once by a patch, all of it or nothing."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import Struct

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Kit, Runtime, schema
from tuiagent.tools.changing import Change, Changing, current
from tuiagent.tools.edit import encoded, nearest
from tuiagent.tools.search import missing

HEAD = re.compile(r"\*\*\* (Add|Update|Delete) File: (.+)")
NUMBERS = re.compile(r"@@ -(\d+)(?:,\d+)? \+\d+(?:,\d+)? @@ ?(.*)")


class Hunk(Struct):
    """Lines that belong together: signs are space, minus and plus."""

    header: str = ""
    """A line that stands somewhere before it."""
    near: int = 0
    """The line number that it should begin at, from 1; 0 for unknown."""
    lines: list[tuple[str, str]] = []

    @property
    def old(self) -> list[str]:
        """What must be there."""
        return [text for sign, text in self.lines if sign != "+"]


class Part(Struct):
    """What happens to one file."""

    kind: str
    """Add, Update or Delete."""
    path: str
    to: str = ""
    """Its new path, where it is moved."""
    hunks: list[Hunk] = []


class Patch(Changing):
    """Applies a patch in the *** Begin Patch form, or a unified diff."""

    name = "patch"
    description = (
        "Change, add, delete or move several files at once; nothing is changed unless all of it "
        "fits. `patch` is a unified diff, or *** Begin Patch / *** Update File: P (then perhaps "
        "*** Move to: Q) / *** Add File: P / *** Delete File: P / *** End Patch with hunks that "
        "begin with @@ (perhaps with a line that stands before) and lines that begin with space, "
        "- or +. Give three lines of context. Files of at most 16 MiB."
    )
    parameters = schema(("patch",), patch={"type": "string"})

    def paths(self, args: dict[str, Any]) -> Sequence[str]:
        """Every path that the patch names."""
        return [path for part in parse(args["patch"]) for path in (part.path, part.to) if path]

    async def plan(self, args: dict[str, Any], kit: Kit) -> list[Change]:
        """Every file after the patch. Raises ToolError, which says which hunk does not fit."""
        found: dict[str, Change] = {}
        for part in parse(args["patch"]):
            for change in await _planned(part, kit.runtime):
                if change.path in found:
                    raise ToolError(f"the patch names {part.path} twice: put its hunks together")
                found[change.path] = change
        return list(found.values())


async def _planned(part: Part, runtime: Runtime) -> list[Change]:
    path = runtime.resolve(part.path)
    before = await current(runtime, path)
    mode = (await runtime.stat(path)).mode
    if part.kind == "Add":
        if before is not None:
            raise ToolError(f"there is a file {part.path} already: update it")
        added = "".join(f"{text}\n" for hunk in part.hunks for _, text in hunk.lines)
        return [Change(path, None, added.encode("utf-8", "surrogatepass"))]
    if before is None:
        raise await missing(runtime, part.path)
    if part.kind == "Delete":
        return [Change(path, before, None, mode)]
    after = applied(part, before)
    if not part.to:
        return [Change(path, before, after)]
    target = runtime.resolve(part.to)
    if (await runtime.stat(target)).kind != "missing":
        raise ToolError(f"there is something at {part.to} already")
    return [Change(target, None, after, mode), Change(path, before, None, mode)]


# ---------------------------------------------------------------- reading a patch


def parse(text: str) -> list[Part]:
    """The parts of a patch in either form. Raises ToolError."""
    lines = text.replace("\r\n", "\n").strip("\n").split("\n")
    ours = any(HEAD.match(line) for line in lines)
    parts = list(_begun(lines) if ours else _unified(lines))
    if not parts:
        raise ToolError("the patch names no file: begin with *** Update File: PATH")
    for part in parts:
        if not part.path.strip() or (part.kind == "Update" and not (part.hunks or part.to)):
            raise ToolError(f"the patch changes nothing in {part.path or 'a file without a name'}")
    return parts


def _begun(lines: list[str]) -> Iterator[Part]:
    """The *** Begin Patch form."""
    part: Part | None = None
    for number, line in enumerate(lines, 1):
        head = HEAD.match(line)
        if head:
            if part:
                yield part
            part = Part(head[1], head[2].strip())
        elif line.startswith("*** Move to: ") and part:
            part.to = line.removeprefix("*** Move to: ").strip()
        elif line.startswith("***"):
            continue
        elif part:
            _add(part, line, number)
    if part:
        yield part


def _unified(lines: list[str]) -> Iterator[Part]:
    """A unified diff."""
    part: Part | None = None
    old = ""
    for number, line in enumerate(lines, 1):
        following = lines[number] if number < len(lines) else ""
        if line.startswith("--- ") and following.startswith("+++ "):
            old = _path(line[4:])
        elif line.startswith("+++ ") and old:
            if part:
                yield part
            new = _path(line[4:])
            if old == "/dev/null":
                part = Part("Add", new)
            elif new == "/dev/null":
                part = Part("Delete", old)
            else:
                part = Part("Update", old, new if new != old else "")
            old = ""
        elif part and not line.startswith(("diff ", "index ", "new file", "deleted file", "\\")):
            _add(part, line, number)
    if part:
        yield part


def _path(text: str) -> str:
    path = text.split("\t")[0].strip()
    return path[2:] if path.startswith(("a/", "b/")) else path


def _add(part: Part, line: str, number: int) -> None:
    """Adds a line of a patch to the part it belongs to. Raises ToolError."""
    if line.startswith("@@"):
        numbers = NUMBERS.match(line)
        if numbers:
            part.hunks.append(Hunk(numbers[2].strip(), int(numbers[1])))
        else:
            part.hunks.append(Hunk(line[2:].strip().removesuffix("@@").strip()))
        return
    if not part.hunks:
        part.hunks.append(Hunk())
    sign, text = line[:1] or " ", line[1:]
    if sign not in " -+" or (part.kind == "Add" and sign != "+"):
        raise ToolError(f"line {number} of the patch begins with none of space, - and +: {line!r}")
    part.hunks[-1].lines.append((sign, text))


# ---------------------------------------------------------------- applying it


def applied(part: Part, body: bytes) -> bytes:
    """The file after the hunks; bytes that they do not name stay. Raises ToolError."""
    raw = body.splitlines(keepends=True)
    shown = [_text(line) for line in raw]
    place = 0
    out: list[bytes] = []
    for number, hunk in enumerate(part.hunks, 1):
        if not hunk.lines:
            continue
        start = _find(part, number, hunk, shown, place, body)
        out += raw[place:start]
        place = start
        for sign, text in hunk.lines:
            if sign == "+":
                if out and not out[-1].endswith(b"\n"):
                    out[-1] += encoded("\n", body)
                out.append(encoded(text + "\n", body))
            else:
                out += [raw[place]] if sign == " " else []
                place += 1
    out += raw[place:]
    if out and body and not body.endswith(b"\n") and place == len(raw):
        out[-1] = out[-1].rstrip(b"\r\n")
    return b"".join(out)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8").rstrip("\r\n").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return line.decode("latin-1").rstrip("\r\n")


def _find(part: Part, number: int, hunk: Hunk, shown: list[str], place: int, body: bytes) -> int:
    """Where the hunk begins, counted from 0. Raises ToolError."""
    where = f"hunk {number} of {part.path}"
    first = place
    if hunk.header and not hunk.near:
        heads = [n for n in range(place, len(shown)) if shown[n].strip() == hunk.header.strip()]
        if not heads:
            raise ToolError(f"{where}: the line {hunk.header!r} does not occur{_hint(body, hunk)}")
        first = heads[0] + 1
        if hunk.old and hunk.old[0].strip() == hunk.header.strip():
            first = heads[0]
    old = hunk.old
    if not old:
        return first if hunk.header or hunk.near or not shown else len(shown)
    for same in (str, str.rstrip):
        wanted = [same(text) for text in old]
        last = len(shown) - len(old)
        fits = [
            n
            for n in range(first, last + 1)
            if [same(text) for text in shown[n : n + len(old)]] == wanted
        ]
        if len(fits) > 1 and not hunk.header and not hunk.near:
            raise ToolError(
                f"{where} fits in {len(fits)} places: give more context, or the line of a "
                "function or class after @@"
            )
        if fits:
            return min(fits, key=lambda n: abs(n + 1 - hunk.near)) if hunk.near else fits[0]
    raise ToolError(f"{where} does not fit: its lines are not in the file{_hint(body, hunk)}")


def _hint(body: bytes, hunk: Hunk) -> str:
    return nearest(body, "\n".join(hunk.old) or hunk.header)
