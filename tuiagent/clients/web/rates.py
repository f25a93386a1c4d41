"""How often somebody may come: token buckets, and how much somebody may hold open."""

import time
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from ipaddress import IPv6Address, ip_address

KEPT = 4096
"""Names whose buckets are kept; the one that came least lately goes first."""


class Buckets:
    """A token bucket for each name: `burst` at once, and `rate` more in a second."""

    def __init__(
        self, rate: float, burst: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._levels: dict[str, tuple[float, float]] = {}
        """What is left, and when that was so."""

    def take(self, name: str) -> float:
        """Takes one; 0, or where there is none the seconds until there is one."""
        now = self._now()
        left, at = self._levels.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        taken = left >= 1.0
        self._levels[name] = (left - 1.0 if taken else left, now)
        if len(self._levels) > KEPT:
            del self._levels[next(iter(self._levels))]
        return 0.0 if taken else (1.0 - left) / self._rate


class Held:
    """How many things are open for each name."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._open: Counter[str] = Counter()

    @contextmanager
    def one(self, name: str) -> Generator[bool]:
        """One more is open while this is; False, and not counted, where it would be too many."""
        if self._open[name] >= self._most:
            yield False
            return
        self._open[name] += 1
        try:
            yield True
        finally:
            self._open[name] -= 1
            if not self._open[name]:
                del self._open[name]


def network(address: str) -> str:
    """What counts as one address: an IPv4 address, or the 64 bits that one IPv6 user has."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address) and not found.ipv4_mapped:
        return f"{int(found) >> 64:x}/64"
    return str(getattr(found, "ipv4_mapped", None) or found)
