"""Allow, ask or deny: which gate decides about a call, and what would have decided otherwise."""

import re
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.hooks import Ruling, strictest
from tuiagent.kernel.places import KEYS, OWN, PROTECTED, SECRETS, outside, secrets
from tuiagent.kernel.risk import risk
from tuiagent.kernel.rules import ANY, NETWORK, Rule, exactly, fired, nearest, reached, wild

MODES = ("ask", "accept-edits", "plan", "auto", "locked")
CONFIRMING = {"never": "auto", "always": "ask", "risky": "accept-edits"}
"""What others call a policy of confirming, and the mode that is nearest and allows no more."""
NAMES = (*MODES, *CONFIRMING)
"""All names by which a mode may be asked for."""


class Verdict(Struct, frozen=True, omit_defaults=True):
    """What was decided about a call, by which gate, and what would have decided otherwise."""

    decision: str
    """allow, ask or deny."""
    gate: str
    """secrets, own, rule, sandbox, changed, folder, mode, words, hook or approval."""
    reason: str
    rule: str = ""
    """The rule that fired."""
    offer: str = ""
    """A rule that lets this very call through."""
    neighbour: str = ""
    """Something close by that the offered rule does not let through."""
    nearest: str = ""
    """The rule that comes closest, and where the call differs from it."""
    risk: str = ""
    """low, medium, high or unknown."""


def mode_of(name: str) -> str:
    """The mode that is asked for by this name; a name that is not known stays as it is."""
    return CONFIRMING.get(name, name)


def judge(claims: Claims, rules: Sequence[Rule], mode: str) -> Verdict:
    """Whether the call may run: secrets, then rules (deny beats ask beats allow), then the mode."""
    verdict = _gates(claims, rules, mode)
    found = risk(claims)
    if verdict.decision == "allow":
        return msgspec.structs.replace(verdict, risk=found)
    offer, neighbour = _offer(claims, rules, mode)
    if verdict.decision == "ask" and verdict.gate == "secrets" and mode not in ("locked", "auto"):
        offer, neighbour = "", ""  # a yes to keys is given once, never for good
    text = verdict.reason
    if verdict.decision == "ask" and mode in ("locked", "auto"):
        way = (
            f"allow it with --allow {_quoted(offer)}, or use --mode ask"
            if offer
            else "use --mode ask"
        )
        text = f"{text}; nobody is asked in mode {mode} ({way})"
        verdict = msgspec.structs.replace(verdict, decision="deny", reason=text)
    return msgspec.structs.replace(
        verdict, risk=found, offer=offer, neighbour=neighbour, nearest=nearest(claims, rules)
    )


def tightened(verdict: Verdict, rulings: Sequence[Ruling], mode: str) -> Verdict:
    """The verdict after hooks: they make it stricter, and nothing else."""
    said = strictest(rulings, "deny", "stop", "ask")
    if said is None or verdict.decision == "deny":
        return verdict
    reason = f"the hook `{said.command[:80]}` says {said.decision}: {said.reason}"
    if said.decision == "ask" and verdict.decision == "ask":
        return verdict
    if said.decision == "ask" and mode in ("locked", "auto"):
        reason += f"; nobody is asked in mode {mode}"
    elif said.decision == "ask":
        return Verdict("ask", "hook", reason, risk=verdict.risk)
    return Verdict("deny", "hook", reason, risk=verdict.risk)


def _gates(claims: Claims, rules: Sequence[Rule], mode: str) -> Verdict:
    """The first gate that says something."""
    allowed = fired(claims, rules, "allow")
    named = any(_names(rule) for rule in allowed)
    secret, doubtful = secrets(claims)
    own = next((path for path in (*claims.writes, *claims.folders) if re.search(OWN, path)), "")
    denied, asked = fired(claims, rules, "deny"), fired(claims, rules, "ask")
    if secret and not named:
        return Verdict("deny", "secrets", f"{secret} is key material or a system secret")
    if own and not named:
        return Verdict("deny", "own", f"{own} holds settings of this program")
    if claims.secret and not denied:
        return Verdict("ask", "secrets", "a key stands in the arguments")
    if denied:
        return Verdict("deny", "rule", f"a rule says deny: {denied[0]}", str(denied[0]))
    if doubtful and not named:
        twin = claims.effect != "execute" and doubtful in claims.mentions
        more = ", and is the same file by another name" if twin else ""
        return Verdict("ask", "secrets", f"{doubtful} may hold keys{more}")
    if asked:
        return Verdict("ask", "rule", f"a rule says ask: {asked[0]}", str(asked[0]))
    if more := _beyond(claims, rules):
        return Verdict("ask", "sandbox", more)
    if claims.changed:
        text = f"{claims.server} describes it otherwise than when it was accepted"
        return Verdict("ask", "changed", text)
    if allowed:
        return Verdict("allow", "rule", "a rule allows it", str(allowed[0]))
    return _command(claims, mode) if claims.effect == "execute" else _by_mode(claims, mode)


def _names(rule: Rule) -> bool:
    """Whether a person's rule means secrets or our settings, and not only happens to cover them."""
    if rule.source not in ("user", "flag", "session") or not rule.pattern:
        return False
    gates = (SECRETS, KEYS, OWN)
    return not wild(rule) or any(re.search(gate, "/" + rule.pattern) for gate in gates)


