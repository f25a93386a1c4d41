"""The sockets of the house: one interface up (Client) and those that the engine needs below."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from msgspec import Struct

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.codec import Draft, Record
from tuiagent.kernel.event import Intent, Seen
from tuiagent.kernel.message import Observation, Prompt, Question
from tuiagent.kernel.reply import Part

# ---------------------------------------------------------------- up


class Snapshot(Struct, frozen=True):
    """A bounded part of a view, and the position at which it holds."""

    view: str
    key: str
    position: int
    data: Any
    """Plain lists, dictionaries, strings and numbers."""
    total: int
    """How many items the whole view has."""


class Window(Struct, frozen=True):
    """Which part of a view is wanted: the last `limit` items, or those before `before`."""

    limit: int = 200
    before: int | None = None


class Client(Protocol):
    """The engine as one actor sees it; every screen, server and agent holds one of these."""

    actor: str

    async def submit(self, intent: Intent, once: str = "") -> int:
        """Does what the intent asks; the position at which it is done. Raises Refused, Conflict."""
        ...

    def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """History after a position, one CaughtUp, then what happens, signals included."""
        ...

    async def read(self, view: str, key: str = "", window: Window | None = None) -> Snapshot:
        """A bounded part of a view: transcript, inbox, sessions, prompt."""
        ...


# ---------------------------------------------------------------- down: the store


class Claim(Struct, frozen=True):
    """Who may drive a stream; the fence rises with every claim."""

    owner: str
    fence: int
    alive: bool = True
    """Whether the owner still holds its lock."""


class Head(Struct, frozen=True):
    """The end of a stream."""

    stream: str
    version: int
    hash: bytes
    position: int


class Answer(Struct, frozen=True):
    """The first answer to a `once`: the position, or a refusal's text."""

    intents: bytes
    """SHA-256 of the intents it was given for."""
    position: int
    refusal: str = ""


class Transaction(Protocol):
    """What may be done between BEGIN and COMMIT; used in the writer thread only."""

    def savepoint(self) -> AbstractContextManager[None]:
        """Undoes what was done inside of it when it is left by an exception."""
        ...

    def head(self, stream: str) -> Head | None:
        """The stream's end, None for a stream that has not begun."""
        ...

    def read(self, stream: str, after: int = 0) -> list[Record]:
        """The stream's records whose version is above `after`."""
        ...

    def append(
        self,
        stream: str,
        expected: int,
        drafts: Sequence[Draft],
        at: float,
        actor: str,
        wake: float | None,
    ) -> list[Record]:
        """Adds records behind version `expected` and stores when the stream wants to be woken.

        Raises Conflict when the stream's version is not `expected`. Bodies over 16 KiB become
        compressed blobs. The chain is kernel.audit.link.
        """
        ...

    def claim(self, stream: str, owner: str) -> Claim | None:
        """Takes the stream with a higher fence; None while another living owner has it."""
        ...

    def claimed(self, stream: str) -> Claim | None:
        """Who has the stream now."""
        ...

    def release(self, stream: str, owner: str) -> None:
        """Gives the stream up when this owner has it; its fence stays."""
        ...

    def recall(self, actor: str, once: str) -> Answer | None:
        """The answer that was given to this `once` before."""
        ...

    def remember(self, actor: str, once: str, stream: str, at: float, answer: Answer) -> None:
        """Keeps an answer as long as its stream, and at least 30 days."""
        ...

    def erase(self, stream: str, before: int) -> None:
        """Removes the bodies of the stream's records below a version, and blobs nobody else needs.

        Hashes stay, so that the chain still verifies.
        """
        ...

    def put_blob(self, body: bytes) -> str:
        """Keeps bytes, compressed, under their SHA-256 in hexadecimal."""
        ...


class Store(Protocol):
    """Keeps facts; knows no feature. Only `transaction` writes; the rest may be called anywhere."""

    engine: str
    """What it is made of, with its version."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """One durable commit when left normally, nothing when left by an exception."""
        ...

    def read(self, stream: str, after: int = 0, limit: int = 1000) -> list[Record]:
        """A stream's records whose version is above `after`."""
        ...

    def tail(
        self, select: str, after: int = 0, limit: int = 1000, kinds: frozenset[str] | None = None
    ) -> list[Record]:
        """Records whose position is above `after`, of the selected streams, in commit order."""
        ...

    def position(self) -> int:
        """The highest position that is committed."""
        ...

    def heads(self, after: int = 0) -> list[Head]:
        """The ends of all streams that changed after a position."""
        ...

    def claims(self) -> dict[str, Claim]:
        """Every stream that has an owner."""
        ...

    def due(self, now: float) -> list[str]:
        """Streams that want to be woken by now."""
        ...

    def blob(self, key: str) -> bytes | None:
        """The bytes kept under this hash."""
        ...

    def close(self) -> None:
        """Gives back files and locks."""
        ...


