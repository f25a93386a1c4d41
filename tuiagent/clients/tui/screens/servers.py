"""MCP servers: how each is, what it lends and wrote, and what a person does about it."""

import asyncio
import os
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from tuiagent import config_file
from tuiagent.clients.lending import MARKS, asked, lenders, renew, told, trust, waiting, waits
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.pane import Pane
from tuiagent.clients.tui.screens.sheet import Rows, Says, Sheet, fit
from tuiagent.kernel.errors import TuiagentError
from tuiagent.ports import Lender

COLORS = {"ready": "good", "waiting": "bad", "broken": "bad", "login": "warn", "untrusted": "warn"}
NEW = ("known", "starting")
"""How servers are that are reached as this is opened."""
EMPTY = "No MCP server is named. In a shell:\ntuiagent mcp add NAME -- COMMAND"


class Servers(Rows):
    """One line for each server."""

    EMPTY = EMPTY

    def __init__(self) -> None:
        super().__init__("servers")
        self.rows: list[Lender] = []

    def count(self) -> int:
        """See Pane."""
        return len(self.rows)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        row = self.rows[number]
        style = COLORS.get(row.state, "dim")
        mark = "!" if row.changed else MARKS.get(row.state, "·")
        return [
            (f" {mark} ", "warn" if row.changed else style),
            (fit(row.name, 16) + " ", "strong"),
            (fit(row.state, 10), style),
            (f"{len(row.tools):>4} tools ", "dim"),
        ]

    @property
    def chosen(self) -> Lender | None:
        """The server at hand."""
        return self.rows[self.at] if self.rows else None


class About(Pane):
    """Everything about the server at hand."""

    def __init__(self) -> None:
        super().__init__(id="about")
        self.lines: list[str] = []

    def count(self) -> int:
        """See Pane."""
        return len(self.lines)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        text = self.lines[number]
        return [(text, "dim" if text.lstrip().startswith("|") else "")]


