"""When a failed model call is tried again, and what is waited for: the one retry layer."""

import time

from tuiagent.kernel.errors import ProviderError

ATTEMPTS = 5
BASE, CAP = 1.0, 30.0
LOADING, CHECKED = 60, 5.0
"""How often, and after how many seconds, a server is asked whether its model is loaded."""
LONGEST = 300.0
"""Seconds; a provider that asks for more is not waited for."""


def retry_at(error: ProviderError, failures: int, now: float, chance: float) -> float | None:
    """The time of the next try after `failures` earlier ones in a row; None for giving up.

    Full jitter below base * 2**failures, at most 30 s; a provider's Retry-After is the least.
    `chance` is a number from 0 up to 1.
    """
    if error.kind == "loading" and failures + 1 < LOADING:
        return now + CHECKED
    if not error.retryable or failures + 1 >= ATTEMPTS:
        return None
    wait = chance * min(CAP, BASE * 2**failures)
    if error.retry_after is not None:
        if error.retry_after > LONGEST:
            return None
        wait = error.retry_after + chance
    return now + wait


def available(error: ProviderError, now: float) -> str:
    """When the provider takes requests again, in local time; "" where it did not say."""
    if error.retry_after is None:
        return ""
    at, today = time.localtime(now + error.retry_after), time.localtime(now)
    day = "" if at[:3] == today[:3] else time.strftime(" on %Y-%m-%d", at)
    return f" Available{day} at {time.strftime('%H:%M %Z', at)}."


NEEDS = {
    "network": "{} to be reached",
    "cut": "{} to answer whole",
    "timeout": "{} to answer in time",
    "rate_limit": "{} to take requests again",
    "overloaded": "{} to have room again",
    "server": "{} to work again",
    "not_api": "{} to be reached, not something else",
    "limit": "a quota at {}",
    "auth": "a key that {} takes",
    "forbidden": "leave to use this model of {}",
}
"""What an unattended run waits for, by the kind of failure; other kinds end it."""
SOON, LATER = (60.0, 900.0), (300.0, 3600.0)
"""First and longest wait, in seconds: of what may mend itself, and of what a person mends."""
MENDED = ("limit", "auth", "forbidden")


def look_again(
    error: ProviderError, provider: str, failures: int, now: float
) -> tuple[str, float] | None:
    """What an unattended run waits for, and when it looks again; None for what ends a run."""
    if error.kind not in NEEDS:
        return None
    first, longest = LATER if error.kind in MENDED else SOON
    looked = failures - (0 if error.kind in MENDED else ATTEMPTS - 1)
    wait = min(longest, first * 2 ** min(max(0, looked), 10))
    return NEEDS[error.kind].format(provider), now + max(wait, error.retry_after or 0.0)