# ---------------------------------------------------------------- down: models


class Provider(Protocol):
    """Turns a prompt into a stream of parts; raises ProviderError."""

    def stream(self, prompt: Prompt) -> AsyncIterator[Part]:
        """The parts as they arrive; ends after StopPart, or raises ProviderError("cut")."""
        ...

    async def close(self) -> None:
        """Ends the connections."""
        ...


# ---------------------------------------------------------------- down: the machine


class Stat(Struct, frozen=True):
    """A place in the file system."""

    path: str
    """Absolute, links resolved."""
    kind: str
    """file, folder, missing or other (device, socket, pipe)."""
    size: int = 0
    mode: int = 0
    """Its permission bits."""


class Execution(Struct, frozen=True):
    """A command to be run by a POSIX shell."""

    spool: str
    """The folder of this execution, made by Runtime.prepare."""
    command: str
    timeout: float
    """Seconds after which it is ended."""


class Exit(Struct, frozen=True):
    """How a command ended."""

    code: int
    """Its exit status; 128 + n when signal n ended it."""
    output: bytes
    """Standard output and error in the order written: the first 1 MiB and the last 15 MiB."""
    dropped: int
    """Bytes between the two that were not kept."""
    seconds: float
    timed_out: bool = False


class Runtime(Protocol):
    """The only way by which a tool touches the machine; bound to one folder and environment."""

    folder: str

    def resolve(self, path: str) -> str:
        """The absolute path with all links resolved; relative ones start at the folder."""
        ...

    async def stat(self, path: str) -> Stat:
        """What lies there."""
        ...

    async def read(self, path: str, limit: int) -> bytes:
        """At most `limit` bytes of a regular file. Raises ToolError."""
        ...

    async def write(self, path: str, data: bytes, expect: str | None = None, mode: int = 0) -> None:
        """Replaces a file atomically and durably, its mode kept, missing folders made.

        `expect` is the SHA-256 (hexadecimal) of what must be there now, "" for no file; raises
        ToolError when something else is. `mode` is for a file that is new; 0 for the usual one.
        """
        ...

    async def remove(self, path: str, expect: str) -> None:
        """Removes a regular file that still holds what has this SHA-256. Raises ToolError."""
        ...

    async def list(self, path: str) -> list[Stat]:
        """What a folder holds, sorted by name, links not followed."""
        ...

    def find(self, program: str) -> str:
        """The absolute path of a program on the recorded PATH, links resolved; "" for none."""
        ...

    async def prepare(self, call: str) -> str:
        """Makes the private spool folder of a call and names it."""
        ...

    async def exec(self, execution: Execution, output: Callable[[bytes], None]) -> Exit:
        """Starts the command under its wrapper and follows it to the end.

        Being cancelled leaves the command running; `kill` ends it.
        """
        ...

    async def settle(self, spool: str) -> str:
        """What became of an execution: void (never began, never will), running, exited, unknown."""
        ...

    async def follow(self, execution: Execution, output: Callable[[bytes], None]) -> Exit:
        """Follows an execution that another process started, to its end."""
        ...

    async def kill(self, spool: str) -> None:
        """Ends the command and all its descendants: TERM, then KILL after 2 s."""
        ...

    async def discard(self, spool: str) -> None:
        """Removes the spool folder of a settled call."""
        ...

    async def sweep(self, prefix: str, keep: frozenset[str]) -> None:
        """Removes spool folders whose names begin so, but those to keep and those in use."""
        ...


# ---------------------------------------------------------------- down: tools


class Blobs(Protocol):
    """Bytes by their SHA-256 in hexadecimal."""

    def put(self, body: bytes) -> str:
        """Keeps bytes together with the next fact that is written for this call."""
        ...

    async def get(self, key: str) -> bytes | None:
        """The bytes, if they are known."""
        ...


class Kit(Struct, frozen=True):
    """What a tool is given for one call."""

    call: str
    runtime: Runtime
    blobs: Blobs
    progress: Callable[[str], None]
    """Shows text to whoever watches; never kept."""


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

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation | Deferred:
        """Does it. Raises ToolError, which becomes an observation."""
        ...

    async def settle(
        self, args: dict[str, Any], kit: Kit, note: Note
    ) -> Observation | Deferred | Again | OutcomeUnknown:
        """Says what became of a call whose engine died while it ran."""
        ...
