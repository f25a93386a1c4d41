"""The palette: every command, screen, session and theme, by a few letters."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tuiagent.clients.clean import clean
from tuiagent.clients.tui import themes
from tuiagent.clients.tui.commands import COMMANDS
from tuiagent.clients.tui.prompt import Prompt
from tuiagent.clients.tui.screens.choose import Choice, Chooser

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

Entry = tuple[Choice, Callable[[], Awaitable[object] | None]]


def entries(app: "TuiApp") -> list[Entry]:
    """All that can be reached from here, commands first."""
    found: list[Entry] = []
    for name, command in COMMANDS.items():
        takes = f" {command.takes}" if command.takes else ""
        help = f"{command.help}{takes and ' ·' + takes}"
        found.append((Choice(f"/{name}", help), lambda name=name: app.command(name)))
    prompt = app.query_one(Prompt)
    for name, paper in prompt.offers.finder.written.items() if prompt.offers.finder else ():
        put = f"/{name}{' ' if paper.hint else ''}"
        help = f"{paper.description} · {paper.source}"
        found.append((Choice(f"/{name}", help), lambda put=put: prompt.begin_with(put)))
    for binding in app.active_bindings.values():
        one = binding.binding
        if one.description and binding.node is app:
            key = app.get_key_display(one)
            found.append((Choice(one.description, f"key {key}"), _action(app, one.action)))
    for row in reversed(app.desk.sessions):
        if row.deleted is None and not row.archived:
            label = clean(row.name or row.title or "new session").replace("\n", " ")
            ident = row.stream.partition("/")[2]
            choice = Choice(f"session {label}", f"{row.status} · {row.folder} · {ident}")
            found.append((choice, lambda stream=row.stream: app.desk.open(stream)))
    for name in themes.files(app.desk.host.settings.home):
        found.append((Choice(f"theme {name}"), lambda name=name: app.wear(name)))
    return found


def palette(app: "TuiApp") -> None:
    """Asks what is wanted, and does it."""
    found = entries(app)
    by_name = {choice.name: do for choice, do in reversed(found)}

    async def take(name: str | None) -> None:
        if name and (done := by_name[name]()) is not None:
            await done

    app.push_screen(Chooser("Palette", [choice for choice, _ in found]), take)


def _action(app: "TuiApp", action: str) -> Callable[[], Awaitable[object]]:
    return lambda: app.run_action(action, app)
