"""How a person leaves what goes on: signals, a terminal that hangs up, a server that goes on."""

import asyncio
import signal
from collections.abc import Callable

from tuiagent.clients.host import Host
from tuiagent.clients.window import Window, forget_terminal
from tuiagent.kernel.errors import TuiagentError

HUNG_UP = 128 + signal.SIGHUP
"""The exit code of a client whose terminal has gone."""
DETACHED = """\
detached: the session goes on in the background. tuiagent attach {} shows it, here or in any \
other terminal"""


def on_signals(
    leave: Callable[[int], None],
    window: Window | None,
    numbers: tuple[signal.Signals, ...] = (signal.SIGTERM, signal.SIGHUP),
) -> None:
    """Calls it with the exit code when one of these comes, or the first process has gone."""
    loop = asyncio.get_running_loop()
    for number in numbers:
        loop.add_signal_handler(number, leave, 128 + number)
    if window:
        loop.add_reader(window.alive, lambda: (loop.remove_reader(window.alive), leave(HUNG_UP)))


async def hand_over(
    host: Host, window: Window | None, ident: str, code: int, tell: Callable[[str], None]
) -> bool:
    """Has a background server go on, and gives the terminal back before what has begun ends.

    False where there is no server, which is told.
    """
    if code == HUNG_UP:
        forget_terminal()
    try:
        to = await host.background()
    except (OSError, TuiagentError) as error:
        tell(f"trouble: {error}")
        return False
    tell(DETACHED.format(ident))
    if window:
        window.leave(code)
    await host.hand_over(to)
    return True
