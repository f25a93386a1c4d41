"""A run that lacks something waits in the process that lacks it, and nowhere else."""

import pytest

from tuiagent.kernel import run as runs
from tuiagent.kernel.effort import MoveProviders, ProvidersMoved
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.loop import CallModel, next_steps, wake
from tuiagent.kernel.prompts import ModelChanged, PromptSubmitted
from tuiagent.kernel.session import ChangeModel, Session, decide, fold
from tuiagent.kernel.stall import ResumeRun, RunResumed, RunStalled, StallRun

STREAM = "session/s"
MINE, OTHER = 3, 4


def stalled() -> Session:
    """A session whose run lacks a key in the process with fence MINE."""
    state = Session()
    for fact in (
        SessionOpened("/work", "x/y", "ask"),
        PromptSubmitted("p1", "go"),
        runs.RunStarted("p1"),
        RunStalled("p1", "key NAME", MINE),
    ):
        state = fold(state, fact)
    return state


def test_who_lacks_it_has_no_step_and_everybody_else_has() -> None:
    assert next_steps(stalled(), MINE, 0.0) == []
    assert next_steps(stalled(), OTHER, 0.0) == [CallModel("p1.1")]
    assert wake(stalled()) == 0.0, "another process may take it up at once"


def test_it_is_said_once_for_each_process() -> None:
    at = At(0.0, "agent", MINE)
    assert decide(stalled(), StallRun(STREAM, "key NAME"), at) == []
    other = At(0.0, "agent", OTHER)
    (fact,) = decide(stalled(), StallRun(STREAM, "key NAME"), other)
    assert fact == RunStalled("p1", "key NAME", OTHER)
    with pytest.raises(Refused, match="owner"):
        decide(stalled(), StallRun(STREAM, "key NAME"), At(0.0, "owner"))


def test_it_goes_on_when_a_person_says_so_or_changes_the_model() -> None:
    at = At(0.0, "owner")
    for intent in (ResumeRun(STREAM), ChangeModel(STREAM, "x/z")):
        state = stalled()
        facts = decide(state, intent, at)
        assert RunResumed("p1") in facts
        for fact in facts:
            state = fold(state, fact)
        assert next_steps(state, MINE, 0.0) == [CallModel("p1.1")]
    state = fold(stalled(), RunResumed("p1"))
    assert decide(state, ResumeRun(STREAM), at) == []
    assert decide(state, ChangeModel(STREAM, "x/z"), at) == [ModelChanged("x/z")]


def test_an_attempt_of_another_process_says_that_it_goes_on() -> None:
    state = stalled()
    state.epoch, state.epoch_model = 1, state.model
    facts = decide(state, runs.StartAttempt(STREAM), At(0.0, "agent", OTHER))
    assert facts == [RunResumed("p1"), runs.AttemptStarted("p1.1", OTHER)]


def test_providers_are_asked_where_whoever_takes_it_up_says_else_where_they_were() -> None:
    at = At(0.0, "owner")
    begun = SessionOpened(
        "/work",
        "x/y",
        "ask",
        credentials={"x": "env:X", "y": "env:Y", "z": "kept:z"},
        endpoints={"x": "http://x", "y": "http://y"},
    )
    state = stalled()
    state.opened = begun
    said = {"x": "env:NEW", "y": "env:NEW", "z": "env:NEW"}
    move = MoveProviders(STREAM, said, {"x": "http://new"})
    for actor, fence in (("agent", 0), ("owner", MINE)):
        with pytest.raises(Refused, match="an agent"):
            decide(state, move, At(0.0, actor, fence))
    facts = decide(state, move, at)
    assert facts == [
        ProvidersMoved(
            {"x": "env:NEW", "y": "env:Y", "z": "env:NEW"}, {"x": "http://new", "y": "http://y"}
        ),
        RunResumed("p1"),
    ]
    for fact in facts:
        state = fold(state, fact)
    assert next_steps(state, MINE, 0.0) == [CallModel("p1.1")]
    assert decide(state, move, at) == []
