"""What hooks say, and that it makes nothing looser."""

import itertools
from typing import Any

import msgspec
import pytest

from tuiagent.kernel import hooks
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At
from tuiagent.kernel.hooked import decide_report
from tuiagent.kernel.hooks import ReportHooks, Ruling, ruling
from tuiagent.kernel.policy import MODES, Verdict, tightened
from tuiagent.kernel.run import Run, RunFinished

STRICT = ("allow", "ask", "deny")


def more(**fields: Any) -> str:
    return msgspec.json.encode({"hookSpecificOutput": fields}).decode()


@pytest.mark.parametrize(
    ("event", "code", "out", "err", "decision", "reason"),
    [
        (hooks.BEFORE, 0, "", "", "", ""),
        (hooks.BEFORE, 0, "words", "", "", ""),
        (hooks.BEFORE, 2, "", "no rm\n", "deny", "no rm"),
        (hooks.BEFORE, 2, more(permissionDecision="allow"), "", "deny", "it gave no reason"),
        (hooks.BEFORE, 1, "", "oops", "failed", "exit 1: oops"),
        (hooks.BEFORE, 127, "", "sh: gone", "failed", "exit 127: sh: gone"),
        (hooks.BEFORE, 0, more(permissionDecision="deny", permissionDecisionReason="r"), "", *"dr"),
        (hooks.BEFORE, 0, more(permissionDecision="ask"), "", "ask", "it gave no reason"),
        (hooks.BEFORE, 0, more(permissionDecision="allow"), "", "", ""),
        (hooks.BEFORE, 0, '{"decision": "approve"}', "", "", ""),
        (hooks.BEFORE, 0, '{"decision": "block", "reason": "r"}', "", "deny", "r"),
        (hooks.BEFORE, 0, '{"continue": false, "stopReason": "enough"}', "", "stop", "enough"),
        (hooks.BEFORE, 0, '{"continue": false, "decision": "block"}', "", "stop", "it gave no"),
        (hooks.BEFORE, 0, more(permissionDecision="defer"), "", "ask", "it gave no reason"),
        (hooks.BEFORE, 1, more(permissionDecision="deny"), "oops", "deny", "it gave no reason"),
        (hooks.BEFORE, 1, more(permissionDecision="allow"), "oops", "", ""),
        (hooks.BEFORE, 2, '{"decision": "block", "reason": "json"}', "err", "deny", "json"),
        (hooks.BEFORE, 2, "{broken}", "err", "deny", "err"),
        (hooks.BEFORE, 2, '{"continue": false, "stopReason": "s"}', "err", "stop", "s"),
        (hooks.AFTER, 0, more(permissionDecision="deny"), "", "", ""),
        (hooks.PROMPT, 0, "{broken}", "", "failed", "its answer is no JSON"),
        (hooks.BEFORE, 0, '{"decision": 7, "hookSpecificOutput": []}', "", "", ""),
        (hooks.BEFORE, 0, "[1]", "", "", ""),
        (hooks.BEFORE, 0, "{broken", "", "", ""),
        (hooks.AFTER, 2, "", "lint", "block", "lint"),
        (hooks.PROMPT, 2, "", "no", "block", "no"),
        (hooks.PROMPT, 0, '{"decision": "block", "reason": "r"}', "", "block", "r"),
        (hooks.STOP, 2, "", "test first", "block", "test first"),
        (hooks.START, 2, "", "bad", "failed", "bad"),
    ],
)
def test_what_a_hook_says(
    event: str, code: int, out: str, err: str, decision: str, reason: str
) -> None:
    decision = {"d": "deny"}.get(decision, decision)
    said = ruling(event, "f", "c", code, out, err)
    assert said.decision == decision
    assert said.reason.startswith(reason)
    assert bool(said.reason) == bool(reason)


def test_words_are_for_whom_they_are_meant() -> None:
    assert ruling(hooks.PROMPT, "f", "c", 0, "the branch is frozen\n", "").context.endswith(
        "frozen"
    )
    assert ruling(hooks.BEFORE, "f", "c", 0, "only a log line", "").silent
    answer = '{"systemMessage": "hi", "hookSpecificOutput": {"additionalContext": "more"}}'
    said = ruling(hooks.AFTER, "f", "c", 0, answer, "")
    assert (said.note, said.context) == ("hi", "more")
    told = hooks.words(hooks.HookRan(hooks.AFTER, "p.1.1", (said,)))
    assert told == ["(A hook for PostToolUse says:)\nmore"]
    assert ruling(hooks.PROMPT, "f", "c", 0, "{words} that go on", "").context
    assert ruling(hooks.PROMPT, "f", "c", 0, "{broken}", "").context == ""
    both = ruling(hooks.AFTER, "f", "c", 2, answer, "lint")
    assert (both.decision, both.reason, both.note, both.context) == ("block", "lint", "hi", "more")
    assert len(ruling(hooks.PROMPT, "f", "c", 0, "x" * 99_999, "").context) < 10_100


