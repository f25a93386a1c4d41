"""How the app draws for a browser: Textual's way, with an end and a repainting of its own."""

from textual import messages
from textual.drivers.web_driver import WebDriver


class Driver(WebDriver):
    """Textual's web driver, whose app ends with whoever shows it, and draws anew when asked."""

    def run_input_thread(self) -> None:
        """Takes what comes, until nothing can come any more."""
        super().run_input_thread()
        self._app.post_message(messages.ExitApp())

    def on_meta(self, packet_type: str, payload: dict[str, object]) -> None:
        """What is said beside what is typed."""
        if packet_type == "repaint":
            self._app.call_later(self._app.refresh, layout=True)
        else:
            super().on_meta(packet_type, payload)
