"""The runs: one row for each, that ends once and says the same however it was read."""

from random import Random
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.test_session import lived, lives
from tests.kernel.world import OPENED, STREAM
from tuiagent.kernel import call as calls
from tuiagent.kernel import lifecycle, prompts, transfer
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Fact
from tuiagent.kernel.message import Call, Observation, Question, Reply, Usage
from tuiagent.kernel.policy import Verdict
from tuiagent.kernel.stall import RunResumed, RunStalled
from tuiagent.views.runs import ENDS, KINDS, WAITS, RunsView

OTHER = "session/y"


def shown(view: RunsView) -> list[dict[str, Any]]:
    return msgspec.to_builtins(view.snapshot())


def read(events: list[Event]) -> list[dict[str, Any]]:
    view = RunsView()
    for event in events:
        view.apply(event)
    return shown(view)


def told(*facts: Fact, actor: str = "owner", stream: str = STREAM) -> list[Event]:
    return [Event(n, stream, n, float(n), actor, fact) for n, fact in enumerate(facts, 1)]


def nonsense(seed: int, length: int) -> list[Event]:
    """Facts in an order that no kernel would have decided."""
    random = Random(seed)
    run = lambda: f"p{random.randint(1, 4)}"  # noqa: E731
    call = lambda: f"{run()}.1.{random.randint(1, 2)}"  # noqa: E731
    judged = lambda: calls.CallJudged(  # noqa: E731
        call(), Verdict(random.choice(["ask", "allow", "deny"]), "mode", ""), None, "", 0
    )  # type: ignore[arg-type]
    makers: list[Any] = [
        lambda: prompts.PromptSubmitted(run(), "do", random.random() < 0.5),
        lambda: prompts.PromptWithdrawn(run()),
        lambda: prompts.PromptRebased(1, "", "scripted/y", "", (), cost=0.5, usage=Usage()),
        lambda: prompts.ModelChanged("scripted/y"),
        lambda: runs.RunStarted(run()),
        lambda: RunStalled(run(), "key X", 1),
        lambda: RunResumed(run()),
        lambda: runs.AttemptStarted(run() + ".1", 1),
        lambda: runs.ReplyReceived("a", Reply((Call(call(), "x", {}),), "calls"), 0.25),
        judged,
        lambda: calls.CallDeferred(call(), Question("which?")),
        lambda: calls.CallFinished(call(), Observation("ok", "")),
        lambda: runs.RunFinished(run(), random.choice(sorted(ENDS)), "why"),
        lambda: lifecycle.SessionOpened("/w", "scripted/x", "ask"),
        lambda: lifecycle.SessionDeleted(1.0),
        lambda: lifecycle.SessionRestored(),
        lambda: transfer.SessionImported(OPENED, "session/z", "", 1, "1"),
    ]
    if random.random() < 0.2:
        makers.append(lifecycle.SessionErased)
    streams = [STREAM, OTHER]
    events = [e for s in streams for e in told(OPENED, stream=s)]
    for number in range(2, length):
        fact = random.choice(makers)()
        actor = random.choice(["owner", "agent", "imported/owner"])
        events.append(Event(number, random.choice(streams), number, float(number), actor, fact))
    return events


histories = st.one_of(
    st.builds(lambda life: lived(life, rest=False).events, lives),
    st.builds(nonsense, st.integers(0, 1 << 32), st.integers(2, 120)),
)


@given(histories, st.lists(st.integers(0, 200), max_size=4))
def test_read_in_pieces_and_kept_in_between_is_read_at_once(
    events: list[Event], cuts: list[int]
) -> None:
    view = RunsView()
    for number, event in enumerate(events):
        if number in cuts:
            kept, view = view.save(), RunsView()
            view.load(kept)
        view.apply(event)
    assert shown(view) == read(events)
    parts = RunsView()
    for event in events:
        if event.kind in KINDS:
            parts.apply(event)
    assert shown(parts) == shown(view)


