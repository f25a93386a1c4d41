"""What the person said before in this folder, from the journal, to be said again."""

from collections.abc import Sequence

from msgspec import convert

from tuiagent.clients.clean import clean
from tuiagent.ports import Client, Window
from tuiagent.views.history import Said

READ = 2000
"""Prompts that are read, of all folders."""


class History:
    """The prompts of a folder and the place among them; what is being written stands at the end."""

    def __init__(self) -> None:
        self.said: list[str] = []
        """Oldest first, no two equal."""
        self._place: int | None = None
        self._draft = ""

    async def load(self, client: Client, folder: str) -> None:
        """Reads what was said in this folder. Raises TuiagentError."""
        found = await client.read("history", "", Window(READ))
        rows = convert(found.data, list[Said], strict=False)
        mine = [row.text for row in rows if row.folder == folder and row.actor == client.actor]
        self.begin([*mine, *self.said])

    def begin(self, said: Sequence[str]) -> None:
        """Knows these, and no place among them."""
        newest = dict.fromkeys(clean(text) for text in reversed(said))
        self.said = list(newest)[::-1]
        self.leave()

    def add(self, text: str) -> None:
        """Something was said."""
        self.begin([*self.said, text])

    def leave(self) -> None:
        """What stands in the editor is new."""
        self._place, self._draft = None, ""

    def older(self, now: str) -> str | None:
        """What was said before what is shown; None when there is nothing."""
        if self._place is None:
            self._place, self._draft = len(self.said), now
        if self._place == 0:
            return None
        self._place -= 1
        return self.said[self._place]

    def newer(self) -> str | None:
        """What was said after it, at the end what was being written; None past that."""
        if self._place is None:
            return None
        self._place += 1
        if self._place < len(self.said):
            return self.said[self._place]
        draft = self._draft
        self.leave()
        return draft

    def search(self, words: str, limit: int) -> list[str]:
        """What holds all these words, the newest first; capitals matter to who writes one."""
        fold = words == words.lower()
        parts = words.split()
        found: list[str] = []
        for text in reversed(self.said):
            plain = text.lower() if fold else text
            if all(part in plain for part in parts):
                found.append(text)
                if len(found) == limit:
                    break
        return found
