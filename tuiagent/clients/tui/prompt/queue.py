"""What waits to be said: the prompts that were submitted while a run goes on."""

from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import clamp
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from tuiagent.clients.tui.lines import KEYS, lit, spread
from tuiagent.clients.tui.prompt.waiting import moved, taken
from tuiagent.clients.tui.styled import Styled
from tuiagent.views.status import Queued

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

SHOWN = 5
"""Lines at most; fewer where the screen is low."""
LEADS, CHANGES, SHORT = "  Alt+↑ change", "  e edit  x remove  K J move", "  e x K J"
"""The keys that help: to come here, and here; and here where there is little room."""
ROOM = 50
"""Columns from which on there is room for what keys do beside what waits."""


class Queue(Styled, Widget, can_focus=True):
    """One line for each prompt that waits, next one first; to be changed, moved and removed."""

    app: "TuiApp"  # type: ignore[assignment]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False, id="queue.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="queue.down"),
        Binding("shift+up,K", "shift(-1)", "Earlier", id="queue.earlier"),
        Binding("shift+down,J", "shift(1)", "Later", id="queue.later"),
        Binding("enter,e", "edit", "Edit", id="queue.edit"),
        Binding("delete,backspace,x", "remove", "Remove", id="queue.remove"),
        Binding("escape,alt+down", "leave", "Back", id="queue.leave"),
    ]
    COMPONENT_CLASSES = {"queue--chosen", "queue--when", KEYS}
    DEFAULT_CSS = """
    Queue {
        display: none;
        height: auto;
        max-height: 22vh;
        color: $text-muted;
        & .queue--chosen { background: $accent 20%; text-style: bold; }
        & .queue--when { color: $text-accent; }
        & .keys { color: $text-muted; }
    }
    """

    class Taken(Message):
        """A prompt was taken back, to be edited."""

        def __init__(self, queued: Queued) -> None:
            super().__init__()
            self.queued = queued

    class Leave(Message):
        """The editor is to have the keys again."""

    def __init__(self) -> None:
        super().__init__()
        self.queued: list[Queued] = []
        self._mark = 0
        """Where the mark is wanted; there may be fewer for a moment."""
        self._top = 0

    @property
    def index(self) -> int:
        """The line that the mark is on."""
        return clamp(self._mark, 0, max(0, len(self.queued) - 1))

    def show(self, queued: list[Queued]) -> None:
        """Shows these; nothing when there are none."""
        if queued == self.queued:
            return
        before = self.queued
        self.queued = list(queued)
        if not queued and self.has_focus:
            self.post_message(self.Leave())
        self.display = bool(queued)
        self.styles.height = min(len(queued), SHOWN)
        self.refresh(layout=len(before) != len(queued))

    def action_move(self, by: int) -> None:
        """Goes to another one; past the last one to the editor."""
        if self.index + by >= len(self.queued):
            self.post_message(self.Leave())
        self._go(self.index + by)

    def on_mouse_scroll_down(self) -> None:
        """Shows the first one below that is not seen."""
        self._go(self._top + self.size.height)

    def on_mouse_scroll_up(self) -> None:
        """Shows the first one above that is not seen."""
        self._go(self._top - 1)

    def _go(self, line: int) -> None:
        self._mark = clamp(line, 0, len(self.queued) - 1)
        self.refresh()

    async def action_shift(self, by: int) -> None:
        """Has it said earlier or later; what steers the run is said with its next step anyway."""
        other = self.index + by
        if not 0 <= other < len(self.queued):
            return
        pair = (self.queued[self.index], self.queued[other])
        if not any(one.steer for one in pair):
            waiting = [one.prompt for one in self.queued if not one.steer]
            self._mark = other
            first = min(waiting.index(one.prompt) for one in pair)
            await moved(self.app.desk, self.queued, first)

    async def action_edit(self) -> None:
        """Takes it back into the editor."""
        if self.queued:
            queued = self.queued[self.index]
            if await taken(self.app.desk, queued):
                self.post_message(self.Taken(queued))

    async def action_remove(self) -> None:
        """Takes it away; it stays in the history."""
        if self.queued:
            await taken(self.app.desk, self.queued[self.index])

    def enter(self) -> None:
        """Has the keys, at what was said last."""
        self._go(len(self.queued) - 1)
        self.focus()

    def action_leave(self) -> None:
        """Goes back to the editor."""
        self.post_message(self.Leave())

    async def on_click(self, event: events.Click) -> None:
        """Goes to the line; a second click takes it into the editor."""
        self._go(self._top + event.y)
        if event.chain == 2 and "@click" not in event.style.meta:  # it is on no key
            await self.action_edit()

    def on_focus(self) -> None:
        """Shows where the mark is."""
        self.refresh()

    def on_blur(self) -> None:
        """Shows no mark."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        width = self.size.width
        height = self.size.height
        self._top = min(self._top, max(0, len(self.queued) - height))
        self._top = clamp(self._top, self.index - height + 1, self.index)
        row = self._top + y
        if row >= len(self.queued):
            return Strip.blank(width, self.rich_style)
        queued = self.queued[row]
        text = " ".join(queued.text.split())
        when = "next step " if queued.steer else "after it  "
        chosen = self.has_focus and row == self.index
        here = CHANGES if width >= ROOM else SHORT
        keys = here if chosen else LEADS if not (self.has_focus or y) else ""
        left = [(when, "queue--when"), (text, "")]
        line = spread(self, left, [(keys, KEYS)], width)
        return lit(self, line, "queue--chosen") if chosen else line
