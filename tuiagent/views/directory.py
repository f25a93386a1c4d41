"""The directory: who may act here, and which access keys there are and were."""

from collections.abc import Iterable

from msgspec import Struct

from tuiagent.kernel.directory import ActorAdded, ActorRemoved, KeyIssued, KeyRevoked
from tuiagent.kernel.event import Event


class Actor(Struct):
    """Somebody who may act here, or might once; the owner is not among them."""

    actor: str
    kind: str
    name: str
    added: float
    removed: float | None = None


class Key(Struct):
    """An access key, by everything but itself and its hash."""

    key: str
    actor: str
    kind: str
    name: str
    scopes: tuple[str, ...]
    issued: float
    issuer: str
    """Who issued it."""
    by: str = ""
    """With which key."""
    until: float | None = None
    """When it expires, in seconds since 1970."""
    revoked: float | None = None
    revoker: str = ""


class Listing(Struct):
    """All of them, in the order in which they came."""

    actors: list[Actor] = []
    keys: list[Key] = []


def listing(events: Iterable[Event]) -> Listing:
    """What the events of the directory's stream come to."""
    found = Listing()
    for event in events:
        fact = event.fact
        if isinstance(fact, ActorAdded):
            found.actors.append(Actor(fact.actor, fact.kind, fact.name, event.at))
        elif isinstance(fact, KeyIssued):
            of = (fact.key, fact.actor, fact.kind, fact.name, fact.scopes)
            how = (event.at, event.actor, fact.by, fact.until or None)
            found.keys.append(Key(*of, *how))
        elif isinstance(fact, ActorRemoved):
            for actor in found.actors:
                if actor.actor == fact.actor and actor.removed is None:
                    actor.removed = event.at
            _revoke(event, [key for key in found.keys if key.actor == fact.actor])
        elif isinstance(fact, KeyRevoked):
            _revoke(event, [key for key in found.keys if key.key == fact.key])
    return found


def _revoke(event: Event, keys: Iterable[Key]) -> None:
    for key in keys:
        if key.revoked is None:
            key.revoked, key.revoker = event.at, event.actor
