"""What is lent to the sessions of this process: the tools of MCP servers, which it reaches."""

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

import msgspec

from tuiagent import connectors, runtimes, vaults
from tuiagent.config import Settings
from tuiagent.kernel.errors import ConfigError, ToolError
from tuiagent.kernel.standing import MCP, Standing
from tuiagent.ports import Connector, Offer, Tool
from tuiagent.registry import load

if TYPE_CHECKING:
    from tuiagent.connectors.servers import Filling, Server

FILE = ".mcp.json"
"""What a folder's file with servers is called."""


class Lending:
    """MCP servers as sessions have them; nothing of them is loaded where none is named."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        environ: Mapping[str, str],
        holds: Standing,
        passphrase: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._passphrase = passphrase
        self._environ = environ
        self._holds = holds
        self._begun = False
        self.accept: Callable[[str, dict[str, str]], object] = lambda server, tools: None
        """Called, in any thread, to have a server's tools be accepted."""

    def tools(self, folder: str) -> Mapping[str, Tool]:
        """Every tool that is lent in this folder, by name."""
        return self.connector.tools(folder) if self._named(folder) else {}

    def told(self, folder: str) -> tuple[str, ...]:
        """The names of those that a model is told of at once."""
        return self.connector.told(folder) if self._named(folder) else ()

    def offers(self, folder: str) -> list[Offer]:
        """The servers that the folder's own file would have us reach."""
        return load(connectors.OFFERS)(folder) if _file(folder) else []

    def _named(self, folder: str) -> bool:
        return bool(self._settings().servers) or _file(folder)

    @functools.cached_property
    def connector(self) -> Connector:
        """Who lends tools; reached in the background while this is `open`."""
        around = load(connectors.AROUND)(
            load(runtimes.COMPANION),
            lambda server: filling(self._settings(), self._environ, server, self._passphrase),
            load(vaults.TABLE["tokens"])(self._settings().home, self._passphrase),
            lambda server: self._holds.accepted.get(server, {}),
            lambda server, accepted: self.accept(server, accepted),
            os.path.expanduser("~"),
            os.path.join(self._settings().root, "cache", "mcp"),
        )
        made: Connector = load(connectors.TABLE["mcp"])(
            around,
            lambda: self._settings().servers,
            lambda path, sha256: self._holds.trusts(MCP, path, sha256),
        )
        if self._begun:
            made.begin()
        return made

    def wake(self) -> None:
        """Has servers that wait for something be tried at once: it may be there now."""
        if "connector" in vars(self):
            self.connector.wake()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncGenerator[None]:
        """Reaches the servers, in the background, until this is closed."""
        self._begun = True
        if self._settings().servers:
            self.connector.begin()
        try:
            yield
        finally:
            if "connector" in vars(self):
                self.accept = lambda server, tools: None  # nobody writes it down any more
                self.connector.close()


async def login(
    settings: Settings,
    environ: Mapping[str, str],
    server: str,
    folder: str,
    show: Callable[[str], None],
    typed: Awaitable[str],
    passphrase: Callable[[], str],
) -> str:
    """Has a person sign in to an MCP server; where that is kept. Raises ConfigError, StoreError."""
    found = load(connectors.FOUND)(settings.servers, folder, server)
    filled = await asyncio.to_thread(filling(settings, environ, found, passphrase).all, found.table)
    found = msgspec.structs.replace(found, table=filled)
    try:
        sign_in = await asyncio.to_thread(load, connectors.LOGIN)
        tokens = load(vaults.TABLE["tokens"])(settings.home, passphrase)
        return await sign_in(found, tokens, show, typed)
    except ToolError as error:
        raise ConfigError(f"{server}: {error}") from error


def filling(
    settings: Settings, environ: Mapping[str, str], server: "Server", passphrase: Callable[[], str]
) -> "Filling":
    """What stands for variables and kept keys in what is said of a server."""
    keys = load(vaults.TABLE["kept"])(settings.home, passphrase)
    models = frozenset(table.env_var for table in settings.providers.values())
    made: Filling = load(connectors.FILLING)(environ, keys.get, models, bool(server.folder))
    return made


def _file(folder: str) -> bool:
    return os.path.exists(os.path.join(folder, FILE))
