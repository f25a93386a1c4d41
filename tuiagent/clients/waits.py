"""How people are told what a run waits for."""

import time


def told(needs: str, again: float | None) -> str:
    """What it needs and, where it looks by itself, when that is, in local time."""
    if again is None:
        return f"needs {needs}"
    return f"needs {needs}; looks again {at(again)}"


def at(moment: float, seconds: bool = False) -> str:
    """A moment to come, such as `at 14:05`, with its day where that is not today's."""
    there, today = time.localtime(moment), time.localtime()
    day = "" if there[:3] == today[:3] else "on %Y-%m-%d "
    return time.strftime(f"{day}at %H:%M{':%S' if seconds else ''}", there)
