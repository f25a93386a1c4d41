"""Allow, ask or deny: modes, rules, what a call claims, and the reason why."""

import re
from functools import lru_cache

from msgspec import Struct

from tuiagent.kernel.errors import ConfigError

MODES = ("ask", "accept-edits", "plan", "auto", "locked")
ACTIONS = ("allow", "ask", "deny")

SECRETS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"/\.(ssh|aws|gnupg|kube|docker|azure)(/|$)",
        r"/\.config/(gh|gcloud|op)(/|$)",
        r"/\.(netrc|npmrc|pypirc|pgpass|git-credentials)$",
        r"/id_(rsa|dsa|ecdsa|ed25519)$",
        r"^/etc/(shadow|gshadow|passwd|sudoers|ssl/private)(/|$)",
        r"^/proc/(self|\d+)/(environ|mem|root|fd|cwd|maps)(/|$)",
        r"\.(pem|p12|pfx|keystore)$",
    )
)
PROTECTED = re.compile(
    r"/(\.git|\.hg|\.tuiagent|\.vscode|\.idea|\.husky)(/|$)"
    r"|/(\.mcp\.json|\.envrc|\.bashrc|\.zshrc|\.profile|\.bash_profile|\.gitmodules)$",
    re.IGNORECASE,
)


class Claims(Struct, frozen=True, omit_defaults=True):
    """What a call would touch, as found by its tool without any effect."""

    tool: str
    effect: str
    """read, write, execute, network or ask."""
    subject: str
    """What rules are matched against and people are shown: a command, or the first path."""
    reads: tuple[str, ...] = ()
    """Absolute paths, links resolved."""
    writes: tuple[str, ...] = ()
    commands: tuple[tuple[str, ...], ...] = ()
    """Plain argument lists; empty when the command is not made of plain words only."""
    folder: str = ""
    """The session's folder, links resolved."""
    state: tuple[str, ...] = ()
    """What was there when it was judged, such as the hash of the file to be changed."""


class Rule(Struct, frozen=True, omit_defaults=True):
    """Whether calls of one tool, perhaps only with some subjects, may run."""

    action: str
    """allow, ask or deny."""
    tool: str
    pattern: str = ""
    """Empty for every subject; `*` stands for anything, in paths `*` stops at a slash."""
    source: str = "session"
    """user, project, flag or session; a project's rules may only deny or ask."""

    def __str__(self) -> str:
        return f"{self.tool}({self.pattern})" if self.pattern else self.tool


class Verdict(Struct, frozen=True, omit_defaults=True):
    """What was decided about a call, by which gate, and what would have decided otherwise."""

    decision: str
    """allow, ask or deny."""
    gate: str
    """secrets, rule, mode, folder or approval."""
    reason: str
    rule: str = ""
    """The rule that fired."""
    offer: str = ""
    """A rule that would let this very call through."""


def parse_rule(text: str, action: str = "allow", source: str = "flag") -> Rule:
    """The rule written as `TOOL` or `TOOL(PATTERN)`; raises ConfigError."""
    match = re.fullmatch(r"\s*([a-z_][a-z0-9_]*)\s*(?:\((.*)\))?\s*", text, re.DOTALL)
    if match is None or action not in ACTIONS:
        raise ConfigError(
            f"the rule {text!r} cannot be read; write TOOL or TOOL(PATTERN), "
            "for example 'shell(git status)' or 'edit(src/**)'"
        )
    return Rule(action, match[1], match[2] or "", source)


def judge(claims: Claims, rules: tuple[Rule, ...], mode: str) -> Verdict:
    """Whether the call may run: secrets, then rules (deny beats ask beats allow), then the mode."""
    allowed = _fired(claims, rules, "allow")
    named = any(rule.pattern and rule.source in ("user", "flag") for rule in allowed)
    touched = (*claims.reads, *claims.writes)
    secret = next((p for p in touched if any(s.search(p) for s in SECRETS)), None)
    if secret is not None and not named:
        return Verdict("deny", "secrets", f"{secret} is key material or a system secret")
    for action in ("deny", "ask"):
        fired = _fired(claims, rules, action)
        if fired:
            return _closed(
                claims, mode, Verdict(action, "rule", f"a rule says {action}", str(fired[0]))
            )
    if allowed:
        return Verdict("allow", "rule", "a rule allows it", str(allowed[0]))
    return _closed(claims, mode, _by_mode(claims, mode))


def offer(claims: Claims) -> str:
    """The narrowest rule that admits this call."""
    return str(Rule("allow", claims.tool, claims.subject))


