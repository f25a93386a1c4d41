"""Asides: what the model is told beside what people say, such as a skill that they named."""

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent

# ---------------------------------------------------------------- facts


class AsideTold(Fact, frozen=True):
    """The model is told this before it is asked next; of one source only once."""

    kind: str
    """What it is, such as `The skill review-diff`."""
    source: str
    """The file that it is from."""
    text: str


# ---------------------------------------------------------------- intents


class TellAside(Intent, frozen=True):
    """Tell the model what a file says."""

    kind: str
    source: str
    text: str


def decide(told: set[str], intent: TellAside, at: At) -> list[Fact]:
    """The aside, unless it was told before. Raises Refused."""
    if not at.fence:
        raise Refused("only the session's owner tells asides")
    if intent.source in told:
        return []
    return [AsideTold(intent.kind, intent.source, intent.text)]


def words(fact: AsideTold) -> str:
    """What the model reads: where it is from comes first."""
    return f"({fact.kind}, from {fact.source}:)\n\n{fact.text}"


def line(fact: AsideTold) -> str:
    """What people are told of it."""
    return f"told: {fact.kind}, from {fact.source}"
