"""Images and documents in the conversation: a line each, and below it pictures of half blocks, or
sharp ones where the terminal shows such; see graphics.
"""

from collections.abc import Callable, Sequence
from itertools import groupby

from msgspec import Struct

from tuiagent.clients.tui import graphics
from tuiagent.clients.tui.transcript.pieces import Piece, fixed, words
from tuiagent.clients.tui.transcript.rows import Row, Span, line
from tuiagent.kernel import media
from tuiagent.kernel.message import Image, Media

HALF = "▀"
"""The upper half of a cell, so that each cell shows two squares."""


class Squares(Struct, frozen=True):
    """What is read of a picture; see engine.picture."""

    colours: tuple[str, ...]
    rows: tuple[str, ...]


class Pictures:
    """Those that are known by the hash of their image; others are asked for when first seen."""

    def __init__(self) -> None:
        self.known: dict[str, Squares | None] = {}
        self.ask: Callable[[str], object] | None = None
        """Called once for each image that is seen and not known; None draws none."""
        self.sharp: dict[tuple[str, int], int] = {}
        """The numbers that the terminal knows them by, by hash and step; 0 while there is none."""
        self.sharpen: Callable[[str, int], object] | None = None
        """Called once for each that is drawn and could be sharp; None where none can be."""

    def pieces(self, shown: Sequence[Media], whole: bool) -> list[Piece]:
        """What is drawn of these; half as large where it is not the whole."""
        found: list[Piece] = []
        for one in shown:
            found.append(words((line(media.line(one)), "muted"), lead="  ▣ ", look="muted"))
            squares = self._squares(one)
            if squares is not None:
                step = 1 if whole else 2
                number = self._number(one.blob, step)
                found.append(_placed(squares, step, number) if number else _drawn(squares, step))
        return found

    def _number(self, blob: str, step: int) -> int:
        if self.sharpen is None:
            return 0
        if (blob, step) not in self.sharp:
            self.sharp[blob, step] = 0
            self.sharpen(blob, step)
        return self.sharp[blob, step]

    def _squares(self, one: Media) -> Squares | None:
        if self.ask is None or not isinstance(one, Image):
            return None
        if one.blob not in self.known:
            self.known[one.blob] = None
            self.ask(one.blob)
        return self.known[one.blob]


def extent(squares: Squares, step: int) -> tuple[int, int]:
    """How many columns and rows of cells it is drawn in; every second square where `step` is 2."""
    columns = max((len(row[::step]) for row in squares.rows), default=0)
    return columns, (len(squares.rows[::step]) + 1) // 2


def _placed(squares: Squares, step: int, number: int) -> Piece:
    """Where the terminal shows the picture of this number."""
    columns, rows = extent(squares, step)

    def make(width: int) -> list[Row]:
        texts = [graphics.cells(row, min(columns, max(0, width - 2))) for row in range(rows)]
        spans = [[("  ", ""), (text, graphics.look(number))] for text in texts]
        return [Row(each, sum(len(text) for text, _ in each)) for each in spans]

    return fixed(make, rows)


def _drawn(squares: Squares, step: int) -> Piece:
    """Two rows of squares in each line; every second one where `step` is 2."""
    rows = squares.rows[::step]
    pairs = [(rows[n], rows[n + 1] if n + 1 < len(rows) else "") for n in range(0, len(rows), 2)]

    def make(width: int) -> list[Row]:
        found: list[Row] = []
        for upper, lower in pairs:
            room = max(0, width - 2)
            top, under = upper[::step][:room], lower[::step][:room]
            spans: list[Span] = [("  ", "")]
            cells = zip(top, under or top, strict=False)
            for (one, other), same in groupby(cells):
                look = f"fg={_colour(squares, one)}"
                if under:
                    look += f" bg={_colour(squares, other)}"
                spans.append((HALF * sum(1 for _ in same), look))
            found.append(Row(spans, len("".join(text for text, _ in spans))))
        return found

    return fixed(make, len(pairs))


def _colour(squares: Squares, letter: str) -> str:
    number = ord(letter) - ord("0")
    return squares.colours[number] if number < len(squares.colours) else squares.colours[0]
