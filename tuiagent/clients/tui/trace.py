"""The tool trace: every call of the session at hand."""

from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.pane import Pane
from tuiagent.views.transcript import Item


class Trace(Pane):
    """Calls, oldest first."""

    BORDER_TITLE = "Trace"
    EMPTY = "No tool was called yet."

    def on_mount(self) -> None:
        """Listens."""
        self.app.desk.listen("conversation", self.renew)
        self.app.desk.listen("items", self.renew)

    def _calls(self) -> list[Item]:
        conversation = self.app.desk.conversation
        return [i for i in conversation.items if i.kind == "call"] if conversation else []

    def count(self) -> int:
        """See Pane."""
        return len(self._calls())

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        item = self._calls()[number]
        return [(f"{item.status} ", "dim"), (f"{item.name} ", "strong"), (str(item.args), "")]
