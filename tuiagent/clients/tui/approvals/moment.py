"""The moment for which something must have been seen before a key answers it."""

import time
from collections.abc import Callable, Hashable

MOMENT = 0.25
"""Seconds."""


class Moment:
    """Knows since when the same thing stands under the hand."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._what: Hashable = None
        self._since = 0.0

    def drawn(self, what: Hashable) -> None:
        """This was just drawn, whatever stood there before."""
        if what != self._what:
            self._what = what
            self._since = self.clock()

    def forget(self) -> None:
        """Nobody has looked yet: the window or the pane comes up just now."""
        self._what = None

    def ripe(self, what: Hashable) -> bool:
        """Whether just this was seen long enough to be meant."""
        return what == self._what and self.clock() - self._since >= MOMENT
