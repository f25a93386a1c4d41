"""The list of sessions: which ones are shown, in which order, and how a line of it looks."""

import asyncio
from operator import attrgetter

from tuiagent.clients.clean import clean
from tuiagent.clients.tui import fuzzy
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.sheet import Rows, age, fit
from tuiagent.clients.tui.status import money, short
from tuiagent.views.search import Hit
from tuiagent.views.sessions import Row
from tuiagent.views.usage import Spent

SIGNS = {
    "new": ("·", "dim"),
    "running": ("▶", "mark"),
    "waiting": ("?", "warn"),
    "needs": ("!", "warn"),
    "done": ("✓", "good"),
    "error": ("✗", "bad"),
    "limit": ("⊘", "bad"),
    "refused": ("⊘", "bad"),
    "interrupted": ("■", "dim"),
    "cancelled": ("■", "dim"),
    "archived": ("▫", "dim"),
    "deleted": ("⌫", "dim"),
}
"""How each state looks without its word, and its style."""
PIECE = 200
"""Rows that are looked through at once."""
LIVE = ("running", "waiting")
NAME, FOLDER, MODEL, COST, STATE = 24, 22, 20, 9, 12
"""Columns; a name has at least these."""


class Sifted:
    """The rows that are known, and those of them that are shown."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}
        self.folder = ""
        """Whose sessions come first."""
        self.here = True
        self.away = False
        """Whether those that were archived or deleted are shown."""
        self.contents = False
        """Whether texts are shown that were found, and not sessions."""
        self.hits: list[Hit] = []
        self.note = ""
        """What a search had to say."""
        self.marked: set[str] = set()
        self.wanted = ""
        """The words that are looked for."""
        self._shown: list[Row] = []
        self._costs: dict[str, float] = {}

    def take(self, rows: list[Row]) -> None:
        """Knows these, in place of what was known of them."""
        for row in rows:
            known = self.rows.get(row.stream)
            if known is None or known.changed <= row.changed:
                self.rows[row.stream] = row

    def count(self, spent: list[Spent]) -> None:
        """Adds what was used to what the sessions cost."""
        for one in spent:
            self._costs[one.stream] = self._costs.get(one.stream, 0.0) + one.cost

    async def sifted(self, typed: str) -> list[Row]:
        """What fits to what was typed, the best first; others have their turn meanwhile."""
        rows = sorted(self.rows.values(), key=attrgetter("changed"), reverse=True)
        if self.here:
            rows.sort(key=lambda row: row.folder != self.folder)
        found: list[tuple[bool, int, Row]] = []
        for start in range(0, len(rows), PIECE):
            for row in rows[start : start + PIECE]:
                if not self.away and (row.archived or row.deleted is not None):
                    continue
                hit = fuzzy.match(typed, title(row))
                if hit is not None:
                    found.append((False, -hit.score, row))
                elif _names(typed, f"{title(row)} {row.folder} {row.model}"):
                    found.append((True, 0, row))
            await asyncio.sleep(0)
        found.sort(key=lambda one: one[:2])
        return [row for *_, row in found]

    def show(self, typed: str, rows: list[Row]) -> None:
        """Shows these, which were found by what was typed."""
        self.wanted, self._shown = typed, rows

    @property
    def count_shown(self) -> int:
        """How many lines there are."""
        return len(self.hits) if self.contents else len(self._shown)

    def row(self, number: int) -> Row | None:
        """The session of a line."""
        if self.contents:
            hit = self.hit(number)
            return self.rows.get(hit.stream) if hit else None
        return self._shown[number] if number < len(self._shown) else None

    def hit(self, number: int) -> Hit | None:
        """The text of a line, where texts are shown."""
        return self.hits[number] if self.contents and number < len(self.hits) else None

    def place(self, stream: str) -> int:
        """The line of a session, the first where it is not shown."""
        return next((n for n, row in enumerate(self._shown) if row.stream == stream), 0)

    def cost(self, row: Row) -> float:
        """What a session cost, in US dollars."""
        return self._costs.get(row.stream, 0.0)


class SessionRows(Rows):
    """A line for each session, or for each text that was found."""

    def __init__(self, listed: Sifted, ident: str) -> None:
        super().__init__(ident)
        self._listed = listed

    def count(self) -> int:
        """See Pane."""
        return self._listed.count_shown

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        width = self.scrollable_content_region.width
        hit, row = self._listed.hit(number), self._listed.row(number)
        if hit is not None:
            return _found(hit, width)
        return self._told(row, width) if row else []

    @property
    def EMPTY(self) -> str:  # type: ignore[override]
        """See Pane."""
        if self._listed.contents:
            return "Type words that were said." if not self._listed.note else self._listed.note
        return "There is no such session." if self._listed.rows else "There is no session yet."

    def _told(self, row: Row, width: int) -> list[Piece]:
        listed = self._listed
        kind = state(row)
        sign, style = SIGNS.get(kind, ("·", "dim"))
        left: list[Piece] = [("✚" if row.stream in listed.marked else " ", "mark"), (sign, style)]
        right: list[Piece] = []
        room = width - 8
        for least, pieces, size in (
            (NAME, (f" {kind}", style), STATE),
            (NAME, (_price(listed.cost(row)), "dim"), COST),
            (NAME, (f" {_where(row, listed.folder)}", "dim"), FOLDER),
            (NAME + 12, (f" {row.model.rpartition('/')[2]}", "dim"), MODEL),
        ):
            if room - size >= least:
                right.append((fit(pieces[0], size), pieces[1]))
                room -= size
        left.append((f" {age(row.changed):>4} ", "dim"))
        return [*left, *_highlighted(fit(title(row), max(0, room)), listed.wanted), *right]


def state(row: Row) -> str:
    """What a session does, in one word that SIGNS has."""
    if row.deleted is not None:
        return "deleted"
    if row.archived and row.status not in LIVE:
        return "archived"
    return "needs" if row.status == "waiting" and row.error else row.status


def title(row: Row) -> str:
    """What people know a session by, as it is shown."""
    both = f"{row.name}: {row.title}" if row.name and row.title else row.name or row.title
    both = both or row.stream.partition("/")[2]
    return both if both.isprintable() else clean(both)


def _where(row: Row, here: str) -> str:
    if row.folder == here:
        return "."
    path = clean(short(row.folder))
    return path if len(path) < FOLDER else "…" + path[-(FOLDER - 3) :]


def _price(cost: float) -> str:
    return f"{money(cost):>{COST - 1}}" if cost else ""


def _names(typed: str, text: str) -> bool:
    """Whether each word stands in a text as it was typed."""
    return all(word in text.lower() for word in typed.lower().split())


def _highlighted(text: str, wanted: str) -> list[Piece]:
    """The text, with the letters by which it was found."""
    found = fuzzy.match(wanted, text)
    marks = set(found.positions) if found else set[int]()
    pieces: list[Piece] = []
    for number, char in enumerate(text):
        style = "mark" if number in marks else ""
        if pieces and pieces[-1][1] == style:
            pieces[-1] = (pieces[-1][0] + char, style)
        else:
            pieces.append((char, style))
    return pieces


def _found(hit: Hit, width: int) -> list[Piece]:
    """A text that was found, with its words marked."""
    name = fit(hit.name or hit.title, min(24, max(8, width // 4)))
    pieces: list[Piece] = [(f"{age(hit.at):>4} ", "dim"), (f"{name} ", "strong")]
    pieces.append((f"{hit.kind:<8} ", "dim"))
    last = 0
    for start, end in hit.marks:
        if start >= last:
            pieces += [(hit.snippet[last:start], ""), (hit.snippet[start:end], "mark")]
            last = end
    return [*pieces, (hit.snippet[last:], "")]
