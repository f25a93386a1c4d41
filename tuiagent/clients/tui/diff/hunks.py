"""A unified diff as lines that can be drawn: numbered, paired, with the words that differ."""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from tuiagent.clients.clean import clean

TAB = 4
LONG = 2000
"""Characters of a line up to which it is shown."""
COMPARED = 400
"""Characters of a line up to which words are compared."""
PAIRED = 200
"""Lines of a change up to which they are compared in pairs."""
LIKE = 0.4
"""How alike two lines are at least whose words are compared."""
HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@ ?(.*)", re.DOTALL)
WORD = re.compile(r"\w+|\s+|.")


class Line(NamedTuple):
    """One line of a diff."""

    kind: str
    """" ", "+" or "-"; "@" between hunks; "\\\\" for what is said of the line before."""
    text: str
    """Without escapes; tabs are spaces."""
    old: int = 0
    """Its number before, counted from 1; 0 for none."""
    new: int = 0
    change: int = 0
    """Which separate change it belongs to, counted from 1 in the file; 0 for none."""
    words: tuple[tuple[int, int], ...] = ()
    """Where the words are that differ from the line that it stands for: first and end."""


class Pair(NamedTuple):
    """What stands side by side; None for nothing."""

    left: Line | None
    right: Line | None


def shown(text: str) -> str:
    """A line of somebody's as it can be drawn."""
    found = clean(text).replace("\n", " ").expandtabs(TAB)
    return found if len(found) <= LONG else found[:LONG] + "…"


def parsed(unified: str) -> list[Line]:
    """The lines of a unified diff of one file; what stands before the first hunk is left out."""
    lines: list[Line] = []
    old = new = change = 0
    begun = inside = False
    for row in unified.split("\n"):
        kind, text = row[:1], row[1:]
        if hunk := HUNK.match(row):
            old, new, inside, begun = int(hunk[1]), int(hunk[2]), False, True
            if max(old, new) > 1:
                lines.append(Line("@", shown(hunk[3])))
        elif not begun or kind not in (" ", "+", "-", "\\") or not row:
            continue
        elif kind == "\\":
            lines.append(Line(kind, shown(text.strip()), change=change if inside else 0))
        else:
            differs = kind != " "
            change += differs and not inside
            inside = differs
            numbers = (old if kind != "+" else 0, new if kind != "-" else 0)
            lines.append(Line(kind, shown(text), *numbers, change if differs else 0))
            old, new = old + (kind != "+"), new + (kind != "-")
    return _compared(lines)


def plain(text: str) -> list[Line]:
    """The lines of a file in which nothing changed."""
    rows = text.removesuffix("\n").split("\n") if text else []
    return [Line(" ", shown(row), 0, number) for number, row in enumerate(rows, 1)]


def counts(lines: Sequence[Line]) -> tuple[int, int, int]:
    """How many lines were added and removed, in how many separate changes."""
    added = sum(line.kind == "+" for line in lines)
    removed = sum(line.kind == "-" for line in lines)
    return added, removed, max((line.change for line in lines), default=0)


def paired(lines: Sequence[Line]) -> list[Pair]:
    """Old and new side by side."""
    pairs: list[Pair] = []
    for run in _runs(lines):
        if not run[0].change:
            pairs += [Pair(line, line) for line in run]
            continue
        left = [line for line in run if line.kind == "-"]
        right = [line for line in run if line.kind == "+"]
        for number in range(max(len(left), len(right))):
            before = left[number] if number < len(left) else None
            after = right[number] if number < len(right) else None
            pairs.append(Pair(before, after))
    return pairs


def _runs(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """The lines of each separate change together; each other line alone."""
    run: list[Line] = []
    for line in lines:
        if run and (line.change != run[0].change or not line.change):
            yield run
            run = []
        run.append(line)
    if run:
        yield run


def _compared(lines: Sequence[Line]) -> list[Line]:
    """The same lines, with the words that differ."""
    found, at = list(lines), 0
    for run in _runs(lines):
        places = range(at, at + len(run))
        at += len(run)
        old = [place for place in places if lines[place].kind == "-"]
        new = [place for place in places if lines[place].kind == "+"]
        for before, after in zip(old[:PAIRED], new[:PAIRED], strict=False):
            words = _words(lines[before].text, lines[after].text)
            for place, spans in zip((before, after), words, strict=True):
                found[place] = lines[place]._replace(words=spans)
    return found


Spans = tuple[tuple[int, int], ...]


def _words(old: str, new: str) -> tuple[Spans, Spans]:
    """Where in each line the words are that the other has not; none in lines that are not alike."""
    if max(len(old), len(new)) > COMPARED:
        return (), ()
    before, after = WORD.findall(old), WORD.findall(new)
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    if matcher.ratio() < LIKE:
        return (), ()
    codes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    return _spans(before, [c[1:3] for c in codes]), _spans(after, [c[3:5] for c in codes])


def _spans(words: Sequence[str], parts: Sequence[tuple[int, int]]) -> Spans:
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(word))
    return tuple((ends[first], ends[end]) for first, end in parts if end > first)
