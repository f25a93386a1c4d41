"""What goes on and went on: runs of all sessions, and what runs in the background."""

from typing import Any, ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.sheet import Rows, Says, Sheet, age, fit, span
from tuiagent.clients.tui.status import money, short
from tuiagent.kernel.jobs import StopJob
from tuiagent.kernel.run import InterruptRun
from tuiagent.ports import Window
from tuiagent.views.jobs import Running
from tuiagent.views.runs import Row

MARKS = {
    "queued": "…",
    "running": "●",
    "done": "✓",
    "error": "✗",
    "limit": "✗",
    "refused": "✗",
    "interrupted": "◼",
    "cancelled": "◼",
}
WAITS = "?"
LIVE = ("queued", "running")
COLORS = {"✓": "good", "✗": "bad", "●": "mark", WAITS: "warn"}


class GoingOn(Rows):
    """Rows of either kind, the newest first."""

    def __init__(self, ident: str, empty: str) -> None:
        super().__init__(ident)
        self.EMPTY = empty
        self.rows: list[Any] = []

    def count(self) -> int:
        """See Pane."""
        return len(self.rows)

    @property
    def chosen(self) -> Any:
        """The row at hand."""
        return self.rows[self.at] if self.rows else None


class Runs(GoingOn):
    """One line for each run."""

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        row: Row = self.rows[number]
        mark = MARKS.get(row.status, WAITS)
        began = row.started or row.queued
        took = span(row.ended - began) if row.ended else age(began)
        status = (row.needs and f"needs {row.needs}") or row.error or row.status
        cost = money(row.cost) if row.cost else ""
        room = min(40, max(16, self.size.width - 66))
        return [
            (f" {mark} ", COLORS.get(mark, "dim")),
            (fit(row.prompt, room) + " ", "strong"),
            (fit(status, 22) + " ", "warn" if mark == WAITS else ""),
            (f"{age(row.queued):>4} {took:>9} {row.calls:>4} calls {cost:>9}  ", "dim"),
            (short(row.folder), "dim"),
        ]


class Jobs(GoingOn):
    """One line for each thing that runs in the background."""

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        job: Running = self.rows[number]
        what = str(job.args.get("command") or job.args)
        return [
            (" ■ " if job.stopping else " ● ", "warn" if job.stopping else "mark"),
            (fit(what, 56) + " ", "strong"),
            (f"{job.tool}  for {age(job.since)}  {job.job}", "dim"),
        ]


class Going(Sheet):
    """A list that follows what happens."""

    TITLE = ""
    VIEW = ""
    TOPICS = ("sessions", "items")
    row: type[Any]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,o", "show", "Go to its session", id="going.show")
    ]

    def listed(self) -> GoingOn:
        """The list."""
        raise NotImplementedError

    def foot(self) -> str:
        """The keys that help here."""
        return " Enter go to its session "

    def compose(self) -> ComposeResult:
        """The list between its head and foot."""
        yield Says(lambda: ([(f" {self.TITLE} ", "strong")], [("Esc back ", "keys")]))
        yield self.listed()
        yield Says(lambda: ([(self.foot(), "keys")], []))

    def on_mount(self) -> None:
        """Reads now, and whenever something began or ended."""
        self.query_one(GoingOn).focus()
        for topic in self.TOPICS:
            self.hear(topic, self._news)
        self._news([""])

    def _news(self, changed: list[str]) -> None:
        if "" in changed:
            self.later(self._read())

    async def _read(self) -> None:
        found = await self.app.desk.client.read(self.VIEW, "", Window(1000))
        rows = msgspec.convert(found.data, list[self.row], strict=False)  # type: ignore[name-defined]
        listed = self.query_one(GoingOn)
        listed.rows = rows[::-1]
        listed.renew()

    def on_rows_taken(self) -> None:
        """Goes to the session of the row that was clicked twice."""
        self.action_show()

    def action_show(self) -> None:
        """Goes to the session of the row at hand."""
        chosen = self.query_one(GoingOn).chosen
        if chosen is not None:
            self.app.desk.spawn(self.app.desk.open(chosen.stream))
            self.dismiss()


class RunsSheet(Going):
    """All runs."""

    TITLE, VIEW, row = "Runs", "runs", Row
    BINDINGS: ClassVar[list[BindingType]] = [Binding("c", "cancel", "Cancel", id="runs.cancel")]

    def listed(self) -> GoingOn:
        """See Going."""
        return Runs("runs", "Nothing was asked for yet.")

    def foot(self) -> str:
        """See Going."""
        return " Enter go to its session  c cancel "

    def action_cancel(self) -> None:
        """Ends the run at hand."""
        chosen = self.query_one(GoingOn).chosen
        if chosen is not None:
            self.later(self.app.desk.send(InterruptRun(chosen.stream, True, chosen.id)))


class JobsSheet(Going):
    """What runs in the background."""

    TITLE, VIEW, row = "In the background", "jobs", Running
    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "kill", "End it", id="jobs.kill")]

    def listed(self) -> GoingOn:
        """See Going."""
        return Jobs("jobs", "Nothing runs in the background.")

    def foot(self) -> str:
        """See Going."""
        return " Enter go to its session  x end it "

    def action_kill(self) -> None:
        """Ends the job at hand."""
        chosen = self.query_one(GoingOn).chosen
        if chosen is not None:
            self.later(self.app.desk.send(StopJob(chosen.stream, chosen.job)))
