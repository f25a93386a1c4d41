"""How much the model thinks before it answers."""

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Fact, Intent
from tuiagent.kernel.message import EFFORTS


class EffortChanged(Fact, frozen=True):
    """The model thinks more or less from the next model call on."""

    effort: str
    """One of EFFORTS; "" for what is usual."""


class ChangeEffort(Intent, frozen=True):
    """Let the model think more or less."""

    effort: str


def decide(known: str, intent: ChangeEffort) -> list[Fact]:
    """The change. Raises Refused for a word that nobody knows."""
    if intent.effort not in ("", *EFFORTS):
        raise Refused(f"unknown effort {intent.effort!r}: use one of {', '.join(EFFORTS)}")
    return [EffortChanged(intent.effort)] if intent.effort != known else []
