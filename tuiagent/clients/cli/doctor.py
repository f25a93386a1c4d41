"""Looks for what is wrong with this machine's set-up."""

import argparse
import asyncio
import os
import platform
import re
from urllib.parse import urlsplit

from tuiagent import __version__
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import say
from tuiagent.clients.find import ALL
from tuiagent.clients.host import Host
from tuiagent.config import OPENAI_URL
from tuiagent.environment import ENVIRONMENT, SERVING
from tuiagent.ports import Client
from tuiagent.server import server_record

WEAKER = "landlock"
SECRET = re.compile("KEY|TOKEN|SECRET|PASS")


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """Prints versions, places, settings and what waits; 1 when something has to be done."""
    health = (await client.read("health")).data
    say(f"tuiagent {__version__}, Python {platform.python_version()}, {platform.platform()}\n")
    say(f"{health['sqlite']}, journal in {health['root']} ({health['events']} events)\n")
    asked = {name: meaning for name, meaning in SERVING.items() if os.environ.get(name)}
    for name, meaning in (ENVIRONMENT | asked).items():
        value = os.environ.get(name)
        shown = "not set" if not value else masked(name, value)
        say(f"  {name} = {shown}   {meaning}\n")
    for key in host.settings.ignored:
        say(f"the project's config.toml sets {key}, which only your own may: it has no effect\n")
    for key in host.settings.without_effect:
        say(f"config.toml sets {key}, which has no effect yet\n")
    held = (await client.read("sandbox", os.path.realpath("."))).data
    if held["sandbox"]:
        weaker = " (weaker: see docs security)" if held["sandbox"] == WEAKER else ""
        say(f"sandbox: {held['sandbox']} holds what runs in this folder{weaker}\n")
    else:
        say(f"sandbox: none; {held['why']}. Commands are asked about, mode auto is refused\n")
    record = server_record(health["root"])
    if record:
        where = ", ".join(record.addresses) or "its own socket alone"
        other = "" if record.version == __version__ else f"; this is {__version__}: serve --restart"
        say(f"server: process {record.pid}, version {record.version}{other}, on {where}\n")
    else:
        say("server: none runs; one is begun when something is handed over\n")
    waiting = (await client.read("inbox", "", ALL)).data
    for item in waiting:
        say(f"waits for you: {item['kind']} in {item['stream'].partition('/')[2]}\n")
    return await _model(host)


async def _model(host: Host) -> int:
    """Says which model would answer, and whether its server can be reached."""
    model = host.settings.model
    if not model:
        say("PROBLEM: no model: set OPENAI_API_KEY or OPENAI_BASE_URL, or use --model\n")
        return ERROR
    say(f"model {model}\n")
    if not model.startswith("openai/"):
        return DONE
    url = os.environ.get("OPENAI_BASE_URL") or OPENAI_URL
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(3.0):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except (OSError, TimeoutError) as error:
        say(f"PROBLEM: {parts.hostname}:{port} does not answer ({error or 'no answer in 3 s'})\n")
        return ERROR
    writer.close()
    say(f"{parts.hostname}:{port} answers\n")
    return DONE


def masked(name: str, value: str) -> str:
    """The value, or for a secret only that there is one."""
    return f"(set, {len(value)} characters)" if SECRET.search(name) else value
