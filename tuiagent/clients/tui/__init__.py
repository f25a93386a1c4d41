"""The full-screen app: panes and screens over one ports.Client."""

import argparse

from tuiagent.clients.host import Host
from tuiagent.ports import Client


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Shows the screen until the person leaves; the exit code."""
    from tuiagent.clients.tui.app import TuiApp  # noqa: PLC0415 - after the first frame

    app = TuiApp(client, args, host)
    await app.run_async()
    return app.return_code or 0
