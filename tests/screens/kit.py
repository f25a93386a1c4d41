"""The app on an engine with a scripted model, as pilot tests drive it and see it."""

import argparse
import asyncio
import itertools
import math
import os
import unicodedata
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

from textual.app import App
from textual.events import Key, Resize
from textual.geometry import Size
from textual.keys import REPLACED_KEYS, _character_to_key, _get_unicode_name_from_key
from textual.message_pump import MessagePump
from textual.pilot import Pilot

from tests.house import Fakes, engine
from tuiagent.clients.console import OwnConsole
from tuiagent.clients.tui.app import TuiApp
from tuiagent.clients.tui.files import Files
from tuiagent.clients.web.lasting import Lasting
from tuiagent.clients.web.remote import RemoteClient
from tuiagent.clients.web.socket import serving
from tuiagent.config import Settings
from tuiagent.config_file import ScreenTable
from tuiagent.engine.engine import Engine
from tuiagent.engine.owner import OwnerSeat
from tuiagent.engine.picture import picture
from tuiagent.engine.proposed import proposed
from tuiagent.kernel import standing
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.claims import OFF
from tuiagent.kernel.errors import StoreError
from tuiagent.kernel.message import Prompt
from tuiagent.kernel.session import SessionOpened
from tuiagent.ports import Client, Loan, Owner
from tuiagent.providers.scripted import Turn
from tuiagent.reports import findable, kept, written

LIMIT = 60.0
"""Seconds after which a test that waits for the screen gives up."""
GOLDEN = Path(__file__).parent / "shown"
NEW = os.environ.get("TUIAGENT_SHOWN") == "new"
"""Whether what is shown now is taken instead of what was shown before."""
SIZES = {"wide": (120, 40), "small": (80, 24), "tiny": (40, 10)}
KINDS = ("local", "remote")


class FakeKeys:
    """clients.host.Keys in memory."""

    def __init__(self) -> None:
        self.held: dict[str, str] = {}
        self.passphrase: str | None = None
        """What opens the encrypted file; None where there is a keyring."""

    def places(self) -> dict[str, str]:
        return dict.fromkeys(self.held, "keyring")

    def put(self, name: str, key: str, passphrase: str = "") -> None:
        if self.passphrase is not None and not passphrase:
            raise StoreError("this machine has no keyring")
        self.passphrase = passphrase or self.passphrase
        self.held[name] = key

    def unlock(self, passphrase: str) -> list[Loan]:
        if passphrase != self.passphrase:
            raise StoreError("another passphrase")
        return [Loan("", f"kept:{name}", key) for name, key in self.held.items()]

    def name_command(self, name: str, command: str) -> None:
        self.held[name] = command

    def delete(self, name: str) -> bool:
        return self.held.pop(name, None) is not None


class TestHost:
    """clients.host.Host in a folder of its own."""

    __test__ = False

    def __init__(
        self,
        folder: Path,
        mode: str = "ask",
        tui: ScreenTable | None = None,
        model: str = "scripted/x",
    ) -> None:
        self.work = folder / "work"
        self.work.mkdir(exist_ok=True)
        root = folder / "state"
        root.mkdir(exist_ok=True)
        self.settings = Settings(str(root), str(folder), model=model, mode=mode, tui=tui)
        self.console = OwnConsole()
        self.console.folder = str(self.work)
        self.handed: list[object] = []
        self.keys = FakeKeys()
        self.reloaded = 0
        self.stopped = False
        """Whether the server was stopped, where there is one."""
        self._ids = itertools.count(1)
        self.sandbox = OFF

    def new_id(self) -> str:
        return f"id{next(self._ids)}"

    def opening(self, folder: str) -> SessionOpened:
        environment = {"PATH": os.environ["PATH"]}
        return SessionOpened(
            folder or str(self.work),
            "scripted/x",
            self.settings.mode,
            environment,
            sandbox=self.sandbox,
        )

    def rules(self, folder: str) -> tuple[Any, ...]:
        return ()

    def reload(self) -> None:
        self.reloaded += 1

    async def begun(self) -> None:
        """See Host."""

    async def renewed(self, name: str, key: str = "") -> None:
        return

    async def opened(self, loans: Any) -> None:
        return

    async def login(self, server: str, folder: str, show: Any, typed: Any) -> str:
        typed.close()
        show(f"https://sign.in/{server}")
        return "keyring"

    async def adopt(self, stream: str, take: str = "") -> bool:
        return True

    async def background(self, folder: str = "") -> Owner:
        if not self.stopped:
            raise ConnectionRefusedError("no server in this test")
        self.stopped = False
        return cast(Owner, None)

    async def hand_over(self, to: Owner) -> None:
        self.handed.append(to)


