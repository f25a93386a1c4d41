"""The socket below for what others lend to agents: tools of servers, agents of other programs."""

from collections.abc import Mapping
from typing import Any, Protocol

from msgspec import Struct

from tuiagent.ports.tool import Tool


class Lender(Struct, frozen=True):
    """A server that lends tools, and how it is."""

    name: str
    source: str
    """`config`, or the file of a repository that names it."""
    where: str
    """The command that runs it, or its address."""
    state: str
    """off, known (it is reached when it is needed, or in a while), starting, ready, waiting (it
    is tried again), login, untrusted or broken."""
    problem: str = ""
    tools: tuple[str, ...] = ()
    """As agents know them."""
    refused: tuple[str, ...] = ()
    """Of its tools, why they are not lent."""
    changed: tuple[str, ...] = ()
    """Tools that are described otherwise than when they were accepted."""
    prompts: tuple[str, ...] = ()
    log: str = ""
    """The last that it wrote beside its answers."""


class Waiting(Struct, frozen=True):
    """How the tools that a session's model was told of differ from those that there are now."""

    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    """Tools that are described otherwise."""
    tokens: int = 0
    """Of the conversation: read anew, and from no cache, when the model is told of them."""
    cost: float | None = None
    """US dollars that this costs more than from the cache; None where that is not known."""


class Connector(Protocol):
    """Lends tools from the time it is begun until it is closed; nothing here waits for a server."""

    def begin(self) -> None:
        """Begins to reach the servers, in the background; doing so twice is nothing."""
        ...

    def wake(self) -> None:
        """Tries those at once that wait: what they lacked may be there now."""
        ...

    def close(self) -> None:
        """Lets go of everything; all that was started ends."""
        ...

    def tools(self, folder: str) -> Mapping[str, Tool]:
        """Every tool that is lent to sessions in this folder, by name."""
        ...

    def told(self, folder: str) -> tuple[str, ...]:
        """The names of those that a model is told of at once; it finds the others by these."""
        ...

    def lenders(self, folder: str) -> list[Lender]:
        """The servers, and how each is."""
        ...

    async def ask(self, what: str, server: str, args: dict[str, Any]) -> object:
        """Does what people ask of one server: test, prompt or accept. Raises ToolError."""
        ...
