"""Looks after the journal's file: gives room back, and makes copies."""

import argparse
import os
import time

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say
from tuiagent.clients.host import Host
from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client


async def gc(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`gc`: does at once what is done once a day anyway, and says what was gained."""
    done = (await client.read("gc")).data
    if done["busy"]:
        say("another process is doing it at this moment\n")
        return DONE
    for stream in done["needed"]:
        say(clean(f"{stream.partition('/')[2]} stays: another session was forked from it\n"))
    say(
        f"{done['erased']} sessions erased, {done['spools']} outputs of dead commands removed; the "
        f"journal has {done['after']} bytes (before: {done['before']})\n"
    )
    for name in done["copies"]:
        say(clean(f"{name} in {host.settings.root} stays, and may hold what was erased\n"))
    return DONE


async def backup(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`backup [FILE]`: a copy of the whole journal, made while anybody writes, and verified."""
    folder = os.path.join(host.settings.root, "backups")
    path = os.path.abspath(args.file or os.path.join(folder, time.strftime("%Y%m%d-%H%M%S.db")))
    if os.path.exists(path):
        raise ConfigError(f"{path} is there already: name another file, or remove it first")
    if not args.file:
        os.makedirs(folder, 0o700, exist_ok=True)
    found = (await client.read("copy", path)).data
    if problem := found["problem"]:
        place = f"{problem['stream']}, version {problem['version']}"
        say(clean(f"{path} was made, but NOT AS IT WAS WRITTEN: {place}: {problem['reason']}\n"))
        return ERROR
    size = os.path.getsize(path)
    say(clean(f"{path}: {size} bytes, {found['events']} events, their chains whole\n"))
    return DONE
