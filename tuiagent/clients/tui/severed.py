"""What is said where the server has ended whose work the screen shows, and what a person can do."""

from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.screens.sheet import Ends
from tuiagent.clients.tui.status import Line


class ServerBar(Line):
    """Said as long as no server goes on, with the key that starts one."""

    def on_mount(self) -> None:
        """Listens."""
        self._asked = False
        self.display = False
        self.app.desk.listen("items", self._look)

    def _look(self, changed: list[str]) -> None:
        severed = self.app.desk.severed
        if severed != self.display:
            self.display, self._asked = severed, False

    def ends(self) -> Ends:
        """See Line."""
        if self._asked:
            return [(" The server is being started …", "warn")], []
        told = keyed(self, "Alt+T starts it")
        return [(" The server has ended: ", "warn"), (told, "strong")], []

    def take(self) -> None:
        """Starts the server; the screen goes on by itself as soon as it is there."""
        if not self._asked:
            self._asked = True
            self.refresh()
            self.app.desk.spawn(self._start())

    async def _start(self) -> None:
        desk = self.app.desk
        self._asked = await desk.attempt(desk.host.background())
        self.refresh()

    def on_click(self) -> None:
        """Starts it."""
        self.take()
