"""How people are told what a run waits for."""

import time


def told(needs: str, again: float | None) -> str:
    """What it needs and, where it looks by itself, when that is, in local time."""
    if again is None:
        return f"needs {needs}"
    return f"needs {needs}; looks again at {time.strftime('%H:%M', time.localtime(again))}"
