"""The list that opens beside the cursor: what could stand there, best first."""

from collections.abc import Sequence

from msgspec import Struct
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Offset, Region, clamp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tuiagent.clients.clean import clean
from tuiagent.clients.tui.lines import over
from tuiagent.clients.tui.styled import Styled

SHOWN = 8
"""Lines of the list."""
WIDEST, TAB = 72, 24
"""Columns of the list, and of it for the choices where they have details."""


class Choice(Struct, frozen=True):
    """One thing that could stand at the cursor."""

    label: str
    insert: str
    """What is put in place of what was typed."""
    detail: str = ""
    positions: tuple[int, ...] = ()
    """Letters of the label that match what was typed."""


class Popup(Styled, Widget, can_focus=False):
    """Choices over everything else; the editor keeps the focus and hands on its keys."""

    COMPONENT_CLASSES = {"popup--chosen", "popup--detail", "popup--match"}
    DEFAULT_CSS = """
    Popup {
        display: none;
        overlay: screen;
        constrain: inside;
        background: $foreground 8%;
        color: $foreground;
        & .popup--chosen { background: $accent 20%; text-style: bold; }
        & .popup--detail { color: $text-muted; }
        & .popup--match { color: $text-accent; }
    }
    """

    class Chosen(Message):
        """A choice was clicked on."""

    def __init__(self) -> None:
        super().__init__()
        self.choices: Sequence[Choice] = ()
        self.note = ""
        """Said below the choices."""
        self.index = 0
        self._top = 0
        self._tab = 0
        """The column in which details begin."""

    @property
    def open(self) -> bool:
        """Whether it is shown."""
        return bool(self.display)

    @property
    def chosen(self) -> Choice | None:
        """The choice that the mark is on."""
        return self.choices[self.index] if self.open and self.choices else None

    def show(self, choices: Sequence[Choice], note: str, column: int, frame: Region) -> None:
        """Shows these choices above this frame, or below it, from a column of the screen on.

        None and no note closes it. Nothing is shown once the screen closes: lists end before those
        who look for what they show, and have no styles any more.
        """
        if not self.is_attached:
            return
        self.choices, self.note = choices, clean(note)
        self.index = self._top = 0
        if not choices and not note:
            self.close()
            return
        self._tab = max((cell_len(choice.label) for choice in choices if choice.detail), default=0)
        lines = [self._line(choice).cell_len for choice in choices] + [cell_len(self.note)]
        height = min(len(choices), SHOWN) + bool(note)
        self.styles.width = min(max(lines), WIDEST) + 2
        self.styles.height = height
        above = frame.y >= height
        self.absolute_offset = Offset(column - 1, frame.y - height if above else frame.bottom)
        self.display = True
        self.refresh(layout=True)

    def close(self) -> None:
        """Shows nothing."""
        self.display = False
        self.choices, self.note = (), ""

    def move(self, by: int) -> None:
        """Moves the mark, from the last line on to the first."""
        if self.choices:
            last = len(self.choices) - 1
            far = self.index + by
            wrapped = 0 if far > last else last if far < 0 else far
            self.index = wrapped if abs(by) == 1 else clamp(far, 0, last)
            self._top = clamp(self._top, self.index - SHOWN + 1, self.index)
            self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Takes the choice under the mouse."""
        event.stop()
        row = self._top + event.y
        if row < len(self.choices) and event.y < SHOWN:
            self.index = row
            self.post_message(self.Chosen())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Goes down the list."""
        event.stop()
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Goes up the list."""
        event.stop()
        self.move(-1)

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        width = self.size.width
        row = self._top + y
        if y >= SHOWN or row >= len(self.choices):
            style = self.get_component_rich_style("popup--detail")
            text = f" {self.note}" if y == min(SHOWN, len(self.choices)) else ""
            return Strip([Segment(text, style)]).adjust_cell_length(width, style)
        style = self.rich_style
        if row == self.index:
            style += over(self, "popup--chosen")
        line = self._line(self.choices[row])
        line = Text.assemble(" ", line, end="")
        line.truncate(width, overflow="ellipsis")
        return Strip(line.render(self.app.console)).adjust_cell_length(width).apply_style(style)

    def _line(self, choice: Choice) -> Text:
        label = clean(choice.label)
        line = Text(label, end="", no_wrap=True)
        if label == choice.label:
            style = self._part("popup--match")
            for place in choice.positions:
                line.stylize(style, place, place + 1)
        if choice.detail:
            line.append(" " * max(2, min(self._tab, TAB) + 2 - line.cell_len))
            line.append(" ".join(clean(choice.detail).split()), self._part("popup--detail"))
        return line

    def _part(self, name: str) -> Style:
        """Its colour, mixed with what lies under it, which the mark may change."""
        return Style(color=self.get_component_rich_style(name).color)
