"""Approvals: everything that waits for a person, of every session."""

from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.pane import Pane


class Approvals(Pane):
    """What waits, oldest first."""

    BORDER_TITLE = "Approvals"
    EMPTY = "Nothing waits for you."

    def on_mount(self) -> None:
        """Listens."""
        self.app.desk.listen("waiting", self.renew)

    def count(self) -> int:
        """See Pane."""
        return len(self.app.desk.waiting)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        one = self.app.desk.waiting[number]
        return [(f"{one.kind} ", "warn"), (f"{one.tool} ", "strong"), (str(one.args), "")]
