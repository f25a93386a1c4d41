"""Servers for tests, reached as the engine reaches them: real programs, a keyring in memory."""

import asyncio
import gc
import json
import os
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tuiagent.config_file import ServerTable
from tuiagent.connectors.mcp import Mcp
from tuiagent.connectors.servers import Filling
from tuiagent.connectors.surroundings import Surroundings
from tuiagent.ports import Kit, Lender
from tuiagent.runtimes import companion
from tuiagent.runtimes.local import LocalRuntime

HERE = Path(__file__).parent
LIMIT = 40.0
"""Seconds after which a test that waits for a server gives up."""


def fake(*flags: str, **more: Any) -> ServerTable:
    """The server that is made with the SDK."""
    return ServerTable(
        command=sys.executable, args=(str(HERE / "lending_server.py"), *flags), **more
    )


def plain(folder: Path, tools: list[Any], **more: Any) -> ServerTable:
    """The server that is made without it; what it says of its tools can be written anew."""
    path = folder / "listed.json"
    say(path, tools)
    return ServerTable(
        command=sys.executable, args=(str(HERE / "plain_server.py"), str(path)), **more
    )


def say(path: Path, tools: list[Any]) -> None:
    """What the plain server says from now on."""
    path.write_text(json.dumps({"tools": tools}))


def tool(name: str, about: str = "It does.", **more: Any) -> dict[str, Any]:
    """A tool as a server tells of it."""
    return {"name": name, "description": about, "inputSchema": {"type": "object"}, **more}


class Held:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}

    def place(self) -> str:
        """See connectors.surroundings.Tokens."""
        return "keyring"

    def get(self, name: str) -> str | None:
        """See connectors.surroundings.Tokens."""
        return self.held.get(name)

    def put(self, name: str, secret: str) -> None:
        """See connectors.surroundings.Tokens."""
        self.held[name] = secret


class Lending:
    """The connector with what is around it."""

    def __init__(self, folder: Path, **tables: ServerTable) -> None:
        self.folder = folder
        self.tables = tables
        self.accepted: dict[str, dict[str, str]] = {}
        self.trusted: dict[str, str] = {}
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "CANARY": "sk-canary"}
        self.keys: dict[str, str] = {}
        self.tokens = Held()
        self.mcp = self.made()

    def made(self) -> Mcp:
        """The connector, as of a fresh process."""
        around = Surroundings(
            companion.start,
            lambda server: Filling(
                self.environ, self.keys.get, frozenset({"MINE_KEY"}), bool(server.folder)
            ),
            self.tokens,
            lambda server: self.accepted.get(server, {}),
            lambda server, tools: self.accepted.setdefault(server, {}).update(tools),
            str(self.folder),
            str(self.folder / "cache"),
        )
        return Mcp(around, lambda: self.tables, self._trusts)

    def _trusts(self, path: str, sha256: str) -> bool:
        return self.trusted.get(path) == sha256

    async def ready(self, name: str) -> Lender:
        """How the server is, once that is known."""
        async with asyncio.timeout(LIMIT):
            found = await self.mcp.ask("test", name, {"folder": str(self.folder)})
        assert isinstance(found, Lender)
        return found

    async def until(self, holds: Callable[[], object]) -> None:
        """Waits until something holds."""
        async with asyncio.timeout(LIMIT):
            while not holds():  # noqa: ASYNC110 - another thread's work
                await asyncio.sleep(0.01)

    def kit(self, **more: Any) -> Kit:
        """What a call is given."""
        runtime: Any = LocalRuntime(str(self.folder), {}, str(self.folder / "spools"))
        return Kit("s.p.1.1", runtime, None, **{"progress": print, "jobs": None, **more})  # type: ignore[arg-type]

    async def call(self, name: str, args: dict[str, Any] | None = None, **kit: Any) -> Any:
        """What a lent tool says; raises what it raises."""
        found = self.mcp.tools(str(self.folder))[name]
        async with asyncio.timeout(LIMIT):
            given = self.kit(**kit)
            note = await found.note(args or {}, given)
            return await found.run(args or {}, given, note)

    async def claims(self, name: str, args: dict[str, Any] | None = None) -> Any:
        """What it would be judged by."""
        return await self.mcp.tools(str(self.folder))[name].claims(args or {}, self.kit().runtime)


@asynccontextmanager
async def lending(folder: Path, **tables: ServerTable) -> AsyncGenerator[Lending]:
    """The connector, let go of in the end."""
    made = Lending(folder, **tables)
    try:
        yield made
    finally:
        made.mcp.close()
        await asyncio.to_thread(made.mcp.join)
        gc.collect()  # what the SDK leaves open when it is cancelled is told here
