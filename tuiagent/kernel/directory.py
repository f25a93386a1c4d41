"""Who there is: people, agents and services, as actors of the same kind."""

from collections.abc import Sequence

from msgspec import Struct

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Aggregate, At, Fact, Intent

STREAM = "directory/local"
OWNER = "owner"
AGENT = "agent"


class ActorAdded(Fact, frozen=True):
    """Somebody may act here."""

    actor: str
    kind: str
    """person, agent or service."""
    name: str = ""


class AddActor(Intent, frozen=True):
    """Let somebody act here."""

    actor: str
    kind: str
    name: str = ""


class Directory(Struct):
    """Everybody who may act, by id."""

    actors: dict[str, ActorAdded] = {}


def decide(state: Directory, intent: AddActor, at: At) -> Sequence[Fact]:
    """Adds an actor once."""
    if intent.kind not in ("person", "agent", "service"):
        raise Refused(f"an actor is a person, an agent or a service, not {intent.kind!r}")
    if intent.actor in state.actors:
        raise Refused(f"there is an actor {intent.actor} already")
    return [ActorAdded(intent.actor, intent.kind, intent.name)]


def fold(state: Directory, fact: Fact) -> Directory:
    """The directory after this fact."""
    if isinstance(fact, ActorAdded):
        state.actors[fact.actor] = fact
    return state


def can(state: Directory, actor: str, intent: type[Intent]) -> bool:
    """Whether the actor may submit this kind of intent; the local owner may do everything."""
    known = state.actors.get(actor)
    return actor == OWNER or (known is not None and intent is not AddActor)


AGGREGATE: Aggregate[Directory] = Aggregate(
    kind="directory",
    initial=Directory,
    decide=decide,
    fold=fold,
    wake=lambda state: None,
    facts=(ActorAdded,),
    intents=(AddActor,),
)