@pytest.mark.parametrize(
    ("out", "unheard"),
    [
        (more(permissionDecision="allow"), ("allow",)),
        ('{"decision": "approve"}', ("allow",)),
        (more(permissionDecision="allow", updatedInput={"a": 1}), ("allow", "updatedInput")),
        (more(updatedToolOutput="x", updatedMCPToolOutput="x"), hooks.UNHEARD[1:3]),
        (more(sessionTitle="x", initialUserMessage="y"), ("sessionTitle", "initialUserMessage")),
        (more(watchPaths=[], reloadSkills=True), ("watchPaths", "reloadSkills")),
        ('{"terminalSequence": "\\u0007"}', ("terminalSequence",)),
        ('{"suppressOutput": true, "continue": true}', ()),
        (more(hookEventName="PreToolUse", permissionDecisionReason="r"), ()),
    ],
)
def test_what_is_not_heeded_is_told_to_the_person_alone(out: str, unheard: tuple[str, ...]) -> None:
    said = ruling(hooks.BEFORE, "f", "guard", 0, out, "")
    assert (said.decision, said.unheard, said.silent) == ("", unheard, not unheard)
    ran = hooks.HookRan(hooks.BEFORE, "p.1.1", (said,))
    assert hooks.words(ran) == []
    if unheard:
        assert f"not heeded here: {', '.join(unheard)} (`guard`)" in hooks.line(ran)


@pytest.mark.parametrize(
    ("matcher", "fit", "other"),
    [
        ("", "Bash Edit mcp__a__b", ""),
        ("*", "Bash Edit mcp__a__b", ""),
        ("Bash", "Bash", "BashOutput bash xBash"),
        ("Edit|Write", "Edit Write", "MultiEdit NotebookEdit"),
        ("Edit, Write", "Edit Write", "NotebookEdit"),
        (" Edit | Write ", "Edit Write", "E"),
        ("code-reviewer", "code-reviewer", "code-reviewer2"),
        ("mcp__memory", "mcp__memory", "mcp__memory__read"),
        ("mcp__memory__.*", "mcp__memory__read xmcp__memory__y", "mcp__other__read"),
        ("mcp__.*__write.*", "mcp__a__write mcp__b__write_file", "mcp__a__read write"),
        ("^Notebook", "NotebookEdit", "ANotebook"),
        ("Edit.*", "Edit NotebookEdit Editor", "Write"),
        ("^Edit$", "Edit", "NotebookEdit"),
        ("(?!Bash)^[A-Z]", "Edit", "Bash read"),
    ],
)
def test_what_a_matcher_means(matcher: str, fit: str, other: str) -> None:
    for name in fit.split():
        assert hooks.fits(matcher, (name,)), name
    for name in other.split():
        assert not hooks.fits(matcher, (name,)), name


DECISIONS = ("", "deny", "ask", "stop", "block", "failed", "allow", "approve")


@pytest.mark.parametrize("before", STRICT)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pair", [*itertools.product(DECISIONS, DECISIONS)], ids="-".join)
def test_hooks_only_make_a_verdict_stricter(before: str, pair: tuple[str, str], mode: str) -> None:
    said = [Ruling("f", "c", decision, "r") for decision in pair]
    verdict = Verdict(before, "rule", "r", "shell(x)")
    after = tightened(verdict, said, mode)
    assert STRICT.index(after.decision) >= STRICT.index(before)
    decisions = {one.decision for one in said}
    if decisions & {"deny", "stop"}:
        assert after.decision == "deny"
    elif "ask" in decisions:
        assert after.decision in ("ask", "deny")
        assert after.decision == "deny" or mode not in ("locked", "auto") or before == "ask"
    else:
        assert after == verdict


def test_a_run_goes_on_with_what_hooks_add_at_its_end() -> None:
    said = (Ruling("f", "c", context="run the tests"),)
    report = ReportHooks("session/s", hooks.STOP, "p1", said)
    for kept_on, kinds in ((0, ["HookRan"]), (hooks.AGAIN, ["HookRan", "RunFinished"])):
        run = Run("p1", held=True, kept_on=kept_on)
        facts = decide_report(run, report, At(0.0, "agent", 1))
        assert [type(fact).__name__ for fact in facts] == kinds


@pytest.mark.parametrize("event", [hooks.STOP, hooks.PROMPT, hooks.AFTER])
def test_only_whoever_drives_a_session_reports_what_hooks_said(event: str) -> None:
    run = Run("p1", held=True)
    report = ReportHooks("session/s", event, "p1", (Ruling("f", "c", "stop", "r"),))
    with pytest.raises(Refused, match="only the session's owner"):
        decide_report(run, report, At(0.0, "owner", 0))
    assert isinstance(decide_report(run, report, At(0.0, "agent", 1))[-1], RunFinished)
