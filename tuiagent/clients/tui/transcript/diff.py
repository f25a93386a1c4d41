"""Changes of files: one below the other, or side by side, with the words that differ marked."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import groupby, zip_longest
from typing import NamedTuple

from tuiagent.clients.tui.transcript.code import MOST, highlighted
from tuiagent.clients.tui.transcript.rows import Row, Span, fold, plain, width_of

HEAD = r"(?s)@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)"
WORDS = r"\w+|\s+|."
WIDE = 120
"""Cells from which on both versions stand side by side."""
LONG = 2000
"""Characters of a line up to which it is shown."""
AT_MOST = 100
"""Lines that are drawn at once."""
PAIRED = 200
"""Lines of a change up to which they are compared in pairs."""
LIKE = 0.4
"""How much two lines must have in common for their words to be compared."""
COMPARED = 400
"""Characters of a line whose words are compared."""
LOOKS = {"-": ("removed", "bad"), "+": ("added", "good")}
"""Beneath a line's words, and of its sign."""


class Line(NamedTuple):
    """One line of a diff."""

    kind: str
    """" ", "+" or "-"; "@" between hunks; "\\\\" for what is said of the line before."""
    text: str
    """As it is in the file."""
    old: int = 0
    """Its number before, counted from 1; 0 for none."""
    new: int = 0
    change: int = 0
    """Which separate change it belongs to, counted from 1 in the file; 0 for none."""


Spans = list[Span]
"""The words of a line, with how they look."""


def parsed(unified: str) -> list[Line]:
    """The lines of a unified diff of one file; what stands before the first hunk is left out."""
    lines: list[Line] = []
    old = new = change = 0
    begun = inside = False
    for row in unified.split("\n"):
        kind, text = row[:1], row[1:]
        if head := re.match(HEAD, row):
            old, new, inside, begun = int(head[1]), int(head[2]), False, True
            if max(old, new) > 1:
                lines.append(Line("@", head[3]))
        elif not begun or kind not in (" ", "+", "-", "\\") or not row:
            continue
        elif kind == "\\":
            lines.append(Line(kind, text.strip(), change=change if inside else 0))
        else:
            differs = kind != " "
            change += differs and not inside
            inside = differs
            numbers = (old if kind != "+" else 0, new if kind != "-" else 0)
            lines.append(Line(kind, text, *numbers, change if differs else 0))
            old, new = old + (kind != "+"), new + (kind != "-")
    return lines


def unchanged(text: str) -> list[Line]:
    """The lines of a file in which nothing changed."""
    rows = text.removesuffix("\n").split("\n") if text else []
    return [Line(" ", row, 0, number) for number, row in enumerate(rows, 1)]


def counts(lines: Sequence[Line]) -> tuple[int, int, int]:
    """How many lines were added and removed, in how many separate changes."""
    added = sum(line.kind == "+" for line in lines)
    removed = sum(line.kind == "-" for line in lines)
    return added, removed, max((line.change for line in lines), default=0)


