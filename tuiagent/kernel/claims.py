"""What a call would touch, as its tool found out without any effect."""

from typing import Any

from msgspec import Struct

CONFINED = frozenset({"bwrap", "landlock", "seatbelt"})
"""The sandboxes that there are; landlock is the weakest."""
OFF = "off"
"""There is no sandbox, as a person said openly that there is to be none."""
NONE = "none"
"""The tool does its work in this program itself, which no sandbox holds."""


class Claims(Struct, frozen=True, omit_defaults=True):
    """What a call would touch; recorded with its verdict, which can be replayed from it."""

    tool: str
    effect: str
    """read, write, execute, network or ask."""
    subject: str
    """What rules are matched against and people are shown: a command, or the first path."""
    reads: tuple[str, ...] = ()
    """Absolute paths, links resolved."""
    writes: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()
    """Absolute paths among the words of a command whose meaning is not known: only refusals
    look at them."""
    commands: tuple[tuple[str, ...], ...] = ()
    """The argument lists of a command of plain words joined by && || ; |, names of files
    expanded; empty for every other command."""
    inside: tuple[tuple[str, ...], ...] = ()
    """Commands within other commands, as far as their words are known: only refusals look."""
    why: str = ""
    """Why a command is not made of plain words only."""
    folder: str = ""
    """The session's folder, links resolved."""
    state: tuple[str, ...] = ()
    """What was there when it was judged, such as the hash of the file to be changed."""
    secret: bool = False
    """Whether a key that is known stands in the arguments."""
    hosts: tuple[str, ...] = ()
    """Where it connects to, a command from within its sandbox: names in lower case, with the port
    where that is not a usual one; `*` for any."""
    sandbox: str = ""
    """What stands between its command and the machine: bwrap, landlock or seatbelt; `off`, `none`;
    "" where none works, or for a call of a version that knew of none."""
    folders: tuple[str, ...] = ()
    """Paths that it wants to write beside those that the sandbox lets everything write."""
    server: str = ""
    """The server that lends the tool; whoever judges knows no more of it than what follows."""
    about: str = ""
    """What that server says of the tool."""
    changed: bool = False
    """Whether it says something else than when the tool was accepted."""

    @property
    def confined(self) -> bool:
        """Whether a sandbox holds it, or a person said openly that none is to."""
        return self.sandbox in CONFINED or self.sandbox == OFF


def with_hosts(body: dict[str, Any]) -> dict[str, Any]:
    """A fact with claims as they were before a command's hosts stood where all others stand."""
    claims = dict(body["claims"])
    hosts = [*claims.get("hosts", ()), *claims.pop("reached", ())]
    return {**body, "claims": claims | ({"hosts": hosts} if hosts else {})}
