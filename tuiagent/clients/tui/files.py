"""The files of the session's folder."""

import os

from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.pane import Pane


class Files(Pane):
    """Names in the folder."""

    BORDER_TITLE = "Files"

    def on_mount(self) -> None:
        """Reads the folder."""
        self._names = sorted(os.listdir(self.app.desk.host.console.folder or "."))
        self.renew()

    def count(self) -> int:
        """See Pane."""
        return len(self._names)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        return [(self._names[number], "")]
