"""`serve`: the background server of a state root, until it is told to end."""

import argparse
import asyncio
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address

from msgspec.structs import replace

from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say
from tuiagent.clients.host import Serving
from tuiagent.kernel.errors import TuiagentError
from tuiagent.ports import Client
from tuiagent.registry import load
from tuiagent.server import (
    ServerRecord,
    Site,
    begin,
    held,
    listener,
    only_server,
    server_record,
)

FILES = 8192
"""That may be open at once: each connection is one, and the usual limit is 1,024."""
HOST, PORT = "127.0.0.1", "4000"
ORIGINS = ("TUIAGENT_CORS_ORIGINS", "HEIM_CORS_ORIGINS")
PORTS = ("TUIAGENT_PORT", "PORT", "HEIM_PORT")
"""Names of the environment, the first that is set counts; those of other programs come last."""
LOOK = 0.01
"""Seconds between looks whether a server that was told to end has ended."""
OTHER = """\
{}/server.json names process {}, but process {} is the server: nothing was ended. Remove that \
file, and end the server with kill"""
NOT_THERE = """\
{}/server.json names process {}, which does not listen ({}): nothing was ended. It may have ended \
just now; tuiagent status tells"""


async def run(client: Client, args: argparse.Namespace, host: Serving) -> int:
    """Serves until SIGTERM or SIGINT, then drains; a second signal ends it at once."""
    root = host.settings.root
    if args.install or args.uninstall:
        return await load("tuiagent.clients.cli.service:run")(args, root)
    if args.print_key:
        say(f"{(await host.owner_key())[0]}\n")
        return DONE
    if args.stop:
        stop(root)
        return DONE
    if args.restart:
        record = await asyncio.to_thread(renewed, root)
        print(f"tuiagent: serving {root} (process {record.pid})", file=sys.stderr)
        return DONE
    known, chosen = server_record(root), site(args, os.environ)
    if known and not known.addresses and args.ready < 0:
        print(f"tuiagent: taking the place of process {known.pid}", file=sys.stderr)
        stop(root)
    os.chdir("/")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, enough), hard))
    with only_server(root):
        ended = _on_signals()
        key, new = await host.owner_key() if chosen.listen and chosen.guarded else ("", False)
        async with host.serving(chosen) as record:
            if args.ready >= 0:
                with suppress(OSError):  # whoever began it has gone; its sessions are here
                    os.write(args.ready, b"\n")
                os.close(args.ready)
            where = ", ".join((root, *record.addresses))
            print(f"tuiagent: serving {where} (process {record.pid})", file=sys.stderr)
            if new and sys.stderr.isatty():
                print(f"tuiagent: your key, shown this once: {key}", file=sys.stderr)
            if key:
                print("tuiagent: tuiagent serve --print-key prints your key", file=sys.stderr)
            await ended.wait()
            print("tuiagent: ending: what has begun ends first", file=sys.stderr)
    return DONE


def site(args: argparse.Namespace, environ: Mapping[str, str]) -> Site:
    """Where to listen: as the flags say, else the environment, else on loopback alone.

    A server that a client begins for itself listens nowhere but on its own socket.
    """
    guarded = args.auth != "none"
    public = args.public_url or environ.get("TUIAGENT_PUBLIC_URL", "")
    origins = tuple(args.cors_origin) or _split(environ, *ORIGINS)
    listen = tuple(args.listen)
    if not (listen or args.host or args.port):
        listen = _split(environ, "TUIAGENT_LISTEN")
    if not listen and (args.ready < 0 or args.host or args.port):
        host = args.host or _address(environ) or HOST
        port = args.port or next((environ[n] for n in PORTS if environ.get(n)), PORT)
        listen = (f"[{host}]:{port}" if ":" in host else f"{host}:{port}",)
    return Site(listen, guarded, public, origins)


def _split(environ: Mapping[str, str], *names: str) -> tuple[str, ...]:
    """What the first of these names that is set lists, by commas."""
    text = next((environ[name] for name in names if environ.get(name)), "")
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _address(environ: Mapping[str, str]) -> str:
    """What HOST says, where it is an address: many shells set it to the machine's name."""
    try:
        return str(ip_address(environ.get("HOST", "")))
    except ValueError:
        return ""


def renewed(root: str) -> ServerRecord:
    """Ends the server, and begins another one that is reached as it was. Raises TuiagentError."""
    record = server_record(root)
    stop(root)
    if record is None:
        return begin(root, os.environ)
    addresses = tuple(url.partition("://")[2] for url in record.addresses)
    return begin(root, os.environ, replace(record.site, listen=addresses).flags())


def stop(root: str) -> None:
    """Has the server end, and waits until it has. Raises TuiagentError when there is none."""
    record = server_record(root)
    if record is None:
        raise TuiagentError(f"no server of {root} runs")
    try:
        listens = listener(root) or record.pid
        if listens != record.pid:
            raise TuiagentError(OTHER.format(root, record.pid, listens))
        os.kill(record.pid, signal.SIGTERM)
    except OSError as error:
        raise TuiagentError(NOT_THERE.format(root, record.pid, error.strerror)) from error
    while held(root) and server_record(root) in (None, record):
        time.sleep(LOOK)


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
