"""Tables, fitted to the width."""

from collections.abc import Sequence

from tuiagent.clients.tui.transcript.rows import BLANK, Row, Span, fold, width_of

LEAST = 4
"""Cells of a column; where there is no room for that, each record has lines of its own."""
BETWEEN = (" │ ", "rule")


def table(cells: Sequence[Sequence[list[Span]]], width: int) -> list[Row]:
    """The rows of a table, whose first record is its head."""
    count = max(map(len, cells), default=0)
    if not count:
        return []
    room = width - 3 * (count - 1)
    if room < LEAST * count:
        return _records(cells, width)
    padded = [[*record, *([[]] * (count - len(record)))] for record in cells]
    sizes = _fitted([max(width_of(r[n]) for r in padded) for n in range(count)], room)
    found: list[Row] = []
    for number, record in enumerate(padded):
        found += _record(record, sizes)
        if not number:
            rule = "─┼─".join("─" * size for size in sizes)
            found.append(Row(((rule, "rule"),), len(rule)))
    return found


def _fitted(sizes: list[int], room: int) -> list[int]:
    """The widths; those that are widest give way."""
    sizes = [max(1, size) for size in sizes]
    fair, left = room // len(sizes), len(sizes)
    free = room
    for size in sorted(sizes):
        fair = free // left
        if size > fair:
            break
        free, left = free - size, left - 1
    else:
        return sizes
    return [min(size, max(1, fair)) for size in sizes]


def _record(record: Sequence[list[Span]], sizes: list[int]) -> list[Row]:
    columns = [fold(cell, size) for cell, size in zip(record, sizes, strict=True)]
    found: list[Row] = []
    for number in range(max(map(len, columns))):
        spans: list[Span] = []
        for column, size in zip(columns, sizes, strict=True):
            part = column[number].spans if number < len(column) else ()
            if spans:
                spans.append(BETWEEN)
            spans += part
            spans.append((" " * (size - width_of(part)), ""))
        while spans and not spans[-1][0].strip():
            spans.pop()
        found.append(Row(spans))
    return found


def _records(cells: Sequence[Sequence[list[Span]]], width: int) -> list[Row]:
    """A table that is too wide, one field in a line."""
    head, *records = cells
    found: list[Row] = []
    for record in records:
        if found:
            found.append(BLANK)
        for number, cell in enumerate(record):
            name = [*head[number], (": ", "")] if number < len(head) else []
            found += fold([*name, *cell], width, (), (("  ", ""),))
    return found or fold([span for cell in head for span in (*cell, ("  ", ""))], width)
