"""How the app draws for a browser: Textual's way, with an end and a repainting of its own."""

from contextlib import suppress
from threading import Event
from typing import Any

from textual import events, messages
from textual.drivers.web_driver import WebDriver
from textual.message import Message

from tuiagent.clients.tui.turns import Turns


class Driver(WebDriver):
    """Textual's web driver, whose app ends with whoever shows it, and draws anew when asked."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._begun = Event()
        self.turns = Turns(self._app)
        self._early: list[Message] | None = []
        """What was typed before there was anybody to take it; None from then on."""

    def start_application_mode(self) -> None:
        """Begins, as if nobody looked; whether somebody does is told."""
        super().start_application_mode()
        self._begun.set()

    def send_message(self, message: Message) -> None:
        """Tells the app, from any thread; what is typed waits until it is ready."""
        with suppress(RuntimeError):  # it has ended meanwhile
            self._loop.call_soon_threadsafe(self._take, message)

    def _take(self, message: Message) -> None:
        typed = isinstance(message, events.InputEvent | events.Paste)
        if self._early is not None and typed:
            self._early.append(message)
        else:
            self.turns.send(message)

    def take(self) -> None:
        """The app is ready: has what was typed until now, and then what comes."""
        early, self._early = self._early or (), None
        for message in early:
            self.turns.send(message)

    def session(self, ident: str) -> None:
        """Tells the page which session is shown, so that it comes back to it; "" for none."""
        self.write_meta({"type": "session", "id": ident})

    def run_input_thread(self) -> None:
        """Takes what comes, until nothing can come any more."""
        super().run_input_thread()
        self._app.post_message(messages.ExitApp())

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """What is said beside what is typed."""
        self._begun.wait()
        told, later = super().on_meta, self._app.call_later
        if packet_type == "repaint":
            later(self._app.refresh, layout=True)
        elif packet_type in ("focus", "blur"):
            later(later, told, packet_type, payload)  # after the beginning's, which comes later too
        else:
            told(packet_type, payload)
