"""Policy: which gate fires, and what would have let a call through."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.call import CallJudged
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.policy import MODES, judge
from tuiagent.kernel.rules import Rule, parse_rule


def shell(command: str, *more: str) -> Claims:
    lists = tuple(tuple(part.split()) for part in (command, *more) if part.split())
    return Claims("shell", "execute", "; ".join((command, *more)), commands=lists, folder="/w")


def path(tool: str, *paths: str) -> Claims:
    if tool in ("read", "list", "search"):
        return Claims(tool, "read", paths[0], reads=paths, folder="/w")
    return Claims(tool, "write", paths[0], writes=paths, folder="/w")


def held(claims: Claims, sandbox: str = "bwrap", **more: Any) -> Claims:
    """The same in a sandbox."""
    return msgspec.structs.replace(claims, sandbox=sandbox, **more)


def rules(*texts: str) -> tuple[Rule, ...]:
    """Each `action tool(pattern)`, as a user's rule."""
    return tuple(parse_rule(t.partition(" ")[2], t.partition(" ")[0], "user") for t in texts)


@pytest.mark.parametrize(
    ("claims", "mode", "expected"),
    [
        (path("read", "/w/a"), "locked", "allow"),
        (path("read", "/w"), "plan", "allow"),
        (path("read", "/other/a"), "ask", "ask"),
        (path("read", "/w2/a"), "ask", "ask"),
        (path("read", "/other/a"), "locked", "deny"),
        (path("read", "/other/a"), "auto", "deny"),
        (path("read", "/root/.ssh/id_rsa"), "ask", "deny"),
        (path("read", "/etc/shadow"), "auto", "deny"),
        (path("read", "/proc/1/environ"), "ask", "deny"),
        (path("write", "/w/a"), "ask", "ask"),
        (path("write", "/w/a"), "accept-edits", "allow"),
        (path("write", "/w/a"), "auto", "allow"),
        (path("write", "/w/a"), "plan", "deny"),
        (path("write", "/w/a"), "locked", "deny"),
        (path("write", "/w/.git/hooks/x"), "accept-edits", "ask"),
        (path("write", "/w/.GIT/config"), "accept-edits", "ask"),
        (path("write", "/w/sub/.mcp.json"), "auto", "deny"),
        (path("write", "/out/a"), "accept-edits", "ask"),
        (shell("go"), "ask", "ask"),
        (shell("go"), "accept-edits", "ask"),
        (shell("go"), "plan", "deny"),
        (shell("go"), "locked", "deny"),
        (shell("go"), "auto", "deny"),
        (held(shell("go")), "auto", "allow"),
        (held(shell("go"), "landlock"), "auto", "allow"),
        (held(shell("go"), "off"), "auto", "allow"),
        (held(shell("go"), "none"), "auto", "deny"),
        (held(shell("go")), "ask", "ask"),
        (Claims("ask", "ask", "which?"), "ask", "allow"),
        (Claims("ask", "ask", "which?"), "locked", "deny"),
        (Claims("fetch", "network", "x"), "accept-edits", "ask"),
    ],
)
def test_modes(claims: Claims, mode: str, expected: str) -> None:
    verdict = judge(claims, (), mode)
    assert verdict.decision == expected, verdict
    assert verdict.reason
    assert verdict.gate


@pytest.mark.parametrize(
    ("texts", "more", "expected"),
    [
        ((), {"hosts": ("pypi.org",)}, "ask"),
        ((), {"folders": ("/other",)}, "ask"),
        (("allow shell(go)",), {"hosts": ("pypi.org",)}, "ask"),
        (("allow shell(go)",), {"folders": ("/other",)}, "ask"),
        (("allow shell(go)", "allow network(pypi.org)"), {"hosts": ("pypi.org",)}, "allow"),
        (("allow shell(go)", "allow network(pypi.org)"), {"hosts": ("evil.org",)}, "ask"),
        (("allow shell(go)", "allow fetch(pypi.org)"), {"hosts": ("pypi.org",)}, "ask"),
        (("allow shell(go)", "allow *(pypi.org)"), {"hosts": ("pypi.org",)}, "ask"),
        (("deny network(*.org)",), {"hosts": ("evil.org",)}, "deny"),
        ((), {"folders": ("/root/.ssh",)}, "deny"),
        ((), {"folders": ("/w/.tuiagent",)}, "deny"),
        (("deny shell(/state/**)",), {"folders": ("/state/x",)}, "deny"),
    ],
)
def test_more_than_the_sandbox_gives(
    texts: tuple[str, ...], more: dict[str, Any], expected: str
) -> None:
    verdict = judge(held(shell("go"), **more), rules(*texts), "ask")
    assert verdict.decision == expected, verdict
    if expected == "ask":
        assert verdict.gate == "sandbox"
        assert verdict.risk == "high"
        assert judge(held(shell("go"), **more), rules(*texts), "auto").decision == "deny"


