"""Images of a session for screens: a few coloured squares, or pixels that were made anew."""

import base64
from importlib import util

import msgspec
from msgspec import Struct

from tuiagent import apart
from tuiagent.engine.check import question
from tuiagent.engine.journal import Journal
from tuiagent.kernel import media
from tuiagent.kernel.errors import Refused, ToolError
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.message import Image

SIDE = 1000
"""Pixels of a side at most."""


class Squares(Struct, frozen=True):
    """A small picture."""

    colours: tuple[str, ...]
    """As #rrggbb."""
    rows: tuple[str, ...]
    """Each square is a letter: `0` stands for the first colour, `1` for the second, by code."""


async def picture(journal: Journal, key: str) -> Squares | str | None:
    """An image that a session keeps; None where it is not there or cannot be drawn here.

    With a `side` it is a PNG whose sides have at most so many pixels, in base64.
    """
    asked = question(key, "session", "blob")
    if util.find_spec("PIL") is None or not _keeps(journal, asked["session"], asked["blob"]):
        return None
    body = journal.store.blob(asked["blob"])
    try:
        found = media.probe("", body) if body else None
        if body is None or not isinstance(found, Image):
            return None
        if found.width * found.height > apart.PIXELS:
            return None
        if side := asked.get("side"):
            pixels = str(min(int(side), SIDE))
            return base64.b64encode(await apart.read_apart("pixels", body, pixels)).decode()
        return msgspec.json.decode(await apart.read_apart("squares", body), type=Squares)
    except (Refused, ToolError, ValueError):
        return None


def _keeps(journal: Journal, stream: str, blob: str) -> bool:
    """Whether facts of the session, or of those it was forked from, need this blob."""
    while stream:
        if any(key == blob for key, _ in journal.store.refs(stream)):
            return True
        records = journal.store.read(stream, 0, 1)
        fact = journal.codec.event(records[0]).fact if records else None
        origin = fact.origin if isinstance(fact, SessionOpened) else None
        stream = origin.stream if origin else ""
    return False
