"""The socket below for what people write for agents: skills, instructions, commands and hooks."""

from typing import Protocol

from msgspec import Struct


class Paper(Struct, frozen=True):
    """A skill or a command that somebody wrote."""

    name: str
    description: str
    source: str
    """shipped, user or project."""
    path: str
    problem: str = ""
    """Why it cannot be used; such a one is listed, and nothing else."""
    hint: str = ""
    """Of a command: what it takes."""
    offered: bool = True
    """Of a skill: whether models are told of it, or only people may name it."""


class Words(Struct, frozen=True):
    """A text for the model, and the file that it is from."""

    path: str
    text: str


class Offer(Struct, frozen=True):
    """What a file would have this program run, once a person trusts just this content."""

    path: str
    use: str
    """tools, hooks, command or mcp."""
    sha256: str
    """Over all that `runs` shows."""
    runs: tuple[str, ...]
    """Each command and each file that would be run, for people to read."""
    problem: str = ""
    """Why it cannot be run whatever anybody says."""


class Hook(Struct, frozen=True):
    """A command that is run when something happens in a session."""

    event: str
    command: str
    matcher: str = ""
    """Names of tools, as kernel.hooks.fits has it."""
    timeout: float = 60.0
    """Seconds."""
    source: str = ""
    """The file that it is from."""


class Library(Protocol):
    """What was written for the sessions of one folder."""

    def skill(self, name: str) -> Words | None:
        """A skill's text, as a model is told it; None where there is no such skill."""
        ...

    def entered(self, path: str) -> list[Words]:
        """The instructions of the folders between the session's and this path, which lies in it."""
        ...

    def hooks(self, event: str) -> list[Hook]:
        """What may be run when this happens: one's own, and what was trusted."""
        ...

    def remarks(self) -> list[tuple[str, str]]:
        """Files with hooks, each with something in it that does not count here."""
        ...
