"""Commands of people's own: what is said for `/NAME ARGUMENTS`."""

import re

import msgspec

from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.ports import Client, Paper

SLASH = re.compile(r"/([a-z0-9][a-z0-9_:-]*)(?:\s+(.*))?", re.DOTALL)


async def written(client: Client, view: str, folder: str) -> list[Paper]:
    """The `skills` or the `commands` that are written for a folder, also those with problems."""
    try:
        return msgspec.convert((await client.read(view, folder)).data, list[Paper])
    except Refused:
        return []  # an engine that has none of this


async def commands(client: Client, folder: str) -> dict[str, Paper]:
    """The commands that can be given in a folder, by name."""
    found = await written(client, "commands", folder)
    return {paper.name: paper for paper in found if not paper.problem}


async def given(client: Client, folder: str, name: str, arguments: str) -> str:
    """What is said for a command. Raises ConfigError."""
    key = {"folder": folder, "name": name, "arguments": arguments}
    said: str = (await client.read("given", msgspec.json.encode(key).decode())).data
    return said


async def said(client: Client, folder: str, text: str) -> str:
    """The text itself, or what is said for the command that it is. Raises ConfigError."""
    found = SLASH.fullmatch(text.strip())
    if found is None:
        return text
    known = await commands(client, folder)
    if found[1] in known:
        return await given(client, folder, found[1], found[2] or "")
    from difflib import get_close_matches  # noqa: PLC0415 - only where a word may be a mistake

    if near := get_close_matches(found[1], known, 1):
        raise ConfigError(f"there is no command /{found[1]}; did you mean /{near[0]}?")
    return text
