"""Jupyter notebooks: their cells as text, and the tool that changes a cell.

Source: nbformat 4, https://nbformat.readthedocs.io/en/latest/format_description.html.
"""

import base64
import binascii
import hashlib
from typing import Any

from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Kit, schema
from tuiagent.tools.changing import Change, Changing, current
from tuiagent.tools.search import missing

OUTPUT = 4000
"""Characters of one output that are shown."""
PICTURES = 8
"""Images of outputs that are shown."""
KINDS = ("code", "markdown", "raw")
STYLES: tuple[dict[str, Any], ...] = tuple(
    {**how, "ensure_ascii": ascii_}
    for how in (*({"indent": i} for i in (1, 2, 4, "\t", None)), {"separators": (",", ":")})
    for ascii_ in (False, True)
)
"""How notebooks are written; Jupyter's own way first."""


class Notebook(Changing):
    """Replaces, inserts or deletes one cell of a notebook; everything else stays as it is."""

    name = "notebook"
    description = (
        "Change one cell of a Jupyter notebook (.ipynb); read shows the ids and numbers of cells. "
        "`do` is replace, insert (behind `cell`; 0 puts it first) or delete. A code cell that is "
        "replaced loses its outputs."
    )
    parameters = schema(
        ("path", "do", "cell"),
        path={"type": "string"},
        do={"type": "string", "description": "replace, insert or delete"},
        cell={"type": "string", "description": "the id of a cell, or its number from 1"},
        source={"type": "string", "description": "what the cell holds then"},
        kind={"type": "string", "description": "code, markdown or raw"},
    )

    async def plan(self, args: dict[str, Any], kit: Kit) -> list[Change]:
        """The notebook with its cell changed."""
        path = kit.runtime.resolve(args["path"])
        before = await current(kit.runtime, path)
        if before is None:
            raise await missing(kit.runtime, args["path"])
        return [Change(path, before, changed(args, before))]


def parsed(data: bytes) -> dict[str, Any]:
    """The notebook. Raises ToolError for what is none, or one of another format than 4."""
    import json  # noqa: PLC0415 - only for notebooks; msgspec cannot keep NaN nor large numbers

    try:
        book = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ToolError(f"it is no notebook: {error}") from error
    cells = book.get("cells") if isinstance(book, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        raise ToolError("it is no notebook of format 4: it has no list of cells")
    return book


def shown(data: bytes) -> tuple[str, list[bytes]]:
    """The cells with their numbers, ids and outputs as text, and the images among the outputs."""
    book = parsed(data)
    parts: list[str] = []
    pictures: list[bytes] = []
    for number, cell in enumerate(book["cells"], 1):
        ident = f" id={cell['id']}" if isinstance(cell.get("id"), str) else ""
        parts.append(f"[cell {number}{ident} {cell.get('cell_type')}]\n{_text(cell.get('source'))}")
        outputs = cell.get("outputs")
        for output in outputs if isinstance(outputs, list) else []:
            if isinstance(output, dict):
                parts.append(f"[output of cell {number}]\n{_output(output, pictures)}")
    return "\n\n".join(parts) or "(the notebook has no cells)", pictures


def _output(output: dict[str, Any], pictures: list[bytes]) -> str:
    """What an output says; a picture is put aside and named."""
    if output.get("output_type") == "error":
        text = f"{output.get('ename')}: {output.get('evalue')}"
    else:
        data = output.get("data")
        data = data if isinstance(data, dict) else {}
        text = _text(output.get("text")) or _text(data.get("text/plain"))
        for kind in ("image/png", "image/jpeg"):
            if kind in data and len(pictures) < PICTURES:
                try:
                    pictures.append(base64.b64decode(_text(data[kind])))
                except (binascii.Error, ValueError):
                    continue
                text += f"\n(image {len(pictures)})"
    text = text.strip()
    return text if len(text) <= OUTPUT else f"{text[:OUTPUT]}… ({len(text) - OUTPUT} more)"


def _text(value: Any) -> str:
    """Text that may be a list of lines."""
    if isinstance(value, list):
        return "".join(line for line in value if isinstance(line, str))
    return value if isinstance(value, str) else ""


def changed(args: dict[str, Any], before: bytes) -> bytes:
    """The notebook with the cell changed, written as it was. Raises ToolError."""
    book = parsed(before)
    cells, do = book["cells"], args["do"]
    kind = args.get("kind", "")
    if do not in ("replace", "insert", "delete"):
        raise ToolError("`do` is replace, insert or delete")
    if kind not in ("", *KINDS):
        raise ToolError(f"`kind` is {', '.join(KINDS)}")
    if do != "delete" and "source" not in args:
        raise ToolError(f"{do} needs `source`")
    at = _place(cells, args["cell"], do)
    if do == "delete":
        del cells[at]
    elif do == "insert":
        cells.insert(at + 1, _made(book, args["source"], kind or "code"))
    else:
        _replace(cells[at], args["source"], kind)
    return _written(book, before)


def _place(cells: list[dict[str, Any]], name: str, do: str) -> int:
    """Which cell is meant; -1 for before all of them."""
    for number, cell in enumerate(cells):
        if cell.get("id") == name:
            return number
    least = 0 if do == "insert" else 1
    if name.isdecimal() and least <= int(name) <= len(cells):
        return int(name) - 1
    raise ToolError(f"there is no cell {name!r}: it has {len(cells)} cells; read shows their ids")


def _made(book: dict[str, Any], source: str, kind: str) -> dict[str, Any]:
    """A new cell; its id follows from what it is, so that the same call makes the same file."""
    cell: dict[str, Any] = {"cell_type": kind}
    if (book.get("nbformat"), book.get("nbformat_minor", 0)) >= (4, 5):
        known = {one.get("id") for one in book["cells"]}
        number = len(known)
        while (ident := hashlib.sha256(f"{number} {source}".encode()).hexdigest()[:8]) in known:
            number += 1
        cell["id"] = ident
    cell["metadata"] = {}
    cell["source"] = source.splitlines(keepends=True)
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def _replace(cell: dict[str, Any], source: str, kind: str) -> None:
    plain = isinstance(cell.get("source"), str)
    cell["source"] = source if plain else source.splitlines(keepends=True)
    cell["cell_type"] = kind or cell.get("cell_type", "code")
    if cell["cell_type"] == "code":
        cell.update(execution_count=None, outputs=[])
    else:
        cell.pop("execution_count", None)
        cell.pop("outputs", None)


def _written(book: dict[str, Any], before: bytes) -> bytes:
    """The notebook in the file's own style, as far as one is found that writes the file again."""
    import json  # noqa: PLC0415 - see `parsed`

    text = before.decode("utf-8", "surrogateescape")
    was = json.loads(text)
    end = text[len(text.rstrip()) :]
    style = STYLES[0]
    for known in STYLES:
        if json.dumps(was, **known) == text.rstrip():
            style = known
            break
    try:
        return (json.dumps(book, **style) + end).encode("utf-8")
    except UnicodeEncodeError as error:
        raise ToolError("the text holds half a character (a lone surrogate)") from error
