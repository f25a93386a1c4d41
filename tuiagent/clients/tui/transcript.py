"""The conversation: what was said and done, oldest first."""

from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.pane import Pane


class Transcript(Pane):
    """Every item of the session at hand."""

    EMPTY = "Say what is to be done."

    def on_mount(self) -> None:
        """Listens."""
        self._lines: list[Piece] = []
        self.anchor()
        self.app.desk.listen("conversation", self._news)
        self.app.desk.listen("items", self._news)

    def _news(self, changed: list[str]) -> None:
        conversation = self.app.desk.conversation
        self._lines = [
            (
                f"{'  ' if n else item.kind[:1] + ' '}{text}",
                "strong" if item.kind == "prompt" else "",
            )
            for item in (conversation.items if conversation else [])
            for n, text in enumerate((item.text or f"{item.name} {item.status}").split("\n"))
        ]
        self.renew()

    def count(self) -> int:
        """See Pane."""
        return len(self._lines)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        return [self._lines[number]]
