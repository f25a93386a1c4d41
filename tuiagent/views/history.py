"""The history: what people said in the sessions of each folder, to be said again."""

from typing import Any

from msgspec import Struct, msgpack

from tuiagent.kernel import lifecycle, prompts
from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.transfer import foreign

KEPT, LONGEST = 500, 20_000
"""Prompts of one folder, and characters of one prompt; what is longer is not kept."""
KINDS = frozenset(
    {"SessionOpened", "SessionDeleted", "SessionRestored", "SessionErased", "PromptSubmitted"}
)


class Said(Struct, frozen=True):
    """One prompt."""

    stream: str
    folder: str
    actor: str
    at: float
    """Seconds since 1970."""
    text: str


Known = tuple[dict[str, str], dict[str, list[Said]], set[str]]


class HistoryView:
    """The newest prompts of each folder, oldest first; a deleted session's are not shown."""

    kinds: frozenset[str] | None = KINDS

    def __init__(self, key: str = "") -> None:
        self.key = key
        self._folders: dict[str, str] = {}
        """Of each session."""
        self._said: dict[str, list[Said]] = {}
        """By folder."""
        self._deleted: set[str] = set()

    def snapshot(self) -> list[Any]:
        """The prompts of all folders, in the order in which they were said."""
        shown = [
            said
            for folder in self._said.values()
            for said in folder
            if said.stream not in self._deleted
        ]
        return sorted(shown, key=lambda said: said.at)

    def save(self) -> bytes:
        """All that it knows."""
        return msgpack.encode((self._folders, self._said, self._deleted))

    def load(self, body: bytes) -> None:
        """Knows this again. Raises msgspec.MsgspecError."""
        self._folders, self._said, self._deleted = msgpack.decode(body, type=Known)

    def apply(self, seen: Seen) -> list[str]:
        """Takes the next event; the folders whose history changed."""
        if not isinstance(seen, Event):
            return []
        fact, stream = seen.fact, seen.stream
        if isinstance(fact, lifecycle.SessionOpened):
            self._folders.setdefault(stream, fact.folder)
            return []
        folder = self._folders.get(stream)
        if folder is None:
            return []
        said = self._said.setdefault(folder, [])
        if isinstance(fact, prompts.PromptSubmitted):
            if foreign(seen.actor) or len(fact.text) > LONGEST:
                return []
            said.append(Said(stream, folder, seen.actor, seen.at, fact.text))
            del said[:-KEPT]
        elif isinstance(fact, lifecycle.SessionDeleted):
            self._deleted.add(stream)
        elif isinstance(fact, lifecycle.SessionRestored):
            self._deleted.discard(stream)
        elif isinstance(fact, lifecycle.SessionErased):
            self._said[folder] = [one for one in said if one.stream != stream]
            self._deleted.discard(stream)
            del self._folders[stream]
        else:
            return []
        return [folder]
