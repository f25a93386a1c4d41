"""Prompts that are not for the model: commands of the app, and commands of the person's shell."""

import asyncio
import os
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from tuiagent.clients.tui import commands
from tuiagent.clients.tui.bridge import Desk
from tuiagent.clients.tui.prompt import chips, clipboard
from tuiagent.clients.tui.prompt.drafts import Drafts
from tuiagent.clients.tui.prompt.editor import Editor
from tuiagent.kernel.command import RunCommand
from tuiagent.kernel.errors import TuiagentError

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp
    from tuiagent.clients.tui.prompt.prompt import Prompt


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


async def look(editor: Editor, drafts: Drafts, text: str) -> None:
    """Puts the image of the system's clipboard into the prompt, or this text where it has none."""
    words = clipboard.reader(os.environ)
    data = await clipboard.image(words) if words else None
    if data is not None:
        path = await asyncio.to_thread(drafts.put_image, data)
        number = chips.number_after(editor.chips)
        editor.insert_chip(chips.copied(path, len(data), number))
    elif text:
        editor.take_paste(text)


async def on_its_way(prompt: "Prompt", text: str, said: Awaitable[bool]) -> None:
    """Has what could not be said stand in the prompt; where one leaves meanwhile, the next time."""
    try:
        if not await said:
            prompt.give_back(text)
    except asyncio.CancelledError:
        prompt.keep(text)
        await prompt.drafts.close()
        raise


async def run(desk: Desk, text: str, quiet: bool) -> bool:
    """Runs a command in the session's folder as the person. Whether it was taken up."""
    conversation = desk.conversation if await desk.ready() else None
    return conversation is not None and await desk.send(
        RunCommand(conversation.stream, text, quiet)
    )
