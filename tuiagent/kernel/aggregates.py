"""The list of stream kinds."""

from typing import Any

from tuiagent.kernel import audit, directory, loop, session, standing
from tuiagent.kernel.codec import Codec
from tuiagent.kernel.event import Aggregate
from tuiagent.kernel.presence import ShowPresence

SESSION: Aggregate[session.Session] = Aggregate(
    kind="session",
    initial=session.Session,
    decide=session.decide,
    fold=session.fold,
    wake=loop.wake,
    facts=tuple(session.FOLD),
    intents=tuple(session.DECIDE),
)

AGGREGATES: dict[str, Aggregate[Any]] = {
    aggregate.kind: aggregate
    for aggregate in (SESSION, directory.AGGREGATE, audit.AGGREGATE, standing.AGGREGATE)
}


def codec() -> Codec:
    """Knows the facts and intents of every kind of stream."""
    kinds = AGGREGATES.values()
    intents = [intent for kind in kinds for intent in kind.intents]
    return Codec([fact for kind in kinds for fact in kind.facts], [*intents, ShowPresence])
