"""The conversation at hand, kept current."""

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from tuiagent.clients.tui.trace import Trace
from tuiagent.clients.tui.transcript.flow import Place
from tuiagent.clients.tui.transcript.pictures import Squares
from tuiagent.clients.tui.transcript.widget import Transcript
from tuiagent.kernel.errors import TuiagentError
from tuiagent.views.transcript import Item

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp
    from tuiagent.clients.tui.bridge import Conversation


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
    _shows: "Conversation | None" = None
    _sought = ""
    """The item that is gone to as soon as it is read, unless somebody goes elsewhere before."""

    def on_mount(self) -> None:
        """Listens."""
        if not self.app.no_color:
            self.flow.pictures.ask = lambda blob: self.app.desk.spawn(self._picture(blob))
        self.app.desk.listen("conversation", self._other)
        self.app.desk.listen("items", self._news)
        self._other([])

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

    def _go(self, place: Place) -> None:
        self._sought = ""
        super()._go(place)

    def _prepend(self, items: Sequence[Item]) -> None:
        super()._prepend(items)
        self._seek()

    def _other(self, changed: list[str]) -> None:
        conversation = self._shows = self.app.desk.conversation
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
        conversation = self.app.desk.conversation
        if conversation is None:
            return
        key = msgspec.json.encode({"session": conversation.stream, "blob": blob}).decode()
        data = None
        with suppress(TuiagentError):  # where it is not known how, the line is all there is
            data = (await self.app.desk.client.read("picture", key)).data
        if data is not None:
            self.flow.pictures.known[blob] = msgspec.convert(data, Squares, strict=False)
            shown = [block.item for block in self.flow.blocks]
            items = [one for one in shown if any(media.blob == blob for media in one.media)]
            self.changed([item.id for item in items], items)

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
