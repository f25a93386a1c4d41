"""`serve`: the background server of a state root, until it is told to end."""

import argparse
import asyncio
import os
import signal
import sys

from tuiagent.clients.cli import DONE, Serving
from tuiagent.kernel.errors import TuiagentError
from tuiagent.ports import Client
from tuiagent.registry import load
from tuiagent.server import begin, only_server, server_record


async def run(client: Client, args: argparse.Namespace, host: Serving) -> int:
    """Serves until SIGTERM or SIGINT, then drains; a second signal ends it at once."""
    root = host.settings.root
    if args.install or args.uninstall:
        return await load("tuiagent.clients.cli.service:run")(args, root)
    if args.stop:
        return await stop(root)
    if args.restart:
        await stop(root)
        record = await asyncio.to_thread(begin, root, os.environ)
        print(f"tuiagent: serving {root} (process {record.pid})", file=sys.stderr)
        return DONE
    os.chdir("/")
    with only_server(root):
        ended = _on_signals()
        async with host.serving() as record:
            if args.ready >= 0:
                os.write(args.ready, b"\n")
                os.close(args.ready)
            print(f"tuiagent: serving {root} (process {record.pid})", file=sys.stderr)
            await ended.wait()
            print("tuiagent: ending: what has begun ends first", file=sys.stderr)
    return DONE


async def stop(root: str) -> int:
    """Has the server end, and waits until it has. Raises TuiagentError when there is none."""
    record = server_record(root)
    if record is None:
        raise TuiagentError(f"no server of {root} runs")
    os.kill(record.pid, signal.SIGTERM)
    with only_server(root, patient=True):
        return DONE


def _on_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one ends the process."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end() -> None:
        if ended.is_set():
            os._exit(1)  # everything is durable: what is not done is done by the next server
        ended.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # no terminal of its own to lose
    return ended
