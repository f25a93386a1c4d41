"""The command line: headless runs, line-mode attach, and looking after sessions."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from tuiagent.clients.cli.console import Console
from tuiagent.config import Settings
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.rules import Rule
from tuiagent.kernel.session import SessionOpened
from tuiagent.ports import Owner
from tuiagent.server import ServerRecord, Site

COMMANDS = {
    "headless": "tuiagent.clients.cli.headless:run",
    "plain": "tuiagent.clients.cli.attach:plain",
    "attach": "tuiagent.clients.cli.attach:run",
    "sessions": "tuiagent.clients.cli.manage:sessions",
    "runs": "tuiagent.clients.cli.runs:run",
    "status": "tuiagent.clients.cli.status:status",
    "capabilities": "tuiagent.clients.cli.status:capabilities",
    "verify": "tuiagent.clients.cli.manage:verify",
    "doctor": "tuiagent.clients.cli.doctor:run",
    "jobs": "tuiagent.clients.cli.jobs:run",
    "tools": "tuiagent.clients.cli.tools:run",
    "gc": "tuiagent.clients.cli.keeping:gc",
    "backup": "tuiagent.clients.cli.keeping:backup",
    "usage": "tuiagent.clients.cli.usage:run",
    "files": "tuiagent.clients.cli.usage:files",
    "policy": "tuiagent.clients.cli.policy:run",
    "access": "tuiagent.clients.cli.access:run",
    "serve": "tuiagent.clients.cli.serve:run",
    "__complete": "tuiagent.clients.cli.completion:words",
}
OFFLINE = {
    "config": "tuiagent.clients.cli.settings:run",
    "init": "tuiagent.clients.cli.settings:init",
    "schema": "tuiagent.clients.cli.schemas:run",
    "completion": "tuiagent.clients.cli.completion:script",
    "reset": "tuiagent.clients.cli.reset:run",
    "replay": "tuiagent.clients.cli.replay:run",
    "docs": "tuiagent.clients.cli.docs:run",
}
"""Commands that need no engine, and work when the settings are what is wrong."""

DONE, ERROR, USAGE, LIMIT, REFUSED, NEEDS_PERSON, CANCELLED = 0, 1, 2, 3, 4, 5, 130
"""Exit codes."""


def exit_code(error: BaseException) -> int:
    """The exit code of a command that ended so."""
    return USAGE if isinstance(error, ConfigError) else ERROR


class Host(Protocol):
    """What a command needs of its process beside the client."""

    settings: Settings
    console: Console

    def new_id(self) -> str:
        """A new id for a session or a prompt."""
        ...

    def opening(self, folder: str) -> SessionOpened:
        """How a session in this folder is opened here."""
        ...

    def rules(self, folder: str) -> tuple[Rule, ...]:
        """The rules that hold for sessions in this folder, configured ones and kept ones."""
        ...

    async def adopt(self, stream: str, take: str = "") -> bool:
        """Drives a session here; False while another living process does and may keep it."""
        ...

    async def background(self, folder: str = "") -> Owner:
        """A client of the background server, which is started when there is none.

        It is lent the keys that this process has for sessions in this folder.
        """
        ...

    async def hand_over(self, to: Owner) -> None:
        """Has another process go on with what goes on here, each session once it is let go of."""
        ...


class Serving(Host, Protocol):
    """What `serve` needs beside that."""

    def serving(self, site: Site) -> AbstractAsyncContextManager[ServerRecord]:
        """This process as the server of its root."""
        ...

    async def owner_key(self) -> tuple[str, bool]:
        """The owner's key for the web, and whether it was made just now."""
        ...
