"""The skills and commands that are written for agents: lists, shows and checks them."""

import argparse
import os
from typing import Any

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say, say_json
from tuiagent.clients.host import Host
from tuiagent.clients.slash import written
from tuiagent.kernel.errors import ConfigError
from tuiagent.ports import Client, Paper


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`skills list`, `skills show NAME`, `skills check [FILE]`."""
    folder = os.path.realpath(os.path.join(host.console.folder, args.cwd))
    if args.what == "show":
        if not args.name:
            raise ConfigError("say which skill: tuiagent skills show NAME")
        key = msgspec.json.encode({"folder": folder, "name": args.name}).decode()
        say(clean((await client.read("skill", key)).data + "\n"))
        return DONE
    if args.what == "check":
        return await _check(client, folder, args)
    skills, commands = (
        await written(client, "skills", folder),
        await written(client, "commands", folder),
    )
    if args.output == "json":
        say_json({"skills": skills, "commands": commands})
        return DONE
    for paper in skills:
        say(_line(paper, paper.name))
    for paper in commands:
        say(_line(paper, f"/{paper.name}"))
    return DONE


def _line(paper: Paper, name: str) -> str:
    told = f"NOT USED: {paper.problem} ({paper.path})" if paper.problem else paper.description
    return clean(f"{name:<22} {paper.source:<8} {told[:300]}\n")


async def _check(client: Client, folder: str, args: argparse.Namespace) -> int:
    """Says of each file what is wrong with it; an error where anything is."""
    if args.name:
        path = os.path.realpath(os.path.join(folder, args.name))
        if not os.path.exists(path):
            raise ConfigError(f"{path} does not exist")
        found: Any = (await client.read("checked", path)).data
        papers = [msgspec.convert(found, Paper)]
    else:
        papers = [p for v in ("skills", "commands") for p in await written(client, v, folder)]
    for paper in papers:
        if paper.problem:
            say(clean(f"{paper.path}: {paper.problem}\n"))
    bad = sum(bool(paper.problem) for paper in papers)
    say(f"{len(papers)} looked at, {bad} of them cannot be used\n" if bad else "all is well\n")
    return ERROR if bad else DONE
