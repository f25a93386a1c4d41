"""A line of text that a list asks for."""

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from tuiagent.clients.tui.typed import Input

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

Answered = Callable[[str], Coroutine[Any, Any, None]]


class Ask(Input):
    """A line of text that is asked for now and then; it is not seen before."""

    app: "TuiApp"  # type: ignore[assignment]

    def __init__(self, back: str) -> None:
        super().__init__(compact=True, id="ask", classes="-hidden")
        self._back = back
        """The widget that has the focus once there is an answer."""
        self._done: Answered | None = None

    def ask(self, what: str, usual: str, done: Answered) -> None:
        """Asks for this, and does it with the answer; nothing where there is none."""
        self._done = done
        self.placeholder = self.border_title = what
        self.value = usual
        self.remove_class("-hidden")
        self.focus()
        self.cursor_position = len(usual)

    def leave(self) -> bool:
        """Asks no more; whether it did."""
        asked, self._done = self._done, None
        if asked is not None:
            self.add_class("-hidden")
            self.screen.query_one(f"#{self._back}").focus()
        return asked is not None

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Does what was asked for."""
        event.stop()
        done, text = self._done, event.value.strip()
        self.leave()
        if done is not None and text:
            self.app.desk.spawn(done(text))
