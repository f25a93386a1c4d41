"""How the app draws for a browser: Textual's way, with an end and a repainting of its own."""

from threading import Event
from typing import Any

from textual import messages
from textual.drivers.web_driver import WebDriver


class Driver(WebDriver):
    """Textual's web driver, whose app ends with whoever shows it, and draws anew when asked."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._begun = Event()

    def start_application_mode(self) -> None:
        """Begins, as if nobody looked; whether somebody does is told."""
        super().start_application_mode()
        self._begun.set()

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