@pytest.mark.parametrize(
    ("texts", "hosts", "expected"),
    [
        ((), ("docs.test",), "ask"),
        (("allow network(docs.test)",), ("docs.test",), "allow"),
        (("allow network(Docs.TEST)",), ("docs.test",), "allow"),
        (("allow network(docs.test)",), ("docs.test:8080",), "ask"),
        (("allow network(docs.test:8080)",), ("docs.test:8080",), "allow"),
        (("allow network(docs.test)",), ("evil-docs.test",), "ask"),
        (("allow network(docs.test)",), ("docs.test.evil.test",), "ask"),
        (("allow network(docs.test)",), ("docs.test", "evil.test"), "ask"),
        (("allow network(docs.test)", "allow network(b.test)"), ("docs.test", "b.test"), "allow"),
        (("allow network(*.test)",), ("docs.test",), "allow"),
        (("allow network(*.docs.test)",), ("evil-docs.test",), "ask"),
        (("allow network",), ("docs.test",), "allow"),
        (("allow network(*)",), ("docs.test",), "allow"),
        (("allow network", "deny network(docs.test)"), ("docs.test",), "deny"),
        (("allow network", "deny network(docs.test)"), ("docs.test:8080",), "deny"),
        (("allow network", "deny network(docs.test:22)"), ("docs.test:8080",), "allow"),
        (("allow network", "deny network(*.test)"), ("a.docs.test",), "deny"),
        (("allow network", "deny network(b.test)"), ("a.test", "b.test"), "deny"),
        (("allow network", "ask network(docs.test)"), ("docs.test",), "ask"),
        (("allow network", "deny network"), ("docs.test",), "deny"),
    ],
)
def test_a_host_is_judged_the_same_whatever_connects_to_it(
    texts: tuple[str, ...], hosts: tuple[str, ...], expected: str
) -> None:
    fetch = Claims("fetch", "network", hosts[0], hosts=hosts, folder="/w")
    command = held(shell("go"), hosts=hosts)
    assert judge(fetch, rules(*texts), "ask").decision == expected
    assert judge(command, rules("allow shell(go)", *texts), "ask").decision == expected
    if expected != "deny":
        theirs = tuple(msgspec.structs.replace(rule, source="project") for rule in rules(*texts))
        assert judge(fetch, theirs, "ask").decision == "ask"
        assert judge(command, (*rules("allow shell(go)"), *theirs), "ask").decision == "ask"


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((), "ask"),
        (("allow network",), "allow"),
        (("allow network(*)",), "allow"),
        (("allow network(*.test)",), "ask"),
        (("allow network(docs.test)",), "ask"),
        (("allow network", "deny network(docs.test)"), "deny"),
    ],
)
def test_any_host_is_more_than_every_host_that_is_named(
    texts: tuple[str, ...], expected: str
) -> None:
    claims = held(shell("go"), hosts=("*",))
    assert judge(claims, rules("allow shell(go)", *texts), "ask").decision == expected


def test_a_rule_about_hosts_lets_no_command_run() -> None:
    texts = ("allow network", "allow network(go)", "allow network(*)")
    verdict = judge(held(shell("go"), hosts=("pypi.org",)), rules(*texts), "ask")
    assert (verdict.decision, verdict.gate) == ("ask", "words")


def test_a_host_that_a_command_wants_is_offered_by_its_rule() -> None:
    claims = held(shell("go"), hosts=("pypi.org",))
    found = judge(claims, (), "auto")
    assert (found.decision, found.gate) == ("deny", "sandbox")
    assert (found.offer, found.neighbour) == ("network(pypi.org)", "other.pypi.org")
    assert "--allow 'network(pypi.org)'" in found.reason
    assert judge(claims, rules("allow network(pypi.org)"), "auto").decision == "allow"
    assert judge(claims, (), "ask").offer == ""  # one rule alone does not let it through


