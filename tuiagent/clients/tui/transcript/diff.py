"""Changes of files: one below the other, or side by side where there is room."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

from tuiagent.clients.tui.transcript.code import highlighted
from tuiagent.clients.tui.transcript.rows import Row, Span, fold, plain, width_of

HEAD = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
WORDS = re.compile(r"\w+|\s+|[^\w\s]")
WIDE = 120
"""Cells from which on both versions stand side by side."""
AT_MOST = 100
"""Lines that are drawn at once."""
LIKE = 0.4
"""How much two lines must have in common for their words to be compared."""
LONGEST = 400
"""Characters of a line whose words are compared."""


class Line(NamedTuple):
    """A line of a change: its sign (space, - or +), its number before and after, and its text."""

    sign: str
    old: int
    new: int
    text: str


class Hunk(NamedTuple):
    """Some lines of a change that stand together."""

    path: str
    lines: tuple[Line, ...]
    first: bool
    """Whether lines are left out before it."""


def hunks(path: str, unified: str) -> list[Hunk]:
    """The pieces of a unified diff of one file; large ones are cut."""
    found: list[Hunk] = []
    lines: list[Line] = []
    old = new = left = right = 0
    first = True

    def close() -> None:
        nonlocal lines
        if lines:
            found.append(Hunk(path, tuple(lines), first))
        lines = []

    for text in unified.split("\n"):
        head = HEAD.match(text)
        if head and not (left or right):
            close()
            old, new = int(head[1]), int(head[3])
            first = bool(found) or max(old, new) > 1
            left, right = (int(head[n]) if head[n] is not None else 1 for n in (2, 4))
            continue
        sign = text[:1] or " "
        if not (left or right) or sign not in " +-":
            continue
        lines.append(Line(sign, old, new, text[1:]))
        if sign != "+":
            old, left = old + 1, max(0, left - 1)
        if sign != "-":
            new, right = new + 1, max(0, right - 1)
        if len(lines) >= AT_MOST and sign == " ":
            close()
            first = False
    close()
    return found


def counts(unified: str) -> tuple[int, int]:
    """How many lines were added and removed."""
    lines = [line.sign for hunk in hunks("", unified) for line in hunk.lines]
    return lines.count("+"), lines.count("-")


def rows(hunk: Hunk, width: int) -> list[Row]:
    """The rows of a hunk."""
    sides = _sides(hunk)
    size = max(3, len(str(max((max(line.old, line.new) for line in hunk.lines), default=0))))
    apart = [Row(((f"{'⋯':>{size}}", "number"),), size)] if hunk.first else []
    if width >= WIDE:
        return [*apart, *_beside(hunk.lines, sides, size, width)]
    return [*apart, *_below(hunk.lines, sides, size, width)]


Sides = dict[int, list[Span]]
"""The words of each line of a hunk, by its place there."""


def _sides(hunk: Hunk) -> Sides:
    """The lines highlighted as the file was and as it is, with what changed in them marked."""
    found: Sides = {}
    for signs in (" -", " +"):
        places = [n for n, line in enumerate(hunk.lines) if line.sign in signs]
        if not places:
            continue
        code = "\n".join(plain(hunk.lines[n].text) for n in places)
        for place, spans in zip(places, highlighted(code, path=hunk.path), strict=True):
            found[place] = spans
    for before, after in _pairs(hunk.lines):
        removed, added = _marks(_text(found[before]), _text(found[after]))
        found[before] = _marked(found[before], removed, "removed-word")
        found[after] = _marked(found[after], added, "added-word")
    for place, line in enumerate(hunk.lines):
        base = {"-": "removed ", "+": "added "}.get(line.sign, "")
        found[place] = [(text, (base + style).strip()) for text, style in found[place]]
    return found


def _text(spans: list[Span]) -> str:
    return "".join(text for text, _ in spans)


def _runs(lines: tuple[Line, ...]) -> Iterator[tuple[list[int], list[int]]]:
    """What was removed and what was added in its place, by place."""
    removed: list[int] = []
    added: list[int] = []
    for place, line in enumerate(lines):
        if line.sign == "+":
            added.append(place)
            continue
        if added or line.sign == " ":
            yield removed, added
            removed, added = [], []
        if line.sign == "-":
            removed.append(place)
    yield removed, added


def _pairs(lines: tuple[Line, ...]) -> Iterator[tuple[int, int]]:
    for removed, added in _runs(lines):
        yield from zip(removed, added, strict=False)


Ranges = list[tuple[int, int]]


def _marks(before: str, after: str) -> tuple[Ranges, Ranges]:
    """Which characters of two lines differ, word by word."""
    if max(len(before), len(after)) > LONGEST:
        return [], []
    left, right = WORDS.findall(before), WORDS.findall(after)
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    if matcher.real_quick_ratio() < LIKE or matcher.ratio() < LIKE:
        return [], []
    removed: Ranges = []
    added: Ranges = []
    for kind, i, j, k, n in matcher.get_opcodes():
        if kind != "equal":
            start, other = len("".join(left[:i])), len("".join(right[:k]))
            removed.append((start, start + len("".join(left[i:j]))))
            added.append((other, other + len("".join(right[k:n]))))
    return removed, added


def _marked(spans: list[Span], ranges: Ranges, style: str) -> list[Span]:
    """The spans with another style in these ranges of characters."""
    edges = sorted({edge for pair in ranges for edge in pair})
    found: list[Span] = []
    at = 0
    for text, look in spans:
        stops = [edge - at for edge in edges if at < edge < at + len(text)]
        for start, end in zip([0, *stops], [*stops, len(text)], strict=True):
            inside = any(low <= at + start < high for low, high in ranges)
            found.append((text[start:end], f"{style} {look}".strip() if inside else look))
        at += len(text)
    return found


def _below(lines: tuple[Line, ...], sides: Sides, size: int, width: int) -> list[Row]:
    found: list[Row] = []
    for place, line in enumerate(lines):
        lead, hang, fill = _lead(line, line.old if line.sign == "-" else line.new, size)
        found += fold(sides[place], width, lead, hang, words=False, fill=fill)
    return found


def _lead(line: Line, number: int, size: int) -> tuple[tuple[Span, ...], tuple[Span, ...], str]:
    """The margin of a line's first row and of its others, and the style of their ends."""
    fill = {"-": "removed", "+": "added"}.get(line.sign, "")
    look = {"-": "bad", "+": "good"}.get(line.sign, "")
    lead = ((f"{number:>{size}} ", f"{fill} number"), (f"{line.sign} ", f"{fill} {look}"))
    return lead, ((" " * (size + 3), fill),), fill


