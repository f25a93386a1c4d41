"""Rows: what stands in one line of the screen, and how text is folded into them."""

import re
from collections.abc import Iterable, Sequence

from rich.cells import cell_len, split_graphemes

from tuiagent.clients.clean import clean

Span = tuple[str, str]
"""Words, and how they look: names of styles with spaces between, perhaps `link=URL`."""
MARKS = "([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]{8})[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f]+"  # fmt: skip  # noqa: E501
JOINERS = "(?<![^\x00-\x7f])[\u200c\u200d]+|[\u200c\u200d]{2,}"
"""Those that join nothing: terminals do not agree on how wide what follows is."""
TAB = 8


class Row:
    """One line of the screen; `strip` keeps what the widget made of it."""

    __slots__ = ("act", "fill", "joint", "key", "skip", "spans", "strip")

    def __init__(
        self,
        spans: Sequence[Span],
        skip: int = 0,
        joint: str = "\n",
        fill: str = "",
        act: str = "",
    ) -> None:
        self.spans = spans
        self.skip = skip
        """Characters at its start that are no words: a margin, a number, a frame."""
        self.joint = joint
        """What stands between the words of the row before and its own."""
        self.fill = fill
        """The style of the rest of the line."""
        self.act = act
        """What a click does: `fold`, `more`, or nothing."""
        self.strip: object = None
        self.key: object = None

    @property
    def text(self) -> str:
        """Everything that stands in it."""
        return "".join(text for text, _ in self.spans)

    @property
    def words(self) -> str:
        """What it says, without margins."""
        return self.text[self.skip :]


BLANK = Row(())


def plain(text: str) -> str:
    """Text of others as it may be shown: nothing steers, hides or piles up; tabs are spaces."""
    text = clean(text)
    if not text.isascii():
        text = re.sub(JOINERS, _escaped, text)
        text = re.sub(MARKS, r"\1", text)
    return text.expandtabs(TAB) if "\t" in text else text


def _escaped(match: re.Match[str]) -> str:
    return "".join(f"\\u{ord(char):04x}" for char in match[0])


def line(text: str) -> str:
    """The same in one line."""
    return " ".join(plain(text).split())


def width_of(spans: Iterable[Span]) -> int:
    """Cells that the spans take."""
    return sum(cell_len(text) for text, _ in spans)


def cut(text: str, room: int) -> str:
    """The text in so many cells; what is too long ends with an ellipsis."""
    if len(text) <= room and text.isascii():
        return text
    if cell_len(text) <= room:
        return text
    if room < 1:
        return ""
    start, end = breaks(text[: 2 * room], room - 1, words=False)[0]
    return text[start:end] + "…"


def breaks(text: str, room: int, words: bool = True) -> list[tuple[int, int]]:
    """Where each row of at most so many cells begins and ends; spaces at a fold are in neither."""
    room = max(1, room)
    if text.isascii():
        return _narrow(text, room, words) if len(text) > room else [(0, len(text))]
    return _wide(text, room, words)


def _narrow(text: str, room: int, words: bool) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    start, length = 0, len(text)
    while length - start > room:
        end = start + room
        space = text.rfind(" ", start, end + 1) if words else -1
        if space > start and text[start:space].strip():
            found.append((start, space))
            start = space + 1
            while start < length and text[start] == " ":
                start += 1
        else:
            found.append((start, end))
            start = end
    if start < length or not found:
        found.append((start, length))
    return found


def _wide(text: str, room: int, words: bool) -> list[tuple[int, int]]:
    """As `_narrow`, for characters of any width; between wide ones there may be a fold."""
    graphemes, total = split_graphemes(text)
    if total <= room:
        return [(0, len(text))]
    found: list[tuple[int, int]] = []
    start = used = 0
    fold, after, kept = -1, 0, 0  # where the last possible fold is, what follows it, cells there
    for first, last, size in graphemes:
        if used + size > room and last > start:
            if fold > start:
                found.append((start, fold))
                start, used = after, used - kept
            if used + size > room and first > start:
                found.append((start, first))
                start, used = first, 0
            fold = -1
        if words and text[first:last] == " ":
            if first == start and found:
                start = last
                continue
            fold, after, kept = first, last, used + size
        elif words and size == 2:
            fold, after, kept = last, last, used + size
        used += size
    if start < len(text) or not found:
        found.append((start, len(text)))
    return found


def slices(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """The spans between two characters."""
    found: list[Span] = []
    at = 0
    for text, style in spans:
        stop = at + len(text)
        if stop > start and at < end:
            part = text[max(0, start - at) : end - at]
            if part:
                found.append((part, style))
        at = stop
    return found


def fold(
    spans: Sequence[Span],
    width: int,
    lead: Sequence[Span] = (),
    hang: Sequence[Span] | None = None,
    words: bool = True,
    fill: str = "",
) -> list[Row]:
    """One line of words as rows of at most this width, each behind a margin.

    `lead` stands before the first one, `hang` before the others, as wide as `lead` when not given.
    """
    if hang is None:
        hang = ((" " * width_of(lead), fill),) if lead else ()
    text = "".join(part for part, _ in spans)
    room = max(1, width - max(width_of(lead), width_of(hang)))
    found: list[Row] = []
    before = 0
    for start, end in breaks(text, room, words):
        margin = hang if found else lead
        part = slices(spans, start, end)
        skip = sum(len(words) for words, _ in margin)
        joint = text[before:start] if found else "\n"
        found.append(Row((*margin, *part), skip, joint, fill))
        before = end
    return found


def height(text: str, width: int) -> int:
    """About how many rows the text takes; cheap for any text."""
    return text.count("\n") + 1 + len(text) // max(1, width)
