"""Undoing what one call changed in files: a call of its own, which a person asks for."""

from typing import Any

from tuiagent.kernel.call import CallState
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.message import Call

TOOL = "undo"
"""The tool that does it; models are not told of it."""

# ---------------------------------------------------------------- facts


class UndoRequested(Fact, frozen=True):
    """A person wants to have undone what a call did to files, or to one file, or one hunk of it."""

    undo: str
    """The undo's own id: it is a call that can be undone in turn."""
    call: str
    path: str = ""
    hunk: int = 0
    """Counted from 1; 0 for all."""


class UndoProposed(Fact, frozen=True):
    """What is to be changed back was found out."""

    undo: str
    args: dict[str, Any]


# ---------------------------------------------------------------- intents


class UndoCall(Intent, frozen=True):
    """Undo what a call did to files."""

    call: str
    path: str = ""
    hunk: int = 0


class ProposeUndo(Intent, frozen=True):
    """The engine found out what is to be changed back."""

    undo: str
    args: dict[str, Any]


# ---------------------------------------------------------------- decide and fold

Undos = dict[str, CallState]
"""The undos that are not done yet, by id."""


def decide_request(number: int, intent: UndoCall, at: At, agent: str) -> list[Fact]:
    """A new undo; whether there is something to undo is found out by the engine."""
    if at.fence or at.actor == agent:
        raise Refused("only a person undoes what was done")
    if intent.hunk and not intent.path:
        raise Refused("say which file the hunk is in")
    return [UndoRequested(f"undo{number + 1}", intent.call, intent.path, intent.hunk)]


def decide_propose(undos: Undos, intent: ProposeUndo, at: At) -> list[Fact]:
    """What is to be changed back."""
    found = undos.get(intent.undo)
    if not at.fence or found is None or found.phase != "requested":
        raise Refused(f"{intent.undo} does not wait to be worked out")
    return [UndoProposed(intent.undo, intent.args)]


FOLDED: tuple[type[Fact], ...] = (UndoRequested, UndoProposed)


def fold(undos: Undos, fact: Fact) -> None:
    """Applies one of this module's facts."""
    if isinstance(fact, UndoRequested):
        wanted = {"call": fact.call, "path": fact.path, "hunk": fact.hunk}
        call = Call(fact.undo, TOOL, wanted)
        # a person asked for exactly this, so what policy would ask about needs no second yes
        undos[fact.undo] = CallState(call, phase="requested", args=wanted, covered="*")
    elif isinstance(fact, UndoProposed):
        state = undos[fact.undo]
        state.phase, state.args = "proposed", fact.args
