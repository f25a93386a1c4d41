"""MCP servers: lists, adds, removes and tests them, signs in, and trusts a repository's file."""

import argparse
import asyncio
import hashlib
import os
from typing import Any

import msgspec

from tuiagent import config_file
from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say
from tuiagent.clients.host import Host
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.standing import STREAM, DistrustFile, TrustFile
from tuiagent.ports import Client, Lender

FILE = ".mcp.json"
MARKS = {"ready": "✓", "waiting": "✗", "broken": "✗", "login": "!", "untrusted": "!"}


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`mcp list|add|remove|trust|distrust|login|test`."""
    return await ACTS[args.what](client, args, host)


async def lenders(client: Client, folder: str) -> list[Lender]:
    """The servers of sessions in this folder, and how each is."""
    rows = (await client.read("mcp", _key(folder=os.path.realpath(folder)))).data
    return msgspec.convert(rows, list[Lender])


async def asked(client: Client, what: str, server: str = "", **more: Any) -> Any:
    """What comes of asking one server something. Raises ConfigError."""
    return (await client.read("mcp", _key(what=what, server=server, **more))).data


def _key(**words: Any) -> str:
    return msgspec.json.encode(words).decode()


async def _list(client: Client, args: argparse.Namespace, host: Host) -> int:
    rows = await lenders(client, args.cwd)
    if args.output == "json":
        say(msgspec.json.encode(rows).decode() + "\n")
        return DONE
    for row in rows:
        say(told(row))
    if not rows:
        say("no MCP server is named; tuiagent mcp add NAME -- COMMAND names one\n")
    return DONE


def told(row: Lender, whole: bool = False) -> str:
    """A server in a line; with `whole` also what it lends and what it wrote."""
    counted = f"{len(row.tools)} tools" if row.tools else "no tools known yet"
    text = f"{MARKS.get(row.state, '·')} {row.name:<16} {row.state:<9} {counted}  {row.where}\n"
    if row.problem:
        text += f"    {row.problem}\n"
    if row.changed:
        text += f"    described otherwise than when accepted: {', '.join(row.changed)}\n"
    for line in row.refused:
        text += f"    not lent: {line}\n"
    if whole:
        text += "".join(f"    {name}\n" for name in row.tools)
        text += "".join(f"    /{row.name}:{name}\n" for name in row.prompts)
        if row.log.strip():
            text += "    it wrote:\n"
            text += "".join(f"    | {line}\n" for line in row.log.splitlines()[-20:])
    return clean(text)


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
    path = os.path.join(os.path.realpath(args.cwd), FILE)
    if args.what == "distrust":
        await client.submit(DistrustFile(STREAM, path))
        say(clean(f"{path} is trusted no more\n"))
        return DONE
    try:
        with open(path, "rb") as file:
            body = file.read()
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    await client.submit(TrustFile(STREAM, path, hashlib.sha256(body).hexdigest()))
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

    await host.login(name, os.path.realpath(args.cwd), show, _typed(host))
    await asked(client, "reload")
    say(clean(f"signed in to {name}; its token is in the keyring\n"))
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
