"""When a failed model call is tried again: the one retry layer."""

from tuiagent.kernel.errors import ProviderError

ATTEMPTS = 5
BASE, CAP = 1.0, 30.0
LONGEST = 300.0
"""Seconds; a provider that asks for more is not waited for."""


def retry_at(error: ProviderError, failures: int, now: float, chance: float) -> float | None:
    """The time of the next try after `failures` earlier ones in a row; None for giving up.

    Full jitter below base * 2**failures, at most 30 s; a provider's Retry-After is the least.
    `chance` is a number from 0 up to 1.
    """
    if not error.retryable or failures + 1 >= ATTEMPTS:
        return None
    wait = chance * min(CAP, BASE * 2**failures)
    if error.retry_after is not None:
        if error.retry_after > LONGEST:
            return None
        wait = error.retry_after + chance
    return now + wait
