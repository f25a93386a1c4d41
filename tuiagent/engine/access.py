"""Whether an actor may do what it asks: the one gate that every submit, read and watch passes."""

from tuiagent.kernel.call import AnswerApproval
from tuiagent.kernel.command import RunCommand
from tuiagent.kernel.directory import AGENT, Directory
from tuiagent.kernel.effort import MoveProviders
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Intent
from tuiagent.kernel.grants import ChangeMode, ChangeSandbox, ConfigureRules
from tuiagent.kernel.standing import KeepRule, TrustFile

PEOPLES = (
    AnswerApproval,
    RunCommand,
    ChangeMode,
    ChangeSandbox,
    ConfigureRules,
    KeepRule,
    MoveProviders,
    TrustFile,
)
"""What lets calls through: people say it, and programs that they made for it, never agents."""


def check(directory: Directory, actor: str, intent: Intent | None = None) -> None:
    """Raises Refused when the actor may not submit this intent, or is not there at all."""
    if actor == AGENT:
        raise Refused("an agent acts through the session that it works in")
    kind = directory.kind(actor)
    if not kind:
        raise Refused(f"there is no actor {actor} here, or it was removed")
    if kind == AGENT and isinstance(intent, PEOPLES):
        raise Refused(f"{actor} is an agent: what may be done is for people to say")
