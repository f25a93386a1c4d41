"""The conversation at hand, kept current."""

import base64
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import msgspec

from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.trace import Trace
from tuiagent.clients.tui.transcript.flow import Place
from tuiagent.clients.tui.transcript.pictures import Squares, extent
from tuiagent.clients.tui.transcript.widget import Transcript
from tuiagent.config_file import ScreenTable
from tuiagent.kernel.errors import TuiagentError
from tuiagent.views.transcript import Item

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp
    from tuiagent.clients.tui.bridge import Conversation
    from tuiagent.clients.tui.graphics import Graphics

SHARP = 640
"""Pixels of the longer side of a picture that is shown whole."""


class Talk(Transcript):
    """Shows the session that the desk has open: its end at once, what came before behind it."""

    app: "TuiApp"  # type: ignore[assignment]
    EMPTY = (
        ("Say what is to be done.", "strong"),
        ("", "muted"),
        ("@  files       /   commands", "muted"),
        ("!  the shell   #   skills", "muted"),
        ("F1 help        ^P  everything", "muted"),
        ("^O sessions    ^Q  leave", "muted"),
    )
    FOCUS_ON_CLICK = False
    _shows: "Conversation | None" = None
    _graphics: "Graphics | None" = None
    """What sends sharp pictures to the terminal, where that is wished for."""
    _sought = ""
    """The item that is gone to as soon as it is read, unless somebody goes elsewhere before."""
    _beginning = False
    """Whether the first item is, likewise."""

    def on_mount(self) -> None:
        """Listens."""
        keys = [(keyed(self, text), look) for text, look in self.EMPTY[4:]]
        self.EMPTY = (*self.EMPTY[:4], *keys)
        wished = (self.app.desk.host.settings.tui or ScreenTable()).images
        self._graphics = getattr(self.app._driver, "graphics", None) if wished == "auto" else None
        if not self.app.no_color and wished != "none":
            self.flow.pictures.ask = lambda blob: self.app.desk.spawn(self._picture(blob))
        self.app.desk.listen("conversation", self._other)
        self.app.desk.listen("items", self._news)
        self._other([])

    def on_mouse_down(self) -> None:
        """Lets what is typed next be words: only who comes by a key has letters act here."""
        if not self.has_focus:
            self.app.action_pane("conversation")

    def go_to(self, ident: str) -> None:
        """Takes the block of this item of the session at hand, once it is read back to there."""
        self._sought = ident
        self._seek()

    def _seek(self) -> None:
        block = self.flow.find(self._sought)
        if block is not None and self._shows is self.app.desk.conversation:
            self.pinned = False
            self.take(block)
            self._sought = ""

    def action_start(self) -> None:
        """Goes to the first block, also of those that are still to be read."""
        super().action_start()
        self._beginning = True

    def _go(self, place: Place) -> None:
        self._sought, self._beginning = "", False
        super()._go(place)

    def _prepend(self, items: Sequence[Item]) -> None:
        beginning = self._beginning
        super()._prepend(items)
        if beginning:
            self.action_start()
        self._seek()

    def _other(self, changed: list[str]) -> None:
        conversation = self._shows = self.app.desk.conversation
        self._beginning = False
        self.show(list(conversation.items) if conversation else [])
        self._seek()
        if conversation is not None:
            self.app.desk.spawn(self._past(conversation))

    async def _past(self, conversation: "Conversation") -> None:
        """Reads the rest, piece by piece."""
        while conversation.items and conversation is self.app.desk.conversation:
            older = await conversation.older(conversation.items[0].position)
            if not older or conversation is not self.app.desk.conversation:
                return
            self.prepend(older)

    async def _picture(self, blob: str) -> None:
        """Reads a picture, and draws what it belongs to again."""
        if (data := await self._read(blob)) is None:
            return
        self.flow.pictures.known[blob] = msgspec.convert(data, Squares, strict=False)
        self._redraw(blob)
        if self._graphics is not None and self.app.console.color_system == "truecolor":
            await self._graphics.ask(self._sharpen)

    def _sharpen(self) -> None:
        """The terminal shows sharp pictures: has it do so."""
        pictures = self.flow.pictures
        if pictures.sharpen is None:
            pictures.sharpen = lambda blob, step: self.app.desk.spawn(self._sharp(blob, step))
            self._redraw(*pictures.known)

    async def _sharp(self, blob: str, step: int) -> None:
        """Sends a picture to the terminal, and draws what it belongs to again."""
        pictures, graphics = self.flow.pictures, self._graphics
        data = await self._read(blob, str(SHARP // step))
        if graphics is None or data is None or (squares := pictures.known[blob]) is None:
            return
        number = graphics.send(base64.b64decode(data), *extent(squares, step))
        pictures.sharp[blob, step] = number
        self._redraw(blob)

    async def _read(self, blob: str, side: str = "") -> Any:
        """A picture as squares, or as PNG with sides no longer; None where there is none."""
        conversation = self.app.desk.conversation
        if conversation is None:
            return None
        asked = {"session": conversation.stream, "blob": blob, "side": side}
        with suppress(TuiagentError):  # where it is not known how, the line is all there is
            key = msgspec.json.encode(asked).decode()
            return (await self.app.desk.client.read("picture", key)).data
        return None

    def _redraw(self, *blobs: str) -> None:
        shown = [block.item for block in self.flow.blocks]
        items = [one for one in shown if any(media.blob in blobs for media in one.media)]
        self.changed([item.id for item in items], items)

    def on_unmount(self) -> None:
        """The terminal need not keep what it was sent."""
        if self._graphics is not None:
            self._graphics.forget()

    def _news(self, changed: list[str]) -> None:
        conversation = self.app.desk.conversation
        if conversation is not None:
            self.changed(changed, conversation.items)

    def on_transcript_jump(self, message: Transcript.Jump) -> None:
        """Shows a call in the trace."""
        self.app.action_pane("trace")
        self.app.query_one(Trace).go_to(message.call)

    async def on_transcript_retry(self, message: Transcript.Retry) -> None:
        """Says the prompt of a run once more."""
        conversation = self.app.desk.conversation
        prompt = conversation.item(message.run) if conversation else None
        if prompt is not None and (prompt.text or prompt.media):
            await self.app.desk.say(prompt.text, media=prompt.media)
