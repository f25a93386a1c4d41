"""A change of a file as the lines of a pane: whole, as the conversation draws it."""

from functools import lru_cache

from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.transcript import diff
from tuiagent.clients.tui.transcript.rows import width_of
from tuiagent.clients.tui.wrap import LONGEST

GROUNDS = ("removed-word", "added-word", "removed", "added")
"""Component classes of a pane, the narrowest first."""


@lru_cache(8)
def difference(unified: str, width: int) -> list[list[Piece]]:
    """The lines of a unified diff of one file, with their numbers, in so many cells."""
    lines = diff.parsed(unified)
    words = diff.looks(lines, "", most=0, longest=LONGEST)
    found: list[list[Piece]] = []
    for _, row in diff.rows(lines, words, width, diff.gutter(lines), sides=False):
        pieces = [(text, _class(look)) for text, look in row.spans]
        if row.fill:
            pieces.append((" " * (width - width_of(row.spans)), _class(row.fill)))
        found.append(pieces)
    return found


def _class(look: str) -> str:
    names = look.split()
    return next((name for name in GROUNDS if name in names), "dim" if names else "")
