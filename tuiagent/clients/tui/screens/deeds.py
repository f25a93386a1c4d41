"""What is done with sessions that are listed: one at hand, or several that were selected."""

import asyncio
import os
import time
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from textual.binding import Binding, BindingType

from tuiagent.clients.exported import KINDS, told
from tuiagent.clients.tui import places
from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.screens.asked import Ask
from tuiagent.clients.tui.screens.session_list import SessionRows, Sifted
from tuiagent.clients.tui.screens.sheet import ListSheet
from tuiagent.clients.whole import write
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.event import Intent
from tuiagent.kernel.lifecycle import ArchiveSession, DeleteSession, NameSession, RestoreSession
from tuiagent.views.sessions import Row

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp


class Deeds(ListSheet):
    """Fork, rename, archive, delete, bring back, export."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "rename", "Rename", priority=True, id="sessions.rename"),
        Binding("ctrl+f", "fork", "Fork", priority=True, id="sessions.fork"),
        Binding("ctrl+a", "archive", "Archive", priority=True, id="sessions.archive"),
        Binding("ctrl+d", "delete", "Delete", priority=True, id="sessions.delete"),
        Binding("ctrl+z", "restore", "Bring back", priority=True, id="sessions.restore"),
        Binding("ctrl+x", "export", "Export", priority=True, id="sessions.export"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.listed = Sifted()
        self._back: list[Intent] = []
        """What brings back those that were archived or deleted last."""

    @property
    def _rows(self) -> SessionRows:
        return self.query_one(SessionRows)

    @property
    def at(self) -> Row | None:
        """The session at hand."""
        return self.listed.row(self._rows.at)

    def action_fork(self) -> None:
        """Begins another session where the one at hand stands now."""
        if self.at is not None:
            row = self.at
            self.dismiss()
            self.app.desk.spawn(places.fork(self.app, row.stream, row.folder, row.model))

    def action_rename(self) -> None:
        """Asks how the session at hand shall be called."""
        row = self.at
        if row is not None:

            async def named(name: str) -> None:
                await self.app.desk.send(NameSession(row.stream, name))

            self.query_one(Ask).ask("name", row.name, named)

    def action_archive(self) -> None:
        """Puts the selected sessions away, or takes them out again."""
        rows = self._selected()
        away = not all(row.archived for row in rows)
        self.later(self._archive([row.stream for row in rows], away))

    async def _archive(self, streams: list[str], away: bool) -> None:
        done = await self._each([ArchiveSession(stream, away) for stream in streams])
        if not done:
            return
        self._back = [*(ArchiveSession(stream, not away) for stream in done)]
        what = "a session" if len(done) == 1 else f"{len(done)} sessions"
        undo, every = keyed(self, "^Z"), keyed(self, "^L")
        said = f"Archived {what}. {undo} brings back, {every} shows all that was archived."
        self.app.notify(said if away else f"Took out {what} again.", markup=False)

    def action_delete(self) -> None:
        """Deletes the selected sessions; they can be brought back."""
        self.later(self._delete([row for row in self._selected() if row.deleted is None]))

    async def _delete(self, rows: list[Row]) -> None:
        done = await self._each([DeleteSession(row.stream) for row in rows])
        if not done:
            return
        self._back = [*(RestoreSession(stream) for stream in done)]
        found = (await self.app.desk.client.read("sessions", done[0])).data
        day = time.strftime("%d %B %Y", time.localtime(found[0]["deleted"])) if found else ""
        what = "a session" if len(done) == 1 else f"{len(done)} sessions"
        undo = keyed(self, "^Z")
        self.app.notify(f"Deleted {what}. {undo} brings back until {day}.", markup=False)

    def action_restore(self) -> None:
        """Brings back the selected sessions that are deleted, or what was taken away last."""
        gone: list[Intent] = []
        gone += [RestoreSession(row.stream) for row in self._selected() if row.deleted is not None]
        intents, self._back = gone or self._back, []
        self.later(self._each(intents))

    def action_export(self) -> None:
        """Asks for a file, or for a folder where several are selected, and writes there."""
        rows = self._selected()
        if not rows:
            return
        ident = rows[0].stream.partition("/")[2]
        usual = f"{ident}.md" if len(rows) == 1 else "."

        async def exported(path: str) -> None:
            await self.app.desk.attempt(self._export(rows, path))

        self.query_one(Ask).ask(
            f"file ({', '.join(KINDS)})" if len(rows) == 1 else "folder", usual, exported
        )

    async def _export(self, rows: list[Row], path: str) -> None:
        for row in rows:
            ident = row.stream.partition("/")[2]
            into = path if len(rows) == 1 else os.path.join(path, f"{ident}.md")
            await export(self.app, msgspec.to_builtins(row), into)

    def _selected(self) -> list[Row]:
        """The selected sessions, or the one at hand."""
        found = [self.listed.rows[s] for s in self.listed.marked if s in self.listed.rows]
        return found or ([self.at] if self.at else [])

    async def _each(self, intents: list[Intent]) -> list[str]:
        """Asks for each; the sessions for which it is done."""
        desk = self.app.desk
        done = [intent.stream for intent in intents if await desk.send(intent)]
        self.listed.marked.difference_update(done)
        return done


async def export(app: "TuiApp", row: dict[str, Any], path: str) -> None:
    """Writes a session to a file, as its ending says. Raises ConfigError."""
    into = os.path.join(app.desk.host.console.folder, os.path.expanduser(path))
    kind = KINDS.get(os.path.splitext(into)[1])
    if kind is None:
        raise ConfigError(f"{into}: its end says as what, one of {', '.join(KINDS)}")
    text, about = await told(app.desk.client, row, kind)
    await asyncio.to_thread(write, into, text.encode("utf-8", "replace"), False)
    app.notify(f"{row['stream'].partition('/')[2]} is in {into}, {about}", markup=False)
