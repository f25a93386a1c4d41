"""Bytes that somebody else made, read in a process of its own: little time, little memory, no keys.

Readers of PDFs, pages and pictures are large, and their input is anybody's. What breaks, fills the
memory or never ends takes only that process with it. See tuiagent.parsing for what runs there.
"""

import sys
from importlib import util

from msgspec import Struct

from tuiagent.kernel import media
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Image
from tuiagent.threads import in_thread

START = (
    "import sys; sys.path[:] = sys.argv[1].split(':'); from tuiagent import parsing as p; p.main()"
)
SECONDS = 30.0
"""A reading may take so long; the processor works for at most a third of it."""
SHARP = 2000
"""Pixels of a side up to which an image is sent as it is: no provider looks closer."""
PIXELS = 100_000_000
"""Of the largest image that is opened, 400 MB in memory."""


class Pages(Struct, frozen=True):
    """Some pages of a document, as text."""

    count: int
    """How many there are in all."""
    texts: tuple[str, ...]


async def read_apart(what: str, data: bytes, *options: str) -> bytes:
    """What the reader of this name makes of the bytes. Raises ToolError."""
    import subprocess  # noqa: PLC0415 - only for files of this kind

    words = [sys.executable, "-IS", "-c", START, ":".join(sys.path), what, *options]

    def work() -> bytes:
        try:
            done = subprocess.run(
                words,
                input=data,
                capture_output=True,
                timeout=SECONDS,
                env={},
                cwd="/",
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ToolError("reading it takes too long: it was given up") from error
        except OSError as error:
            raise ToolError(f"it cannot be read: {error.strerror}") from error
        if done.returncode < 0:
            raise ToolError("reading it takes too long or too much memory: it was given up")
        if done.returncode:
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines()
            raise ToolError(
                f"it cannot be read: {lines[-1][:300] if lines else 'nobody knows why'}"
            )
        return done.stdout

    return await in_thread(work)


async def pages(data: bytes, first: int, last: int) -> Pages:
    """The text of a PDF's pages, both counted from 1. Raises ToolError."""
    import msgspec  # noqa: PLC0415 - only its decoder

    return msgspec.json.decode(await read_apart("pdf", data, str(first), str(last)), type=Pages)


async def fitting(name: str, data: bytes) -> bytes:
    """The image as providers take it, made smaller where it is large. Raises ToolError, Refused."""
    found = media.probe(name, data)
    if not isinstance(found, Image):
        return data
    if found.width * found.height > PIXELS:
        raise ToolError(f"{media.line(found)} has more than {PIXELS // 1_000_000} million pixels")
    problem = media.excess(found)
    if not problem and max(found.width, found.height) <= SHARP:
        return data
    if util.find_spec("PIL") is None:
        if problem:
            raise ToolError(f"{media.line(found)}: {problem}; install tuiagent[images]")
        return data
    return await read_apart("image", data, str(SHARP))
