"""Who is at a session just now, who is typing, and who drives it: seen and forgotten."""

from tuiagent.kernel.event import Intent, Signal

HERE, TYPING, GONE = DOING = ("here", "typing", "gone")


class Presence(Signal, frozen=True):
    """Somebody came to the session, types, or has left."""

    client: str
    """An id of the screen at which they are."""
    name: str
    """Who and where, as others are told."""
    doing: str
    """One of DOING."""


class Driven(Signal, frozen=True):
    """Another process than the one that is watched drives the session from now on, or no more."""

    elsewhere: bool


class Severed(Signal, frozen=True):
    """The process that is watched has ended; CaughtUp is said once another one goes on."""


class ShowPresence(Intent, frozen=True):
    """Let others at the session see that somebody is there; it makes no fact."""

    client: str
    name: str
    doing: str = "here"
