"""What was used: tokens and money by day, model or project, as bars."""

import datetime
from collections.abc import Callable
from typing import ClassVar

import msgspec
from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.sheet import Ends, ListSheet, Rows, Says, fit
from tuiagent.clients.tui.status import money, short, tokens
from tuiagent.ports import Window
from tuiagent.views.sessions import Row
from tuiagent.views.usage import Spent

PIECE = 1000
"""Rows that are read at once."""
EIGHTHS = " ▏▎▍▌▋▊▉█"
TIME, MODEL, PROJECT = GROUPS = ("time", "model", "project")
SPANS = {"day": 30, "week": 182, "month": 730}
"""What one bar stands for over time, and how many days back all groupings look then."""
NAME, NUMBERS = 12, 56
"""Columns of a name at least, and of the numbers behind a bar where they have room."""


class Used(Struct):
    """What was used of one thing."""

    name: str
    replies: int = 0
    input: int = 0
    output: int = 0
    cost: float = 0.0
    unpriced: int = 0

    def add(self, spent: Spent) -> None:
        """Counts this as well."""
        self.replies += spent.replies
        self.input += spent.input
        self.output += spent.output
        self.cost += spent.cost
        self.unpriced += spent.unpriced


def grouped(rows: list[Spent], name: Callable[[Spent], str]) -> list[Used]:
    """What was used, by what `name` says of each row."""
    found: dict[str, Used] = {}
    for row in rows:
        key = name(row)
        found.setdefault(key, Used(key)).add(row)
    return list(found.values())


def bucket(day: str, span: str) -> str:
    """The day, week (by its Monday) or month that a day is in."""
    if span == "day":
        return day
    date = datetime.date.fromisoformat(day)
    if span == "week":
        return (date - datetime.timedelta(days=date.weekday())).isoformat()
    return day[:7]


def bar(part: float, width: int) -> str:
    """A bar of this part of the width, in eighths of a cell; what is not nothing is seen."""
    eighths = max(round(part * width * 8), 1 if part > 0 else 0)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (EIGHTHS[rest] if rest else "")