def _beyond(claims: Claims, rules: Sequence[Rule]) -> str:
    """What the call wants beyond its sandbox and no rule lets it have, in words; "" for nothing."""
    known = reached(claims, rules)
    hosts = [host for host in claims.hosts if host not in known]
    if claims.effect == "execute" and hosts:
        names = "any host" if ANY in hosts else ", ".join(hosts)
        return f"it wants to reach {names} from the sandbox"
    if claims.folders:
        return f"it wants to write {', '.join(claims.folders)} from the sandbox"
    return ""


def _command(claims: Claims, mode: str) -> Verdict:
    """What is said of a command that no rule names."""
    from tuiagent.kernel import programs  # noqa: PLC0415 - known only once a command is judged

    unknown = next((argv for argv in claims.commands if programs.reads(argv) is None), ())
    away = outside(claims)
    if claims.commands and not unknown and not away:
        return Verdict("allow", "words", "it only reads inside the session's folder")
    if mode == "plan":
        return Verdict("deny", "mode", "plan mode only reads")
    if mode == "auto" and claims.confined:
        return Verdict("allow", "mode", "mode auto allows it")
    if mode == "auto":
        return Verdict("ask", "sandbox", "no sandbox holds it, and --no-sandbox was not said")
    if not claims.commands:
        return Verdict("ask", "words", claims.why or "its words are not known")
    if unknown:
        name = unknown[0]
        known = programs.known(name)
        text = "with these words may do more than read" if known else "is not known to only read"
        return Verdict("ask", "words", f"`{' '.join(unknown)[:200]}` {text}")
    return Verdict("ask", "folder", f"{away[0]} lies outside the session's folder")


def _by_mode(claims: Claims, mode: str) -> Verdict:
    """What the mode says of a call that no rule names."""
    away = outside(claims)
    if away:
        return Verdict("ask", "folder", f"{away[0]} lies outside the session's folder")
    if claims.effect == "ask" and mode == "locked":
        return Verdict("deny", "mode", "mode locked has nobody to ask; use --mode ask")
    if claims.effect == "ask":
        return Verdict("allow", "mode", "asking a person needs no permission")
    if claims.effect == "read":
        return Verdict("allow", "mode", "reading inside the session's folder")
    if mode == "plan":
        return Verdict("deny", "mode", "plan mode only reads")
    guarded = [path for path in claims.writes if re.search(PROTECTED, path)]
    if guarded:
        return Verdict("ask", "folder", f"{guarded[0]} can make other programs run things")
    if claims.effect == "write" and mode in ("accept-edits", "auto"):
        return Verdict("allow", "mode", f"mode {mode} allows edits in the session's folder")
    if mode == "auto":
        return Verdict("allow", "mode", "mode auto allows it")
    names = {"write": "changing files", "network": "the network"}
    verb = names.get(claims.effect, claims.effect)
    return Verdict("ask", "mode", f"mode {mode} wants a yes for {verb}")


def _offer(claims: Claims, rules: Sequence[Rule], mode: str) -> tuple[str, str]:
    """A rule that is proved to let this call through, and a neighbour that it is proved not to."""
    if not claims.subject or claims.effect == "ask":
        return "", ""
    # what a lent tool does with its arguments is not known: a rule is about the tool as a whole
    offers = [Rule("allow", claims.tool, "" if claims.server else exactly(claims.subject), "user")]
    if claims.effect == "execute" and len(claims.hosts) == 1:
        offers.append(Rule("allow", NETWORK, exactly(claims.hosts[0]), "user"))
    for rule in offers:
        more = (*rules, rule)
        if _lets(claims, more, mode):
            apart = (near for near in _neighbours(claims) if not _lets(near, more, mode))
            return str(rule), next((near.subject for near in apart), "")
    return "", ""


def _lets(claims: Claims, rules: Sequence[Rule], mode: str) -> bool:
    return _gates(claims, rules, mode).decision == "allow"


def _neighbours(claims: Claims) -> list[Claims]:
    """Calls that are much like this one."""
    if claims.server:
        other = f"other tools of {claims.server}"
        return [msgspec.structs.replace(claims, tool=f"{claims.tool}_", subject=other)]
    if claims.effect == "execute":
        found: list[Claims] = []
        for more in (" --force", " && rm -rf ."):
            lists = tuple((*argv, *more.split()) for argv in claims.commands)
            subject = claims.subject + more
            found.append(msgspec.structs.replace(claims, subject=subject, commands=lists))
        return [*found, *_elsewhere(claims)]
    if claims.hosts:
        return _elsewhere(claims)
    head, _, name = claims.subject.rpartition("/")
    other = f"{head}/other-{name}"
    swap = {claims.subject: other}
    return [
        msgspec.structs.replace(
            claims,
            subject=other,
            reads=tuple(swap.get(path, path) for path in claims.reads),
            writes=tuple(swap.get(path, path) for path in claims.writes),
        )
    ]


def _elsewhere(claims: Claims) -> list[Claims]:
    """The same with another host."""
    others = [f"other.{host}" for host in claims.hosts[:1] if host != ANY]
    return [msgspec.structs.replace(claims, subject=one, hosts=(one,)) for one in others]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
