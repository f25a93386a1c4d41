"""Runs the public conformance scenarios of MCP against our client, and is that client.

Called by the suite, with a server's address: reaches it as a session would, signs in where that is
asked for (the suite's own sign-in page needs nobody), and calls every tool once.
"""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
from typing import Any

from tuiagent import connectors
from tuiagent.config_file import ServerTable
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Question
from tuiagent.lending import filling
from tuiagent.registry import load

ASKED = "MCP_CONFORMANCE_SCENARIO"
LEFT_OUT = {
    "auth/client-credentials-jwt": "an extension: no person signs in",
    "auth/client-credentials-basic": "an extension: no person signs in",
    "auth/cross-app-access-complete-flow": "an extension: a company's identity provider",
}
"""Scenarios that are not about a person's assistant."""
KNOWN = {
    "auth/2025-03-26-oauth-metadata-backcompat": "metadata of another issuer than where it is"
    " (RFC 8414, 3.3) is refused by the SDK, and nothing lets us say otherwise",
}
"""Scenarios that fail, and why."""
DOCUMENT = {"auth/basic-cimd": "https://conformance-test.local/client-metadata.json"}
"""What a person would have set as `client_id`, where the scenario gives it only in words."""


class Held:
    """connectors.surroundings.Tokens in memory, as no keyring may be touched here."""

    def __init__(self) -> None:
        self._held: dict[str, str] = {}

    def place(self) -> str:
        """See Tokens."""
        return "memory"

    def get(self, name: str) -> str | None:
        """See Tokens."""
        return self._held.get(name)

    def put(self, name: str, secret: str) -> None:
        """See Tokens."""
        self._held[name] = secret


class Quiet:
    """connectors.session.Listener that says what it hears."""

    def heard(self, text: str) -> None:
        """See Listener."""
        sys.stderr.write(text)

    def changed(self) -> None:
        """See Listener."""

    def lost(self, why: str) -> None:
        """See Listener."""
        sys.stderr.write(f"lost: {why}\n")


async def visit(url: str) -> None:
    """Opens an address as a browser would, and goes where it is sent."""
    import httpx2  # noqa: PLC0415 - only the client needs it

    async with httpx2.AsyncClient(follow_redirects=True) as browser:
        await browser.get(url)


async def answered(question: Question) -> str:
    """Takes what is usual, or the first choice."""
    return "-" if "say -" in question.text else question.choices[0]


async def once(server: Any, around: Any) -> None:
    """Reaches the server, and calls each of its tools. Raises ToolError."""
    connected = load("tuiagent.connectors.session:connected")
    async with connected(server, around, Quiet()) as connection:
        tools, _ = await connection.listing()
        for tool in tools:
            required = tool["inputSchema"].get("required", ())
            args = {name: 2 + number for number, name in enumerate(required)}
            found = await connection.call(tool["name"], args, print, answered)
            print(tool["name"], found.status, found.text[:200])
        await asyncio.sleep(float(os.environ.get("CONFORMANCE_STAYS", "0")))


async def client(url: str) -> None:
    """The whole visit; signs in as often as the server asks for it, which is not for ever."""
    context = json.loads(os.environ.get("MCP_CONFORMANCE_CONTEXT", "{}"))
    known = context.get("client_id") or DOCUMENT.get(os.environ[ASKED], "")
    table = ServerTable(
        url=url,
        client_id=known,
        client_secret=context.get("client_secret", ""),
    )
    server = load("tuiagent.connectors.servers:Server")("suite", "config", table)
    held = Held()
    around = load(connectors.AROUND)(
        None, lambda one: filling(SETTINGS, os.environ, one), held, dict, print, "/", "/nonexistent"
    )
    sign_in = load(connectors.LOGIN)

    async def nothing() -> str:
        await asyncio.Event().wait()
        return ""

    def show(where: str) -> None:
        tasks.append(asyncio.ensure_future(visit(where)))

    tasks: list[Any] = []
    for _ in range(3):
        try:
            return await once(server, around)
        except (ToolError, ExceptionGroup) as error:
            if "mcp login" not in load("tuiagent.connectors.transport:told")(error):
                raise
            await sign_in(server, held, show, nothing())


def main(names: list[str]) -> int:
    """Every scenario, or those that are named; how many failed."""
    listed = subprocess.run(["conformance", "list"], capture_output=True, text=True, check=True)
    known = re.findall(r"^  - (\S+)", listed.stdout.partition("Client scenarios")[2], re.MULTILINE)
    bad = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names or known:
            if name in LEFT_OUT and not names:
                print(f"- {name}: left out, {LEFT_OUT[name]}")
                continue
            command = shlex.join([sys.executable, os.path.abspath(__file__)])
            run = ["conformance", "client", "--command", command, "--scenario", name, "-o", folder]
            done = subprocess.run(run, capture_output=True, text=True, check=False)
            good = done.returncode == 0
            bad += good == (name in KNOWN)
            why = f": {KNOWN[name]}" if name in KNOWN else ""
            print(f"{'✓' if good else '✗'} {name}{why}", flush=True)
            if not good and not why:
                print(done.stdout[-3000:] + done.stderr[-3000:])
    return min(bad, 99)


if __name__ == "__main__":
    from tuiagent.config import Settings

    SETTINGS = Settings(".", ".", "ask")
    if ASKED in os.environ:
        asyncio.run(client(sys.argv[-1]))
    else:
        sys.exit(main(sys.argv[1:]))
