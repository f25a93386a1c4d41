"""One of many: a few letters find it, Enter takes it."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen

from tuiagent.clients.tui import fuzzy
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.sheet import Rows
from tuiagent.clients.tui.typed import Input

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp


class Choice(Struct, frozen=True):
    """One thing that can be taken."""

    name: str
    help: str = ""
    mark: str = ""
    """A sign before its name, such as that it holds now."""


class Choices(Rows):
    """Those that fit what was typed, the best first."""

    EMPTY = "Nothing fits."

    def __init__(self, choices: Sequence[Choice]) -> None:
        super().__init__("choices")
        self._all = choices
        self._found = list(choices)

    def find(self, typed: str) -> None:
        """Shows only what fits this."""
        ranked: list[tuple[bool, int, int]] = []
        for number, choice in enumerate(self._all):
            named = fuzzy.match(typed, choice.name)
            found = named or fuzzy.match(typed, f"{choice.name} {choice.help}")
            if found is not None:
                ranked.append((named is None, -found.score, number))
        self._found = [self._all[number] for *_, number in sorted(ranked)]
        self.at = 0
        self.scroll_line(0)
        self.renew()

    @property
    def chosen(self) -> Choice | None:
        """The one at hand."""
        return self._found[self.at] if self._found else None

    def count(self) -> int:
        """See Pane."""
        return len(self._found)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        choice = self._found[number]
        mark = f"{choice.mark or ' '} "
        return [(mark, "mark"), (choice.name, "strong"), (f"  {choice.help}", "dim")]


class Chooser(ModalScreen[str]):
    """Asks for one of several; its name is the result, "" for none."""

    app: "TuiApp"  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", id="choose.leave", priority=True),
        Binding("down,ctrl+n", "move(1)", "Down", id="choose.down", priority=True),
        Binding("up,ctrl+p", "move(-1)", "Up", id="choose.up", priority=True),
        Binding("pagedown", "page(1)", id="choose.pagedown", priority=True),
        Binding("pageup", "page(-1)", id="choose.pageup", priority=True),
    ]

    def __init__(
        self,
        title: str,
        choices: Sequence[Choice],
        seen: Callable[[str], None] | None = None,
    ) -> None:
        """`seen` is told the name of each choice that is at hand for a moment."""
        super().__init__()
        self._title = title
        self._choices = choices
        self._seen = seen

    def compose(self) -> ComposeResult:
        """A line to type in, and what fits."""
        with Vertical() as box:
            box.border_title = Content(self._title)
            yield Input(placeholder="a few letters", compact=True)
            yield Choices(self._choices)

    @property
    def _list(self) -> Choices:
        return self.query_one(Choices)

    def on_mount(self) -> None:
        """Begins at the one that holds now."""
        self.query_one(Input).focus()
        self._list.renew()
        now = [number for number, choice in enumerate(self._choices) if choice.mark]
        if now:
            self.call_after_refresh(self._list.go, now[0])

    def on_input_changed(self, event: Input.Changed) -> None:
        """Finds what fits."""
        if event.value or self._list.count() != len(self._choices):
            self._list.find(event.value)
            self._look()

    def on_listed_moved(self) -> None:
        """Shows what it would be."""
        self._look()

    def on_rows_taken(self) -> None:
        """Takes what was clicked twice."""
        self.on_input_submitted()

    def on_input_submitted(self) -> None:
        """Takes the one at hand."""
        chosen = self._list.chosen
        self.dismiss(chosen.name if chosen else "")

    def action_leave(self) -> None:
        """Takes none."""
        self.dismiss("")

    def action_move(self, by: int) -> None:
        """Goes up or down."""
        self._list.action_move(by)

    def action_page(self, by: int) -> None:
        """Goes a page up or down."""
        self._list.action_page(by)

    def _look(self) -> None:
        chosen = self._list.chosen
        if self._seen is not None and chosen is not None:
            self._seen(chosen.name)
