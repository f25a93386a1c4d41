"""What was selected, as it was written: no margins, no padding, folded lines in one."""

from tuiagent.clients.tui.transcript.flow import START, Flow, Place
from tuiagent.clients.tui.transcript.rows import Row

Spot = tuple[Place, int] | None
"""A row and the number of a character there; None for the start or the end of everything."""
MOST = 50_000
"""Rows of which a selection takes the words."""


def between(flow: Flow, start: Spot, end: Spot) -> str:
    """The words from one spot to the other, its character included."""
    first, left = start or (START, 0)
    last, right = end or (flow.end, 0)
    place, found = first, ""
    for count in range(MOST):
        if (place >= last and place != last) or place.block >= len(flow.blocks):
            break
        row = flow.rows(place.block, place.piece)[place.row]
        words = _words(row, left if place == first else 0, right if place == last else None)
        found += (row.joint if count else "") + words
        if place == last:
            break
        place = flow.down(place, 1)
    return "\n".join(line.rstrip() for line in found.split("\n"))


def _words(row: Row, start: int, end: int | None) -> str:
    """What a row says between two of its characters, its margin left out."""
    return row.text[max(start, row.skip) : end]