def _beside(lines: tuple[Line, ...], sides: Sides, size: int, width: int) -> list[Row]:
    room = (width - 3) // 2
    found: list[Row] = []
    for before, after in _together(lines):
        left = _half(lines, sides, before, "old", size, room)
        right = _half(lines, sides, after, "new", size, room)
        for n in range(max(len(left), len(right))):
            old = left[n] if n < len(left) else Row(())
            new = right[n] if n < len(right) else Row(())
            pad = (" " * (room - width_of(old.spans)), old.fill)
            start = sum(len(text) for text, _ in old.spans) + len(pad[0]) + 3
            spans = (*old.spans, pad, (" │ ", "rule"), *new.spans)
            found.append(Row(spans, start + new.skip, new.joint, new.fill))
    return found


def _together(lines: tuple[Line, ...]) -> Iterator[tuple[int | None, int | None]]:
    """What stands side by side, by place."""
    removed: list[int] = []
    added: list[int] = []

    def flush() -> Iterator[tuple[int | None, int | None]]:
        for n in range(max(len(removed), len(added))):
            yield (
                removed[n] if n < len(removed) else None,
                added[n] if n < len(added) else None,
            )
        removed.clear()
        added.clear()

    for place, line in enumerate(lines):
        if line.sign == " " or (line.sign == "-" and added):
            yield from flush()
        if line.sign == " ":
            yield place, place
        else:
            (removed if line.sign == "-" else added).append(place)
    yield from flush()


def _half(
    lines: tuple[Line, ...], sides: Sides, place: int | None, which: str, size: int, room: int
) -> list[Row]:
    if place is None:
        return []
    line = lines[place]
    lead, hang, fill = _lead(line, getattr(line, which), size)
    return fold(sides[place], room, lead, hang, words=False, fill=fill)
