"""Sessions whose ids are chosen by who calls: opens one, and says something in it."""

import argparse
import re
import sys
from typing import Any

import msgspec

from tuiagent.clients.begin import NO_MODEL, began, begin, check
from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.find import every, named
from tuiagent.clients.host import Host
from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.session import ChangeMode, ChangeModel, OpenSession
from tuiagent.ports import Client
from tuiagent.server import server_record

NAME = re.compile(r"(?!once[0-9a-f]{16}$)[A-Za-z0-9_-]{1,64}")
"""Ids that follow from a `once` are for whoever repeats that."""
NO_KEY = """\
session {name} cannot ask {model}: {needs}. No run was begun.
Set the key in the environment, or as api_key in [providers.{provider}] of config.toml (tuiagent
config path says where that is), or say --model PROVIDER/MODEL."""


async def create(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions create NAME`: opens `session/NAME`, or finds that it is open already."""
    name = _only(args.words)
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot be an id: it takes 1 to 64 of A-Z a-z 0-9 _ -")
    await check(client, args, host)
    stream = f"session/{name}"
    opening = host.opening(args.cwd)
    new = True
    try:
        await client.submit(OpenSession(stream, opening))
    except Refused:
        new = False
    row = {row["stream"]: row for row in await every(client)}.get(stream)
    if row is None:
        raise Refused(f"session {name} was erased, and its id is used up: take another name")
    if row["deleted"] is not None:
        raise Refused(f"session {name} was deleted: tuiagent sessions restore {name}")
    if not new:
        if args.cwd != "." and row["folder"] != opening.folder:
            raise Refused(f"session {name} is there already, in {row['folder']}: take another name")
        if args.mode:
            await client.submit(ChangeMode(stream, args.mode))
        if args.model:
            await client.submit(ChangeModel(stream, args.model))
            row["model"] = args.model
    if args.output == "json":
        say_json(row)
    else:
        model = row["model"] or "no model yet"
        is_open = "is open" if new else "is there already"
        say(clean(f"session {name} {is_open}, in {row['folder']}, with {model}\n"))
    return DONE


async def put_in(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`sessions input NAME TEXT`: prints the run's id at once; a server goes on with it."""
    if len(args.words) != 2:
        raise ConfigError('say what: tuiagent sessions input NAME "TEXT", or - for standard input')
    name, text = args.words
    text = sys.stdin.read() if text == "-" and sys.stdin else text
    if not text.strip():
        raise ConfigError("the prompt is empty")
    row = await named(client, name)
    args.model = args.model or ("" if row["model"] else host.settings.model)
    await check(client, args, host)
    await _usable(client, row, args.model or row["model"], host)
    server = await host.background(row["folder"])
    more = {"newest": False, "resume": row["stream"], "fork": "", "once": "", "image": ()}
    begun = await begin(server, argparse.Namespace(**(vars(args) | more)), host, text)
    began(begun, args.output, host.console)
    return DONE


async def _usable(client: Client, row: dict[str, Any], model: str, host: Host) -> None:
    """Raises ConfigError when nobody here can ask the model: before a run exists."""
    if not model:
        raise ConfigError(NO_MODEL)
    key = msgspec.json.encode({"session": row["stream"], "model": model}).decode()
    needs = (await client.read("needs", key)).data
    if needs and server_record(host.settings.root) is not None:
        needs = (await (await host.background(row["folder"])).read("needs", key)).data
    if needs:
        name, provider = row["stream"].partition("/")[2], model.partition("/")[0]
        raise ConfigError(NO_KEY.format(name=name, model=model, needs=needs, provider=provider))


def _only(words: list[str]) -> str:
    """The one word. Raises ConfigError."""
    if len(words) != 1:
        raise ConfigError("say how it shall be called: tuiagent sessions create NAME")
    return words[0]
