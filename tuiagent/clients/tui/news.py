"""News: who wants to hear of something is told of it, and not too often."""

import asyncio
from collections.abc import Callable

PACE = 0.05
"""Seconds between two times that listeners are told."""

Unlisten = Callable[[], None]


class News:
    """Who wants to hear of something; told at once, then at most once a PACE."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[list[str]], None]] = []
        self._changed: dict[str, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._told = 0.0

    def listen(self, listener: Callable[[list[str]], None]) -> Unlisten:
        """Calls it with what changed, until the result is called."""
        self._listeners.append(listener)

        def unlisten() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unlisten

    def tell(self, changed: list[str]) -> None:
        """Tells of changes soon; what came before, together with it."""
        self._changed |= dict.fromkeys(changed)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time(), self._told + PACE), self._flush)

    def close(self) -> None:
        """Tells nobody any more."""
        self._listeners.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _flush(self) -> None:
        self._timer = None
        self._told = asyncio.get_running_loop().time()
        changed, self._changed = list(self._changed), {}
        for listener in list(self._listeners):
            listener(changed)
