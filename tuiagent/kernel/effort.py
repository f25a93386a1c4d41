"""Who answers, where they are asked, and how much they think before."""

from typing import Any

from msgspec.structs import replace

from tuiagent.kernel import stall
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.message import EFFORTS
from tuiagent.kernel.prompts import ModelChanged


class EffortChanged(Fact, frozen=True):
    """The model thinks more or less from the next model call on."""

    effort: str
    """One of EFFORTS; "" for what is usual."""


class ProvidersMoved(Fact, frozen=True):
    """Providers are asked elsewhere, or with keys from elsewhere, from the next model call on."""

    credentials: dict[str, str]
    """Of all of them, as in SessionOpened; likewise."""
    endpoints: dict[str, str]


class ChangeEffort(Intent, frozen=True):
    """Let the model think more or less."""

    effort: str


class MoveProviders(Intent, frozen=True):
    """Ask providers where whoever takes the session up would ask them."""

    credentials: dict[str, str]
    endpoints: dict[str, str]
    """Of those that it says something of; the others stay where they are."""


DECIDED: tuple[type[Intent], ...] = (ChangeEffort, MoveProviders)
FOLDED: tuple[type[Fact], ...] = (ModelChanged, EffortChanged, ProvidersMoved)


def decide(state: Any, intent: ChangeEffort | MoveProviders, at: At) -> list[Fact]:
    """The change to a session. Raises Refused for a word that nobody knows."""
    if isinstance(intent, MoveProviders):
        return _moved(state, intent, at)
    if intent.effort not in ("", *EFFORTS):
        raise Refused(f"unknown effort {intent.effort!r}: use one of {', '.join(EFFORTS)}")
    return [EffortChanged(intent.effort)] if intent.effort != state.effort else []


def _moved(state: Any, intent: MoveProviders, at: At) -> list[Fact]:
    """A key goes only where its address is: of a provider that stays, none is taken."""
    opened: SessionOpened = state.opened
    if at.fence or at.actor == state.agent:
        raise Refused("an agent does not say where it is asked")
    endpoints = {**opened.endpoints, **intent.endpoints}
    theirs = intent.credentials.items()
    fit = {name: at for name, at in theirs if endpoints.get(name) == intent.endpoints.get(name)}
    credentials = {**opened.credentials, **fit}
    if (credentials, endpoints) == (opened.credentials, opened.endpoints):
        return []
    resumed = stall.decide_resume(state.run.id, state.run.stall) if state.run else []
    return [ProvidersMoved(credentials, endpoints), *resumed]


def fold(state: Any, fact: ModelChanged | EffortChanged | ProvidersMoved) -> None:
    """Applies one of these to a session; another model, or another place, has not failed yet."""
    if isinstance(fact, EffortChanged):
        state.effort = fact.effort
        return
    if isinstance(fact, ProvidersMoved):
        places = {"credentials": fact.credentials, "endpoints": fact.endpoints}
        state.opened = replace(state.opened, **places)
    else:
        state.model = fact.model
    if state.run:
        state.run.failures = 0


def places(fact: ProvidersMoved) -> str:
    """Where the providers are asked from now on, in words."""
    found = [f"{name} at {url}" for name, url in sorted(fact.endpoints.items())]
    return f"asks {', '.join(found)} from now on" if found else "keys come from elsewhere now"
