"""What the commands in a command of people's own write, before it is said to a model."""

import secrets
from collections.abc import Sequence

from tuiagent.engine.check import claims_of
from tuiagent.engine.drive import Means
from tuiagent.kernel.errors import ConfigError, ToolError
from tuiagent.kernel.policy import judge
from tuiagent.kernel.rules import Rule
from tuiagent.kernel.session import SessionOpened
from tuiagent.ports import Execution

PATIENCE = 60.0
"""Seconds that one of them may take."""
SHOWN = 20_000
"""Characters of its output that are told."""


async def filled(
    means: Means, opened: SessionOpened, rules: Sequence[Rule], text: str, runs: Sequence[str]
) -> str:
    """The text with what each of these wrote in the place of its mark. Raises ConfigError.

    A person gave the command, and trusts what it runs: only rules and gates that refuse hold.
    """
    for number, command in enumerate(runs):
        verdict = judge(await claims_of(means, opened, "shell", command), rules, "ask")
        if verdict.decision == "deny":
            raise ConfigError(f"`{command}` of this command is refused: {verdict.reason}")
        text = text.replace(f"\0{number}\0", await _written(means, opened, command))
    return text


async def _written(means: Means, opened: SessionOpened, command: str) -> str:
    """What the command writes, without what would be taken for another's mark."""
    runtime = means.runtime(opened)
    try:
        spool = await runtime.prepare(f"given.{secrets.token_hex(8)}")
        ended = await runtime.exec(Execution(spool, command, PATIENCE), lambda data: None)
        await runtime.discard(spool)
    except ToolError as error:
        raise ConfigError(f"`{command}` could not be run: {error}") from error
    if ended.timed_out:
        raise ConfigError(f"`{command}` took longer than {PATIENCE:g} s and was ended")
    text = ended.output.decode("utf-8", "replace").replace("\0", "").strip()
    if len(text) > SHOWN:
        text = f"{text[:SHOWN]}\n… ({len(text) - SHOWN} characters are left out)"
    return text + (f"\n[exit {ended.code}]" if ended.code else "")
