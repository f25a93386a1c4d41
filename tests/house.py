"""A whole engine for tests: the shipped fakes where there are some, the real thing elsewhere."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tuiagent import tools
from tuiagent.connectors.servers import offers
from tuiagent.engine.attendance import Attendance
from tuiagent.engine.clock import World
from tuiagent.engine.drive import Context
from tuiagent.engine.engine import Engine
from tuiagent.engine.hub import Hub
from tuiagent.engine.journal import Journal, ThreadWriter
from tuiagent.engine.neighbours import Neighbours
from tuiagent.engine.snapshots import Snapshots
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.claims import OFF
from tuiagent.kernel.event import Event, Fact, Seen
from tuiagent.kernel.marks import Marks
from tuiagent.kernel.message import Prompt, ToolSpec, Usage
from tuiagent.kernel.session import OpenSession, SessionOpened, SubmitPrompt
from tuiagent.kernel.standing import Standing
from tuiagent.library.shelf import Shelf
from tuiagent.library.trust import brought
from tuiagent.ports import Client, Library, Provider, Runtime, Store, Tool
from tuiagent.providers.scripted import Scripted, ScriptedCall, Turn
from tuiagent.registry import load
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.stores.memory import MemoryStore

STREAM = "session/s1"
LIMIT = 60.0
"""Seconds after which a test that waits for a fact gives up."""


def say(*pieces: str) -> Turn:
    """The model says something."""
    return Turn(list(pieces))


def call(tool: str, **args: Any) -> Turn:
    """The model calls a tool."""
    return Turn(calls=[ScriptedCall(tool, args)])


class QuickWorld(World):
    """The real world, but for waits that are not worth it."""

    async def sleep(self, seconds: float) -> None:
        """Lets other things happen."""
        await asyncio.sleep(0)

    def random(self) -> float:
        """No jitter."""
        return 0.0


class Fakes:
    """A scripted model with real tools in a temporary folder."""

    def __init__(self, folder: Path, turns: Sequence[Turn] | Callable[[Prompt], Turn]) -> None:
        self.folder = folder
        self.prompts: list[Prompt] = []
        self.more: dict[str, Tool] = {}
        self.loaned: frozenset[str] = frozenset()
        self.tokens = 0
        self.shown = frozenset(("image", "document"))
        self.secrets: set[str] = set()
        self.marked = Marks()
        self.standing = Standing()
        self._turns = turns

    def provider(self, model: str, opened: SessionOpened) -> Provider:
        """See engine.drive.Means."""
        return Scripted(self._turn)

    def _turn(self, prompt: Prompt) -> Turn:
        self.prompts.append(prompt)
        if callable(self._turns):
            return self._turns(prompt)
        number = sum(message.role == "assistant" for message in prompt.messages)
        return self._turns[number]

    def window(self, model: str) -> int:
        """See engine.drive.Means."""
        return self.tokens

    def keys(self) -> set[str]:
        """See engine.drive.Means."""
        return self.secrets

    def marks(self) -> Marks:
        """See engine.drive.Means."""
        return self.marked

    def fallback(self, model: str) -> str:
        """None."""
        return ""

    def takes(self, model: str) -> frozenset[str]:
        """See engine.drive.Means."""
        return self.shown

    def price(self, model: str, usage: Usage) -> float | None:
        """See engine.drive.Means: a hundredth of a dollar for each token."""
        return (usage.input + usage.output) / 100

    def lent(self, opened: SessionOpened) -> frozenset[str]:
        """See engine.drive.Means."""
        return self.loaned

    def tool(self, name: str, opened: SessionOpened | None = None) -> Tool | None:
        """See engine.drive.Means."""
        if name in self.more:
            return self.more[name]
        known = tools.TABLE | tools.UNTOLD
        return load(known[name])() if name in known else None

    def tools(self, opened: SessionOpened | None = None) -> tuple[ToolSpec, ...]:
        """See engine.drive.Means."""
        found = [load(path)() for path in tools.TABLE.values()]
        more = (ToolSpec(name, "", {}) for name in self.more)
        return (*(ToolSpec(t.name, t.description, t.parameters) for t in found), *more)

    def runtime(self, opened: SessionOpened) -> Runtime:
        """See engine.drive.Means."""
        return LocalRuntime(opened.folder, opened.environment, str(self.folder / "spools"), OFF)

    def system(self, opened: SessionOpened) -> str:
        """See engine.drive.Means."""
        return "system"

    def library(self, opened: SessionOpened) -> Library:
        """See engine.drive.Means: what lies below the folder's home, and nothing that ships."""
        return self.shelf(opened.folder)

    def shelf(self, folder: str) -> Shelf:
        """See means.LocalMeans."""
        return Shelf(folder, str(self.folder / "home"), "", self.standing)

    async def given(self, folder: str, name: str, arguments: str) -> str:
        """See means.LocalMeans."""
        return self.shelf(folder).command(name, arguments).text

    def brought(self, folder: str) -> list[Any]:
        """See means.LocalMeans."""
        return brought(folder, str(self.folder / "home"), "", self.standing, (offers,))