def test_what_older_versions_wrote_of_hosts_is_read_as_it_was_meant() -> None:
    old = {"tool": "shell", "effect": "execute", "subject": "go"}
    fetched = {"tool": "fetch", "effect": "network", "subject": "a", "hosts": ["a"]}
    for claims, hosts in (
        (old, ()),
        ({**old, "reached": ["b"]}, ("b",)),
        ({**old, "reached": ["b"], "hosts": ["a"]}, ("a", "b")),
        (fetched, ("a",)),
    ):
        verdict = {"decision": "ask", "gate": "sandbox", "reason": "x"}
        row = {"call": "c", "verdict": verdict, "claims": claims, "digest": "d", "revision": 1}
        fact = codec().fact("CallJudged", 1, json.dumps(row).encode())
        assert isinstance(fact, CallJudged)
        assert fact.claims.hosts == hosts


@pytest.mark.parametrize(
    ("texts", "claims", "expected"),
    [
        (("allow shell(echo *)",), shell("echo hi"), "allow"),
        (("allow shell(echo *)",), shell("echo"), "allow"),
        (("allow shell(echo *)",), shell("echoes"), "deny"),
        (("allow shell(echo *)",), shell("echo hi", "touch c"), "deny"),
        (("allow shell(echo *)", "allow shell(touch *)"), shell("echo hi", "touch c"), "allow"),
        (("allow shell", "deny shell(curl *)"), shell("true", "curl http://x"), "deny"),
        (("allow shell(go)", "ask shell"), shell("go"), "deny"),
        (("allow edit(src/**)",), path("edit", "/w/src/a/b.py"), "allow"),
        (("allow edit(src/*)",), path("edit", "/w/src/a/b.py"), "deny"),
        (("allow edit(src/*)",), path("edit", "/w/src/b.py"), "allow"),
        (("allow edit(src/**)",), path("edit", "/w/src2/b.py"), "deny"),
        (("allow read(/opt/**)",), path("read", "/opt/x"), "allow"),
        (("allow read(/root/.ssh/config)",), path("read", "/root/.ssh/config"), "allow"),
        (("allow read",), path("read", "/root/.ssh/config"), "deny"),
        (("deny read(secret/**)",), path("read", "/w/secret/x"), "deny"),
    ],
)
def test_rules_in_the_mode_that_never_asks(
    texts: tuple[str, ...], claims: Claims, expected: str
) -> None:
    assert judge(claims, rules(*texts), "locked").decision == expected


def test_a_command_that_is_not_plain_is_allowed_only_by_its_exact_text() -> None:
    parts = (("echo", "$(touch c)"), ("touch", "c"))
    unparsed = Claims("shell", "execute", "echo $(touch c)", inside=parts, folder="/w")
    assert judge(unparsed, rules("allow shell(echo *)"), "locked").decision == "deny"
    exact = rules("allow shell(echo $(touch c))")
    assert judge(unparsed, exact, "locked").decision == "allow"
    assert judge(unparsed, (*exact, *rules("deny shell(touch *)")), "auto").decision == "deny"


def test_a_projects_rules_never_allow() -> None:
    project = (Rule("allow", "shell", "go", "project"),)
    assert judge(shell("go"), project, "locked").decision == "deny"
    forbids = (Rule("deny", "shell", "go", "project"),)
    assert judge(shell("go"), forbids, "auto").decision == "deny"


words = st.text("abc/.*-_ ", min_size=1, max_size=12)


@given(words, st.sampled_from(MODES), st.booleans())
def test_the_rule_that_is_offered_admits_the_call(subject: str, mode: str, plain: bool) -> None:
    commands = (tuple(subject.split()),) if plain and subject.split() else ()
    claims = Claims("shell", "execute", subject, commands=commands, folder="/w")
    verdict = judge(claims, (), mode)
    if verdict.offer:
        rule = parse_rule(verdict.offer)
        assert judge(claims, (rule,), mode).decision == "allow"


@given(st.text(max_size=60), st.sampled_from(["allow", "deny", "ask"]), st.text(max_size=40))
def test_no_rule_and_no_path_can_break_the_judge(text: str, action: str, subject: str) -> None:
    try:
        rule = parse_rule(text, action)
    except ConfigError:
        return
    for claims in (shell(subject), path("read", subject), path("write", subject)):
        for mode in MODES:
            assert judge(claims, (rule,), mode).decision in ("allow", "ask", "deny")


@given(st.lists(st.sampled_from(["allow", "ask", "deny"]), max_size=5))
def test_deny_beats_ask_beats_allow(actions: list[str]) -> None:
    given_rules = tuple(Rule(action, "shell", "go", "user") for action in actions)
    verdict = judge(shell("go"), given_rules, "ask")
    if "deny" in actions:
        assert verdict.decision == "deny"
    elif "ask" in actions:
        assert verdict.decision == "ask"
    elif "allow" in actions:
        assert verdict.decision == "allow"
