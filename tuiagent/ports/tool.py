"""The socket below for what an agent can do."""

from collections.abc import Awaitable, Callable
from typing import Any, Protocol, runtime_checkable

from msgspec import Struct

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.jobs import Job
from tuiagent.kernel.message import Diff, Observation, Question
from tuiagent.ports.runtime import Runtime


class Blobs(Protocol):
    """Bytes by their SHA-256 in hexadecimal."""

    def put(self, body: bytes) -> str:
        """Keeps bytes together with the next fact that is written for this call."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The bytes, if they are known."""
        ...


class Jobs(Protocol):
    """What goes on in the background of a session."""

    def all(self) -> list[Job]:
        """Those that run, and the newest of those that did."""
        ...

    async def wait(self, job: str, seconds: float) -> bool:
        """Waits for its end, at most so long; whether it is over."""
        ...


def schema(required: tuple[str, ...] = (), **properties: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


async def nobody(question: Question) -> None:
    """Nobody is asked."""


class Kit(Struct, frozen=True):
    """What a tool is given for one call."""

    call: str
    runtime: Runtime
    blobs: Blobs
    progress: Callable[[str], None]
    """Shows text to whoever watches; never kept."""
    jobs: Jobs
    ask: Callable[[Question], Awaitable[str | None]] = nobody
    """Asks a person while the call runs; None where nobody is asked. Raises ToolError."""


class Note(Struct, frozen=True, omit_defaults=True):
    """What a tool wants kept in CallStarted, before its effect, so that it can settle later."""

    data: dict[str, Any] = {}
    blobs: tuple[str, ...] = ()
    """Hashes put into kit.blobs that must outlive the call (before-images)."""


class Deferred(Struct, frozen=True):
    """The call waits for a person's answer; it is finished by AnswerQuestion."""

    question: Question


class Again(Struct, frozen=True):
    """The effect did not happen: the call may be started anew, with this note or its old one."""

    note: Note | None = None


class Background(Struct, frozen=True):
    """The call is answered with this, while what it began goes on: a job.

    Whoever drives the session follows it: `settle` is asked with this note until it gives an
    Observation. What the note has as `spool` is ended when the job is to be stopped.
    """

    observation: Observation
    note: Note


class OutcomeUnknown(Struct, frozen=True):
    """Nobody can know whether the effect happened; `why` is told to the model and the person."""

    why: str


class Tool(Protocol):
    """One thing that an agent can do."""

    name: str
    effect: str
    """read, write, execute, network or ask."""
    description: str
    parameters: dict[str, Any]
    """JSON schema of the arguments."""

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """What the call would touch; has no effect. Raises ToolError for impossible arguments."""
        ...

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """What must be known to settle the call; kept before the effect."""
        ...

    async def run(
        self, args: dict[str, Any], kit: Kit, note: Note
    ) -> Observation | Deferred | Background:
        """Does it. Raises ToolError, which becomes an observation."""
        ...

    async def settle(
        self, args: dict[str, Any], kit: Kit, note: Note
    ) -> Observation | Deferred | Background | Again | OutcomeUnknown:
        """Says what became of a call whose engine died while it ran, or how a job ended."""
        ...


@runtime_checkable
class Proposing(Tool, Protocol):
    """A tool that knows what a call would change in files before it does."""

    async def proposed(self, args: dict[str, Any], kit: Kit) -> tuple[Diff, ...]:
        """What the call would change; has no effect. Raises ToolError."""
        ...
