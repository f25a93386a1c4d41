"""Rules of the permission policy: how they are written, and which calls they cover."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

from msgspec import Struct

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.places import outside

ACTIONS = ("allow", "ask", "deny")
ALIKE = {"terminal": "shell"}
"""Of a tool, another that does the same by other means: who refuses that, refuses this."""
_TOOL = r"[A-Za-z_][A-Za-z0-9_-]*(?:__\*)?"
ANY = "*"
"""The tool of a rule that is about all of them; of hosts, any."""
NETWORK = "network"
"""The tool of a rule that is about hosts, whichever tool connects to them."""


class Rule(Struct, frozen=True, omit_defaults=True):
    """Whether calls of one tool, perhaps only with some subjects, may run."""

    action: str
    """allow, ask or deny."""
    tool: str
    """Its name; `NAME__*` for all that a server lends, `*` for every tool, `network` for hosts."""
    pattern: str = ""
    """Empty for every subject; `*` stands for anything, in paths `*` stops at a slash; `[*]` is a
    star itself."""
    source: str = "session"
    """house, user, project, flag or session; a project's rules may only deny or ask."""
    until: float = 0.0
    """When it ends, in seconds since 1970; 0 for never."""
    uses: int = 0
    """How many calls it may let through; 0 for any number."""

    def __str__(self) -> str:
        return f"{self.tool}({self.pattern})" if self.pattern else self.tool

    def holds(self, now: float, used: int) -> bool:
        """Whether it still counts, after so many calls that it let through."""
        return (not self.until or now < self.until) and (not self.uses or used < self.uses)


def parse_rule(text: str, action: str = "allow", source: str = "flag") -> Rule:
    """The rule written as `TOOL` or `TOOL(PATTERN)`; raises ConfigError."""
    match = re.fullmatch(rf"\s*({_TOOL}|\*)\s*(?:\((.*)\))?\s*", text, re.DOTALL)
    if match is None or action not in ACTIONS:
        raise ConfigError(
            f"the rule {text!r} cannot be read; write TOOL or TOOL(PATTERN), "
            "for example 'shell(git status)' or 'edit(src/**)'"
        )
    return Rule(action, match[1], match[2] or "", source)


def exactly(subject: str) -> str:
    """The pattern that covers this subject and nothing else."""
    return subject.replace("*", "[*]")


def fired(claims: Claims, rules: Sequence[Rule], action: str) -> list[Rule]:
    """The rules of one action that together cover the call; an exact one first.

    Allowing a command needs a rule (or knowledge of a harmless program) for every part of it;
    refusing needs one for any part, wherever it stands.
    """
    own = [
        rule
        for rule in rules
        if rule.action == action
        and (
            _about(rule, claims.tool)
            or (action != "allow" and rule.tool == ALIKE.get(claims.tool))
            or (rule.tool == NETWORK and claims.hosts)
        )
        and not (action == "allow" and rule.source == "project")
    ]
    if not own:
        return []
    own.sort(key=lambda rule: (not rule.pattern, wild(rule)))
    exact = [rule for rule in own if rule.tool != NETWORK and _exact(rule, claims.subject)]
    if exact:
        return exact
    if action == "allow":
        return _allowing(claims, own)
    return [rule for rule in own if _refuses(rule, claims)]


def _about(rule: Rule, tool: str) -> bool:
    """Whether it is about this tool: by its name, as one of a server's (`NAME__*`), or all."""
    lent = rule.tool.endswith("__*") and tool.startswith(rule.tool[:-1])
    return lent or rule.tool in (tool, ANY)


def _exact(rule: Rule, subject: str) -> bool:
    """Whether the rule names this subject; what an allowing `*` stands for is looked at apart."""
    if rule.pattern == subject:
        return rule.action != "allow" or not wild(rule)
    return rule.pattern in ("", exactly(subject))


def wild(rule: Rule) -> bool:
    """Whether the rule covers more than one subject."""
    return not rule.pattern or "*" in rule.pattern.replace("[*]", "")


def reached(claims: Claims, rules: Sequence[Rule]) -> dict[str, Rule]:
    """The hosts that rules `network(HOST)` let it connect to, each with its rule."""
    own = [r for r in rules if r.action == "allow" and r.tool == NETWORK and r.source != "project"]
    found = {host: _reaching(host, own) for host in claims.hosts}
    return {host: rule for host, rule in found.items() if rule is not None}


def nearest(claims: Claims, rules: Sequence[Rule]) -> str:
    """The rule that comes closest, and where the call differs from it; "" for none."""
    best, found = 0, ""
    for rule in rules:
        if rule.tool != claims.tool or not rule.pattern:
            continue
        wanted, given = re.split(r"([ /])", rule.pattern), re.split(r"([ /])", claims.subject)
        same = next(
            (n for n, pair in enumerate(zip(wanted, given, strict=False)) if pair[0] != pair[1]),
            min(len(wanted), len(given)),
        )
        if same > best:
            best = same
            where = given[same] if same < len(given) else "the end"
            found = f"{rule.action} {rule}, which differs at {where!r}"
    return found


