"""A screen that shows what a chip stands for."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import Static

from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.prompt.chips import Chip
from tuiagent.clients.tui.typed import TextArea


class FoldedScreen(ModalScreen[bool]):
    """The whole text of a paste; True when it is to be put into the prompt as it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss(False)", "Back", id="folded.back"),
        Binding("u", "dismiss(True)", "Unfold", id="folded.unfold"),
    ]
    DEFAULT_CSS = """
    FoldedScreen {
        align: center middle;
        & TextArea { width: 90%; height: 80%; border: round $panel; }
        & Static { width: 90%; height: 1; color: $text-muted; }
    }
    """

    def __init__(self, chip: Chip) -> None:
        super().__init__()
        self.chip = chip

    def compose(self) -> ComposeResult:
        """The text, and what can be done with it."""
        yield TextArea(self.chip.text, read_only=True, show_line_numbers=not self.chip.shown)
        puts, back = keyed(self, "u"), keyed(self, "Esc")
        said = f"{puts} puts it into the prompt as it is · {back} goes back"
        yield Static(said, markup=False)
