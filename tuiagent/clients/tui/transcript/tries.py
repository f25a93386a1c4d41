"""Tries: how often the model was asked in vain is told in one line, until it answers."""

from tuiagent.clients.tui.transcript.pieces import Piece, fixed
from tuiagent.clients.tui.transcript.rows import Row, cut, line
from tuiagent.views.transcript import AGAIN, Item

STALLED, RESUMED = "RunStalled.", "RunResumed."
"""How the ids of notices begin that a run waits, and that it goes on."""


def spoken(item: Item) -> bool:
    """Whether an answer has words, or thoughts."""
    return bool(item.text.strip() or item.reasoning)


def fault(item: Item) -> str:
    """Why an answer failed that has not a word; "" for any other."""
    if item.kind != "reply" or item.status != "failed" or spoken(item):
        return ""
    return item.output.partition(AGAIN)[0]


def vain(item: Item) -> bool:
    """Whether a try failed, or is still without an answer."""
    return bool(fault(item)) or (item.status == "open" and not spoken(item))


def told(item: Item, before: str, tries: int, waits: bool) -> Piece | None:
    """The line of a try and of those before it; None where it is told otherwise.

    `before` is why the last of those failed. A run that `waits` says itself for what.
    """
    why, again, when = fault(item), *item.output.partition(AGAIN)[1:]
    if why and (again or waits):
        when = f" · again{when or ' at once'}" if again else ""
    elif before and item.status == "open" and not spoken(item):
        why, when = before, " is asked …"
    else:
        return None
    end = f"  try {tries + 1}{when}"

    def make(width: int) -> list[Row]:
        shown = cut(line(why), max(0, width - 2 - len(end)))
        return [Row((("✗ ", "bad"), (shown, "bad"), (end, "muted")), 2, act="fold")]

    return fixed(make)
