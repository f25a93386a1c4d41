"""MCP servers: lists, adds, removes and tests them, signs in, and trusts a repository's file."""

import argparse
import asyncio
import os
from typing import Any

import msgspec

from tuiagent import config_file
from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.host import Host
from tuiagent.clients.lending import asked, lenders, told, trust
from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client, Lender


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`mcp list|add|remove|trust|distrust|login|test`."""
    return await ACTS[args.what](client, args, host)


async def _list(client: Client, args: argparse.Namespace, host: Host) -> int:
    rows = await lenders(client, args.cwd)
    if args.output == "json":
        say_json(rows)
        return DONE
    for row in rows:
        say(told(row))
    if not rows:
        say("no MCP server is named; tuiagent mcp add NAME -- COMMAND names one\n")
    return DONE


async def _add(client: Client, args: argparse.Namespace, host: Host) -> int:
    name = _named(args)
    if bool(args.url) == bool(args.words):
        raise ConfigError("say either its command (-- COMMAND ARGUMENT…) or --url URL")
    table: dict[str, Any] = {"url": args.url} if args.url else {"command": args.words[0]}
    if args.words[1:]:
        table["args"] = list(args.words[1:])
    for key, given, sign in (("env", args.env, "="), ("headers", args.header, ":")):
        pairs = [one.partition(sign) for one in given]
        if any(not mark for _, mark, _ in pairs):
            raise ConfigError(f"write NAME{sign}VALUE for each of its {key}")
        if pairs:
            table[key] = {one.strip(): value.strip() for one, _, value in pairs}
    home = host.settings.home
    there = config_file.put_server(home, name, table)
    await asked(client, "reload")
    verb = "is named anew" if there else "is named"
    path = config_file.path(home)
    say(clean(f"{name} {verb} in {path}; see whether it is there: tuiagent mcp test {name}\n"))
    return DONE


async def _remove(client: Client, args: argparse.Namespace, host: Host) -> int:
    name = _named(args)
    if not config_file.put_server(host.settings.home, name, None):
        raise ConfigError(f"your config.toml names no MCP server {name!r}")
    await asked(client, "reload")
    say(clean(f"{name} is named no more\n"))
    return DONE


async def _trust(client: Client, args: argparse.Namespace, host: Host) -> int:
    path = await trust(client, os.path.realpath(args.cwd), args.what == "trust")
    if args.what == "distrust":
        say(clean(f"{path} is trusted no more\n"))
        return DONE
    say(clean(f"{path} is trusted as it is now. Sessions in its folder have:\n"))
    for row in await lenders(client, args.cwd):
        if row.source == path:
            say(clean(f"  {row.name}: {row.where}\n"))
    return DONE


async def _login(client: Client, args: argparse.Namespace, host: Host) -> int:
    name = _named(args)

    def show(where: str) -> None:
        host.console.tell(clean(f"open this in your browser, and sign in to {name}:\n\n{where}\n"))
        if host.console.terminal(0):
            host.console.tell("is the browser elsewhere? paste the address that it comes to here:")

    place = await host.login(name, os.path.realpath(args.cwd), show, _typed(host))
    await asked(client, "reload")
    say(clean(f"signed in to {name}; its token is in the {place}\n"))
    return DONE


async def _typed(host: Host) -> str:
    """A line that is typed, however long that takes."""
    if not host.console.terminal(0):
        await asyncio.Event().wait()
    return await asyncio.to_thread(input)


async def _test(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Each server, or one, is reached, and what it lends and wrote is told."""
    rows = await lenders(client, args.cwd)
    names = [args.name] if args.name else [row.name for row in rows if row.state != "untrusted"]
    good = True
    folder = os.path.realpath(args.cwd)
    tests = (asked(client, "test", name, folder=folder) for name in names)
    for found in await asyncio.gather(*tests):
        row = msgspec.convert(found, Lender)
        good = good and row.state == "ready"
        say(told(row, whole=True))
    return DONE if good else ERROR


def _named(args: argparse.Namespace) -> str:
    if not args.name:
        raise ConfigError(f"say which server: tuiagent mcp {args.what} NAME")
    return str(args.name)


ACTS = {
    "list": _list,
    "add": _add,
    "remove": _remove,
    "trust": _trust,
    "distrust": _trust,
    "login": _login,
    "test": _test,
}
