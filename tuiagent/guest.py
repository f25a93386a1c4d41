"""A process whose work is done by the background server: what its commands need besides."""

import argparse
import asyncio
import math
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

import msgspec

from tuiagent import __version__, clients
from tuiagent.clients.cli import COMMANDS
from tuiagent.clients.console import Console, OwnConsole
from tuiagent.config import Settings
from tuiagent.credentials import Credentials
from tuiagent.engine.clock import World
from tuiagent.hosting import Hosting
from tuiagent.kernel import standing
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import CaughtUp, Event
from tuiagent.kernel.standing import Standing
from tuiagent.ports import SEALED, Loan, Owner
from tuiagent.registry import load
from tuiagent.server import ServerRecord, Site, begin, killed, server_record
from tuiagent.thin import GONE

PATIENCE = 30.0
"""Seconds in which the next server has to come."""
OTHER = "the server that runs now (process {}) is version {}, this is {}: leave, and come again"


class Guest(Hosting):
    """clients.cli.Host without an engine here."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        client: Owner,
        console: Console,
        kept: Standing,
    ) -> None:
        super().__init__(settings, environ, console, lambda: kept)
        self.client = client
        self._unlocked = environ.get("TUIAGENT_PASSPHRASE", "")
        self.site: Site | None = None
        """How the server is reached over the web that is begun where none runs; None for never."""

    async def begun(self) -> None:
        """The server has begun."""

    async def renewed(self, name: str, key: str = "") -> None:
        """Has the server read a provider's key again, and what waits for it go on."""
        self.settings = msgspec.structs.replace(self.settings, kept=tuple(self.keys.places()))
        await self.client.lend([Loan("", f"kept:{name}", key)])

    async def opened(self, loans: Sequence[Loan]) -> None:
        """Has what was unlocked be used, and what waits for it go on."""
        for loan in loans:
            self._unlocked = loan.key if loan.where == SEALED else self._unlocked
        await self.client.lend(loans)

    async def login(
        self, server: str, folder: str, show: Callable[[str], None], typed: Awaitable[str]
    ) -> str:
        """Has a person sign in to an MCP server; where that is kept. Raises ConfigError."""
        return await load("tuiagent.lending:login")(
            self.settings, self.environ, server, folder, show, typed, lambda: self._unlocked
        )

    async def adopt(self, stream: str, take: str = "") -> bool:
        """Has the server drive a session; False while another process does and may keep it."""
        rows = await self.client.read("sessions", stream)
        for row in rows.data:
            await self.lend(row["folder"])
        return await self.client.adopt(stream, take)

    async def background(self, folder: str = "") -> Owner:
        """The server, which is lent the keys for sessions in this folder.

        Raises TuiagentError where one of another version has come.
        """
        if self.site is not None:
            found = server_record(self.settings.root)
            if found is None:
                begun = (self.settings.root, self.environ, self.site.flags())
                found = await asyncio.to_thread(begin, *begun)
            if found.version != __version__:
                raise TuiagentError(OTHER.format(found.pid, found.version, __version__))
        if folder:
            await self.lend(folder)
        return self.client

    def busy(self) -> bool:
        """Nothing goes on here."""
        return False

    async def hand_over(self, to: Owner) -> None:
        """Nothing goes on here."""

    async def lend(self, folder: str) -> None:
        """Gives the server the keys that this process's environment has."""
        keys = Credentials(lambda: self.settings, self.environ)
        await self.client.lend(keys.loans(self.opening(folder)))


async def holding(client: Owner) -> Standing:
    """What holds for all sessions, as another process tells it."""
    found = Standing()
    async for seen in client.watch(standing.STREAM):
        if isinstance(seen, CaughtUp):
            break
        if isinstance(seen, Event):
            found = standing.fold(found, seen.fact)
    return found


def tell(text: str) -> None:
    """A word about the connection, beside what the command tells."""
    OwnConsole().tell(f"tuiagent: {text}")


@asynccontextmanager
async def visiting(
    record: ServerRecord,
    settings: Settings,
    environ: Mapping[str, str],
    folder: str,
    patience: float = PATIENCE,
) -> AsyncGenerator[Guest]:
    """A guest of this server and of those after it. Raises OSError when there is none.

    One that is killed meanwhile is replaced; one that was stopped is waited for, so many seconds.
    """

    async def connect() -> Owner:
        found = server_record(settings.root)
        if found is None and killed(settings.root):
            flags = record.site.flags()
            found = await asyncio.to_thread(begin, settings.root, environ, flags)
        if found is None or found.version != record.version:
            raise ConnectionError("no such server runs")
        owner: Owner = await load(clients.TABLE["remote"]).connect(found.socket, codec())
        return owner

    first = await load(clients.TABLE["remote"]).connect(record.socket, codec())
    client = load(clients.TABLE["lasting"])(first, connect, World().new_id, tell, patience)
    try:
        guest = Guest(settings, environ, client, OwnConsole(), await holding(client))
        guest.site = record.site
        await guest.lend(os.path.realpath(folder))
        yield guest
    finally:
        await client.close()


async def visit(record: ServerRecord, args: argparse.Namespace, settings: Settings) -> int:
    """Runs a command whose work is done by the server; the exit code."""
    patience = math.inf if args.command == "tui" else PATIENCE  # a screen says what it waits for
    try:
        async with visiting(record, settings, os.environ, args.cwd, patience) as guest:
            code: int = await load(COMMANDS[args.command])(guest.client, args, guest)
            return code
    except (ConnectionError, FileNotFoundError) as error:  # its socket goes with it
        raise TuiagentError(GONE.format(record.pid)) from error