def _allowing(claims: Claims, rules: list[Rule]) -> list[Rule]:
    if claims.effect == "execute":
        return _allowing_commands(claims, [rule for rule in rules if rule.tool != NETWORK])
    if claims.hosts:
        covering = [_reaching(host, rules) for host in claims.hosts]
        hits = [rule for rule in covering if rule is not None]
        return hits if len(hits) == len(claims.hosts) else []
    paths = (*claims.reads, *claims.writes)
    covering = [_covering(path, claims.folder, rules) for path in paths]
    hits = [rule for rule in covering if rule is not None]
    return hits if paths and len(hits) == len(paths) else []


def _allowing_commands(claims: Claims, rules: list[Rule]) -> list[Rule]:
    from tuiagent.kernel import programs  # noqa: PLC0415 - known only once a command is judged

    hits: list[Rule] = []
    for argv in claims.commands:
        rule = next((rule for rule in rules if _admits(rule, argv)), None)
        if rule is not None:
            hits.append(rule)
        elif programs.reads(argv) is None or outside(claims):
            return []
    return hits


def _admits(rule: Rule, argv: tuple[str, ...]) -> bool:
    """Whether an allowing rule covers one command, itself or behind its wrappers."""
    from tuiagent.kernel import loopholes, wrappers  # noqa: PLC0415

    fits = glob(rule.pattern, False)
    found = next((w for w in (argv, wrappers.unwrapped(argv)) if w and _fits(fits, w)), None)
    if found is None or not wild(rule):
        return found is not None
    written = rule.pattern.partition("*")[0].rpartition(" ")[0].split()
    return not loopholes.loophole(found, len(written))


def _fits(fits: re.Pattern[str], argv: tuple[str, ...]) -> bool:
    return fits.fullmatch(" ".join(argv)) is not None


def _refuses(rule: Rule, claims: Claims) -> bool:
    if rule.tool == NETWORK or claims.effect == "network":
        return any(_reaching(host, [rule]) for host in claims.hosts)
    paths = (*claims.reads, *claims.writes, *claims.mentions, *claims.folders)
    if any(_covering(path, claims.folder, [rule]) for path in paths):
        return True
    if claims.effect != "execute":
        return False
    return any(_named(rule, argv) for argv in (*claims.commands, *claims.inside))


def _named(rule: Rule, argv: tuple[str, ...]) -> bool:
    """Whether a refusing rule covers a command, or one that may begin among its words."""
    from tuiagent.kernel import wrappers  # noqa: PLC0415

    fits = glob(rule.pattern, False)
    line = " ".join(argv)
    places = list(accumulate((len(word) + 1 for word in argv), initial=0))
    for number in wrappers.starts(argv):
        end = places[number] + len(argv[number])
        if fits.fullmatch(line, places[number]):
            return True
        if fits.fullmatch(line, end - len(wrappers.base(argv[number]))):
            return True
        if rule.pattern.startswith("*"):
            return False  # what stands further behind was matched already
    return False


def _covering(path: str, folder: str, rules: list[Rule]) -> Rule | None:
    for rule in rules:
        pattern = rule.pattern
        if not pattern.startswith("/"):
            pattern = folder.rstrip("/") + "/" + pattern
        if glob(pattern, True).fullmatch(path):
            return rule
    return None


def _reaching(host: str, rules: list[Rule]) -> Rule | None:
    """The rule that covers a host; a refusing one also on other ports, and where any is wanted."""
    for rule in rules:
        fits = glob(rule.pattern.lower() or ANY, False)
        if fits.fullmatch(host):
            return rule
        if rule.action != "allow" and (host == ANY or fits.fullmatch(re.sub(r":\d+$", "", host))):
            return rule
    return None


@lru_cache(maxsize=512)
def glob(pattern: str, path: bool) -> re.Pattern[str]:
    """The pattern as a regular expression; a trailing ` *` also matches no arguments at all."""
    tail = ""
    if not path and pattern.endswith(" *"):
        pattern, tail = pattern[:-2], r"(?: .*)?"
    if path and pattern.endswith("/**"):
        pattern, tail = pattern[:-3], r"(?:/.*)?"
    signs = {
        "[*]": r"\*",
        "**/": r"(?:.*/)?",
        "**": r".*",
        "*": r"[^/]*" if path else r".*",
    }
    parts = re.split(r"(\[\*\]|\*\*/?|\*)", pattern)
    return re.compile(
        "".join(signs.get(part) or re.escape(part) for part in parts) + tail, re.DOTALL
    )
