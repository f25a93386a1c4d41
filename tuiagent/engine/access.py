"""Whether an actor may do what it asks: the one gate that every submit passes."""

from tuiagent.kernel.directory import AGENT, OWNER, Directory, can
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Intent


def check(directory: Directory, actor: str, intent: Intent) -> None:
    """Raises Refused when the actor may not submit this intent."""
    if actor == AGENT:
        raise Refused("an agent acts through the session that it works in")
    if actor != OWNER and not can(directory, actor, type(intent)):
        raise Refused(f"{actor} may not do this here ({type(intent).__name__})")
