"""What ends a run that would not end by itself: replies, money, time, and going in circles."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from tuiagent.kernel.message import Call

TURNS = 200
"""Model replies in one run, unless told otherwise."""
KEPT = 12
"""Turns that are looked back at."""
NUDGED, STOPPED = 3, 5
"""The same turn so often in a row is told to the model; so often ends the run."""


class Limits(Struct, frozen=True, omit_defaults=True):
    """How much one run may use; 0 is no limit."""

    turns: int = TURNS
    """Model replies."""
    cost: float = 0.0
    """US dollars."""
    seconds: float = 0.0


Turn = tuple[str, tuple[tuple[str, Any, str], ...]]
"""What was said, unless something was called; each call's name, arguments and result."""


def turn(calls: Sequence[tuple[Call, str]], said: str) -> Turn:
    """What a turn was, to be compared with others."""
    return "" if calls else said, tuple((call.name, call.args, result) for call, result in calls)


def repeated(turns: Sequence[object]) -> tuple[int, str]:
    """How often the end of these turns repeats itself, and how that is said."""
    rows = 1
    while rows < len(turns) and turns[-1 - rows] == turns[-1]:
        rows += 1
    pairs = 1
    while 2 * pairs + 2 <= len(turns) and list(turns[-2 * pairs - 2 :][:2]) == list(turns[-2:]):
        pairs += 1
    if pairs > rows and turns[-1] != turns[-2]:
        return pairs, f"the same two steps, in turn, {pairs} times"
    return rows, f"the same step, with the same result, {rows} times"