async def nothing() -> AsyncIterator[object]:
    """No news from the file system."""
    await asyncio.Event().wait()
    yield None


async def nobody(owner: str) -> Client:
    """No other process can be reached."""
    raise ConnectionRefusedError


async def build(
    means: Fakes,
    store: Store | None = None,
    owner: str = "o1",
    cache: str = "",
    world: World | None = None,
    serves: bool = False,
) -> Engine:
    """An engine on this loop, to be closed by whoever asked for it."""
    store = store or MemoryStore()
    store.hold(owner)  # type: ignore[attr-defined]
    world = world or QuickWorld()
    journal = Journal(store, codec(), owner, world)
    journal.writer = ThreadWriter(journal)
    hub = Hub()
    neighbours = Neighbours(journal, hub, nobody, nothing)
    kept = Snapshots(cache, journal) if cache else None
    context = Context(journal, hub, world, means, Attendance(own=not serves))
    return Engine(context, neighbours, kept)


@asynccontextmanager
async def engine(
    means: Fakes,
    store: Store | None = None,
    owner: str = "o1",
    world: World | None = None,
    serves: bool = False,
) -> AsyncGenerator[Engine]:
    """An engine that is closed in the end."""
    made = await build(means, store, owner, world=world, serves=serves)
    try:
        yield made
    finally:
        await made.close()


async def opened(client: Client, folder: Path, mode: str = "auto", stream: str = STREAM) -> None:
    """A session in a work folder below this one."""
    work = folder / "work"
    work.mkdir(exist_ok=True)
    environment = {"PATH": os.environ["PATH"]}
    begin = SessionOpened(str(work), "scripted/x", mode, environment, sandbox=OFF)
    await client.submit(OpenSession(stream, begin))


async def prompt(client: Client, text: str = "go", name: str = "p1", stream: str = STREAM) -> int:
    """Says something."""
    return await client.submit(SubmitPrompt(stream, name, text))


async def until(
    client: Client, wanted: type[Fact], select: str = STREAM, count: int = 1, after: int = 0
) -> list[Seen]:
    """Everything seen up to the fact of this kind that comes as the `count`th."""
    seen: list[Seen] = []
    async with asyncio.timeout(LIMIT):
        async for item in client.watch(select, after):
            seen.append(item)
            if isinstance(item, Event) and isinstance(item.fact, wanted):
                count -= 1
                if count == 0:
                    return seen
    raise AssertionError(f"no {wanted.__name__}")


def facts(seen: Sequence[Seen], kind: type[Fact]) -> list[Any]:
    """The facts of one kind among what was seen."""
    return [item.fact for item in seen if isinstance(item, Event) and isinstance(item.fact, kind)]
