"""The socket below that searches the web."""

from typing import Protocol

from msgspec import Struct


class Found(Struct, frozen=True):
    """One thing that was found."""

    title: str
    url: str
    text: str
    """What the engine tells of it."""


class Searcher(Protocol):
    """An engine that searches the web; raises ToolError."""

    @property
    def host(self) -> str:
        """Where it asks, as policy judges it: HOST or HOST:PORT. Raises ToolError."""
        ...

    async def search(self, query: str, count: int) -> list[Found]:
        """At most so many, the best first."""
        ...
