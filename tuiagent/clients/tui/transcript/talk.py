"""The conversation at hand, kept current."""

from typing import TYPE_CHECKING

from tuiagent.clients.tui.transcript.widget import Transcript

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp
    from tuiagent.clients.tui.bridge import Conversation


class Talk(Transcript):
    """Shows the session that the desk has open: its end at once, what came before behind it."""

    app: "TuiApp"  # type: ignore[assignment]
    EMPTY = "Say what is to be done."

    def on_mount(self) -> None:
        """Listens."""
        self.app.desk.listen("conversation", self._other)
        self.app.desk.listen("items", self._news)
        self._other([])

    def _other(self, changed: list[str]) -> None:
        conversation = self.app.desk.conversation
        self.show(list(conversation.items) if conversation else [])
        if conversation is not None:
            self.app.desk.spawn(self._past(conversation))

    async def _past(self, conversation: "Conversation") -> None:
        """Reads the rest, piece by piece."""
        while conversation.items and conversation is self.app.desk.conversation:
            older = await conversation.older(conversation.items[0].position)
            if not older or conversation is not self.app.desk.conversation:
                return
            self.prepend(older)

    def _news(self, changed: list[str]) -> None:
        conversation = self.app.desk.conversation
        if conversation is not None:
            self.changed(changed, conversation.items)

    async def on_transcript_retry(self, message: Transcript.Retry) -> None:
        """Says the prompt of a run once more."""
        conversation = self.app.desk.conversation
        prompt = conversation.item(message.run) if conversation else None
        if prompt is not None and prompt.text:
            await self.app.desk.say(prompt.text)
