"""The keys of models: kept in the system's keyring or had from a command, never shown."""

import argparse
import asyncio
import getpass
import os

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say
from tuiagent.clients.host import Host, unlocked
from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`keys list`, `set NAME [--command COMMAND | --file]`, `delete NAME`, `test`, `unlock`."""
    if args.what == "list":
        return _list(host)
    if args.what == "test":
        return await _test(client, args.name or host.settings.model)
    if args.what == "unlock":
        return await _unlock(host)
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
        passphrase = await asyncio.to_thread(_passphrase, host, True) if args.file else ""
        await asyncio.to_thread(host.keys.put, args.name, key, passphrase)
        say(f"the key {args.name} is in the {'encrypted file' if args.file else 'keyring'}\n")
        await host.renewed(args.name, key if args.file else "")
        return DONE
    await host.renewed(args.name)
    return DONE


async def _unlock(host: Host) -> int:
    """Lends what the encrypted files hold to the background server."""
    server = await host.background()
    opened = host.keys.unlock(await asyncio.to_thread(_passphrase, host, False))
    await server.lend(opened)
    await server.close()
    say(f"the server has {unlocked(opened)} until it ends\n")
    return DONE


def _passphrase(host: Host, new: bool) -> str:
    """What opens the encrypted file: from the environment, or typed unseen."""
    given = os.environ.get("TUIAGENT_PASSPHRASE", "")
    if given:
        return given
    if not host.console.terminal(0):
        raise ConfigError("say the passphrase in TUIAGENT_PASSPHRASE, or call this at a terminal")
    first = getpass.getpass("passphrase of the encrypted file: ")
    if new and getpass.getpass("once more: ") != first:
        raise ConfigError("these were two different passphrases; nothing was kept")
    return first


def _typed(host: Host, name: str) -> str:
    """The key, typed unseen or piped in."""
    if host.console.terminal(0):
        return getpass.getpass(f"key {name} (it is not shown): ")
    return asyncio.run(host.console.piped(True)).strip()


def _list(host: Host) -> int:
    places = host.keys.places()
    for name, place in places.items():
        say(clean(f"{name}  {place}\n"))
    if not places:
        say("no key is kept; tuiagent keys set openai keeps one\n")
    return DONE


async def _test(client: Client, model: str) -> int:
    if not model:
        raise ConfigError("say which model: tuiagent keys test PROVIDER/MODEL")
    asked = msgspec.json.encode({"model": model}).decode()
    found = (await client.read("tested", asked)).data
    say(clean(f"{model}: {found['text']}\n"))
    return DONE if found["ok"] else ERROR
