"""The list of stream kinds."""

from typing import Any

from tuiagent.kernel import audit, directory, loop, session, standing
from tuiagent.kernel.codec import Codec
from tuiagent.kernel.event import Aggregate

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
    return Codec([f for kind in kinds for f in kind.facts], [i for k in kinds for i in k.intents])
