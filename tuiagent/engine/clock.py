"""Time, ids, chance and crash points, brought into the engine so that tests can bring others."""

import asyncio
import os
import signal
import time

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"

POINTS = (
    "attempt-started",
    "reply-arrived",
    "reply-received",
    "call-noted",
    "call-started",
    "call-done",
    "call-finished",
    "in-transaction",
    "committed",
    "sealed",
)
"""Places at which a test may kill the process, in the order of a run."""
HAND_OVER = ("lent", "released", "adopting", "adopted")
"""The same in the order of a hand-over: the first two in the process that lets go."""
SERVER = ("announced", "drained")
"""The same in the life of a server."""


class World:
    """The real world: the machine's clock, randomness and sleep."""

    def __init__(self, crash: str = "") -> None:
        name, _, count = crash.partition(":")
        self._crash = name
        self._left = int(count) if count.isdigit() else 1

    def now(self) -> float:
        """Seconds since 1970, UTC."""
        return time.time()

    def random(self) -> float:
        """A number from 0 up to 1."""
        return int.from_bytes(os.urandom(6)) / (1 << 48)

    def new_id(self) -> str:
        """A new id: 9 characters of time, so that ids sort, and 6 of chance."""
        stamp = _base32(int(self.now() * 1000), 9)
        return stamp + _base32(int.from_bytes(os.urandom(4), "big"), 6)

    async def sleep(self, seconds: float) -> None:
        """Lets time pass."""
        await asyncio.sleep(max(0.0, seconds))

    def point(self, name: str) -> None:
        """Dies here when this is the place that a test has named in TUIAGENT_CRASH."""
        if name != self._crash:
            return
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _base32(number: int, width: int) -> str:
    out = ""
    for _ in range(width):
        number, digit = divmod(number, 32)
        out = DIGITS[digit] + out
    return out
