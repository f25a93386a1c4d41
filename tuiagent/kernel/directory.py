"""Who there is: people, agents and services, as actors of the same kind, and their access keys."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from msgspec import Struct

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Aggregate, At, Fact, Intent

STREAM = "directory/local"
OWNER = "owner"
"""Whoever owns the journal: always there, never added."""
AGENT = "agent"
ADMIN = "admin"
"""The scope that includes all others."""
SCOPES = (
    "sessions:read",
    "sessions:write",
    "approvals:answer",
    "files:read",
    "config:read",
    "usage:read",
    ADMIN,
)
PEOPLES = frozenset({"approvals:answer", ADMIN})
"""Scopes that no agent has: nobody approves its own request, nor lets others in who would."""
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789_.-")
"""What an actor's id is made of; it begins with a letter or a digit."""
HEXADECIMAL = frozenset("0123456789abcdef")

# ---------------------------------------------------------------- facts


class ActorAdded(Fact, frozen=True):
    """Somebody may act here."""

    actor: str
    kind: str
    """person, agent or service."""
    name: str = ""


class ActorRemoved(Fact, frozen=True):
    """Somebody may act here no more; all its keys are revoked with it."""

    actor: str


class KeyIssued(Fact, frozen=True):
    """An actor has one more access key."""

    key: str
    """Its id; the key itself is kept nowhere."""
    actor: str
    kind: str
    """The actor's: owner, person, agent or service."""
    sha256: str
    scopes: tuple[str, ...]
    until: float = 0.0
    """When it expires, in seconds since 1970; 0 for never."""
    name: str = ""
    by: str = ""
    """The id of the key with which it was issued; "" where the owner needed none."""


class KeyRevoked(Fact, frozen=True):
    """An access key opens nothing any more."""

    key: str
    by: str = ""


# ---------------------------------------------------------------- intents


class AddActor(Intent, frozen=True):
    """Let somebody act here."""

    actor: str
    kind: str
    name: str = ""
    by: str = ""
    """The id of the key with which this is asked; only the owner needs none."""


class RemoveActor(Intent, frozen=True):
    """Let somebody act here no more."""

    actor: str
    by: str = ""


class IssueKey(Intent, frozen=True):
    """Give an actor, which may be a new one, an access key with this SHA-256."""

    key: str
    actor: str
    sha256: str
    scopes: tuple[str, ...]
    kind: str = ""
    """Of a new actor; "" for one that is known."""
    until: float = 0.0
    name: str = ""
    replaces: bool = False
    """Whether the actor's other keys of this name are revoked."""
    by: str = ""


class RevokeKey(Intent, frozen=True):
    """Let an access key open nothing any more."""

    key: str
    by: str = ""


# ---------------------------------------------------------------- state


class Directory(Struct):
    """Everybody who may act, by id, and every key that there ever was."""

    actors: dict[str, ActorAdded] = {}
    keys: dict[str, KeyIssued] = {}
    revoked: set[str] = set()
    marks: dict[str, str] = {}
    """The ids of keys by their SHA-256."""

    def kind(self, actor: str) -> str:
        """What the actor is; "" for nobody."""
        if actor == OWNER:
            return OWNER
        known = self.actors.get(actor)
        return known.kind if known else ""

    def over(self, key: str, now: float) -> str:
        """Why this key opens nothing: unknown, revoked or expired; "" for a live one."""
        issued = self.keys.get(key)
        if issued is None:
            return "unknown"
        if key in self.revoked:
            return "revoked"
        return "expired" if issued.until and issued.until <= now else ""


def covers(held: Iterable[str], wanted: str) -> bool:
    """Whether whoever holds these scopes has the wanted one; no scopes cover nothing."""
    scopes = frozenset(held)
    return wanted in scopes or ADMIN in scopes


# ---------------------------------------------------------------- decide and fold


def _permit(state: Directory, by: str, at: At) -> None:
    """Raises Refused unless the owner asks, or somebody whose live key has every scope.

    So nobody issues a key with a scope that it does not have itself.
    """
    if at.fence or at.actor == AGENT:
        raise Refused("an agent does not say who may act here")
    if not by and at.actor == OWNER:
        return
    issued = state.keys.get(by)
    if issued is None or issued.actor != at.actor or state.over(by, at.now):
        raise Refused(f"{at.actor} asks this without a live key of its own")
    if not covers(issued.scopes, ADMIN):
        raise Refused(f"the key {by} lacks the scope {ADMIN}, which this takes")


