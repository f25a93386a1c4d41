"""Which of a folder's files may have us run what they say: shows it, and takes a person's word."""

import argparse
import os

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.cli.voice import Voice
from tuiagent.clients.host import Host
from tuiagent.clients.trusting import ASKED, Brought, answer, brought, lines
from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`trust list`, `trust show [FILE…]`, `trust yes [FILE…]`, `trust no [FILE…]`."""
    folder = os.path.realpath(os.path.join(host.console.folder, args.cwd))
    rows = _named(await brought(client, folder), args.file, host.console.folder)
    if args.what in ("list", "show"):
        _show(rows, args)
        return DONE
    for row in rows:
        if row.offer.problem:
            say(clean(f"{row.offer.path} cannot be run: {row.offer.problem}\n"))
            continue
        await client.submit(answer(row, args.what == "yes"))
        words = "trusted as it is now" if args.what == "yes" else "not trusted"
        say(clean(f"{row.offer.path} is {words}\n"))
    if not rows:
        say(f"{clean(folder)}: nothing there would be run\n")
    return DONE


async def take(client: Client, folder: str, voice: Voice, word: str) -> None:
    """Shows what a folder's files would have us run, or takes a person's `yes` or `no` to it.

    With `asked`, only what nobody has said yes or no to.
    """
    rows = await brought(client, folder)
    rows = [row for row in rows if row.state in ASKED or word != "asked"]
    if word in ("yes", "no"):
        for row in rows:
            if not row.offer.problem:
                await client.submit(answer(row, word == "yes"))
        voice.line(f"note: {'it may be run as it is now' if word == 'yes' else 'it is not run'}")
        return
    for row in rows:
        for line in lines(row):
            voice.line(f"note: {line}")
    if any(row.state in ASKED for row in rows):
        voice.line("asks: may this folder have that run, as it is now? /trust yes or /trust no")
    elif not rows and word != "asked":
        voice.line("note: nothing here would be run")


def _named(rows: list[Brought], files: list[str], folder: str) -> list[Brought]:
    """Only those of these files. Raises ConfigError for one that brings nothing."""
    if not files:
        return rows
    wanted = [os.path.realpath(os.path.join(folder, file)) for file in files]
    known = {os.path.realpath(row.offer.path): row for row in rows}
    for path in wanted:
        if path not in known:
            raise ConfigError(f"{path} has nothing that would be run; see tuiagent trust list")
    return [known[path] for path in wanted]


def _show(rows: list[Brought], args: argparse.Namespace) -> None:
    if args.output == "json":
        say_json(rows)
        return
    for row in rows:
        told = lines(row)
        short = f"{told[0]}: {len(row.offer.runs)} of them; see trust show"
        say(clean("\n".join(told) if args.what == "show" else short) + "\n")
    if not rows:
        say("nothing here would be run\n")
