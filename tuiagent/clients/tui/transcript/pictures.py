"""Images and documents in the conversation: a line each, and pictures of half blocks below."""

from collections.abc import Callable, Sequence
from itertools import groupby

from msgspec import Struct

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

    def pieces(self, shown: Sequence[Media], whole: bool) -> list[Piece]:
        """What is drawn of these; half as large where it is not the whole."""
        found: list[Piece] = []
        for one in shown:
            found.append(words((line(media.line(one)), "muted"), lead="  ▣ ", look="muted"))
            squares = self._squares(one)
            if squares is not None:
                found.append(_drawn(squares, 1 if whole else 2))
        return found

    def _squares(self, one: Media) -> Squares | None:
        if self.ask is None or not isinstance(one, Image):
            return None
        if one.blob not in self.known:
            self.known[one.blob] = None
            self.ask(one.blob)
        return self.known[one.blob]


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
