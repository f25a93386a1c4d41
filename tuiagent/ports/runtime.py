"""The socket below through which tools touch the machine."""

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct

from tuiagent.kernel.claims import Claims


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
    terminal: tuple[int, int] | None = None
    """Columns and rows: not the command but a shell is run, in a terminal of this size."""
    tied: bool = False
    """Whether it ends with the process that began it, however that ends."""


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


class Typed(Struct, frozen=True):
    """What became of something that was to be typed into a terminal."""

    offset: int
    """How many bytes the terminal had written by then."""
    refused: str = ""
    """Why it was not typed: `busy` (a program runs) or `idle` (none does)."""


class Runtime(Protocol):
    """The only way by which a tool touches the machine; bound to one folder and environment."""

    folder: str
    sandbox: str
    """What stands between its commands and the machine, as in Claims."""

    def within(self, claims: Claims) -> "Runtime":
        """The same for one call that was judged by these claims.

        Outside the folder it reaches nothing else, whatever links say by then; its commands get
        what the claims want beyond the sandbox.
        """
        ...

    def resolve(self, path: str) -> str:
        """The absolute path with all links resolved; relative ones start at the folder."""
        ...

    async def stat(self, path: str) -> Stat:
        """What lies there."""
        ...

    async def twins(self, paths: Iterable[str]) -> list[str]:
        """Other names (hard links) of these files that say that they may hold keys.

        The paths are resolved; of those names, the ones that are found soon.
        """
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

    async def start(self, execution: Execution) -> None:
        """Starts the command under its wrapper and leaves it running."""
        ...

    async def keep(self, execution: Execution) -> None:
        """Sees to it that a running command stays within bounds though nobody follows it."""
        ...

    async def output(self, spool: str, start: int) -> tuple[bytes, int]:
        """What an execution has written from a byte on, at most the last MiB, and up to where."""
        ...

    async def type(self, spool: str, ident: str, kind: str, text: str) -> Typed:
        """Types into a terminal, once for each `ident` (a plain name).

        `command` is run by its shell and refused while that is busy; `keys` go to the program
        that runs and are refused when none does. Raises ToolError when the terminal has ended.
        """
        ...

    async def typed(self, spool: str, ident: str) -> Typed | None:
        """What became of it; None when it never was typed and, from now on, never will be."""
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