def hunks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines in parts that are drawn at once; no change is cut in two."""
    part: list[Line] = []
    for line in lines:
        if part and (line.kind == "@" or (len(part) >= AT_MOST and not line.change)):
            yield part
            part = []
        part.append(line)
    if part:
        yield part


def pairs(lines: Sequence[Line]) -> Iterator[tuple[int | None, int | None]]:
    """What stands side by side, by place; what is no line of a file on neither side."""
    for change, run in groupby(range(len(lines)), lambda place: lines[place].change):
        if not change:
            yield from ((place, place) for place in run)
            continue
        places = list(run)
        left = [place for place in places if lines[place].kind == "-"]
        right = [place for place in places if lines[place].kind == "+"]
        yield from zip_longest(left, right)


def looks(lines: Sequence[Line], path: str, most: int = MOST, longest: int = LONG) -> list[Spans]:
    """The words of each line, highlighted as the file was and as it is, what changed marked.

    Nothing is highlighted in more than `most` characters, and of a line so many are shown.
    """
    texts = [_shown(line.text, longest) for line in lines]
    found: list[Spans] = [[(text, "muted")] if text else [] for text in texts]
    for kinds in (" -", " +"):
        places = [place for place, line in enumerate(lines) if line.kind in kinds]
        if places:
            code = "\n".join(texts[place] for place in places)
            for place, spans in zip(places, highlighted(code, path=path, most=most), strict=True):
                found[place] = spans
    for before, after in _compared(lines):
        removed, added = _differing(texts[before], texts[after])
        found[before] = _marked(found[before], removed, "removed-word")
        found[after] = _marked(found[after], added, "added-word")
    for place, line in enumerate(lines):
        if base := LOOKS.get(line.kind, ("", ""))[0]:
            found[place] = [(text, f"{base} {style}".strip()) for text, style in found[place]]
    return found


def _shown(text: str, longest: int) -> str:
    found = plain(text)
    return found if len(found) <= longest else found[:longest] + "…"


def _compared(lines: Sequence[Line]) -> Iterator[tuple[int, int]]:
    """The lines that stand for each other, the first ones of each change."""
    number = change = 0
    for before, after in pairs(lines):
        if before is None or after is None or before == after:
            continue
        number = number + 1 if lines[before].change == change else 1
        change = lines[before].change
        if number <= PAIRED:
            yield before, after


Ranges = list[tuple[int, int]]


def _differing(before: str, after: str) -> tuple[Ranges, Ranges]:
    """Which characters of two lines differ, word by word; none in lines that are not alike."""
    if max(len(before), len(after)) > COMPARED:
        return [], []
    left, right = re.findall(WORDS, before), re.findall(WORDS, after)
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    if matcher.real_quick_ratio() < LIKE or matcher.ratio() < LIKE:
        return [], []
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return _ranges(left, [c[1:3] for c in codes]), _ranges(right, [c[3:5] for c in codes])


def _ranges(words: Sequence[str], parts: Sequence[tuple[int, int]]) -> Ranges:
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    return [(ends[first], ends[end]) for first, end in parts if end > first]


def _marked(spans: Spans, ranges: Ranges, style: str) -> Spans:
    """The spans with another style in these ranges of characters."""
    edges = sorted({edge for pair in ranges for edge in pair})
    found: Spans = []
    at = 0
    for text, look in spans:
        stops = [edge - at for edge in edges if at < edge < at + len(text)]
        for start, end in zip([0, *stops], [*stops, len(text)], strict=True):
            inside = any(low <= at + start < high for low, high in ranges)
            found.append((text[start:end], f"{style} {look}".strip() if inside else look))
        at += len(text)
    return found


def gutter(lines: Sequence[Line]) -> int:
    """The cells that the numbers of these lines take."""
    return max(3, len(str(max((max(line.old, line.new) for line in lines), default=0))))


def beside(lines: Sequence[Line], width: int) -> bool:
    """Whether both versions stand side by side, as there is room and something on each side."""
    kinds = {line.kind for line in lines} - {"@", "\\"}
    return width >= WIDE and len(kinds) > 1


def rows(
    lines: Sequence[Line], words: Sequence[Spans], width: int, size: int, sides: bool
) -> Iterator[tuple[Line, Row]]:
    """The rows of these lines, each with a line that it shows; `size` is the gutter's."""
    if not sides:
        for line, spans in zip(lines, words, strict=True):
            number = line.old if line.kind == "-" else line.new
            yield from ((line, row) for row in _folded(line, spans, number, size, width))
        return
    room = (width - 3) // 2
    for before, after in pairs(lines):
        line = lines[(before if before is not None else after) or 0]
        if line.kind in "@\\":
            spans = words[before or 0]
            yield from ((line, row) for row in _folded(line, spans, 0, size, width))
            continue
        left, right = list[Row](), list[Row]()
        if before is not None:
            left = _folded(lines[before], words[before], lines[before].old, size, room)
        if after is not None:
            right = _folded(lines[after], words[after], lines[after].new, size, room)
        for old, new in zip_longest(left, right, fillvalue=Row(())):
            yield line, _joined(old, new, room)


def _folded(line: Line, spans: Spans, number: int, size: int, width: int) -> list[Row]:
    """A line behind its number and its sign."""
    if line.kind in "@\\":
        sign = f"{'⋯' if line.kind == '@' else '':>{size}}"
        return fold(spans, width, ((f"{sign} " if spans else sign, "number"),), words=False)
    fill, look = LOOKS.get(line.kind, ("", ""))
    lead = ((f"{number or '':>{size}} ", f"{fill} number"), (f"{line.kind} ", f"{fill} {look}"))
    return fold(spans, width, lead, ((" " * (size + 3), fill),), words=False, fill=fill)


def _joined(old: Row, new: Row, room: int) -> Row:
    """Two rows side by side; what is selected in them is the new one's."""
    pad = (" " * (room - width_of(old.spans)), old.fill)
    start = len(old.text) + len(pad[0]) + 3
    spans = (*old.spans, pad, (" │ ", "rule"), *new.spans)
    return Row(spans, start + new.skip, new.joint, new.fill)