def _by_mode(claims: Claims, mode: str) -> Verdict:
    """What the mode says of a call that no rule names."""
    outside = [p for p in (*claims.reads, *claims.writes) if not _inside(p, claims.folder)]
    if outside:
        return Verdict("ask", "folder", f"{outside[0]} lies outside the session's folder")
    if claims.effect == "ask":
        return Verdict("allow", "mode", "asking a person needs no permission")
    if claims.effect == "read":
        return Verdict("allow", "mode", "reading inside the session's folder")
    if mode == "plan":
        return Verdict("deny", "mode", "plan mode only reads")
    if claims.effect == "write":
        guarded = [p for p in claims.writes if PROTECTED.search(p)]
        if guarded:
            return Verdict("ask", "folder", f"{guarded[0]} can make other programs run things")
        if mode in ("accept-edits", "auto"):
            return Verdict("allow", "mode", f"mode {mode} allows edits in the session's folder")
    if mode == "auto":
        return Verdict("allow", "mode", "mode auto allows it")
    return Verdict("ask", "mode", f"mode {mode} wants a yes for {_verb(claims.effect)}")


def _verb(effect: str) -> str:
    names = {"write": "changing files", "execute": "running commands", "network": "the network"}
    return names.get(effect, effect)


def _closed(claims: Claims, mode: str, verdict: Verdict) -> Verdict:
    """In modes that never ask, asking becomes refusing, and says what would have allowed it."""
    if claims.effect == "ask" and mode == "locked" and verdict.decision == "allow":
        return Verdict("deny", "mode", "mode locked has nobody to ask; use --mode ask")
    if verdict.decision != "ask":
        return verdict
    proposal = offer(claims)
    if mode not in ("locked", "auto"):
        return Verdict("ask", verdict.gate, verdict.reason, verdict.rule, proposal)
    reason = (
        f"{verdict.reason}; nobody is asked in mode {mode} "
        f"(allow it with --allow {_quoted(proposal)}, or use --mode ask)"
    )
    return Verdict("deny", verdict.gate, reason, verdict.rule, proposal)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _fired(claims: Claims, rules: tuple[Rule, ...], action: str) -> list[Rule]:
    """The rules of one action that cover the call; an exact one first."""
    own = [
        rule
        for rule in rules
        if rule.action == action
        and rule.tool == claims.tool
        and not (action == "allow" and rule.source == "project")
    ]
    own.sort(key=lambda rule: (not rule.pattern, "*" in rule.pattern))
    exact = [r for r in own if not r.pattern or r.pattern == claims.subject]
    if exact:
        return exact
    if claims.effect == "execute":
        return _fired_commands(claims, own, action)
    paths = (*claims.reads, *claims.writes)
    hits = [r for r in own if paths and _covers(r, claims, paths, action == "allow")]
    return hits


def _fired_commands(claims: Claims, rules: list[Rule], action: str) -> list[Rule]:
    """Allowing needs a rule for every part of the command; refusing needs one for any part."""
    if not claims.commands:
        words = set(re.findall(r"[\w./-]+", claims.subject))
        return [r for r in rules if action != "allow" and r.pattern.split(" ")[0] in words]
    hits: list[Rule] = []
    for argv in claims.commands:
        line = " ".join(argv)
        found = [r for r in rules if _glob(r.pattern, False).fullmatch(line)]
        if action == "allow" and not found:
            return []
        hits += found[:1]
    return hits


def _covers(rule: Rule, claims: Claims, paths: tuple[str, ...], every: bool) -> bool:
    pattern = rule.pattern
    if not pattern.startswith("/"):
        pattern = claims.folder.rstrip("/") + "/" + pattern
    hits = [_glob(pattern, True).fullmatch(path) is not None for path in paths]
    return all(hits) if every else any(hits)


@lru_cache(maxsize=512)
def _glob(pattern: str, path: bool) -> re.Pattern[str]:
    """The pattern as a regular expression; a trailing ` *` also matches no arguments at all."""
    tail = ""
    if not path and pattern.endswith(" *"):
        pattern, tail = pattern[:-2], r"(?: .*)?"
    any_ = "[^/]*" if path else ".*"
    parts = re.split(r"(\*\*/?|\*)", pattern)
    out = [
        (
            r"(?:.*/)?"
            if part == "**/"
            else ".*"
            if part == "**"
            else any_
            if part == "*"
            else re.escape(part)
        )
        for part in parts
    ]
    return re.compile("".join(out) + tail, re.DOTALL)
