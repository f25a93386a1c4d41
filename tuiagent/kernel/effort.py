"""Who answers, and how much it thinks before."""

from typing import Any

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Fact, Intent
from tuiagent.kernel.message import EFFORTS
from tuiagent.kernel.prompts import ModelChanged


class EffortChanged(Fact, frozen=True):
    """The model thinks more or less from the next model call on."""

    effort: str
    """One of EFFORTS; "" for what is usual."""


class ChangeEffort(Intent, frozen=True):
    """Let the model think more or less."""

    effort: str


def decide_effort(known: str, intent: ChangeEffort) -> list[Fact]:
    """The change. Raises Refused for a word that nobody knows."""
    if intent.effort not in ("", *EFFORTS):
        raise Refused(f"unknown effort {intent.effort!r}: use one of {', '.join(EFFORTS)}")
    return [EffortChanged(intent.effort)] if intent.effort != known else []


def fold_answering(state: Any, fact: ModelChanged | EffortChanged) -> None:
    """Applies either fact to a session; another model has not failed yet."""
    if isinstance(fact, EffortChanged):
        state.effort = fact.effort
        return
    state.model = fact.model
    if state.run:
        state.run.failures = 0
