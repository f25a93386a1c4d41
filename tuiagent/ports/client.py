"""The socket above: the engine as one actor sees it."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

from tuiagent.kernel.event import Intent, Seen
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.limits import Limits
from tuiagent.kernel.message import Diff


class Snapshot(Struct, frozen=True):
    """A bounded part of a view, and the position at which it holds."""

    view: str
    key: str
    position: int
    data: Any
    """Plain lists, dictionaries, strings and numbers."""
    total: int
    """How many items the whole view has; a long transcript has at least so many."""


class Window(Struct, frozen=True):
    """Which part of a view is wanted: the last `limit` items, or those before `before`."""

    limit: int = 200
    before: int | None = None
    """An index; of a transcript, the position of its first item that is known already."""


class Usual(Struct, frozen=True):
    """The view `usual`, by folder: how sessions are opened there unless something else is said."""

    opened: SessionOpened
    limits: Limits
    """Of each prompt."""


class Proposed(Struct, frozen=True):
    """The view `proposed`, by `{"session": …, "call": …}`: what a call that waits would change."""

    digest: str
    """What an approval of just this binds to: of the call as it was asked, unless a file moved."""
    diffs: tuple[Diff, ...] = ()
    trouble: str = ""
    """Why it would change nothing."""


SEALED = "sealed"
"""Where a loan is from that is no key but what opens sealed files."""


class Loan(Struct, frozen=True):
    """A key that one process lends to another, for sessions in a folder; never written down."""

    folder: str
    where: str
    """As the session records it, such as `env:OPENAI_API_KEY`."""
    key: str
    url: str = ""
    """The address that it is for; "" for the provider's usual one."""


class Client(Protocol):
    """The engine as one actor sees it; every screen, server and agent holds one of these."""

    actor: str

    async def submit(self, intent: Intent, once: str = "") -> int:
        """Does what the intent asks; the position at which it is done. Raises Refused, Conflict."""
        ...

    def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """History after a position, one CaughtUp, then what happens, signals included.

        `select` is a stream, `session/*` or `*`; with `!` behind it no signals come.
        """
        ...

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """A bounded part of a view: transcript, inbox, sessions, prompt."""
        ...


ASK, KILL = "ask", "kill"
"""How a session is taken from a process that drives it: once it lets go, or by killing it."""


class Owner(Client, Protocol):
    """A process that drives sessions, as another process of the same user sees it."""

    async def adopt(self, stream: str, take: str = "") -> bool:
        """Has it drive a session; False while another living process does and may keep it.

        `take` is "", ASK or KILL.
        """
        ...

    async def release(self, stream: str) -> None:
        """Has it let go of a session, once what it has begun there has ended."""
        ...

    async def lend(self, loans: Sequence[Loan]) -> None:
        """Gives it keys, for its memory only; what waited for them goes on."""
        ...

    async def close(self) -> None:
        """Ends the connection to it."""
        ...
