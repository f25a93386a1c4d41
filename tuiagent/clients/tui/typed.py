"""What one types into: as Textual has it, but that nothing blinks and no timer runs."""

from textual import widgets
from textual.reactive import reactive


class Input(widgets.Input):
    """A line."""

    cursor_blink = reactive(False, init=False)


class TextArea(widgets.TextArea):
    """Several lines."""

    cursor_blink = reactive(False, init=False)
