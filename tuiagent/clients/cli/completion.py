"""Completion scripts for shells, and the names that they ask for while somebody types."""

import argparse
import re

from tuiagent.clients.cli import DONE, arguments, subcommands
from tuiagent.clients.cli.printers import say
from tuiagent.clients.find import every
from tuiagent.clients.host import Host
from tuiagent.ports import Client

NEWEST = 50
SAFE = re.compile(r"[\w.:/@+-]+", re.ASCII)
"""What every shell takes as it is; what is called otherwise is offered by its id."""
DYNAMIC = {
    "session": "sessions",
    "within": "sessions",
    "resume": "sessions",
    "fork": "sessions",
    "model": "models",
}
"""Which names an argument takes."""


def script(args: argparse.Namespace) -> int:
    """`completion bash|zsh|fish`: prints the script for that shell."""
    import shtab  # noqa: PLC0415 - costs as much as a whole start

    files = {"file": shtab.FILE, "output_schema": shtab.FILE, "cwd": shtab.DIRECTORY}
    names = {
        dest: shtab.cmd(f"tuiagent __complete {what} 2>/dev/null") for dest, what in DYNAMIC.items()
    }
    parser = _every_command()
    for part in _parsers(parser):
        for action in part._actions:
            found = {**files, **names}.get(action.dest)
            if found:
                action.complete = found  # type: ignore[attr-defined] - how shtab is told
    say(shtab.complete(parser, args.shell) + "\n")
    return DONE


def _every_command() -> argparse.ArgumentParser:
    """One parser of all commands, as they are otherwise made only when they are asked for."""
    top = arguments.main()
    top._actions[:] = [action for action in top._actions if action.help != argparse.SUPPRESS]
    commands = top.add_subparsers()
    makers = {"run": arguments.main, **subcommands.SUBPARSERS}
    for name, make in makers.items():
        if not name.startswith("_"):
            made = make()
            commands.add_parser(name, parents=[made], add_help=False, help=made.description)
    return top


def _parsers(top: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    nested = [a for a in top._actions if isinstance(a, argparse._SubParsersAction)]
    return [top, *(parser for action in nested for parser in action.choices.values())]


async def words(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`__complete sessions|models`: one name to a line, the newest first."""
    rows = [row for row in reversed(await every(client)) if row["deleted"] is None]
    if args.what == "models":
        found = [host.settings.model, *(row["model"] for row in rows)]
    else:
        found = [
            row["name"] if SAFE.fullmatch(row["name"]) else row["stream"].partition("/")[2]
            for row in rows
        ]
    names = dict.fromkeys(name for name in found if SAFE.fullmatch(name))
    say("".join(f"{name}\n" for name in [*names][:NEWEST]))
    return DONE
