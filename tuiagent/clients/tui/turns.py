"""What is typed, told to the app one after the other."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from textual import events
from textual.app import App
from textual.message import Message

LOST = 0.5
"""Seconds after which the next key is told, though the one before seems to do something still."""


class Understood(Message):
    """Goes the way of a key, after it: from who has the focus up to the app."""


class Turns:
    """A key has done what it does before the app is told of the next one.

    Otherwise letters, which the focused widget takes, would overtake keys that are bound. All of it
    happens on the app's loop.
    """

    def __init__(self, app: App[Any], told: Callable[[], None] = lambda: None) -> None:
        """Calls `told` whenever all that came so far has done what it does."""
        self._app = app
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._coming: deque[Message] = deque()
        self._waits: asyncio.TimerHandle | None = None
        """While a key does what it does."""

    @property
    def waits(self) -> bool:
        """Whether a key does what it does."""
        return self._waits is not None

    @property
    def coming(self) -> bool:
        """Whether more was typed than has been told."""
        return bool(self._coming)

    def send(self, message: Message) -> None:
        """Tells the app, once it is this message's turn."""
        self._coming.append(message)
        if self._waits is None:
            self._tell()

    def understood(self) -> None:
        """A key has done what it does, but for what it had the app do later."""
        if self._waits is not None:
            self._waits.cancel()
            self._app.call_later(self._tell)

    def _tell(self) -> None:
        self._waits = None
        while self._coming and self._waits is None:
            message = self._coming.popleft()
            self._app.post_message(message)
            if isinstance(message, events.Key | events.Paste):
                self._waits = self._loop.call_later(LOST, self._tell)
                self._app.call_later(self._follow)
        if self._waits is None:
            self._told()

    def _follow(self) -> None:
        target = self._app.focused or self._app.screen
        target.post_message(Understood().set_sender(target))  # one of the app would end below it
