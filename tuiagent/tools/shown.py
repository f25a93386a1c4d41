"""What a model is given of bytes that are no plain text: images, documents, notebooks."""

from collections.abc import Sequence

from tuiagent import apart
from tuiagent.kernel import media
from tuiagent.kernel.errors import Refused, ToolError
from tuiagent.kernel.message import Document, Image, Observation
from tuiagent.ports import Blobs

PAGES = 20
"""Pages of a PDF that are given as text at a time."""
WHOLE = 100
"""Pages of a PDF that providers look at."""
SPARSE = 40
"""Characters of a page, on the average, below which it is taken for a picture of text."""
SHOWN = 256 * 1024
"""Characters of text that are given at a time."""


async def observed(
    name: str, data: bytes, blobs: Blobs, first: int = 1, limit: int = PAGES, look: bool = False
) -> Observation | None:
    """The image or the pages from `first` on; None for bytes of another kind. Raises ToolError.

    `look` shows a PDF's pages as they look, which is also done where they hold next to no text.
    """
    try:
        data = await apart.fitting(name, data)
        found = media.probe(name, data)
        if found is None:
            return None
        if isinstance(found, Image):
            found = media.shown(media.File(name, data))
            blobs.put(data)
            return Observation("ok", media.line(found), media=(found,))
        return await _paged(found, data, blobs, first, min(limit, PAGES), look)
    except Refused as refusal:
        raise ToolError(str(refusal)) from refusal


async def _paged(
    found: Document, data: bytes, blobs: Blobs, first: int, limit: int, look: bool
) -> Observation:
    """The text of some pages, and the document itself where it is to be looked at."""
    read = await apart.pages(data, first, first + limit - 1)
    if first > max(1, read.count):
        raise ToolError(f"{found.name} has only {read.count} pages")
    paper = Document(found.media, found.blob, found.name, found.size, read.count)
    text, last = _joined(first, read.texts)
    lines = [media.line(paper), text]
    if last < read.count:
        lines.append(f"({read.count - last} more pages; go on with offset={last + 1})")
    if not look and sum(map(len, read.texts)) >= SPARSE * len(read.texts):
        return Observation("ok", "\n\n".join(lines))
    problem = media.excess(paper)
    if read.count > WHOLE:
        problem = f"it has more than {WHOLE} pages"
    if problem:
        lines.append(f"(Its pages cannot be shown as they look: {problem}.)")
        return Observation("ok", "\n\n".join(lines))
    blobs.put(data)
    return Observation("ok", "\n\n".join(lines), media=(paper,))


def _joined(first: int, texts: Sequence[str]) -> tuple[str, int]:
    """The pages with their numbers, as many as there is room for, and which is the last."""
    parts: list[str] = []
    room = SHOWN
    for number, text in enumerate(texts, first):
        if parts and len(text) > room:
            return "\n\n".join(parts), number - 1
        cut = text if len(text) <= SHOWN else text[:SHOWN] + "… (cut)"
        parts.append(f"[page {number}]\n{cut or '(no text)'}")
        room -= len(cut)
    return "\n\n".join(parts), first + len(texts) - 1
