"""The app on a terminal, from the first frame to the way out."""

import argparse
import signal
from functools import partial

from tuiagent.clients.console import OwnConsole
from tuiagent.clients.host import Host
from tuiagent.clients.leave import HUNG_UP, hand_over, on_signals
from tuiagent.clients.tui.app import TuiApp
from tuiagent.clients.tui.driver import TerminalDriver
from tuiagent.ports import Client

LEFT = "tuiagent --resume {} goes on with this session"
ENDING = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP)


async def show(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Shows the screen until the person leaves; the exit code. Raises what no engine can be for."""
    app = TuiApp(client, args, host)
    app.root = host.settings.root
    if args.window:
        app.driver_class = partial(TerminalDriver, window=args.window)  # type: ignore[assignment]
    on_signals(app.leave, args.window, ENDING)
    await app.run_async()
    if app.broken is not None:
        raise app.broken
    code = app.return_code or 0
    if (code == HUNG_UP and host.busy()) or app.detached:
        await hand_over(host, args.window, app.last, code, OwnConsole().tell)
    elif app.last and args.window and code != HUNG_UP:
        OwnConsole().tell(LEFT.format(app.last))
    return code