class Screen:
    """An app that is driven."""

    def __init__(
        self, app: TuiApp, pilot: Pilot[int], engine: Engine, means: Fakes, host: TestHost
    ) -> None:
        self.app = app
        self.host = host
        self.pilot = pilot
        self.client = app.desk.client
        self.engine = engine
        self.means = means
        self.work = means.folder / "work"

    @property
    def shown(self) -> str:
        """What stands on the screen, line by line."""
        return shown(self.app)

    @property
    def told(self) -> str:
        """What was said in notices."""
        return "\n".join(notice.message for notice in self.app._notifications)

    async def type(self, text: str) -> None:
        """Types it."""
        await self.press(*("space" if c == " " else "enter" if c == "\n" else c for c in text))

    async def press(self, *keys: str) -> None:
        """Presses keys, each once the one before has done what it does."""
        driver = self.app._driver
        assert driver is not None
        for key in keys:
            driver.send_message(pressed(key))
            await self.settle()

    def resize(self, columns: int, rows: int) -> None:
        """Gives the terminal another size."""
        size = Size(columns, rows)
        self.app._driver._size = (columns, rows)  # type: ignore[union-attr]
        self.app.post_message(Resize(size, size))

    async def settle(self) -> None:
        """Waits until every message so far, and what came of it, has been taken, and is drawn."""
        for _ in range(4):
            await self._quiet()
            await self.app._animator.wait_until_complete()
            self._draw()
        await self._quiet()

    async def _quiet(self) -> None:
        """Waits until every widget waits for messages, and goes on to.

        As Pilot._wait_for_screen does, which has each widget called for that: a hundred times the
        work.
        """
        quiet = 0
        async with asyncio.timeout(LIMIT):
            while quiet < 3 and not self.app._exception_event.is_set():
                await asyncio.sleep(0 if quiet else 0.001)
                pumps = [self.app, *self.app.screen_stack[-1:]]
                pumps += [one for screen in pumps[1:] for one in screen.walk_children()]
                quiet = quiet + 1 if all(map(waits, pumps)) else 0

    def _draw(self) -> None:
        for screen in self.app.screen_stack[-1:]:  # none is left once it has ended
            screen._on_timer_update()

    async def until(self, holds: Callable[[], object] | str) -> str:
        """Waits until something holds, or these words are shown, and returns what is shown then."""
        shown = ""
        try:
            async with asyncio.timeout(LIMIT):
                while not (holds in (shown := self.shown) if isinstance(holds, str) else holds()):
                    await asyncio.sleep(0.01)
                    self._draw()
        except TimeoutError:
            raise AssertionError(f"{holds} never came:\n{self.shown}") from None
        return shown


def waits(pump: MessagePump) -> bool:
    """Whether it has taken all its messages, or takes none any more."""
    ready = pump._message_queue.ready_event
    return not pump._running or (not ready.is_set() and bool(ready._waiters))


