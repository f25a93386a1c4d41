"""MCP servers as people see them, in lines and on the screen."""

import os
from typing import Any

import msgspec

from tuiagent.clients.clean import clean
from tuiagent.clients.trusting import answer, brought
from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.session import RenewTools
from tuiagent.kernel.standing import MCP
from tuiagent.ports import Client, Lender, Waiting

FILE = ".mcp.json"
"""What a repository's file with servers is called."""
MARKS = {"ready": "✓", "waiting": "✗", "broken": "✗", "login": "!", "untrusted": "!"}


async def lenders(client: Client, folder: str) -> list[Lender]:
    """The servers of sessions in this folder, and how each is."""
    rows = (await client.read("mcp", _key(folder=os.path.realpath(folder)))).data
    return msgspec.convert(rows, list[Lender])


async def asked(client: Client, what: str, server: str = "", **more: Any) -> Any:
    """What comes of asking one server something. Raises ConfigError."""
    return (await client.read("mcp", _key(what=what, server=server, **more))).data


async def waiting(client: Client, stream: str) -> Waiting:
    """The tools that the model of this session is not told of yet. Raises Refused."""
    return msgspec.convert(await asked(client, "waiting", session=stream), Waiting)


def waits(found: Waiting) -> str:
    """That tools wait, and what it costs to have them now; "" where none do."""
    parts = ("new", found.added), ("gone", found.gone), ("described otherwise", found.changed)
    said = ", ".join(f"{len(names)} {word}" for word, names in parts if names)
    if not said:
        return ""
    money = "" if found.cost is None else f", about ${found.cost:.2f} more"
    return f"tools wait: {said}; now costs {found.tokens:,} tokens without a cache{money}"


async def renew(client: Client, stream: str) -> str:
    """Has the model be told of them with its next answer; what that costs. Raises Refused."""
    said = waits(await waiting(client, stream))
    if not said:
        raise Refused("no tools wait: the model has all that are told of at once")
    await client.submit(RenewTools(stream))
    return f"the next answer has the tools that there are now, which {said.partition('; now ')[2]}"


async def prompted(client: Client, server: str, prompt: str, rest: str, folder: str) -> str:
    """The words of a server's prompt; `rest` is what it takes, in order. Raises ConfigError."""
    await asked(client, "test", server, folder=folder)
    rows = await lenders(client, folder)
    known = [name for row in rows if row.name == server for name in row.prompts]
    found = next((name.split() for name in known if name.split()[0] == prompt), None)
    if found is None:
        named = ", ".join(f"/{server}:{name}" for name in known) or "none"
        raise ConfigError(f"{server} has no prompt {prompt!r}; there are: {named}")
    names = [name.strip("[]") for name in found[1:]]
    given = rest.split(None, max(0, len(names) - 1)) if names else []
    arguments = dict(zip(names, given, strict=False))
    args = {"name": prompt, "arguments": arguments, "folder": folder}
    return clean(str(await asked(client, "prompt", server, **args)))


def _key(**words: Any) -> str:
    return msgspec.json.encode(words).decode()


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


async def trust(client: Client, folder: str, yes: bool = True) -> str:
    """Takes a person's word on the servers of a folder's own file; its path. Raises ConfigError."""
    rows = [row for row in await brought(client, folder) if row.offer.use == MCP]
    if not rows:
        raise ConfigError(f"{os.path.join(folder, FILE)} names no server")
    (row,) = rows
    if row.offer.problem:
        raise ConfigError(f"{row.offer.path}: {row.offer.problem}")
    await client.submit(answer(row, yes))
    return row.offer.path