class ServersSheet(Sheet):
    """The servers at the left, all about the one at hand at the right."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,t", "test", "Test", id="servers.test"),
        Binding("s", "switch", "On or off", id="servers.switch"),
        Binding("l", "login", "Sign in", id="servers.login"),
        Binding("a", "accept", "Accept what changed", id="servers.accept"),
        Binding("u", "renew", "Use new tools now", id="servers.renew"),
        Binding("y", "trust", "Trust the repository's", id="servers.trust"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._told: list[Piece] = []
        self._waits: list[Piece] = []

    def compose(self) -> ComposeResult:
        """Both, what came of the last thing done, and the keys."""
        yield Says(lambda: ([(" MCP servers ", "strong")], [("Esc back ", "keys")]))
        with Horizontal():
            yield Servers()
            yield About()
        yield Says(lambda: (self._waits, []), "waits")
        yield Says(lambda: (self._told, []), "told")
        keys = " t test  s on/off  l sign in  a accept changes  u use now  y trust the folder's "
        yield Says(lambda: ([(keys, "keys")], []))

    def on_mount(self) -> None:
        """Reads how they are, and reaches those that are on."""
        self.query_one(Servers).focus()
        self.later(self._begin())

    async def _begin(self) -> None:
        await self.app.desk.reload()  # servers may have been named in a shell meanwhile
        await self._renew()
        rows = self.query_one(Servers).rows
        await asyncio.gather(*(self._test(row) for row in rows if row.state in NEW))
        await self._renew()  # the last word: those of each may have crossed

    @property
    def _folder(self) -> str:
        conversation = self.app.desk.conversation
        return os.path.realpath(conversation.status.folder if conversation else ".")

    async def _renew(self) -> None:
        servers = self.query_one(Servers)
        servers.rows = await lenders(self.app.desk.client, self._folder)
        servers.renew()
        self._show()
        await self._look()

    async def _look(self) -> None:
        """Says which tools wait for a new prompt of the session at hand, and what that costs."""
        conversation = self.app.desk.conversation
        said = ""
        if conversation is not None:
            said = waits(await waiting(self.app.desk.client, conversation.stream))
        self._waits = [(f" {said} (u) ", "warn")] if said else []
        self.said("waits")

    def action_renew(self) -> None:
        """Has the model be told of the tools that wait, with its next answer."""
        self.later(self._use())

    async def _use(self) -> None:
        conversation = self.app.desk.conversation
        if conversation is None:
            self._tell("there is no session yet: its first prompt has all tools")
            return
        try:
            self._tell(await renew(self.app.desk.client, conversation.stream))
        except TuiagentError as error:
            self._tell(str(error))

    def _show(self) -> None:
        about, chosen = self.query_one(About), self.query_one(Servers).chosen
        about.lines = told(chosen, whole=True).splitlines() if chosen else []
        about.renew()

    def on_listed_moved(self) -> None:
        """Shows the one that is at hand now."""
        self._show()

    def on_rows_taken(self) -> None:
        """Tests the one that was clicked twice."""
        self.action_test()

    def action_test(self) -> None:
        """Reaches the server at hand."""
        if chosen := self.query_one(Servers).chosen:
            self._tell(f"{chosen.name}: reaching it …")
            self.later(self._test(chosen))

    async def _test(self, row: Lender) -> None:
        try:
            found = await asked(self.app.desk.client, "test", row.name, folder=self._folder)
            now = msgspec.convert(found, Lender)
            self._tell(f"{now.name}: {now.problem or now.state}")
        except TuiagentError as error:
            self._tell(str(error))
        await self._renew()

    def action_switch(self) -> None:
        """Leaves the server at hand alone from now on, or reaches it again."""
        self.later(self._switch())

    async def _switch(self) -> None:
        host, chosen = self.app.desk.host, self.query_one(Servers).chosen
        table = host.settings.servers.get(chosen.name) if chosen else None
        if chosen is None or table is None:
            self._tell("only servers of your own config.toml are switched on and off")
            return
        path = config_file.path(host.settings.home)
        kind = "mcp" if chosen.name in config_file.read(path).mcp else "mcp_servers"
        on = not table.enabled
        config_file.put(host.settings.home, f"{kind}.{chosen.name}.enabled", str(on).lower())
        await self.app.desk.reload()
        self._tell(f"{chosen.name} is {'on' if on else 'off'}")
        await self._renew()
        if on:
            await self._test(chosen)

    def action_login(self) -> None:
        """Has the person sign in to the server at hand."""
        if chosen := self.query_one(Servers).chosen:
            self.later(self._login(chosen))

    async def _login(self, row: Lender) -> None:
        def show(where: str) -> None:
            self.app.copy_to_clipboard(where)
            self._tell(f"open this in your browser (it is copied): {where}")

        async def never() -> str:
            await asyncio.Event().wait()
            return ""

        try:
            place = await self.app.desk.host.login(row.name, self._folder, show, never())
            self._tell(f"signed in to {row.name}; its token is in the {place}")
            await self._test(row)
        except (TuiagentError, OSError) as error:
            self._tell(str(error))

    def action_accept(self) -> None:
        """Accepts the tools of the server at hand as it describes them now."""
        self.later(self._accept())

    async def _accept(self) -> None:
        chosen = self.query_one(Servers).chosen
        if chosen is None or not chosen.changed:
            self._tell("nothing is described otherwise than when it was accepted")
            return
        await asked(self.app.desk.client, "accept", chosen.name, folder=self._folder)
        self._tell(f"{chosen.name}: accepted as it is described now")
        await self._renew()

    def action_trust(self) -> None:
        """Trusts the servers that the folder's own file names, as it is now."""
        self.later(self._trust())

    async def _trust(self) -> None:
        try:
            path = await trust(self.app.desk.client, self._folder)
            self._tell(f"{path} is trusted as it is now")
        except TuiagentError as error:
            self._tell(str(error))
        await self._begin()

    def _tell(self, text: str) -> None:
        self._told = [(f" {text} ", "warn")] if text else []
        self.said("told")
