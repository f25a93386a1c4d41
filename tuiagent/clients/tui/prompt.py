"""The prompt: where a person types."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea


class Prompt(TextArea):
    """Some lines of text; Enter sends them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", priority=True, id="prompt.send")
    ]

    def on_mount(self) -> None:
        """Nothing blinks."""
        self.cursor_blink = False

    class Submitted(Message):
        """Something was said."""

        def __init__(self, text: str, steer: bool) -> None:
            super().__init__()
            self.text = text
            self.steer = steer

    def action_send(self) -> None:
        """Sends what was typed."""
        if self.text.strip():
            self.post_message(self.Submitted(self.text, True))
            self.clear()
