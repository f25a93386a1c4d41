"""The keys of models: kept in the system's keyring or had from a command, never shown."""

import argparse
import asyncio
import getpass

import msgspec

from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say
from tuiagent.clients.host import Host
from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`keys list`, `set NAME [--command COMMAND]`, `delete NAME`, `test [PROVIDER/MODEL]`."""
    if args.what == "list":
        return _list(host)
    if args.what == "test":
        return await _test(client, args.name or host.settings.model)
    if not args.name:
        raise ConfigError(f"say whose key: tuiagent keys {args.what} openai")
    if args.what == "delete":
        there = await asyncio.to_thread(host.keys.delete, args.name)
        say(f"the key {args.name} is forgotten\n" if there else f"no key {args.name} is kept\n")
    elif args.told_by:
        host.keys.name_command(args.name, args.told_by)
        say(f"the key {args.name} is had from that command from now on\n")
    else:
        key = await asyncio.to_thread(_typed, host, args.name)
        await asyncio.to_thread(host.keys.put, args.name, key)
        say(f"the key {args.name} is in the keyring\n")
    await host.renewed(args.name)
    return DONE


def _typed(host: Host, name: str) -> str:
    """The key, typed unseen or piped in."""
    if host.console.terminal(0):
        return getpass.getpass(f"key {name} (it is not shown): ")
    return asyncio.run(host.console.piped(True)).strip()


def _list(host: Host) -> int:
    places = host.keys.places()
    for name, place in places.items():
        say(f"{name}  {place}\n")
    if not places:
        say("no key is kept; tuiagent keys set openai keeps one\n")
    return DONE


async def _test(client: Client, model: str) -> int:
    if not model:
        raise ConfigError("say which model: tuiagent keys test PROVIDER/MODEL")
    asked = msgspec.json.encode({"model": model}).decode()
    found = (await client.read("tested", asked)).data
    say(f"{model}: {found['text']}\n")
    return DONE if found["ok"] else ERROR
