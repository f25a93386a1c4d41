"""The sessions: all of them, what each does, what was said in them, and what is done with one."""

import asyncio
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from tuiagent.clients.tui import places
from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.screens.asked import Ask
from tuiagent.clients.tui.screens.deeds import Deeds
from tuiagent.clients.tui.screens.session_list import SessionRows
from tuiagent.clients.tui.screens.sheet import Ends, Says
from tuiagent.clients.tui.transcript import Excerpt
from tuiagent.clients.tui.typed import Input
from tuiagent.ports import Window
from tuiagent.views.search import Hit
from tuiagent.views.sessions import Row
from tuiagent.views.transcript import Item
from tuiagent.views.usage import Spent

PIECE = 1000
"""Rows that are read at once."""
HITS = 200
"""Texts that a search in contents finds at most."""
PAUSE = 0.15
"""Seconds that somebody stays on a line, or does not type, before more is read for it."""


class Sessions(Deeds):
    """What there is, the newest first, this folder's before all others."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "contents", "Contents", priority=True, id="sessions.contents"),
        Binding("ctrl+g", "folders", "Folders", priority=True, id="sessions.folders"),
        Binding("ctrl+l", "put_away", "Put away", priority=True, id="sessions.away"),
        Binding("insert,ctrl+@", "mark", "Select", priority=True, id="sessions.mark"),
        Binding("ctrl+t", "time", "Time", priority=True, id="sessions.time"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.whole = False
        """Whether all are listed: before, whoever is at the newest one stays at the newest."""
        self._read_all = False
        self._finding: asyncio.Task[None] | None = None
        self._peeking: asyncio.Task[None] | None = None

    def compose(self) -> ComposeResult:
        """A filter, the list, the end of a transcript beside it, and keys."""
        yield Says(self._head, "head")
        yield Input(placeholder="type to filter", compact=True, id="filter")
        with Horizontal(id="body"):
            yield SessionRows(self.listed, "rows")
            yield Excerpt(id="end")
        yield Ask("filter")
        yield Says(self._foot, "foot")

    def on_mount(self) -> None:
        """Reads them, and stays current."""
        desk = self.app.desk
        status = desk.conversation.status if desk.conversation else None
        folder = status.folder if status else ""
        self.listed.folder = folder or desk.folder
        self.listed.take(desk.sessions)
        self._rows.go(0)
        self.hear("sessions", self._news)
        self.later(self._read())

    # ------------------------------------------------------------ what is shown

    async def _read(self) -> None:
        """All rows and what they cost, the newest first, in pieces."""
        client, before = self.app.desk.client, None
        while before is None or before > 0:
            found = await client.read("sessions", "", Window(PIECE, before))
            self.listed.take(msgspec.convert(found.data, list[Row], strict=False))
            before = (found.total if before is None else before) - PIECE
            self._read_all = before <= 0
            self._sift()
        before = None
        while before is None or before > 0:
            found = await client.read("usage", "", Window(PIECE, before))
            self.listed.count(msgspec.convert(found.data, list[Spent], strict=False))
            before = (found.total if before is None else before) - PIECE
        self._rows.renew()

    def _news(self, changed: list[str]) -> None:
        self.listed.take(self.app.desk.sessions)
        self._sift()

    def _sift(self) -> None:
        """Finds anew what is listed; what is typed next is found in its stead."""
        if self._finding is not None:
            self._finding.cancel()
        self._finding = self.later(self._find())

    async def _find(self) -> None:
        typed = self.query_one("#filter", Input).value
        self.said("head")
        if self.listed.contents:
            await self._find_texts(typed)
        else:
            read_all = self._read_all
            found = await self.listed.sifted(typed)
            kept = self.at if self.whole or self._rows.at else None
            self.listed.show(typed, found)
            self._rows.renew()
            self._rows.go(self.listed.place(kept.stream) if kept and not typed else self._rows.at)
            self.whole = read_all
        self._peek()
        self.said("head", "foot")

    async def _find_texts(self, typed: str) -> None:
        """Looks for words in what was said."""
        await asyncio.sleep(PAUSE)
        hits: list[Hit] = []
        self.listed.note = ""
        if typed.strip():
            asked = {"text": typed, "limit": HITS, "all": self.listed.away}
            key = msgspec.json.encode(asked).decode()
            found = (await self.app.desk.client.read("search", key)).data
            hits = msgspec.convert(found["hits"], list[Hit], strict=False)
            self.listed.note = found["note"]
        self.listed.hits = hits
        self._rows.renew()
        self._rows.go(0)

    def _peek(self) -> None:
        """Shows the end of the session at hand, once somebody stays there."""
        if self._peeking is not None:
            self._peeking.cancel()
        self._peeking = self.later(self._read_end())

    async def _read_end(self) -> None:
        end = self.query_one(Excerpt)
        row = self.at
        if not end.display or row is None:
            end.show([])
            return
        await asyncio.sleep(PAUSE)
        found = await self.app.desk.client.read("transcript", row.stream, Window(40))
        end.show(msgspec.convert(found.data, list[Item], strict=False))

    def _head(self) -> Ends:
        listed = self.listed
        what = "search in contents" if listed.contents else ""
        marks = [f"{len(listed.marked)} selected"] if listed.marked else []
        marks += ["also put away"] if listed.away else []
        marks += ["this folder first" if listed.here else "all folders"]
        right = f"{', '.join(marks)}  {listed.count_shown} of {len(listed.rows)} "
        return [(" Sessions ", "strong"), (what, ""), (f"  {listed.note}", "warn")], [
            (right, "dim")
        ]

    def _foot(self) -> Ends:
        keys = (
            " Enter open  ^S contents  ^T time  ^F fork  ^R rename  ^A archive  ^D delete  "
            "^Z bring back  ^X export  Ins select  ^G folders  ^L put away"
        )
        return [(keys, "keys")], [("Esc back ", "keys")]

    # ------------------------------------------------------------ keys

    def on_input_changed(self, event: Input.Changed) -> None:
        """Finds what is typed."""
        if event.input.id == "filter":
            if not self.listed.contents:
                self._rows.go(0)
            self._sift()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        """Opens the session at hand."""
        if event.input.id == "filter":
            self.action_open()

    def on_listed_moved(self) -> None:
        """Shows the end of what is at hand now."""
        self._peek()

    def action_back(self) -> None:
        """Leaves a question, or the screen."""
        if not self.query_one(Ask).leave():
            super().action_back()

    def action_contents(self) -> None:
        """Looks for what is typed in what was said, or in names again."""
        self.listed.contents = not self.listed.contents
        self._sift()

    def action_folders(self) -> None:
        """Lists this folder's before all others, or all by their age."""
        self.listed.here = not self.listed.here
        self._sift()

    def action_put_away(self) -> None:
        """Lists what was archived or deleted as well, or not."""
        self.listed.away = not self.listed.away
        self._sift()

    def action_mark(self) -> None:
        """Selects the session at hand, or no longer."""
        if self.at is not None:
            self.listed.marked ^= {self.at.stream}
            self._rows.action_move(1)
            self.said("head", "rows")

    def action_open(self) -> None:
        """Goes on with the session at hand, where the text that was found stands in it."""
        row, hit = self.at, self.listed.hit(self._rows.at)
        if row is None:
            return
        if row.deleted is not None:
            self.app.trouble(f"It was deleted; {keyed(self, '^Z')} brings it back.")
            return
        self.dismiss()
        self.app.desk.spawn(places.resume(self.app, row.stream, hit.position if hit else 0))

    def action_time(self) -> None:
        """Shows the session at hand as of any of its events."""
        if self.at is not None:
            hit = self.listed.hit(self._rows.at)
            places.scrub(self.app, self.at.stream, hit.position if hit else 0)
