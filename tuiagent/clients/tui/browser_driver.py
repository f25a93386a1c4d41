"""How the app draws for a browser: Textual's way, with an end and a repainting of its own."""

from threading import Event, Lock
from typing import Any

from textual import events, messages
from textual.drivers.web_driver import WebDriver
from textual.message import Message


class Driver(WebDriver):
    """Textual's web driver, whose app ends with whoever shows it, and draws anew when asked."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._begun = Event()
        self._lock = Lock()
        self._early: list[Message] | None = []
        """What was typed before there was anybody to take it; None from then on."""

    def start_application_mode(self) -> None:
        """Begins, as if nobody looked; whether somebody does is told."""
        super().start_application_mode()
        self._begun.set()

    def send_message(self, message: Message) -> None:
        """Tells the app; what is typed waits until it is ready."""
        with self._lock:
            if self._early is None or not isinstance(message, events.InputEvent | events.Paste):
                super().send_message(message)
            else:
                self._early.append(message)

    def take(self) -> None:
        """The app is ready: has what was typed until now, and then what comes."""
        with self._lock:
            for message in self._early or ():
                super().send_message(message)
            self._early = None

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
