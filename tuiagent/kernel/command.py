"""A command that a person runs in the session's folder: a call of its own, which no model made."""

from tuiagent.kernel.call import CallState
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.message import Call

TOOL = "shell"
"""The tool that does it."""
OWN = "command"
"""What their ids begin with."""

# ---------------------------------------------------------------- facts


class CommandRequested(Fact, frozen=True):
    """A person wants a command to be run."""

    command: str
    """Its own id: it is a call like any other."""
    text: str
    quiet: bool = False
    """Whether the model is not told of it."""


# ---------------------------------------------------------------- intents


class RunCommand(Intent, frozen=True):
    """Run a command as oneself, in the session's folder; rules that deny hold for it too."""

    text: str
    quiet: bool = False
    """Without telling the model what it wrote."""


# ---------------------------------------------------------------- decide and fold


def decide(number: int, intent: RunCommand, at: At, agent: str) -> list[Fact]:
    """A new command. Raises Refused."""
    if not agent:
        raise Refused("there is no such session")
    if at.fence or at.actor == agent:
        raise Refused("only a person runs commands of their own")
    if not intent.text.strip():
        raise Refused("the command is empty")
    return [CommandRequested(f"{OWN}{number + 1}", intent.text, intent.quiet)]


def own(call: str) -> bool:
    """Whether the call with this id is such a command; those of models begin with their run's."""
    return call.startswith(OWN) and "." not in call


def fold(wishes: dict[str, CallState], fact: Fact) -> None:
    """Applies the fact to the calls that people asked for."""
    assert isinstance(fact, CommandRequested)
    args = {"command": fact.text}
    call = Call(fact.command, TOOL, args)
    # a person asked for exactly this, so what policy would ask about needs no second yes
    wishes[fact.command] = CallState(call, args=args, covered="*")
