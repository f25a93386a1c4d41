"""Text that is shown whole: wrapped to lines of a width, or its head and its tail."""

import re
from collections.abc import Callable
from typing import TypeVar

from rich.cells import cell_len, chop_cells

from tuiagent.clients.clean import CONTROLS, clean

T = TypeVar("T")
LONGEST = 64 * 1024
"""Letters that are wrapped; of more, the head and the tail."""


def exact(text: str) -> str:
    """The text with every control character as an escape, so that nothing of it goes unseen."""
    return re.sub(CONTROLS, lambda match: f"\\x{ord(match[0]):02x}", text)


def wrapped(text: str, width: int) -> list[str]:
    """The text as lines of at most this many cells; nothing of it is dropped but from its middle.

    It is broken between letters, so that what is shown is exactly what there is.
    """
    if len(text) > LONGEST:
        half = LONGEST // 2
        hidden = len(text) - 2 * half
        text = f"{text[:half]}\n⋮ {hidden} letters between are not shown\n{text[-half:]}"
    found: list[str] = []
    for line in clean(text).expandtabs(4).split("\n"):
        found += chop_cells(line, max(2, width)) or [""]
    return found


def shortened(lines: list[T], room: int, mark: Callable[[int], T]) -> list[T]:
    """The lines if they fit, else the first and the last; `mark` says how many are between."""
    if len(lines) <= room:
        return lines
    room = max(3, room)
    tail = (room - 1) // 2
    head = room - 1 - tail
    return [*lines[:head], mark(len(lines) - room + 1), *lines[-tail:]]


def worded(text: str, width: int) -> list[str]:
    """Words of ours as lines of at most this many cells, broken between words where that goes."""
    found: list[str] = []
    for line in wrapped(text, LONGEST) if text else ():
        now = ""
        for word in line.split(" "):
            longer = f"{now} {word}" if now else word
            if now and cell_len(longer) > width:
                found.append(now)
                longer = word
            *full, now = wrapped(longer, width)
            found += full
        found.append(now)
    return found
