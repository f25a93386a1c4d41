"""What the servers of a process have of it: it starts programs, keeps keys and takes facts."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct

from tuiagent.connectors.servers import Filling, Server


class Program(Protocol):
    """A program that was started, and ends with us."""

    sink: asyncio.StreamWriter
    source: asyncio.StreamReader
    errors: asyncio.StreamReader

    def end(self) -> None:
        """Has it and its descendants ended; does not wait."""
        ...


class Tokens(Protocol):
    """Secrets by name, in the system's keyring or an encrypted file; slow."""

    def place(self) -> str:
        """Where they are kept. Raises StoreError where nothing can keep them."""
        ...

    def get(self, name: str) -> str | None:
        """The secret, if it is kept. Raises StoreError where it is, and cannot be opened."""
        ...

    def put(self, name: str, secret: str) -> None:
        """Keeps it. Raises StoreError."""
        ...


class Surroundings(Struct, frozen=True):
    """What is around."""

    start: Callable[[Sequence[str], Mapping[str, str], str, int], Awaitable[Any]]
    """Starts a Program: its words, environment, folder, and bytes that a line may have."""
    filling: Callable[[Server], Filling]
    tokens: Tokens
    accepted: Callable[[str], Mapping[str, str]]
    """By a server's key, the digest of each tool that was accepted."""
    accept: Callable[[str, dict[str, str]], None]
    """Has these be accepted from now on."""
    home: str
    """The folder that servers are started in, where nothing else is said."""
    cache: str
    """The folder that remembers what servers lend."""
