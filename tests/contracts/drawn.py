"""A small app for browsers, told apart from others by its process: say something to it."""

import os
import sys
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from tuiagent.clients.tui.driver import TerminalApp

FLOOD = 400


class Drawn(TerminalApp):
    """Answers what is said."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f5", "mark")]

    def compose(self) -> ComposeResult:
        yield Input()
        yield Static(f"app {os.getpid()} {' '.join(sys.argv[1:])}", id="said")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def action_mark(self) -> None:
        self.query_one(Input).insert_text_at_cursor("!")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        said, event.input.value = event.value, ""
        driver = self._driver
        assert driver is not None
        if said == "flood":
            for _ in range(FLOOD):
                driver.write("\x1b[2;1H" + "flood " * 10_000)
        elif said == "open":
            driver.open_url("https://example.test/")
        elif said.startswith("session "):
            driver.session(said.removeprefix("session "))  # type: ignore[attr-defined]
        elif said == "crash":
            os._exit(3)
        size = f"{self.size.width}x{self.size.height}"
        self.query_one("#said", Static).update(f"heard {said} {size} in {os.getpid()}")


if __name__ == "__main__":
    Drawn().run()
