"""Prompts that are not for the model: commands of the app, and commands of the person's shell."""

from typing import TYPE_CHECKING

from tuiagent.clients.tui import commands
from tuiagent.clients.tui.bridge import Desk
from tuiagent.kernel.command import RunCommand
from tuiagent.kernel.errors import TuiagentError

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp


def known(app: "TuiApp", name: str) -> bool:
    """Whether there is a command of exactly this name; else it is said what is near."""
    try:
        commands.find(name)
    except TuiagentError as error:
        app.trouble(str(error))
        return False
    return True


async def do(app: "TuiApp", name: str, rest: str) -> None:
    """Does a command of the app. Raises TuiagentError."""
    await commands.find(name).do(app, rest)


async def run(desk: Desk, text: str, quiet: bool) -> bool:
    """Runs a command in the session's folder as the person. Whether it was taken up."""
    conversation = desk.conversation if await desk.ready() else None
    return conversation is not None and await desk.send(
        RunCommand(conversation.stream, text, quiet)
    )
