"""How a session begins, what it is called, and how it is put away, deleted and brought back."""

import re

from msgspec import Struct

from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.policy import MODES, NAMES
from tuiagent.kernel.rules import Rule

RETENTION = 30 * 86400.0
"""Seconds in which a deleted session can be brought back."""
NAME = re.compile(r"[\w][\w .:/@+-]{0,119}")

# ---------------------------------------------------------------- facts


class Origin(Struct, frozen=True):
    """The session that another was forked from, and up to where."""

    stream: str
    position: int


class SessionOpened(Fact, frozen=True):
    """A session began, in a folder, with the environment that its commands run in."""

    folder: str
    model: str
    """PROVIDER/MODEL."""
    mode: str
    environment: dict[str, str] = {}
    """Allow-listed names only; never a secret."""
    credentials: dict[str, str] = {}
    """Where the key of each provider comes from (`env:OPENAI_API_KEY`), never the key."""
    endpoints: dict[str, str] = {}
    """The base URL of each provider, where it is not the usual one."""
    rules: tuple[Rule, ...] = ()
    agent: str = "agent"
    """The actor that the session's own steps are done by."""
    name: str = ""
    """What people call it."""
    origin: Origin | None = None
    skills: tuple[str, ...] = ()
    """Those that are told whole from the beginning on."""
    sandbox: str = ""
    """What holds its commands where it was opened, as in Claims; `off` is kept everywhere."""
    effort: str = ""
    """How much the model thinks; "" for what is usual."""


class SessionNamed(Fact, frozen=True):
    """The session is called so from now on."""

    name: str


class SessionArchived(Fact, frozen=True):
    """The session was put away, or taken out again."""

    archived: bool = True


class SessionDeleted(Fact, frozen=True):
    """The session is gone for people; its facts are erased once it can be brought back no more."""

    until: float
    """When that is, in seconds since 1970."""


class SessionRestored(Fact, frozen=True):
    """A deleted session was brought back."""


class SessionErased(Fact, frozen=True):
    """What the session held is gone for good; that it was there, and its hashes, stay."""


# ---------------------------------------------------------------- intents


class OpenSession(Intent, frozen=True):
    """Begin a session."""

    opened: SessionOpened


class NameSession(Intent, frozen=True):
    """Call the session so."""

    name: str


class ArchiveSession(Intent, frozen=True):
    """Put the session away, or take it out again."""

    archived: bool = True


class DeleteSession(Intent, frozen=True):
    """Delete the session; it can be brought back for a while."""

    retention: float = RETENTION
    """Seconds."""


class RestoreSession(Intent, frozen=True):
    """Bring a deleted session back."""


class EraseSession(Intent, frozen=True):
    """Erase what a deleted session holds, once it can be brought back no more."""

    now: bool = False
    """Without waiting for that."""


# ---------------------------------------------------------------- state


class Label(Struct):
    """What a session is called, and whether it is still there."""

    name: str = ""
    archived: bool = False
    deleted: float | None = None
    """Until when it can be brought back, once it was deleted."""
    erased: bool = False


def check_opening(model: str, mode: str) -> None:
    """Raises ConfigError for a model without its provider, or an unknown mode; "" is as usual."""
    if model and not all(model.partition("/")):
        raise ConfigError(f"the model {model!r} does not name its provider: write PROVIDER/MODEL")
    if mode and mode not in NAMES:
        raise ConfigError(f"unknown mode {mode!r}: use one of {', '.join(MODES)}")


def check_name(name: str) -> None:
    """Raises Refused for what cannot be a session's name."""
    if not NAME.fullmatch(name):
        raise Refused(
            f"{name!r} cannot be a session's name: it takes up to 120 letters, digits, spaces "
            "and . : / @ + -"
        )


def decide(label: Label, intent: Intent, at: At, busy: str, agent: str) -> list[Fact]:
    """What becomes of the session; `busy` says why it cannot go now. Raises Refused."""
    if at.actor == agent:
        raise Refused("an agent does not put away its own session")
    if isinstance(intent, NameSession):
        check_name(intent.name)
        return [SessionNamed(intent.name)] if intent.name != label.name else []
    if isinstance(intent, ArchiveSession):
        changes = intent.archived != label.archived
        return [SessionArchived(intent.archived)] if changes else []
    if isinstance(intent, DeleteSession):
        if busy:
            raise Refused(busy)
        return [SessionDeleted(at.now + intent.retention)]
    if label.deleted is None:
        raise Refused("the session was not deleted")
    if isinstance(intent, EraseSession):
        if not intent.now and at.now < label.deleted:
            raise Refused("it can still be brought back; it is erased after that")
        return [SessionErased()]
    if at.now > label.deleted:
        raise Refused("the time in which it could be brought back is over")
    return [SessionRestored()]


FOLDED: tuple[type[Fact], ...] = (
    SessionNamed,
    SessionArchived,
    SessionDeleted,
    SessionRestored,
    SessionErased,
)
DECIDED: tuple[type[Intent], ...] = (
    NameSession,
    ArchiveSession,
    DeleteSession,
    RestoreSession,
    EraseSession,
)


BEYOND: tuple[type[Intent], ...] = (RestoreSession, EraseSession)
"""What may still be wanted of a deleted session."""


def fold(label: Label, fact: Fact) -> None:
    """Applies one of this module's facts."""
    if isinstance(fact, SessionNamed):
        label.name = fact.name
    elif isinstance(fact, SessionArchived):
        label.archived = fact.archived
    elif isinstance(fact, SessionDeleted):
        label.deleted = fact.until
    elif isinstance(fact, SessionRestored):
        label.deleted = None
    elif isinstance(fact, SessionErased):
        label.erased = True
