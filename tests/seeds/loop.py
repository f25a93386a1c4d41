"""An event loop whose time is virtual: it never sleeps, and the same seed gives the same run."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class Jump(selectors.SelectSelector):
    """Instead of waiting for files, lets virtual time pass."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Moves the clock by the time that would have been waited."""
        if timeout is None:
            raise RuntimeError("everything waits and nothing will ever happen")
        self.loop.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio, with a clock of its own."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        selector = Jump()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        """Virtual seconds."""
        return self.now


def run(main: Coroutine[Any, Any, None]) -> None:
    """Runs a coroutine in virtual time; what is left over is ended without a word."""
    loop = VirtualLoop()
    asyncio.set_event_loop(loop)
    loop.set_exception_handler(lambda loop, context: None)
    try:
        loop.run_until_complete(main)
    finally:
        rest = asyncio.all_tasks(loop)
        for task in rest:
            task.cancel()
        if rest:
            loop.run_until_complete(asyncio.wait(rest, timeout=1.0))
        asyncio.set_event_loop(None)
        loop.close()