def _add(state: Directory, intent: AddActor, at: At) -> list[Fact]:
    if intent.kind not in ("person", "agent", "service"):
        raise Refused(f"an actor is a person, an agent or a service, not {intent.kind!r}")
    if state.kind(intent.actor):
        raise Refused(f"there is an actor {intent.actor} already")
    fits = 0 < len(intent.actor) < 64 and LETTERS.issuperset(intent.actor)
    if intent.actor == AGENT or not fits or intent.actor[0] in "_.-":
        raise Refused(
            f"an actor cannot be called {intent.actor[:80]!r}: use up to 63 of a-z, 0-9, . _ -, "
            f"and not {AGENT!r}"
        )
    return [ActorAdded(intent.actor, intent.kind, intent.name[:200])]


def _remove(state: Directory, intent: RemoveActor, at: At) -> list[Fact]:
    if intent.actor not in state.actors:
        raise Refused(f"there is no actor {intent.actor} that could be removed")
    return [ActorRemoved(intent.actor)]


def _issue(state: Directory, intent: IssueKey, at: At) -> list[Fact]:
    known = state.kind(intent.actor)
    same = state.marks.get(intent.sha256)
    if same is not None:
        if state.keys[same].actor == intent.actor and not state.over(same, at.now):
            return []
        raise Refused("this key was used before, and is over: make another")
    fits = len(intent.sha256) == 64 and HEXADECIMAL.issuperset(intent.sha256)
    if intent.key in state.keys or not fits:
        raise Refused("a key has an id of its own and a SHA-256 in hexadecimal")
    if intent.until and intent.until <= at.now:
        raise Refused("the key would have expired already")
    kind = known or intent.kind
    if not kind:
        raise Refused(f"there is no actor {intent.actor}: say of which kind the new one is")
    if intent.kind not in ("", kind):
        raise Refused(f"{intent.actor} is of the kind {known}, not {intent.kind}")
    scopes = _scopes(intent.scopes, kind)
    added = [] if known else _add(state, AddActor(intent.stream, intent.actor, kind), at)
    name = intent.name[:200]
    replaced = [
        KeyRevoked(key, intent.by)
        for key, issued in state.keys.items()
        if intent.replaces
        and (issued.actor, issued.name) == (intent.actor, name)
        and key not in state.revoked
    ]
    issued = KeyIssued(
        intent.key, intent.actor, kind, intent.sha256, scopes, intent.until, name, intent.by
    )
    return [*added, *replaced, issued]


def _scopes(wanted: tuple[str, ...], kind: str) -> tuple[str, ...]:
    """Each wanted scope once, in the order of SCOPES. Raises Refused."""
    unknown = sorted({*wanted} - {*SCOPES})
    if unknown:
        raise Refused(f"there is no scope {unknown[0]!r}: use some of {', '.join(SCOPES)}")
    if kind == AGENT and (never := sorted(PEOPLES & {*wanted})):
        raise Refused(f"no agent has the scope {never[0]}: that is for people")
    return tuple(scope for scope in SCOPES if scope in wanted)


def _revoke(state: Directory, intent: RevokeKey, at: At) -> list[Fact]:
    if intent.key not in state.keys:
        raise Refused(f"there is no key {intent.key}")
    return [] if intent.key in state.revoked else [KeyRevoked(intent.key, intent.by)]


DECIDE: dict[type[Intent], Callable[[Directory, Any, At], list[Fact]]] = {
    AddActor: _add,
    RemoveActor: _remove,
    IssueKey: _issue,
    RevokeKey: _revoke,
}


def decide(state: Directory, intent: Intent, at: At) -> Sequence[Fact]:
    """The facts that this intent makes in this state. Raises Refused."""
    _permit(state, getattr(intent, "by", ""), at)
    return DECIDE[type(intent)](state, intent, at)


def fold(state: Directory, fact: Fact) -> Directory:
    """The directory after this fact."""
    if isinstance(fact, ActorAdded):
        state.actors[fact.actor] = fact
    elif isinstance(fact, ActorRemoved):
        state.actors.pop(fact.actor, None)
        state.revoked.update(k for k, issued in state.keys.items() if issued.actor == fact.actor)
    elif isinstance(fact, KeyIssued):
        state.keys[fact.key] = fact
        state.marks[fact.sha256] = fact.key
    elif isinstance(fact, KeyRevoked):
        state.revoked.add(fact.key)
    return state


AGGREGATE: Aggregate[Directory] = Aggregate(
    kind="directory",
    initial=Directory,
    decide=decide,
    fold=fold,
    wake=lambda state: None,
    facts=(ActorAdded, ActorRemoved, KeyIssued, KeyRevoked),
    intents=tuple(DECIDE),
)
