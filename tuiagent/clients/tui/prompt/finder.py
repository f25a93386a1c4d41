"""What could stand at the cursor: commands and skills at once, files and symbols from threads."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING

from tuiagent.clients import slash
from tuiagent.clients.tui import fuzzy
from tuiagent.clients.tui.commands import COMMANDS
from tuiagent.clients.tui.prompt.chips import mention
from tuiagent.clients.tui.prompt.complete import Wanted
from tuiagent.clients.tui.prompt.files import MOST, FileIndex
from tuiagent.clients.tui.prompt.popup import Choice
from tuiagent.ports import Client, Paper

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

LIMIT = 50
"""Choices at most."""
NAMED = 3
"""Letters from which on symbols of all files are looked for."""
FRESH = 10.0
"""Seconds for which skills and commands of people's own count as known."""

Found = tuple[Sequence[Choice], str]
"""Choices, and what is said below them."""


class Finder:
    """Finds what is wanted in one folder."""

    def __init__(self, folder: str, client: Client) -> None:
        self._index = FileIndex(folder)
        self._folder = folder
        self._client = client
        self.written: dict[str, Paper] = {}
        """The commands of people's own, by name."""
        self._skills: list[Paper] = []
        self._looked = -FRESH
        self._stop = threading.Event()

    def close(self) -> None:
        """Stops what still looks."""
        self._stop.set()
        self._index.closed.set()

    async def renew(self) -> None:
        """Looks what is written for this folder, unless that was done a moment ago."""
        if time.monotonic() - self._looked > FRESH:
            self._looked = time.monotonic()
            self.written = await slash.commands(self._client, self._folder)
            found = await slash.written(self._client, "skills", self._folder)
            self._skills = [paper for paper in found if not paper.problem]

    def commands(self, app: "TuiApp", wanted: Wanted) -> list[Choice]:
        """Commands, or what one of them takes."""
        if wanted.kind == "value":
            command = COMMANDS.get(wanted.command)
            values = command.values(app) if command and command.values else ()
            hits = fuzzy.rank(wanted.query, values, LIMIT)
            return [Choice(hit.text, hit.text, "", hit.positions) for hit in hits]
        found: list[Choice] = []
        every = {n: (p.hint, f"{p.description} · {p.source}") for n, p in self.written.items()}
        every |= {name: (command.takes, command.help) for name, command in COMMANDS.items()}
        for name in sorted(every, key=lambda name: (name.find(wanted.query), name)):
            place = name.find(wanted.query)
            if place < 0:
                continue  # nothing is offered for a typo, so that Enter takes nothing for it
            takes, help = every[name]
            detail = f"{takes}  {help}".strip()
            space = " " if takes else ""
            places = tuple(range(place + 1, place + 1 + len(wanted.query)))
            found.append(Choice(f"/{name}", f"/{name}{space}", detail, places))
        return found

    async def look(self, wanted: Wanted) -> AsyncIterator[Found]:
        """What there is, more of it each time; ends early when something else is looked for."""
        self._stop.set()
        self._stop = stop = threading.Event()
        try:
            if wanted.kind == "skill":
                yield await self._skilled(wanted.query)
                return
            path, colon, name = wanted.query.partition(":")
            if colon:
                yield await asyncio.to_thread(self._inside, path, name), ""
                return
            if not self._index.ready:
                yield (), "looking at the files …"
            if self._index.stale:
                await asyncio.to_thread(self._index.refresh)
            files = await asyncio.to_thread(self._index.search, path, LIMIT, stop)
            choices = [_file(hit) for hit in files]
            note = f"there are more than {MOST:,} files: write a path" if self._index.cut else ""
            yield choices, note or ("" if choices else "no file matches")
            if len(path) >= NAMED and "/" not in path and not stop.is_set():
                found = await asyncio.to_thread(self._index.look_for, path, LIMIT, stop)
                more = [
                    Choice(s.name, mention(f"{s.path}:{s.name}") + " ", s.path, s.positions)
                    for s in found
                ]
                if more:
                    yield [*choices[: LIMIT // 2], *more], note
        finally:
            stop.set()

    async def _skilled(self, query: str) -> Found:
        await self.renew()
        words = {skill.name: f"{skill.description} · {skill.source}" for skill in self._skills}
        return [
            Choice(f"#{hit.text}", f"#{hit.text} ", words[hit.text], _moved(hit.positions, 1))
            for hit in fuzzy.rank(query, words, LIMIT)
        ], ""

    def _inside(self, path: str, name: str) -> list[Choice]:
        """What one file defines."""
        hits = fuzzy.rank(name, self._index.symbols.of(path), LIMIT)
        return [Choice(h.text, mention(f"{path}:{h.text}") + " ", path, h.positions) for h in hits]


def _file(hit: fuzzy.Hit) -> Choice:
    if hit.text.endswith("/"):
        return Choice(hit.text, mention(hit.text).removesuffix('"'), "", hit.positions)
    return Choice(hit.text, mention(hit.text) + " ", "", hit.positions)


def _moved(places: Sequence[int], by: int) -> tuple[int, ...]:
    return tuple(place + by for place in places)
