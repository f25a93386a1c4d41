"""What becomes of a run when the person at it leaves: they are asked."""

import asyncio
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tuiagent.clients.tui.bridge import Desk
from tuiagent.kernel.run import InterruptRun

BACKGROUND, STOP, LEAVE, STAY = "background", "stop", "leave", "stay"
WAYS = {
    BACKGROUND: "d  it goes on in the background",
    STOP: "s  stop it and leave",
    LEAVE: "l  leave it as it is; tuiagent --continue goes on with it",
    STAY: "   stay",
}


class Leaving(ModalScreen[str]):
    """Asks which of the WAYS it is."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", f"way('{BACKGROUND}')"),
        Binding("s", f"way('{STOP}')"),
        Binding("l", f"way('{LEAVE}')"),
        Binding("escape", f"way('{STAY}')"),
    ]

    def compose(self) -> ComposeResult:
        """The ways, the first of them at hand."""
        ways = OptionList(*(Option(words, way) for way, words in WAYS.items()), markup=False)
        ways.border_title = "A run is going on"
        yield ways

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """That is the way."""
        self.dismiss(event.option_id or STAY)

    def action_way(self, way: str) -> None:
        """That is the way."""
        self.dismiss(way)


async def stopped(desk: Desk) -> bool:
    """Stops the run at hand, and waits until it has ended; False when that is refused."""
    conversation = desk.conversation
    if conversation is None or not conversation.running:
        return True
    ended = asyncio.Event()

    def changed(items: list[str]) -> None:
        if not conversation.running:
            ended.set()

    unlisten = desk.listen("items", changed)
    try:
        if not await desk.send(InterruptRun(conversation.stream)):
            return False
        if conversation.running:
            await ended.wait()
    finally:
        unlisten()
    return True
