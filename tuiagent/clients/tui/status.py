"""Header, tabs and footer: one line each, drawn again only when what they show has changed."""

import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from tuiagent.clients.clean import clean
from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.lines import Piece, spread
from tuiagent.clients.tui.paint import ROOMY
from tuiagent.clients.tui.styled import Styled
from tuiagent.clients.waits import at, told

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp


COZY = 48
"""Columns from which on tabs have room at both sides."""
KEYED = 60
"""Columns from which on tabs name their keys."""
KEYS = {"files": "F2", "trace": "F3", "approvals": "F4", "conversation": "F5"}


class Line(Styled, Widget, can_focus=False):
    """One line over the whole width."""

    app: "TuiApp"  # type: ignore[assignment]
    COMPONENT_CLASSES = {"dim", "keys", "strong", "mark", "warn"}
    TOPICS: tuple[str, ...] = ()
    _drawn: tuple[list[Piece], list[Piece]] | None = None

    def on_mount(self) -> None:
        """Draws again when a topic has news."""
        for topic in self.TOPICS:
            self.app.desk.listen(topic, self._news)

    def _news(self, changed: list[str]) -> None:
        if self.ends() != self._drawn:
            self.refresh()

    def ends(self) -> tuple[list[Piece], list[Piece]]:
        """What stands at the left, and at the right."""
        return [], []

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        self._drawn = self.ends()
        return spread(self, *self._drawn, self.size.width)


Word = tuple[str, str, str]
"""Words and their class, as a Piece, and the action that a click on them does."""
HELD = {"": "no sandbox", "off": "no sandbox"}
"""What holds the commands, where it is not told by its name."""


class Header(Line):
    """Where this is: directory, model, mode, context and money."""

    TOPICS = ("conversation", "items", "waiting")

    def ends(self) -> tuple[list[Piece], list[Piece]]:
        """See Line."""
        left, right = self._words()
        return [word[:2] for word in left], [*(word[:2] for word in right), (" ", "")]

    def on_click(self, event: events.Click) -> None:
        """Opens what the word that was clicked is about."""
        left, right = self._words()
        at = self.size.width - 1 - sum(cell_len(clean(text)) for text, *_ in right)
        words, at = (right, at) if event.x >= at else (left, 0)
        for text, _, opens in words:
            at += cell_len(clean(text))
            if event.x < at:
                self.app.call_next(self.app.run_action, opens)
                return

    def _words(self) -> tuple[list[Word], list[Word]]:
        desk = self.app.desk
        conversation = desk.conversation
        left: list[Word] = [(" tuiagent ", "strong", "palette")]
        if conversation is None:
            settings = desk.host.settings
            model = settings.model or "no model yet"
            left.append((short(desk.folder), "", "sessions"))
            return left, [(model, "", "models"), (f"  {settings.mode}", "mark", "mode")]
        status = conversation.status
        name = status.name or status.title or "new session"
        left += [(short(status.folder), "", "sessions"), (f"  {name}", "dim", "sessions")]
        sandbox = HELD.get(status.sandbox, status.sandbox)
        right: list[Word] = [(status.model, "", "models"), (f"  {status.mode}", "mark", "mode")]
        right.append((f" {sandbox}", "dim", "mode"))
        if status.context:
            right.append((f"  {filled(status.context, status.window)}", "dim", "context"))
        if status.session.cost:
            right.append((f"  {money(status.session.cost)}", "dim", "usage"))
        return left, right


class Tabs(Line):
    """The panes by name, where only one has room."""

    TOPICS = ("waiting",)

    def __init__(self, panes: Mapping[str, str]) -> None:
        super().__init__()
        self._panes = panes

    def ends(self) -> tuple[list[Piece], list[Piece]]:
        """See Line."""
        return [self._tab(pane) for pane in self._panes], []

    def _tab(self, pane: str) -> Piece:
        title = self._panes[pane]
        if pane == "approvals" and self.app.desk.waiting:
            title += f" {len(self.app.desk.waiting)}"
        if self.size.width >= KEYED:
            title = f"{keyed(self, KEYS[pane])} {title}"
        gap = " " if self.size.width >= COZY else ""
        return f" {title}{gap}", "strong" if self.app.shown == pane else "dim"

    def on_click(self, event: events.Click) -> None:
        """Goes to the pane that was clicked."""
        at = 0
        for pane in self._panes:
            at += len(self._tab(pane)[0])
            if event.x < at:
                self.app.action_pane(pane)
                return


class Footer(Line):
    """What goes on, and the keys that help now."""

    TOPICS = ("conversation", "items", "waiting")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._clock = clock

    def on_mount(self) -> None:
        """Counts the seconds of a run, while there is one."""
        self._second = self.set_interval(1.0, self.refresh, pause=True)
        super().on_mount()

    def _news(self, changed: list[str]) -> None:
        if self._works:
            self._second.resume()
        else:
            self._second.pause()
        super()._news(changed)

    @property
    def _works(self) -> bool:
        """Whether the run at hand goes on by itself: it waits for nobody."""
        conversation = self.app.desk.conversation
        if conversation is None or not conversation.status.run or conversation.status.needs:
            return False
        asks = any(one.stream == conversation.stream for one in self.app.desk.waiting)
        return not (conversation.halted or asks)

    def ends(self) -> tuple[list[Piece], list[Piece]]:
        """See Line."""
        desk = self.app.desk
        left: list[Piece] = []
        conversation = desk.conversation
        if conversation is not None:
            status = conversation.status
            if conversation.halted:
                left.append((f" halted: {conversation.halted} ", "warn"))
            elif status.needs:
                left.append((f" waits: {told(status.needs, status.again)} ", "warn"))
            elif status.retry is not None:
                left.append((f" asks the model again {at(status.retry, seconds=True)} ", "warn"))
            elif self._works:
                left.append((f" working {elapsed(self._clock() - status.since)} ", "mark"))
            if status.jobs:
                left.append((f" {len(status.jobs)} in the background ", "dim"))
        if desk.waiting:
            where = keyed(self, "F4")
            left.insert(0, (f" {len(desk.waiting)} waiting for you ({where}) ", "warn"))
        for other in conversation.present.values() if conversation is not None else ():
            left.append((f" {other.name} is {other.doing} ", "dim"))
        keys = ["F1 help", "^Q quit"]
        if self.size.width >= ROOMY:  # below, the tabs name them
            keys[1:1] = ["F2 files", "F3 trace", "F4 approvals", "F5 prompt"]
        if conversation is not None and conversation.running:
            keys.insert(0, "Esc interrupt")
        room = self.size.width - sum(cell_len(clean(text)) for text, _ in left)
        while len(keys) > 1 and len(keyed(self, "  ".join(keys))) > room - 2:
            keys.pop()
        return left, [("  ".join([*keys, ""])[:-1], "keys")]


def short(path: str) -> str:
    """A path as people say it."""
    home = os.path.expanduser("~")
    return "~" + path[len(home) :] if path == home or path.startswith(home + "/") else path


def tokens(count: int) -> str:
    """A number of tokens in few letters."""
    return (
        str(count)
        if count < 1000
        else f"{count / 1000:.1f}k"
        if count < 1e6
        else (f"{count / 1e6:.1f}M")
    )


def filled(context: int, window: int) -> str:
    """How much of the window a conversation fills."""
    return f"{tokens(context)} ({100 * context // window}%)" if window else tokens(context)


def elapsed(seconds: float) -> str:
    """How long something has been going on, in few letters."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def money(dollars: float) -> str:
    """US dollars in few letters."""
    return f"${dollars:.2f}" if dollars >= 0.1 else f"${dollars:.4f}"
