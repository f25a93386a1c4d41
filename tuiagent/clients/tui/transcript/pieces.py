"""Pieces: what a block is drawn from, each only once it is seen."""

from collections.abc import Callable, Iterable, Iterator

from tuiagent.clients.tui.transcript import markdown
from tuiagent.clients.tui.transcript.rows import Row, Span, fold, height, plain

LARGE = 16_000
"""Characters that are drawn at once."""
MANY = 200
"""Lines that are drawn at once."""
HEAD, TAIL = 24, 12
"""Lines of a long text that are shown of its beginning and its end."""
ROOM = 6_000
"""Characters of a text that is not long."""


class Piece:
    """Some rows of a block, made when they are first seen; before, their number is guessed."""

    __slots__ = ("_count", "_guess", "_made", "_make", "_width")

    def __init__(self, make: Callable[[int], list[Row]], guess: Callable[[int], int]) -> None:
        self._make = make
        self._guess = guess
        self._made: list[Row] | None = None
        self._count = 0
        self._width = 0

    @property
    def held(self) -> bool:
        """Whether its rows are kept at the moment."""
        return self._made is not None

    def rows(self, width: int) -> list[Row]:
        """Its rows, folded to a width."""
        if self._made is None or self._width != width:
            self._made = self._make(width)
            self._count, self._width = len(self._made), width
        return self._made

    def height(self, width: int) -> int:
        """How many rows it has, or about as many where they were never made."""
        return self._count if self._width == width else self._guess(width)

    def drop(self) -> None:
        """Forgets its rows, not how many there are."""
        self._made = None


def fixed(make: Callable[[int], list[Row]], count: int = 1) -> Piece:
    """A piece that mostly has so many rows."""
    return Piece(make, lambda width: count)


def of_rows(rows: Iterable[Row]) -> Piece:
    """A piece with these rows, whatever the width."""
    made = list(rows)
    return Piece(lambda width: made, lambda width: len(made))


def words(*spans: Span, lead: str = "  ", look: str = "", fill: str = "") -> Piece:
    """A line of our own words, folded behind a margin."""
    size = sum(len(text) for text, _ in spans)

    def make(width: int) -> list[Row]:
        return fold(spans, width, ((lead, look),), ((" " * len(lead), fill),), fill=fill)

    return Piece(make, lambda width: 1 + size // max(1, width))


def said(part: markdown.Part, gap: bool, lead: Span = ("  ", "")) -> Piece:
    """A part of a Markdown text, behind a margin; `gap` leaves a line free before it."""
    rest = (" " * len(lead[0]), "")

    def make(width: int) -> list[Row]:
        found = [Row(())] if gap else []
        for n, row in enumerate(markdown.rows(part, width - len(lead[0]))):
            margin = rest if n else lead
            size = len(margin[0]) + row.skip
            found.append(Row((margin, *row.spans), size, row.joint, row.fill))
        return found

    return Piece(make, lambda width: gap + height(part.text, width - len(lead[0])))


def chunks(text: str) -> Iterator[tuple[str, bool]]:
    """A text in parts that can be drawn at once; whether each begins a line."""
    at, begins = 0, True
    while at < len(text):
        end = min(at + LARGE, len(text))
        if end < len(text):
            end = max(text.rfind("\n", at, end) + 1, at) or end
            end = end if end > at else min(at + LARGE, len(text))
        if text.count("\n", at, end) > MANY:
            end = at
            for _ in range(MANY):
                end = text.index("\n", end) + 1
        yield text[at:end].removesuffix("\n"), begins
        begins = text[end - 1] == "\n"
        at = end


def verbatim(text: str, look: str = "", lead: Span = ("  ", "")) -> list[Piece]:
    """Any text as it is, behind a margin."""
    return [_verbatim(part, begins, look, lead) for part, begins in chunks(text)]


def _verbatim(text: str, begins: bool, look: str, lead: Span) -> Piece:
    def make(width: int) -> list[Row]:
        found: list[Row] = []
        for line in plain(text).split("\n"):
            found += fold([(line, look)], width, (lead,), (lead,), words=False)
        if not begins:
            found[0].joint = ""
        return found

    return Piece(make, lambda width: height(text, width - len(lead[0])))


def clipped(text: str, whole: bool, look: str = "", lead: Span = ("  ", "")) -> list[Piece]:
    """Any text; of a long one its beginning, its end, and how much lies between."""
    head, hidden, tail = clip(text)
    if whole or not hidden:
        return verbatim(text, look, lead)
    return [*verbatim(head, look, lead), more(hidden, lead), *verbatim(tail, look, lead)]


def more(hidden: str, lead: Span = ("  ", "")) -> Piece:
    """Says what is not shown, and how it is."""
    spans = (lead, (f"… {hidden} more (enter shows them)", "muted"))
    return of_rows([Row(spans, len(lead[0]), act="more")])


def clip(text: str) -> tuple[str, str, str]:
    """The beginning of a text, what is left out ("" for nothing), and its end."""
    count = text.count("\n") + 1
    if count <= HEAD + TAIL + 4 and len(text) <= ROOM:
        return text, "", ""
    end = nth(text, HEAD)
    start = len(text)
    for _ in range(TAIL):
        start = text.rfind("\n", 0, max(0, start))
        if start < 0:
            break
    head, tail = text[: min(end, 2 * ROOM // 3)], text[max(start + 1, len(text) - ROOM // 3) :]
    if len(head) + len(tail) >= len(text):
        return text, "", ""
    middle = text[len(head) : len(text) - len(tail)]
    lines = middle.count("\n")
    hidden = f"{lines:,} lines" if lines > 1 else f"{len(middle):,} characters"
    return head.removesuffix("\n"), hidden, tail


def nth(text: str, count: int) -> int:
    """Where a text's line with this number ends."""
    end = -1
    for _ in range(count):
        end = text.find("\n", end + 1)
        if end < 0:
            return len(text)
    return end
