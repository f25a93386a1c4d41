"""What holds in a session: its mode, configured rules, and those that a person granted in it."""

from msgspec import Struct

from tuiagent.kernel.claims import CONFINED, OFF, Claims
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent
from tuiagent.kernel.policy import MODES, NAMES, mode_of
from tuiagent.kernel.rules import Rule, parse_rule, reached

# ---------------------------------------------------------------- facts


class ModeChanged(Fact, frozen=True):
    """Another mode holds for calls judged from here on."""

    mode: str


class SandboxChanged(Fact, frozen=True):
    """Another sandbox, or openly none, holds the commands that begin from here on."""

    sandbox: str
    """As in Claims."""


class RulesConfigured(Fact, frozen=True):
    """Other rules hold than when the session was opened; what was granted stays."""

    rules: tuple[Rule, ...]


class RuleGranted(Fact, frozen=True):
    """A rule holds in this session from now on."""

    rule: Rule


class RuleRevoked(Fact, frozen=True):
    """A rule of this session holds no more."""

    rule: Rule


# ---------------------------------------------------------------- intents


class ChangeMode(Intent, frozen=True):
    """Let another mode hold."""

    mode: str


class ChangeSandbox(Intent, frozen=True):
    """Let this sandbox, or openly none (`off`), hold the commands."""

    sandbox: str


class ConfigureRules(Intent, frozen=True):
    """Let these rules hold in place of the ones that were configured before."""

    rules: tuple[Rule, ...]


class RevokeRule(Intent, frozen=True):
    """Take a granted rule back."""

    rule: str


# ---------------------------------------------------------------- state


class Rulebook(Struct):
    """The rules of a session, and how often the limited ones were used."""

    configured: tuple[Rule, ...] = ()
    granted: tuple[Rule, ...] = ()
    uses: dict[str, int] = {}

    def holding(self, now: float) -> tuple[Rule, ...]:
        """The rules that count now: neither ended nor used up."""
        every = (*self.configured, *self.granted)
        return tuple(rule for rule in every if rule.holds(now, self.uses.get(str(rule), 0)))

    def use(self, name: str, claims: Claims) -> bool:
        """Counts a call that this rule let through, and those for its hosts, whatever let it
        through else; whether one of them is used up now."""
        limited = [rule for rule in self.granted if rule.uses]
        left = [rule for rule in limited if rule.holds(0.0, self.uses.get(str(rule), 0))]
        hosts = reached(claims, left).values() if claims.effect == "execute" else ()
        taken = {name, *map(str, hosts)}
        for one in {str(rule) for rule in limited} & taken:
            self.uses[one] = self.uses.get(one, 0) + 1
        return any(str(r) in taken and not r.holds(0.0, self.uses[str(r)]) for r in limited)


def named_mode(name: str) -> str:
    """The mode of this name. Raises Refused where there is none."""
    if name not in NAMES:
        raise Refused(f"unknown mode {name!r}: use one of {', '.join(MODES)}")
    return mode_of(name)


def decide_mode(mode: str, sandbox: str, intent: ChangeMode, at: At, agent: str) -> list[Fact]:
    """The other mode, unless it holds already."""
    wanted = named_mode(intent.mode)
    if wanted == "auto" and not sandbox:
        raise Refused(
            "mode auto needs a sandbox, and none holds the commands of this session: go on with it "
            "where one works, or say openly with --no-sandbox that none is to"
        )
    if at.actor == agent:
        raise Refused("an agent does not change its own mode")
    return [ModeChanged(wanted)] if wanted != mode else []


def decide_sandbox(sandbox: str, intent: ChangeSandbox, at: At, agent: str) -> list[Fact]:
    """The other sandbox, unless it holds already."""
    if intent.sandbox not in (*CONFINED, OFF, ""):
        raise Refused(f"there is no sandbox {intent.sandbox!r}: {', '.join(sorted(CONFINED))}")
    if at.fence or at.actor == agent:
        raise Refused("an agent does not change its own sandbox")
    return [SandboxChanged(intent.sandbox)] if intent.sandbox != sandbox else []


def decide_configure(book: Rulebook, intent: ConfigureRules, at: At, agent: str) -> list[Fact]:
    """The new rules, unless they are the old ones."""
    if at.fence or at.actor == agent:
        raise Refused("an agent does not change its own rules")
    return [RulesConfigured(intent.rules)] if intent.rules != book.configured else []


def decide_revoke(book: Rulebook, intent: RevokeRule) -> list[Fact]:
    """Every grant that is written so ends."""
    wanted = str(parse_rule(intent.rule))
    found = [rule for rule in book.granted if str(rule) == wanted]
    if not found:
        raise Refused(f"no rule {intent.rule} was granted in this session")
    return [RuleRevoked(rule) for rule in found]


FOLDED: tuple[type[Fact], ...] = (RulesConfigured, RuleGranted, RuleRevoked)


def fold(book: Rulebook, fact: Fact) -> None:
    """Applies one of this module's facts."""
    if isinstance(fact, RulesConfigured):
        book.configured = fact.rules
    elif isinstance(fact, RuleGranted):
        book.granted = (*book.granted, fact.rule)
        book.uses.pop(str(fact.rule), None)
    elif isinstance(fact, RuleRevoked):
        book.granted = tuple(rule for rule in book.granted if rule != fact.rule)
