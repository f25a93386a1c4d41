"""The real app in this process, on a terminal of its own, and how long it takes to draw."""

import asyncio
import contextlib
import fcntl
import os
import pty
import socket
import struct
import tempfile
import termios
import threading
import time
from collections.abc import AsyncGenerator, Callable
from functools import partial
from typing import Any

from tuiagent import config
from tuiagent.clients.cli import arguments
from tuiagent.clients.tui.app import TuiApp
from tuiagent.clients.tui.driver import TerminalDriver
from tuiagent.clients.tui.output import Output
from tuiagent.clients.tui.transcript import Talk
from tuiagent.clients.window import Window
from tuiagent.wiring import House

SIZE = (120, 40)
KEYS = {"up": b"\x1b[A", "down": b"\x1b[B", "pageup": b"\x1b[5~", "pagedown": b"\x1b[6~"}


class Terminal:
    """Takes whatever is written, and remembers when that was last."""

    wrote = cpu = 0.0
    size = 0
    """Bytes that were written."""

    def __init__(self) -> None:
        self._saved = os.dup(0), os.dup(1)
        self.master, slave = pty.openpty()
        self.resize(*SIZE)
        for stream in (0, 1):
            os.dup2(slave, stream)
        os.close(slave)
        threading.Thread(target=self._drain, daemon=True).start()
        self.push, Output._push = Output._push, self.pushed(Output._push)  # type: ignore[method-assign]

    def resize(self, columns: int, rows: int) -> None:
        """Has another size; nobody is told, as it is no process's terminal."""
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def tell(self, text: str) -> None:
        """Prints, though an app has the output."""
        os.write(self._saved[1], f"{text}\n".encode())

    def type(self, key: str) -> None:
        """Presses a key."""
        os.write(self.master, KEYS.get(key, key.encode()))

    def close(self) -> None:
        """Standard input and output are as they were."""
        Output._push = self.push  # type: ignore[method-assign]
        for stream, saved in enumerate(self._saved):
            os.dup2(saved, stream)
            os.close(saved)

    def _drain(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self.master, 1 << 16):
                Terminal.size += len(data)

    @staticmethod
    def pushed(push: Callable[[Output], None]) -> Callable[[Output], None]:
        """Remembers when it was done."""

        def work(output: Output) -> None:
            some = bool(output._left)
            push(output)
            if some:
                Terminal.wrote, Terminal.cpu = time.perf_counter(), time.process_time()

        return work


class Driven:
    """The app, while it is shown."""

    def __init__(self, app: TuiApp, terminal: Terminal) -> None:
        self.app = app
        self.terminal = terminal
        self.tell = terminal.tell
        self.talk = app.query_one(Talk)

    async def drawn(self, work: Callable[[], object]) -> tuple[float, float]:
        """Milliseconds from some work until something was drawn after it, and of the processor."""
        began, cpu = time.perf_counter(), time.process_time()
        work()
        while Terminal.wrote < began:
            await asyncio.sleep(0.0005)
            if time.perf_counter() - began > 5:
                raise TimeoutError("nothing was drawn")
        return (Terminal.wrote - began) * 1000, (Terminal.cpu - cpu) * 1000

    async def key(self, name: str) -> tuple[float, float]:
        """What it takes from a key until the screen is drawn."""
        return await self.drawn(lambda: self.terminal.type(name))

    async def rest(self, seconds: float = 0.15) -> None:
        """Lets everything come to rest: nothing is drawn for so long."""
        began = left = time.perf_counter()
        while left > 0:
            await asyncio.sleep(seconds / 5)
            left = max(began, Terminal.wrote) + seconds - time.perf_counter()

    async def resized(self, columns: int, rows: int) -> tuple[float, float]:
        """What it takes until another size is drawn."""
        self.terminal.resize(columns, rows)
        driver = self.app._driver
        assert isinstance(driver, TerminalDriver)
        began, cpu = time.perf_counter(), time.process_time()
        driver._send_size()
        await self.rest()
        return (Terminal.wrote - began) * 1000, (Terminal.cpu - cpu) * 1000


async def until_drawn(app: TuiApp) -> None:
    """Waits for the first frame."""
    while not getattr(app._driver, "shown", False):  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def shown() -> AsyncGenerator[Driven]:
    """The app with an engine and a state root of its own, at rest."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        terminal = Terminal()
        environ = {**os.environ, "HOME": home, "TUIAGENT_HOME": f"{home}/state"}
        args: Any = arguments.parse(["--model", "scripted/tour", "--cwd", home])
        house = House(config.load(environ, arguments.flags(args)), environ)
        first, second = socket.socketpair()
        window = Window(second, termios.tcgetattr(0), None)  # type: ignore[arg-type] - the C class's child
        app = TuiApp(house.client, args, house)
        app.root = house.settings.root
        app.driver_class = partial(TerminalDriver, window=window)  # type: ignore[assignment]
        running = asyncio.create_task(app.run_async())
        try:
            await until_drawn(app)
            driven = Driven(app, terminal)
            await driven.rest()
            yield driven
        finally:
            app.leave(0)
            await running
            await asyncio.to_thread(house.close)
            first.close()
            terminal.close()
