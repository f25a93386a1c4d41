"""How somebody leaves a session: what goes on there is known before it is decided."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tuiagent.clients import leave
from tuiagent.clients.cli import talk
from tuiagent.clients.cli.attach import Attached
from tuiagent.kernel.event import CaughtUp, Event
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.run import RunStarted

STREAM = "session/one"
OPENED = Event(1, STREAM, 1, 0.0, "owner", SessionOpened("/", "scripted/tour", "ask"))
STARTED = Event(2, STREAM, 2, 0.0, "owner", RunStarted("said"))


class Late:
    """A client whose news come after the signal."""

    actor = "owner"

    async def submit(self, intent: Any, once: str = "") -> int:
        return 2

    async def watch(self, select: str, after: int = 0) -> AsyncIterator[Any]:
        yield OPENED
        os.kill(os.getpid(), signal.SIGHUP)
        for _ in range(100):
            await asyncio.sleep(0)
        yield STARTED
        yield CaughtUp(2)
        await asyncio.Event().wait()


class Background:
    """A host that notes what is handed over."""

    def __init__(self) -> None:
        self.handed: list[str] = []

    def new_id(self) -> str:
        return "id"

    async def background(self, folder: str = "") -> Any:
        return "server"

    async def hand_over(self, to: Any) -> None:
        self.handed.append(to)


async def test_a_hang_up_hands_over_a_run_that_has_just_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(leave, "forget_terminal", lambda: None)
    host: Any = Background()
    client: Any = Late()
    assert await talk.talk(Attached(client, STREAM, host), host, None) == 129
    assert host.handed == ["server"]
