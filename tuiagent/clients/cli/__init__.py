"""The command line: headless runs, line-mode attach, and looking after sessions."""

from tuiagent.kernel.errors import ConfigError

COMMANDS = {
    "headless": "tuiagent.clients.cli.headless:run",
    "plain": "tuiagent.clients.cli.attach:plain",
    "tui": "tuiagent.clients.tui.session:show",
    "attach": "tuiagent.clients.cli.attach:run",
    "sessions": "tuiagent.clients.cli.manage:sessions",
    "runs": "tuiagent.clients.cli.runs:run",
    "status": "tuiagent.clients.cli.status:status",
    "capabilities": "tuiagent.clients.cli.status:capabilities",
    "verify": "tuiagent.clients.cli.manage:verify",
    "doctor": "tuiagent.clients.cli.doctor:run",
    "jobs": "tuiagent.clients.cli.jobs:run",
    "tools": "tuiagent.clients.cli.tools:run",
    "skills": "tuiagent.clients.cli.skills:run",
    "trust": "tuiagent.clients.cli.trust:run",
    "gc": "tuiagent.clients.cli.keeping:gc",
    "backup": "tuiagent.clients.cli.keeping:backup",
    "usage": "tuiagent.clients.cli.usage:run",
    "files": "tuiagent.clients.cli.usage:files",
    "policy": "tuiagent.clients.cli.policy:run",
    "access": "tuiagent.clients.cli.access:run",
    "keys": "tuiagent.clients.cli.keys:run",
    "serve": "tuiagent.clients.cli.serve:run",
    "web": "tuiagent.clients.cli.web:run",
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
