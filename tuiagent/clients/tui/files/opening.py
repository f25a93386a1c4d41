"""What a file is opened with: a screen that shows it or what changed in it, or an editor."""

import os
from typing import TYPE_CHECKING

from textual.app import SuspendNotSupported

from tuiagent.clients.tui import outside
from tuiagent.clients.tui.files import disk
from tuiagent.clients.tui.files.git import GitError
from tuiagent.clients.tui.files.place import Place
from tuiagent.clients.tui.transcript.diff import unchanged
from tuiagent.kernel.errors import TuiagentError
from tuiagent.threads import in_thread

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp


async def read(app: "TuiApp", place: Place, path: str) -> None:
    """Shows what is in a file of this place."""
    from tuiagent.clients.tui.diff.screens import FileScreen  # noqa: PLC0415 - few open one
    from tuiagent.clients.tui.diff.view import Section  # noqa: PLC0415 - likewise

    def shown() -> tuple[Section, str]:
        head = disk.head(place.root, path)
        return Section("", tuple(unchanged(head.text)), path if head.plain else ""), head.note

    section, note = await in_thread(shown)
    app.push_screen(FileScreen(path, section, note))


def differences(app: "TuiApp", place: Place, path: str) -> None:
    """Shows what changed in a file: by the agent, if it was that, else since git's HEAD."""
    from tuiagent.clients.tui.diff.screens import (  # noqa: PLC0415 - after the first frame
        AGENT,
        HEAD,
        DiffScreen,
    )

    def compare() -> str:
        try:
            return place.git.diff(path)
        except GitError as error:
            raise OSError(f"git cannot compare it: {error}") from None

    app.push_screen(DiffScreen(path, compare, AGENT if place.by_agent(path) else HEAD))


def edit(app: "TuiApp", path: str) -> None:
    """Opens a file in the person's editor, which has the terminal meanwhile."""
    try:
        with app.suspend():
            outside.opened(path, os.environ)
    except (TuiagentError, SuspendNotSupported) as error:
        app.trouble(f"no editor can be run here: {error}")
