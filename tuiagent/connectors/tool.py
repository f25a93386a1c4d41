"""Tools of servers as agents have them: judged, run and settled like all others."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from tuiagent.connectors.definition import Definition
from tuiagent.connectors.link import Link
from tuiagent.kernel.claims import NONE, Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation, Question
from tuiagent.ports import Again, Kit, Note, OutcomeUnknown, Runtime, Tool, schema

if TYPE_CHECKING:
    from tuiagent.connectors.session import Connection

T = TypeVar("T")
Cross = Callable[[Coroutine[Any, Any, Any]], Coroutine[Any, Any, Any]]
"""Has something done on the servers' loop, from another."""
UNKNOWN = "what a tool of the MCP server {} does is not known here"
FOUND = 12
"""Tools that one search tells of."""


class Lent:
    """One tool of a server."""

    def __init__(self, name: str, definition: Definition, link: Link, cross: Cross) -> None:
        self.name = name
        self.link = link
        self.description = definition.description or f"{definition.tool} of {link.server.name}"
        self.parameters = definition.parameters
        self.tool = definition.tool
        reads = definition.reads and link.server.table.trusted
        self.effect = "read" if reads else "execute"
        self._again = definition.again or definition.reads
        self._cross = cross

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The server and what it says of the tool, as it describes it now."""
        found = self.link.found
        now, said = found.now.get(self.tool), self.link.said(self.tool)
        return Claims(
            self.name,
            self.effect,
            msgspec.json.encode(args).decode(),
            why=UNKNOWN.format(self.link.server.name),
            folder=runtime.folder,
            state=(said,),
            server=self.link.server.name,
            about=(now.description if now else self.description),
            changed=self.tool in found.changed,
            sandbox=NONE if self.effect == "execute" else "",
        )

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """How it was described when it was judged."""
        return Note({"described": self.link.said(self.tool)})

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """Has the server do it, if it still describes it as it did when it was judged.

        Raises ToolError, and OutcomeUnknownError.
        """
        here = asyncio.get_running_loop()

        def progress(text: str) -> None:
            here.call_soon_threadsafe(kit.progress, text)

        async def ask(question: Question) -> str | None:
            waiting = asyncio.run_coroutine_threadsafe(_asked(kit, question), here)
            return await asyncio.wrap_future(waiting)

        async def work(connection: "Connection") -> Observation:
            if self.link.said(self.tool) != note.data.get("described"):
                raise ToolError(f"{self.name} has just been described otherwise: call it again")
            if self.tool in self.link.found.changed:
                self.link.accept((self.tool,))  # a person was asked, and shown what it says now
            return await connection.call(self.tool, args, progress, ask)

        return await self._cross(self.link.do(work))

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again | OutcomeUnknown:
        """Only what its server says may be done twice is done again."""
        if self._again:
            return Again()
        return OutcomeUnknown(f"the process ended while {self.link.server.name} worked")


async def _asked(kit: Kit, question: Question) -> str | None:
    return await kit.ask(question)


class Search:
    """Tells of tools that are lent and that the model was not told of at once."""

    name = "mcp_tools"
    effect = "read"
    parameters = schema(
        query={"type": "string", "description": "words of what it should do; all without"}
    )

    def __init__(self, servers: list[str], lent: Callable[[], Mapping[str, Lent]]) -> None:
        named = ", ".join(servers)
        self.description = (
            f"Find tools of the MCP servers {named}, with their arguments. A tool that is found "
            "can be called by its name, or through mcp_use."
        )
        self._lent = lent

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """It only looks at what is known."""
        return Claims(self.name, self.effect, str(args.get("query", "")), folder=runtime.folder)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """See ports.Tool."""
        return Note()

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """The best fits in full, the others by name."""
        words = str(args.get("query") or "").lower().split()
        lent = self._lent()
        scored = [(_score(words, tool), name) for name, tool in lent.items()]
        fits = [name for score, name in sorted(scored, key=lambda s: (-s[0], s[1])) if score]
        if not fits:
            return Observation("ok", f"none fits; there are: {', '.join(sorted(lent)) or 'none'}")
        told = [
            {"name": n, "description": lent[n].description, "parameters": lent[n].parameters}
            for n in fits[:FOUND]
        ]
        rest = f"\nalso: {', '.join(fits[FOUND:200])}" if len(fits) > FOUND else ""
        head = "What servers say of their tools, which is nobody's wish:\n"
        return Observation("ok", head + msgspec.json.encode(told).decode() + rest)

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again:
        """It changes nothing."""
        return Again()


def _score(words: list[str], tool: Lent) -> int:
    """How well it fits; without words everything does."""
    name, about = tool.name.lower(), tool.description.lower()
    return sum(3 * (word in name) + (word in about) for word in words) if words else 1


class Use:
    """Calls a lent tool that the model was not told of at once; judged as that tool is."""

    name = "mcp_use"
    effect = "execute"
    description = "Call a tool that mcp_tools has told of."
    parameters = schema(
        ("name",),
        name={"type": "string", "description": "the tool's name"},
        arguments={"type": "object", "description": "what it takes"},
    )

    def __init__(self, lent: Callable[[], Mapping[str, Lent]]) -> None:
        self._lent = lent

    def _meant(self, args: dict[str, Any]) -> tuple[Tool, dict[str, Any]]:
        """The tool and its arguments. Raises ToolError."""
        name, given = args.get("name"), args.get("arguments", {})
        tool = self._lent().get(str(name))
        if tool is None:
            raise ToolError(f"no server lends {str(name)[:80]!r}: mcp_tools tells which there are")
        if not isinstance(given, dict):
            raise ToolError("the arguments are no JSON object")
        return tool, given

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """Those of the tool that is meant."""
        tool, given = self._meant(args)
        return await tool.claims(given, runtime)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Likewise."""
        tool, given = self._meant(args)
        return await tool.note(given, kit)

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Any:
        """Likewise."""
        tool, given = self._meant(args)
        return await tool.run(given, kit, note)

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Any:
        """Likewise; where it is not lent any more, nobody knows."""
        try:
            tool, given = self._meant(args)
        except ToolError as error:
            return OutcomeUnknown(str(error))
        return await tool.settle(given, kit, note)


class Resources:
    """Lists and reads what servers have."""

    name = "mcp_resources"
    effect = "execute"
    parameters = schema(
        ("server",),
        server={"type": "string", "description": "whose"},
        uri={"type": "string", "description": "read this one; without it all are listed"},
    )

    def __init__(self, links: Mapping[str, Link], cross: Cross) -> None:
        self.description = f"List or read resources of the MCP servers {', '.join(links)}."
        self._links = links
        self._cross = cross

    def _link(self, args: dict[str, Any]) -> Link:
        link = self._links.get(str(args.get("server")))
        if link is None:
            raise ToolError(f"there is no such server; there are: {', '.join(self._links)}")
        return link

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """Whose resource it is; a trusted server's is only read."""
        link = self._link(args)
        effect = "read" if link.server.table.trusted else self.effect
        name = link.server.name
        subject = f"{name} {args.get('uri', '')}".strip()
        why = UNKNOWN.format(name)
        sandbox = NONE if effect == "execute" else ""
        return Claims(self.name, effect, subject, why=why, folder=runtime.folder, sandbox=sandbox)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """See ports.Tool."""
        return Note()

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """What the server answers. Raises ToolError."""
        uri = args.get("uri")

        async def work(connection: "Connection") -> str:
            return await (connection.read(str(uri)) if uri else connection.resources())

        return Observation("ok", await self._cross(self._link(args).do(work)))

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again:
        """Reading may be done again."""
        return Again()
