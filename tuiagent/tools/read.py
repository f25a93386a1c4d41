"""Reads a file: text with line numbers, notebooks as cells, images and PDFs as what they are."""

from typing import Any

from tuiagent.kernel import media
from tuiagent.kernel.errors import Refused, ToolError
from tuiagent.kernel.message import Media, Observation
from tuiagent.ports import Blobs, Kit, Note, schema
from tuiagent.tools.looking import Looking
from tuiagent.tools.search import missing

LINES = 2000
BYTES = 32 * 1024 * 1024
SHOWN = 256 * 1024
WIDTH = 2000
SPECIAL = (*media.BEGINS.values(), b"%PDF-")
"""How files begin that are more than text."""


class Read(Looking):
    """Shows some lines of a text file, or what else a file holds."""

    name = "read"
    description = (
        "Read a file: text with line numbers (at most 2000 lines and 256 KiB a call, lines cut at "
        "2000 characters), images (PNG, JPEG, GIF, WebP), the text of PDFs (20 pages a call), "
        "Jupyter notebooks as cells with their outputs."
    )
    parameters = schema(
        ("path",),
        path={"type": "string"},
        offset={"type": "integer", "minimum": 1, "description": "first line or page, from 1"},
        limit={"type": "integer", "minimum": 1, "description": "how many lines or pages"},
        look={"type": "boolean", "description": "show a PDF's pages as they look, too"},
    )

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """The lines, and how to go on where there are more."""
        if (await kit.runtime.stat(args["path"])).kind == "missing":
            raise await missing(kit.runtime, args["path"])
        data = await kit.runtime.read(args["path"], BYTES)
        found = await _special(args, data, kit.blobs)
        if found is not None:
            return found
        if b"\0" in data[:8192]:
            raise ToolError(f"{args['path']} is a binary file ({len(data)} bytes)")
        return _lines(args, data)


def _lines(args: dict[str, Any], data: bytes) -> Observation:
    lines = data.decode("utf-8", "replace").removeprefix("\ufeff").splitlines()
    first = args.get("offset", 1)
    if first > max(1, len(lines)):
        raise ToolError(f"{args['path']} has only {len(lines)} lines")
    shown: list[str] = []
    size = 0
    for number, line in enumerate(lines[first - 1 :], first):
        if len(shown) == min(LINES, args.get("limit", LINES)) or size > SHOWN:
            break
        text = line if len(line) <= WIDTH else line[:WIDTH] + "… (cut)"
        shown.append(f"{number:6}\t{text}")
        size += len(shown[-1])
    last = first - 1 + len(shown)
    if last < len(lines):
        more = f"({len(lines) - last} more lines; go on with offset={last + 1})"
        shown.append(more)
    return Observation("ok", "\n".join(shown) or "(the file is empty)")


async def _special(args: dict[str, Any], data: bytes, blobs: Blobs) -> Observation | None:
    """What an image, a PDF or a notebook holds; None for other files. Raises ToolError."""
    name = args["path"].rpartition("/")[2]
    if data.startswith(SPECIAL):
        from tuiagent.tools.shown import PAGES, observed  # noqa: PLC0415 - few files are

        pages = (args.get("offset", 1), args.get("limit", PAGES))
        return await observed(name, data, blobs, *pages, args.get("look", False))
    if name.endswith(".ipynb"):
        try:
            return _notebook(name, data, blobs)
        except ToolError:
            return None  # what is broken is shown as it is, so that it can be mended
    return None


def _notebook(name: str, data: bytes, blobs: Blobs) -> Observation:
    """Its cells, and the images that they gave. Raises ToolError."""
    from tuiagent.tools import notebook  # noqa: PLC0415 - few files are

    text, pictures = notebook.shown(data)
    shown: list[Media] = []
    for number, picture in enumerate(pictures, 1):
        try:
            shown.append(media.shown(media.File(f"{name} image {number}", picture)))
        except Refused as refusal:
            text += f"\n({refusal})"
        else:
            blobs.put(picture)
    if len(text) > SHOWN:
        text = f"{text[:SHOWN]}… ({len(text) - SHOWN} more characters)"
    return Observation("ok", text, media=tuple(shown))