def pressed(key: str) -> Key:
    """The event of a key, as a terminal tells it."""
    if len(key) == 1 and not key.isalnum():
        key = _character_to_key(key)
    try:
        char = unicodedata.lookup(_get_unicode_name_from_key(REPLACED_KEYS.get(key, key)))
    except KeyError:
        char = key if len(key) == 1 else None
    return Key(key, char)


def shown(app: App[Any]) -> str:
    """The text of a screen, without its colours; spaces at the ends of lines are left out."""
    strips = app.screen._compositor.render_strips()
    return "\n".join("".join(s.text for s in strip).rstrip() for strip in strips)


def arguments(**more: Any) -> argparse.Namespace:
    """What the command line says."""
    usual: dict[str, Any] = {
        "newest": False,
        "resume": "",
        "fork": "",
        "name": "",
        "new": True,
        "attach": None,
        "prompt": "",
        "file": [],
        "image": [],
        "once": "",
        "cwd": ".",
        "no_sandbox": True,
        "skills": [],
        "mode": "",
        "model": "",
        "effort": "",
    }
    return argparse.Namespace(**(usual | more))


@asynccontextmanager
async def screen(
    folder: Path,
    turns: Sequence[Turn] | Callable[[Prompt], Turn] = (),
    size: tuple[int, int] = SIZES["wide"],
    kind: str = "local",
    mode: str = "ask",
    tui: ScreenTable | None = None,
    model: str = "scripted/x",
    **args: Any,
) -> AsyncGenerator[Screen]:
    """The app over a client of this kind; the model is scripted, the tools are real."""
    host = TestHost(folder, mode, tui, model)
    async with AsyncExitStack() as stack:
        means = Fakes(folder, turns)
        made = await stack.enter_async_context(engine(means))
        known = [
            {"name": "openai/x", "from": "known", "window": 1000, "keyed": True},
            {"name": "anthropic/y", "from": "known", "input": 3.0, "output": 15.0, "keyed": False},
        ]
        made.reports |= {
            "offers": lambda key: known,
            "mcp": lambda key: [],
            "needs": lambda key: "",
            "tested": lambda key: {"ok": True, "text": "it answers"},
            "kept": lambda key: kept(made.journal),
            "proposed": lambda key: proposed(made.journal, means, key),
            "picture": lambda key: picture(made.journal, key),
        }
        made.reports |= written(means)
        made.hub.listen(standing.STREAM, lambda event: standing.fold(means.standing, event.fact))
        made.reports["health"] = lambda key: {"present": made.hub.present("session/*")}
        findable(made, str(folder / "search.db"))
        client: Client = made.seat()
        if kind != "local":
            path = str(folder / "socket")
            owner = OwnerSeat(made, lambda loan: False)
            await stack.enter_async_context(serving(owner, path, codec()))
            client = await connected(path, host, kind == "lasting")
            stack.push_async_callback(client.close)
        app = TuiApp(client, arguments(**args), host)
        async with app.run_test(size=size, notifications=True) as pilot:
            it = Screen(app, pilot, made, means, host)
            files = app.query_one(Files)
            await it.until(lambda: app.desk.looked)
            await it.until(lambda: not files.display or files.place.tree.readable(""))
            yield it


async def connected(path: str, host: TestHost, lasting: bool) -> RemoteClient | Lasting:
    """A client of the server at this socket, and perhaps of those after it."""

    async def connect() -> RemoteClient:
        if host.stopped:
            raise ConnectionRefusedError(path)
        return await RemoteClient.connect(path, codec())

    first = await connect()
    if not lasting:
        return first
    return Lasting(first, connect, host.new_id, lambda text: None, math.inf)


def check_shown(name: str, text: str) -> None:
    """Compares with what was shown before; TUIAGENT_SHOWN=new takes this instead.

    Look at every difference as a person would before taking it.
    """
    path = GOLDEN / f"{name}.txt"
    if NEW:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    assert path.exists(), f"{path.name} is not there: TUIAGENT_SHOWN=new writes it"
    assert text + "\n" == path.read_text()