class Bars(Rows):
    """A bar for each group."""

    EMPTY = "Nothing was used in this time."

    def __init__(self) -> None:
        super().__init__("rows")
        self.used: list[Used] = []
        self.by_tokens = False

    def show(self, used: list[Used], by_tokens: bool) -> None:
        """Shows these, as long as what they cost or as the tokens they took."""
        self.used, self.by_tokens = used, by_tokens
        self.renew()

    def count(self) -> int:
        """See Pane."""
        return len(self.used)

    def length(self, used: Used) -> float:
        """What a bar stands for."""
        return used.input + used.output if self.by_tokens else used.cost

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        width = self.scrollable_content_region.width
        used = self.used[number]
        name = max(NAME, min(28, width // 4))
        room = width - name - 2
        numbers = NUMBERS if room >= NUMBERS + 10 else 10
        room = max(0, room - numbers)
        most = max(map(self.length, self.used)) or 1.0
        line = bar(self.length(used) / most, room)
        return [
            (f" {fit(used.name, name)} ", ""),
            (fit(line, room), "mark"),
            (self._numbers(used, numbers), "dim"),
        ]

    def _numbers(self, used: Used, width: int) -> str:
        cost = price(used)
        if width < NUMBERS:
            return f"{tokens(used.input + used.output) if self.by_tokens else cost:>{width}}"
        took = f"{tokens(used.input)} in {tokens(used.output)} out"
        unknown = f", {used.unpriced} ?" if used.unpriced else ""
        return fit(f"{cost:>10}  {took:>20}  {used.replies:>6} replies{unknown}", width)


class UsageScreen(ListSheet):
    """Bars by time, model or project, for the last days, weeks or months."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g,tab", "group", "Grouping", priority=True, id="usage.group"),
        Binding("d", "span('day')", "Days", id="usage.days"),
        Binding("w", "span('week')", "Weeks", id="usage.weeks"),
        Binding("m", "span('month')", "Months", id="usage.months"),
        Binding("t", "tokens", "Tokens", id="usage.tokens"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.group, self.span, self.by_tokens = TIME, "day", False
        self._rows: list[Spent] = []
        self._folders: dict[str, str] = {}
        self._total = Used("total")

    def compose(self) -> ComposeResult:
        """Totals, bars, and what of it has no price."""
        yield Says(self._head, "head")
        yield Says(self._totals, "totals")
        yield Bars()
        yield Says(self._unpriced, "unpriced")
        yield Says(self._foot, "foot")

    def on_mount(self) -> None:
        """Reads what was used."""
        self.query_one(Bars).focus()
        self.later(self._read())

    async def _read(self) -> None:
        client = self.app.desk.client
        before = None
        while before is None or before > 0:
            found = await client.read("usage", "", Window(PIECE, before))
            self._rows[:0] = msgspec.convert(found.data, list[Spent], strict=False)
            before = (found.total if before is None else before) - PIECE
        before = None
        while before is None or before > 0:
            found = await client.read("sessions", "", Window(PIECE, before))
            rows = msgspec.convert(found.data, list[Row], strict=False)
            self._folders |= {row.stream: row.folder for row in rows}
            before = (found.total if before is None else before) - PIECE
        if not any(row.cost for row in self._rows):
            self.by_tokens = True
        self._show()

    def _show(self) -> None:
        today = datetime.datetime.now(datetime.UTC).date()
        since = (today - datetime.timedelta(days=SPANS[self.span])).isoformat()
        rows = [row for row in self._rows if row.day > since]
        self._total = Used("total")
        for row in rows:
            self._total.add(row)
        bars = self.query_one(Bars)
        used = grouped(rows, self._called)
        if self.group == TIME:
            used.sort(key=lambda one: one.name, reverse=True)
        else:
            bars.by_tokens = self.by_tokens
            used.sort(key=bars.length, reverse=True)
        bars.show(used, self.by_tokens)
        bars.go(0)
        self.said("head", "totals", "unpriced")

    def _called(self, row: Spent) -> str:
        if self.group == TIME:
            return bucket(row.day, self.span)
        if self.group == MODEL:
            return row.model
        return short(self._folders.get(row.stream, "")) or "sessions that were erased"

    def _head(self) -> Ends:
        by = f"{self.span}s" if self.group == TIME else f"{self.group}s"
        by += ", each by its Monday" if by == "weeks" else ""
        days = SPANS[self.span]
        right = f"{days} days (UTC), {'tokens' if self.by_tokens else 'money'} "
        return [(" Usage ", "strong"), (f"by {by}", "")], [(right, "dim")]

    def _totals(self) -> Ends:
        used = self._total
        took = f"{tokens(used.input)} tokens in, {tokens(used.output)} out"
        words = f"  {took}, {used.replies} replies"
        return [(f" {price(used)}", "strong"), (words, "")], []

    def _unpriced(self) -> Ends:
        if not self._total.unpriced:
            return [], []
        models = sorted({row.model for row in self._rows if row.unpriced})
        listed = ", ".join(models[:4]) + (" …" if len(models) > 4 else "")
        text = f" {self._total.unpriced} replies have no known price: {listed}"
        return [(text, "warn")], []

    def _foot(self) -> Ends:
        keys = " g grouping  d days  w weeks  m months  t tokens or money  ↑/↓"
        return [(keys, "keys")], [("Esc back ", "keys")]

    def action_group(self) -> None:
        """Groups by the next thing: time, model, project."""
        self.group = GROUPS[(GROUPS.index(self.group) + 1) % len(GROUPS)]
        self._show()

    def action_span(self, span: str) -> None:
        """Looks at the last days, weeks or months."""
        self.span = span
        self._show()

    def action_tokens(self) -> None:
        """Compares tokens, or money again."""
        self.by_tokens = not self.by_tokens
        self._show()


def price(used: Used) -> str:
    """What it cost; a question mark where no price is known."""
    return money(used.cost) if used.replies > used.unpriced or not used.replies else "?"
