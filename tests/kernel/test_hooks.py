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
        (hooks.BEFORE, 0, '{"continue": false, "decision": "block"}', "", "deny", "it gave no"),
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
    assert len(ruling(hooks.PROMPT, "f", "c", 0, "x" * 99_999, "").context) < 10_100


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


@pytest.mark.parametrize("event", [hooks.STOP, hooks.PROMPT, hooks.AFTER])
def test_only_whoever_drives_a_session_reports_what_hooks_said(event: str) -> None:
    run = Run("p1", held=True)
    report = ReportHooks("session/s", event, "p1", (Ruling("f", "c", "stop", "r"),))
    with pytest.raises(Refused, match="only the session's owner"):
        decide_report(run, report, At(0.0, "owner", 0))
    assert isinstance(decide_report(run, report, At(0.0, "agent", 1))[-1], RunFinished)
