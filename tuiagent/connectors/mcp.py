"""The Model Context Protocol: servers that lend tools, reached by a thread beside the engine."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from tuiagent.config_file import ServerTable
from tuiagent.connectors.definition import name_of
from tuiagent.connectors.link import Link
from tuiagent.connectors.servers import FILE, Repository, Server, configured, repository
from tuiagent.connectors.surroundings import Surroundings
from tuiagent.connectors.tool import Lent, Resources, Search, Use
from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Lender, Tool

if TYPE_CHECKING:
    from tuiagent.connectors.session import Connection

MANY = 40
"""Lent tools that a model is told of at once; of more it is told how to find them."""
UNTRUSTED = "look at {}, then: tuiagent mcp trust"


class Mcp:
    """ports.Connector of all servers that are named."""

    def __init__(
        self,
        around: Surroundings,
        tables: Callable[[], Mapping[str, ServerTable]],
        trusts: Callable[[str, str], bool],
    ) -> None:
        self._around = around
        self._tables = tables
        self._trusts = trusts
        self._links: dict[str, Link] = {}
        """By the key of their server."""
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._made: dict[str, tuple[tuple[object, ...], dict[str, Tool]]] = {}
        """By folder the tools, and what they were made of."""
        self._read: dict[str, Repository] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._closed = False

    # ------------------------------------------------------------ life

    def begin(self) -> None:
        """See ports.Connector."""
        with self._lock:
            if self._loop is not None or self._closed:
                return
            self._loop = asyncio.new_event_loop()
            self._thread = threading.Thread(target=self._live, daemon=True, name="mcp")
            self._thread.start()
        self._follow()

    def wake(self) -> None:
        """See ports.Connector."""
        if self._loop is not None and not self._loop.is_closed():
            for link in list(self._links.values()):
                self._loop.call_soon_threadsafe(link.wake)

    def close(self) -> None:
        """See ports.Connector. It does not wait: the thread ends itself, guards end programs."""
        loop, self._closed = self._loop, True
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(loop.stop)

    def join(self) -> None:
        """Waits until nothing goes on here any more; after `close`."""
        if self._thread is not None:
            self._thread.join()

    def _live(self) -> None:
        assert self._loop is not None
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            rest = asyncio.all_tasks(self._loop)
            for task in rest:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()

    def _follow(self) -> None:
        """Reaches every server that is known and let go of every other, on their loop."""
        loop = self._loop
        if loop is None or loop.is_closed():
            return

        def follow() -> None:
            for key in [key for key in self._lives if key not in self._links]:
                self._lives.pop(key).cancel()
            for key, link in list(self._links.items()):
                if key not in self._lives:
                    self._lives[key] = asyncio.ensure_future(link.live())

        loop.call_soon_threadsafe(follow)

    async def _cross(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Has this done on the servers' loop. Raises ToolError when there is none."""
        self.begin()
        if self._loop is None or self._closed:
            work.close()
            raise ToolError("the MCP servers were let go of")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    # ------------------------------------------------------------ servers

    def _servers(self, folder: str) -> list[Server]:
        """Those that are reached for sessions in this folder."""
        own = [s for s in configured(self._tables()) if s.table.enabled]
        found = self._repository(folder)
        if found is None or not self._trusts(found.path, found.sha256):
            return own
        names = self._tables()
        return [*own, *(s for s in found.servers if s.name not in names)]

    def _repository(self, folder: str) -> Repository | None:
        """What the folder's own file says; read again when it, or a file it names, changes."""
        known = self._read.get(folder)
        if known is None or not known.fresh:
            known = repository(folder)
            if known is not None:
                self._read[folder] = known
        return known

    def _reached(self, folder: str) -> list[Link]:
        """The links of this folder; a server that was named otherwise meanwhile is let go of."""
        links: list[Link] = []
        fresh = False
        mine = self._servers(folder)
        known = {s.key for s in configured(self._tables()) if s.table.enabled}
        for key in [k for k, link in self._links.items() if not link.server.folder]:
            if key not in known:
                del self._links[key]
                fresh = True
        for server in mine:
            link = self._links.get(server.key)
            if link is None or link.server != server:
                if link is not None and (life := self._lives.pop(server.key, None)):
                    assert self._loop is not None
                    self._loop.call_soon_threadsafe(life.cancel)
                link = self._links[server.key] = Link(server, self._around)
                fresh = True
            links.append(link)
        if fresh:
            self._follow()
        return links

    # ------------------------------------------------------------ tools

    def tools(self, folder: str) -> Mapping[str, Tool]:
        """See ports.Connector."""
        links = self._reached(folder)
        if not links:
            return {}
        mark = tuple(part for link in links for part in (link, link.found.told))
        known = self._made.get(folder)
        if known is None or known[0] != mark:
            known = self._made[folder] = (mark, self._make(folder, links))
        return known[1]

    def _make(self, folder: str, links: list[Link]) -> dict[str, Tool]:
        made: dict[str, Tool] = {}
        for link in links:
            for tool, one in link.found.told.items():
                name = name_of(link.server.name, tool)
                made[name] = Lent(name, one, link, self._cross)
        by_name = {link.server.name: link for link in links}

        def lent() -> dict[str, Lent]:
            now = self.tools(folder)
            return {name: tool for name, tool in now.items() if isinstance(tool, Lent)}

        helpers = (Search(list(by_name), lent), Use(lent), Resources(by_name, self._cross))
        return {**{tool.name: tool for tool in helpers}, **made}

    def told(self, folder: str) -> tuple[str, ...]:
        """See ports.Connector."""
        tools = self.tools(folder)
        few = len(tools) <= MANY
        return tuple(name for name, tool in tools.items() if few or not isinstance(tool, Lent))

    # ------------------------------------------------------------ people

    def lenders(self, folder: str) -> list[Lender]:
        """See ports.Connector."""
        links = {link.server.key: link for link in self._reached(folder)}
        begun = self._loop is not None
        rows: list[Lender] = []
        for server in configured(self._tables()):
            rows.append(_row(server, links.get(server.key), begun))
        found = self._repository(folder)
        trusted = found is not None and self._trusts(found.path, found.sha256)
        for server in found.servers if found else ():
            if server.name in self._tables():
                text = "your config.toml has a server of that name"
                rows.append(Lender(server.name, server.source, server.where, "broken", text))
            elif trusted:
                rows.append(_row(server, links.get(server.key), begun))
            else:
                text = UNTRUSTED.format(server.source)
                rows.append(Lender(server.name, server.source, server.where, "untrusted", text))
        if found and found.problem:
            rows.append(Lender(FILE, found.path, "", "broken", found.problem))
        return rows

    async def ask(self, what: str, server: str, args: dict[str, Any]) -> object:
        """See ports.Connector."""
        folder = str(args.get("folder") or ".")
        links = {link.server.name: link for link in self._reached(os.path.realpath(folder))}
        link = links.get(server)
        if link is None:
            names = ", ".join(links) or "none"
            raise ToolError(f"there is no MCP server {server!r} that is on; there are: {names}")
        if what == "prompt":
            given = {str(k): str(v) for k, v in (args.get("arguments") or {}).items()}

            async def prompted(connection: "Connection") -> str:
                return await connection.prompt(str(args.get("name")), given)

            return await self._cross(link.do(prompted))
        if what == "accept":

            async def accept() -> None:
                link.accept(tuple(link.found.changed))

            await self._cross(accept())
        elif what == "test":
            await self._cross(link.tested())
        return _row(link.server, link, True)


def _row(server: Server, link: Link | None, begun: bool) -> Lender:
    if link is None or not server.table.enabled:
        return Lender(server.name, server.source, server.where, "off")
    found = link.found
    return Lender(
        server.name,
        server.source,
        server.where,
        found.state if begun else "known",
        found.problem,
        tuple(name_of(server.name, tool) for tool in found.told),
        found.refused,
        tuple(name_of(server.name, tool) for tool in found.changed),
        found.prompts,
        link.log,
    )
