"""What ends a run that would not end by itself: replies, money, time, and going in circles."""

import hashlib
from collections.abc import Sequence

import msgspec
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


def turn(calls: Sequence[tuple[Call, str]], text: str) -> str:
    """What a turn was: its calls with what came of them; without calls, what was said."""
    content = [[call.name, call.args, result] for call, result in calls] or text
    return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:16]


def repeated(turns: Sequence[str]) -> tuple[int, str]:
    """How often the end of these turns repeats itself, and how that is said."""
    rows = 1
    while rows < len(turns) and turns[-1 - rows] == turns[-1]:
        rows += 1
    pairs = 1
    while 2 * pairs + 2 <= len(turns) and list(turns[-2 * pairs - 2 :][:2]) == list(turns[-2:]):
        pairs += 1
    if pairs > rows and len(set(turns[-2:])) == 2:
        return pairs, f"the same two steps, in turn, {pairs} times"
    return rows, f"the same step, with the same result, {rows} times"
