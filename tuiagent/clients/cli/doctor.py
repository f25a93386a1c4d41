"""Looks for what is wrong with this machine's set-up."""

import argparse
import asyncio
import os
import platform
import re
import shutil
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from tuiagent import __version__, config
from tuiagent.actions import misspelt
from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say
from tuiagent.clients.find import ALL
from tuiagent.clients.host import Host
from tuiagent.clients.lending import lenders
from tuiagent.clients.providers import found
from tuiagent.environment import ENVIRONMENT, SERVING
from tuiagent.ports import Client
from tuiagent.server import server_record

WEAKER = "landlock"
SECRET = re.compile("KEY|TOKEN|SECRET|PASS")
PROBLEM = "PROBLEM: "
SMALL = 64 << 20
"""Bytes of a journal that is verified here, and of room on a disk from which on there is enough."""
WRONG = ("waiting", "login", "broken")
"""States of a server that lends tools in which it lends none, and ought to."""

UNTRIED = ("known", "starting")
PATIENCE = 3.0
"""Seconds that a keyring gets to open, and a server to answer."""

Part = Callable[[Client, Host], Awaitable[list[str]]]


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Prints versions, places, settings and what waits; 1 when something has to be done."""
    say(f"tuiagent {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
    wrong = False
    for part in PARTS:
        for line in await part(client, host):
            say(clean(f"{line}\n"))
            wrong = wrong or line.startswith(PROBLEM)
    return ERROR if wrong else DONE


async def _journal(client: Client, host: Host) -> list[str]:
    """Whether what was written is whole, and whether there is room for more."""
    health = (await client.read("health")).data
    size, events = f"{health['bytes'] / 2**20:.1f} MiB", f"{health['events']} events"
    lines = [f"{health['sqlite']}, journal in {health['root']} ({events}, {size})"]
    if health["bytes"] > SMALL:
        lines.append("journal: too large to be looked through here; tuiagent verify does that")
    elif problem := (verdict := (await client.read("verify")).data)["problem"]:
        lines.append(f"{PROBLEM}the journal is not as it was written: {problem['reason']}")
    else:
        lines.append(f"journal: gapless and unchanged, {verdict['seals']} seals hold")
    for stream, why in health["halted"].items():
        lines.append(f"{PROBLEM}{stream.partition('/')[2]} is halted: {why}")
    free = shutil.disk_usage(health["root"]).free
    warning = PROBLEM if free < SMALL else ""
    return [*lines, f"{warning}disk: {free / 2**30:.1f} GiB free where the journal is"]


async def _settings(client: Client, host: Host) -> list[str]:
    """Files and names of the environment that are read, and what of them counts."""
    lines: list[str] = []
    for whose, path in zip(("yours", "this folder's"), config.paths(os.environ, "."), strict=True):
        there = "" if os.path.exists(path) else ", which is not there"
        lines.append(f"config.toml: {path} ({whose}{there})")
    asked = {name: meaning for name, meaning in SERVING.items() if os.environ.get(name)}
    for name, meaning in (ENVIRONMENT | asked).items():
        value = os.environ.get(name)
        shown = "not set" if not value else masked(name, value)
        lines.append(f"  {name} = {shown}   {meaning}")
    for key in host.settings.ignored:
        text = f"the project's config.toml sets {key}, which only your own may: it has no effect"
        lines.append(text)
    lines += [
        f"config.toml sets {k}, which has no effect yet" for k in host.settings.without_effect
    ]
    keys = host.settings.tui.keys if host.settings.tui else ()
    lines += [f"{PROBLEM}{wrong}" for wrong in misspelt(keys)]
    if host.settings.work_dir:
        where = host.settings.work_dir
        lines.append(f"work_dir: {where}, over HTTP alone; commands work where they are called")
    return lines


async def _sandbox(client: Client, host: Host) -> list[str]:
    """What holds commands."""
    held = (await client.read("sandbox", os.path.realpath("."))).data
    if not held["sandbox"]:
        return [f"sandbox: none; {held['why']}. Commands are asked about, mode auto is refused"]
    weaker = " (weaker: see docs security)" if held["sandbox"] == WEAKER else ""
    return [f"sandbox: {held['sandbox']} holds what runs in this folder{weaker}"]


async def _servers(client: Client, host: Host) -> list[str]:
    """The background server, and those that lend tools."""
    record = server_record(host.settings.root)
    if record:
        where = ", ".join(record.addresses) or "its own socket alone"
        other = "" if record.version == __version__ else f"; this is {__version__}: serve --restart"
        text = f"server: process {record.pid}, version {record.version}{other}, on {where}"
    else:
        text = "server: none runs; one is begun when something is handed over"
    lines = [text]
    for row in await lenders(client, "."):
        wrong = PROBLEM if row.state in WRONG else ""
        state = "tuiagent mcp test reaches it" if row.state in UNTRIED else row.state
        lines.append(f"{wrong}MCP {row.name}: {row.where} ({row.problem or state})")
    return lines


async def _model(client: Client, host: Host) -> list[str]:
    """Where keys are, which model would answer, and whether its server can be reached."""
    lines = [f"key of {name}: {where}" for name, where in found(host)]
    model = host.settings.model
    if not model:
        return [*lines, f"{PROBLEM}no model: set OPENAI_API_KEY or OPENAI_BASE_URL, or use --model"]
    lines.append(f"model {model}")
    reached = await _reached(client)
    if reached["needs"]:
        lines.append(f"{PROBLEM}{reached['needs']}")
    return [*lines, await _answers(reached["url"])] if reached["url"] else lines


async def _reached(client: Client) -> dict[str, Any]:
    """Where the model is asked, and what is needed for it, once that is known."""
    until = time.monotonic() + PATIENCE
    while True:
        reached: dict[str, Any] = (await client.read("reached", ".")).data
        if not reached["opening"] or time.monotonic() > until:
            return reached
        await asyncio.sleep(0.05)


async def _answers(url: str) -> str:
    """Whether somebody listens at this address."""
    parts = urlsplit(url)
    place = f"{parts.hostname}:{parts.port or (443 if parts.scheme == 'https' else 80)}"
    try:
        async with asyncio.timeout(PATIENCE):
            _, writer = await asyncio.open_connection(*place.rsplit(":", 1))
    except (OSError, TimeoutError) as error:
        return f"{PROBLEM}{place} does not answer ({error or 'no answer in {PATIENCE:g} s'})"
    writer.close()
    return f"{place} answers"


async def _waits(client: Client, host: Host) -> list[str]:
    """What waits for a person."""
    items = (await client.read("inbox", "", ALL)).data
    return [f"waits for you: {row['kind']} in {row['stream'].partition('/')[2]}" for row in items]


PARTS: tuple[Part, ...] = (_journal, _settings, _sandbox, _servers, _waits, _model)


def masked(name: str, value: str) -> str:
    """The value, or for a secret only that there is one."""
    return f"(set, {len(value)} characters)" if SECRET.search(name) else value
