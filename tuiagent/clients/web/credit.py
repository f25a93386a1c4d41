"""What the other side of a watch is ready to take: it is sent so many items, and then no more."""

import asyncio


class Credit:
    """The items that a watch may still send; None for any number, as the other side wishes."""

    def __init__(self, items: int | None) -> None:
        self._items = items
        self._more = asyncio.Event()

    def grant(self, items: int) -> None:
        """So many more may be sent."""
        if self._items is not None:
            self._items += items
            self._more.set()

    async def spend(self) -> None:
        """Waits until one may be sent, which it then is."""
        if self._items is None:
            return
        while self._items < 1:
            self._more.clear()
            await self._more.wait()
        self._items -= 1