@given(histories)
def test_a_run_that_is_over_stays_so_and_only_what_is_named_changes(events: list[Event]) -> None:
    view = RunsView()
    over: dict[tuple[str, str], dict[str, Any]] = {}
    before: dict[tuple[str, str], dict[str, Any]] = {}
    for event in events:
        changed = set(view.apply(event))
        if event.kind in ("SessionErased", "SessionImported"):  # what was there is there no more
            over = {place: row for place, row in over.items() if place[0] != event.stream}
        now = {(row["stream"], row["id"]): row for row in shown(view)}
        for place, row in now.items():
            assert row == over.get(place, row)
            assert row["status"] in {*ENDS, *WAITS, "queued", "running"}
            assert (row["ended"] is not None) == (row["status"] in ENDS)
            if row["ended"] is not None:
                over[place] = row
        moved = {place for place in {*now, *before} if now.get(place) != before.get(place)}
        assert moved <= changed
        before = now


@given(lives)
def test_the_runs_are_those_of_the_session(life: tuple[int, int]) -> None:
    world = lived(life, rest=False)
    rows = {row["id"]: row for row in read(world.events)}
    state = world.state
    live = {ident: row for ident, row in rows.items() if row["status"] not in ENDS}
    assert {i for i, row in live.items() if row["status"] == "queued"} == {
        waiting.prompt for waiting in state.queue
    }
    assert {i for i in live if live[i]["status"] != "queued"} == (
        {state.run.id} if state.run else set()
    )
    if state.run:
        phases = {s.phase for s in state.run.open_calls()}
        row = live[state.run.id]
        waits = [
            w for w, phase in zip(WAITS, ("asked", "deferred"), strict=False) if phase in phases
        ]
        assert row["status"] == (waits[0] if waits else "running")
        assert (row["turns"], row["cost"]) == (state.run.turns, state.run.cost)
    ended = {f.run: f.status for f in world.facts if isinstance(f, runs.RunFinished)}
    assert {i: row["status"] for i, row in rows.items() if row["started"] and row["ended"]} == ended


def test_a_steering_prompt_that_no_call_has_seen_becomes_a_run() -> None:
    start = (OPENED, prompts.PromptSubmitted("p1", "a"), runs.RunStarted("p1"))
    steer = prompts.PromptSubmitted("p2", "b", steer=True)
    end = runs.RunFinished("p1", "interrupted")
    late = read(told(*start, steer, end))
    assert [(row["id"], row["prompt"], row["status"]) for row in late] == [
        ("p1", "a", "interrupted"),
        ("p2", "b", "queued"),
    ]
    assert (late[1]["queued"], late[1]["position"]) == (4.0, 4)
    seen = read(told(*start, steer, runs.AttemptStarted("p1.1", 1), end))
    assert [row["id"] for row in seen] == ["p1"]


def test_a_run_that_lacks_a_key_waits_until_it_goes_on() -> None:
    start = (OPENED, prompts.PromptSubmitted("p1", "a"), runs.RunStarted("p1"))
    stalled = RunStalled("p1", "key X", 1)
    (row,) = read(told(*start, stalled))
    assert (row["status"], row["needs"]) == ("waiting", "key X")
    (row,) = read(told(*start, stalled, RunResumed("p1")))
    assert (row["status"], row["needs"]) == ("running", "")
    (row,) = read(told(*start, stalled, runs.RunFinished("p1", "cancelled")))
    assert (row["status"], row["needs"]) == ("cancelled", "")


def test_what_happened_elsewhere_is_no_run_here() -> None:
    run = (prompts.PromptSubmitted("p1", "a"), runs.RunStarted("p1"))
    assert read([*told(OPENED), *told(*run, actor="imported/owner")]) == []


def test_runs_of_a_deleted_session_are_hidden_and_of_an_erased_one_gone() -> None:
    view = RunsView()
    for event in told(OPENED, prompts.PromptSubmitted("p1", "a"), lifecycle.SessionDeleted(9.0)):
        view.apply(event)
    assert view.snapshot() == []
    (back,) = told(lifecycle.SessionRestored())
    assert view.apply(back) == [(STREAM, "p1")]
    assert len(view.snapshot()) == 1
    (erased,) = told(lifecycle.SessionErased())
    assert view.apply(erased) == [(STREAM, "p1")]
    assert view.snapshot() == []
    assert b"p1" not in view.save()


def test_a_prompt_and_an_error_are_kept_in_part() -> None:
    facts = (prompts.PromptSubmitted("p1", "x" * 10_000), runs.RunStarted("p1"))
    (row,) = read(told(OPENED, *facts, runs.RunFinished("p1", "error", "y" * 10_000)))
    assert (len(row["prompt"]), len(row["error"])) == (200, 500)
