"""What holds in every session here: rules kept for good, and what files may make us run."""

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct, field

from tuiagent.kernel.directory import AGENT
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Aggregate, At, Fact, Intent
from tuiagent.kernel.rules import Rule, parse_rule

STREAM = "policy/local"
SOURCE = "always"
"""Where a kept rule says that it comes from."""
TOOLS = "tools"
USES = (TOOLS, "hooks", "command", "mcp")
"""What of a file can be run: Python tools, hooks, a command's shell parts, MCP servers."""

# ---------------------------------------------------------------- facts


class RuleKept(Fact, frozen=True):
    """A rule holds in the sessions of a folder from now on."""

    rule: Rule
    folder: str


class RuleDropped(Fact, frozen=True):
    """A kept rule holds no more in new sessions."""

    rule: str
    folder: str


class FileTrusted(Fact, frozen=True):
    """What a file has us run may be run as long as it is just this."""

    path: str
    sha256: str
    use: str = TOOLS
    """What of it is run: tools, hooks, command or mcp."""


class FileDistrusted(Fact, frozen=True):
    """What a file has us run may be run no more."""

    path: str
    use: str = TOOLS
    sha256: str = ""
    """What a person said no to, so that nobody asks again while it is this; "" for nothing."""


# ---------------------------------------------------------------- intents


class KeepRule(Intent, frozen=True):
    """Let a rule hold in the sessions of a folder, also in those to come."""

    rule: str
    folder: str
    until: float = 0.0
    """When it ends, in seconds since 1970; 0 for never."""


class DropRule(Intent, frozen=True):
    """Take a kept rule back."""

    rule: str
    folder: str


class TrustFile(Intent, frozen=True):
    """Trust what a file with this content has us run."""

    path: str
    sha256: str
    use: str = TOOLS


class DistrustFile(Intent, frozen=True):
    """Trust a file no more, or say no to what it holds now."""

    path: str
    use: str = TOOLS
    sha256: str = ""


# ---------------------------------------------------------------- state


def _by_use() -> dict[str, dict[str, str]]:
    return {use: {} for use in USES}


class Standing(Struct):
    """What holds here."""

    rules: dict[tuple[str, str], Rule] = {}
    """By how they are written, and their folder."""
    trusted: dict[str, dict[str, str]] = field(default_factory=_by_use)
    """By use, the SHA-256 of each trusted file by its path."""
    refused: dict[str, dict[str, str]] = field(default_factory=_by_use)
    """Likewise of what a person said no to."""

    def holding(self, folder: str, now: float) -> tuple[Rule, ...]:
        """The rules that count in this folder."""
        found = (rule for (_, place), rule in self.rules.items() if place == folder)
        return tuple(rule for rule in found if rule.holds(now, 0))

    def trusts(self, use: str, path: str, sha256: str) -> bool:
        """Whether this content of a file may be run so."""
        return bool(sha256) and self.trusted[use].get(path) == sha256


# ---------------------------------------------------------------- decide and fold


def _keep(state: Standing, intent: KeepRule, at: At) -> list[Fact]:
    rule = parse_rule(intent.rule, source=SOURCE)
    rule = msgspec.structs.replace(rule, until=intent.until)
    if state.rules.get((str(rule), intent.folder)) == rule:
        return []
    return [RuleKept(rule, intent.folder)]


def _drop(state: Standing, intent: DropRule, at: At) -> list[Fact]:
    rule = str(parse_rule(intent.rule))
    if (rule, intent.folder) not in state.rules:
        raise Refused(f"no rule {rule} is kept for {intent.folder}")
    return [RuleDropped(rule, intent.folder)]


def _trust(state: Standing, intent: TrustFile, at: At) -> list[Fact]:
    _check(intent.use)
    if not re.fullmatch(r"[0-9a-f]{64}", intent.sha256):
        raise Refused("what is trusted is named by its SHA-256, 64 hexadecimal digits")
    same = state.trusts(intent.use, intent.path, intent.sha256)
    return [] if same else [FileTrusted(intent.path, intent.sha256, intent.use)]


def _distrust(state: Standing, intent: DistrustFile, at: At) -> list[Fact]:
    _check(intent.use)
    trusted = intent.path in state.trusted[intent.use]
    if not trusted and not intent.sha256:
        raise Refused(f"{intent.path} is not trusted")
    if not trusted and state.refused[intent.use].get(intent.path) == intent.sha256:
        return []
    return [FileDistrusted(intent.path, intent.use, intent.sha256)]


def _check(use: str) -> None:
    if use not in USES:
        raise Refused(f"{use!r} is nothing that a file is used for: {', '.join(USES)}")


DECIDE: dict[type[Intent], Callable[[Standing, Any, At], list[Fact]]] = {
    KeepRule: _keep,
    DropRule: _drop,
    TrustFile: _trust,
    DistrustFile: _distrust,
}


def decide(state: Standing, intent: Intent, at: At) -> Sequence[Fact]:
    """The facts that this intent makes in this state. Raises Refused."""
    if at.fence or at.actor == AGENT:
        raise Refused("only a person says what holds here")
    return DECIDE[type(intent)](state, intent, at)


def fold(state: Standing, fact: Fact) -> Standing:
    """What holds after this fact."""
    if isinstance(fact, RuleKept):
        state.rules[str(fact.rule), fact.folder] = fact.rule
    elif isinstance(fact, RuleDropped):
        state.rules.pop((fact.rule, fact.folder), None)
    elif isinstance(fact, FileTrusted):
        state.trusted.setdefault(fact.use, {})[fact.path] = fact.sha256
        state.refused.setdefault(fact.use, {}).pop(fact.path, None)
    elif isinstance(fact, FileDistrusted):
        state.trusted.setdefault(fact.use, {}).pop(fact.path, None)
        state.refused.setdefault(fact.use, {})[fact.path] = fact.sha256
    return state


AGGREGATE: Aggregate[Standing] = Aggregate(
    kind="policy",
    initial=Standing,
    decide=decide,
    fold=fold,
    wake=lambda state: None,
    facts=(RuleKept, RuleDropped, FileTrusted, FileDistrusted),
    intents=tuple(DECIDE),
)
