"""A conversation that is only read: as of a moment, or the end of another one."""

from typing import ClassVar

from textual.binding import Binding, BindingType

from tuiagent.clients.tui.transcript.widget import Transcript

READING = "up down fold copy prompt_up prompt_down page_up page_down".split()
"""What can be done in it; all other keys are the screen's."""
KEYS = {f"transcript.{name}" for name in READING}


class Excerpt(Transcript, inherit_bindings=False):
    """Items of which one can be taken at hand, unfolded and copied."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding
        for binding in Transcript.BINDINGS
        if isinstance(binding, Binding) and binding.id in KEYS
    ]
