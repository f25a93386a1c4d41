"""Asks the policy about a call that nobody made: for people who write rules."""

import functools
from collections.abc import Sequence
from typing import Any

import msgspec

from tuiagent.config import Example
from tuiagent.engine.claimed import claimed
from tuiagent.engine.drive import Means
from tuiagent.engine.journal import Journal
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.policy import Verdict, judge
from tuiagent.kernel.rules import Rule, fired
from tuiagent.kernel.session import Session, SessionOpened, fold


async def claims_of(means: Means, opened: SessionOpened, tool: str, subject: str) -> Claims:
    """What a call of this tool on this command, path, URL or host would touch.

    Raises ConfigError.
    """
    found = means.tool(tool)
    if found is None:
        names = ", ".join(spec.name for spec in means.tools())
        raise ConfigError(f"there is no tool {tool!r}; there are: {names}")
    runtime = means.runtime(opened)
    if "command" in found.parameters["properties"]:
        return await claimed(found, {"command": subject}, runtime)
    if subject.startswith("{"):
        try:
            args = msgspec.json.decode(subject, type=dict[str, Any])
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{subject[:80]!r} are no arguments of {tool}: {error}") from error
        return await claimed(found, args, runtime)
    if "url" in found.parameters["properties"]:
        url = subject if "://" in subject else f"https://{subject}/"
        return await claimed(found, {"url": url}, runtime)
    path = runtime.resolve(subject)
    reads, writes = ((), (path,)) if found.effect == "write" else ((path,), ())
    return Claims(tool, found.effect, path, reads, writes, folder=runtime.folder)


async def check(
    means: Means, opened: SessionOpened, rules: Sequence[Rule], tool: str, subject: str
) -> Verdict:
    """What the policy would say of the call. Raises ConfigError."""
    return judge(await claims_of(means, opened, tool, subject), rules, opened.mode)


async def examples_hold(means: Means, opened: SessionOpened, examples: Sequence[Example]) -> None:
    """Raises ConfigError for the first rule that does not do what its examples say."""
    for example in examples:
        rule = example.rule
        tool = "shell" if rule.tool == "*" else rule.tool
        claims = await claims_of(means, opened, tool, example.subject)
        covered = bool(fired(claims, [rule], rule.action))
        if covered != example.covered:
            verb = "covers" if covered else "does not cover"
            more = f" ({claims.why})" if claims.why else ""
            raise ConfigError(
                f"{example.file}: the rule {rule.action} {rule} {verb} its example "
                f"{example.subject!r}{more}"
            )


def question(key: str, *names: str) -> dict[str, str]:
    """What is asked of a view by a JSON object that has these names. Raises Refused."""
    try:
        asked = msgspec.json.decode(key, type=dict[str, str])
    except msgspec.MsgspecError as error:
        raise Refused(f"this view is asked by a JSON object of texts: {error}") from error
    if missing := [name for name in names if name not in asked]:
        raise Refused(f"this view is also asked for: {', '.join(missing)}")
    return asked


def opened_of(journal: Journal, stream: str) -> tuple[Session, SessionOpened]:
    """Where a session stands, and how it began. Raises Refused."""
    state = functools.reduce(fold, (event.fact for event in journal.events(stream)), Session())
    if state.opened is None:
        raise Refused(f"there is no session {stream[:80]!r}")
    return state, state.opened
