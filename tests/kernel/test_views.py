"""Views: fed one by one or all at once, they show the same."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.test_session import lived, lives
from tests.kernel.world import STREAM
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.event import Erased, Event, Unknown
from tuiagent.kernel.hooks import HookRan, Ruling
from tuiagent.kernel.message import Call, Reply
from tuiagent.kernel.policy import Verdict
from tuiagent.providers.rescue import MARK
from tuiagent.views.changes import ChangesView
from tuiagent.views.context import ContextView
from tuiagent.views.inbox import InboxView
from tuiagent.views.prompt import PromptView
from tuiagent.views.sessions import SessionsView
from tuiagent.views.transcript import HOOK, TranscriptView

VIEWS = (ChangesView, ContextView, InboxView, SessionsView, TranscriptView)


def shown(view: Any) -> Any:
    return msgspec.to_builtins(view.snapshot())


@given(lives, st.sampled_from(VIEWS))
def test_what_is_not_among_its_kinds_changes_no_view(life: tuple[int, int], kind: Any) -> None:
    """A view that is caught up from the store, by kind, shows what one fed everything shows."""
    events = lived(life, rest=False).events
    whole, parts = kind(STREAM), kind(STREAM)
    for event in events:
        whole.apply(event)
    for event in events:
        if kind.kinds is None or event.kind in kind.kinds:
            parts.apply(event)
    assert shown(whole) == shown(parts)


@given(lives)
def test_the_inbox_holds_exactly_what_waits(life: tuple[int, int]) -> None:
    world = lived(life, rest=False)
    view = InboxView()
    for event in world.events:
        view.apply(event)
    run = world.state.run
    open_ = (
        {s.call.id for s in run.open_calls() if s.phase in ("asked", "deferred")} if run else set()
    )
    waiting = {w.call for w in view.waiting.values() if w.kind in ("approval", "question")}
    assert waiting == open_
    doubtful = {w.call for w in view.waiting.values() if w.kind == "outcome"}
    assert doubtful == world.state.unresolved


@given(lives)
def test_what_apply_says_has_changed_is_what_has_changed(life: tuple[int, int]) -> None:
    view = TranscriptView(STREAM)
    before: dict[str, Any] = {}
    for event in lived(life, rest=False).events:
        changed = set(view.apply(event))
        now = {item["id"]: item for item in shown(view)}
        differing = {ident for ident, item in now.items() if before.get(ident) != item}
        assert differing <= changed
        before = now


@given(lives)
def test_every_prompt_view_agrees_with_the_one_that_was_kept(life: tuple[int, int]) -> None:
    world = lived(life)
    fresh = PromptView(STREAM)
    for event in world.events:
        fresh.apply(event)
    assert fresh.messages == world.prompt.messages


def test_tokens_come_before_the_reply_and_are_replaced_by_it() -> None:
    view = TranscriptView(STREAM)
    view.apply(event_of(1, runs.AttemptStarted("p1.1", 1)))
    assert view.apply(runs.Delta(STREAM, "p1.1", 0, "Hel")) == ["p1.1"]
    view.apply(runs.Delta(STREAM, "p1.1", 3, "lo"))
    view.apply(runs.Delta(STREAM, "p1.1", 0, "Hello", False))
    assert view.items[0].text == "Hello"
    view.apply(runs.Delta(STREAM, "p1.1", 0, "thinking", True))
    assert view.items[0].reasoning == "thinking"
    assert view.apply(runs.Delta(STREAM, "other", 0, "x")) == []


def test_progress_shows_only_while_the_call_runs() -> None:
    view = TranscriptView(STREAM)
    assert view.apply(runs.Progress(STREAM, "p1.1.1", "x")) == []
    view.apply(event_of(1, calls.CallStarted("p1.1.1", 1)))
    assert view.apply(runs.Progress(STREAM, "p1.1.1", "x")) == []


def test_a_call_tells_what_hooks_said_of_it_and_that_it_was_written_as_text() -> None:
    view = TranscriptView(STREAM)
    view.apply(event_of(1, runs.AttemptStarted("p1.1", 1)))
    made = [Call("p1.1.1", "read", {}, details=MARK), Call("p1.1.2", "read", {})]
    view.apply(event_of(2, runs.ReplyReceived("p1.1", Reply(tuple(made)))))
    said = (Ruling("hooks.json", "look", note="seen"),)
    verdict, claims = Verdict("allow", "mode", ""), Claims("read", "read", "f")
    view.apply(event_of(3, calls.CallJudged("p1.1.1", verdict, claims, "d", 1, said)))
    view.apply(event_of(4, HookRan("Stop", "p1", said)))
    _, first, second, hook = view.items
    assert (first.rescued, first.hooks) == (True, "hooks of PreToolUse: seen (`look`)")
    assert (second.rescued, second.hooks) == (False, "")
    assert (hook.name, hook.text) == (HOOK, "hooks of Stop: seen (`look`)")


@pytest.mark.parametrize("kind", ["CallFinished", "add", "delta", "Newer"])
def test_what_is_not_known_is_told_whatever_it_is_called(kind: str) -> None:
    view = TranscriptView(STREAM)
    assert view.apply(event_of(1, Unknown(kind, b"{}"))) == ["unknown.1"]
    assert shown(view)[0]["text"].endswith(f"({kind})")
    assert view.apply(event_of(2, Erased(kind))) == []


def event_of(number: int, fact: Any) -> Event:
    return Event(number, STREAM, number, 1.0, "agent", fact)
