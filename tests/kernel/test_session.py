"""Properties of a session that hold whatever happens to it."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.world import STREAM, World
from tuiagent.kernel import call as calls
from tuiagent.kernel import jobs, loop, session
from tuiagent.kernel import run as runs
from tuiagent.kernel.command import CommandRequested
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Unknown
from tuiagent.kernel.message import Message, Observation
from tuiagent.kernel.session import Session, decide, fold

seeds = st.integers(0, 2**32)
lives = st.builds(lambda seed, length: (seed, length), seeds, st.integers(1, 120))


def lived(life: tuple[int, int], rest: bool = True) -> World:
    world = World(life[0])
    world.live(life[1])
    if rest:
        world.rest()
    return world


def encoded(state: Session) -> bytes:
    return msgspec.json.encode(state, order="deterministic")


@given(lives)
def test_each_call_is_observed_exactly_once_when_its_run_is_over(life: tuple[int, int]) -> None:
    world = lived(life)
    finished = [f.call for f in world.facts if isinstance(f, calls.CallFinished)]
    written = [
        c.id for f in world.facts if isinstance(f, runs.ReplyReceived) for c in f.reply.calls
    ]
    written += [f.command for f in world.facts if isinstance(f, CommandRequested)]
    assert len(finished) == len(set(finished))
    assert sorted(finished) == sorted(written)


@given(lives)
def test_each_job_ends_exactly_once(life: tuple[int, int]) -> None:
    world = lived(life)
    begun = [f.job for f in world.facts if isinstance(f, jobs.JobStarted)]
    ended = [f.job for f in world.facts if isinstance(f, jobs.JobEnded)]
    assert begun == [f"job{n}" for n in range(1, len(begun) + 1)]
    assert sorted(ended) == sorted(begun)
    assert len(world.state.jobs.by_id) <= jobs.KEPT
    for name in ended:
        again = jobs.EndJob(STREAM, name, Observation("ok", "again"))
        with pytest.raises(Refused, match="no running job"):
            decide(world.state, again, At(1.0, "agent", world.fence))


@given(lives)
def test_only_the_run_that_is_meant_is_interrupted(life: tuple[int, int]) -> None:
    state = lived(life, rest=False).state
    if state.run is None or state.run.stopping:
        return
    at = At(1.0, "owner")
    with pytest.raises(Refused, match="not the one that is going on"):
        decide(state, runs.InterruptRun(STREAM, run="another"), at)
    found = decide(state, runs.InterruptRun(STREAM, run=state.run.id), at)
    assert isinstance(found[0], runs.InterruptRequested)


@given(lives)
def test_no_prompt_is_answered_unseen(life: tuple[int, int]) -> None:
    world = World(life[0])
    world.live(life[1])
    world.rest()
    seen: set[str] = set()
    said: dict[str, str] = {}
    waiting: dict[str, bool] = {}
    for event in world.events:
        fact = event.fact
        if isinstance(fact, session.PromptSubmitted):
            said[fact.text] = fact.prompt
            waiting[fact.prompt] = fact.steer
        elif isinstance(fact, session.PromptWithdrawn):
            waiting.pop(fact.prompt)
        elif isinstance(fact, runs.AttemptStarted):
            messages = dict(world.sent)[fact.attempt]
            texts = [b.text for m in messages if m.role == "user" for b in m.blocks]  # type: ignore
            seen |= {said[text] for text in texts if text in said}
        elif isinstance(fact, runs.RunFinished) and fact.status == "done":
            steering = [p for p, steer in waiting.items() if steer]
            assert fact.run in seen
            assert not [p for p in steering if p not in seen]
    stopped = {f.run for f in world.facts if isinstance(f, runs.RunFinished) and f.status != "done"}
    assert not [prompt for prompt in waiting if prompt not in seen and prompt not in stopped]


@given(lives, st.integers(0, 1000))
def test_a_crash_between_any_two_facts_changes_nothing(life: tuple[int, int], cut: int) -> None:
    """Folding again gives the same state, at every place; a new owner comes to rest from there."""
    world = lived(life, rest=False)
    place = cut % (len(world.facts) + 1)
    state, again = Session(), World(life[0] + 1)
    for fact in world.facts[:place]:
        state = fold(state, fact)
    rest = Session()
    for fact in world.facts:
        rest = fold(rest, fact)
    assert encoded(rest) == encoded(world.state)
    again.facts, again.events, again.state = [], [], state
    again.prompt = type(world.prompt)(STREAM)
    for event in world.events[:place]:
        again.prompt.apply(event)
        again.facts.append(event.fact)
    again.fence = world.fence + 1
    again.prompts = 1000
    again.rest()


@given(lives)
def test_what_is_refused_leaves_no_trace(life: tuple[int, int]) -> None:
    world = lived(life, rest=False)
    before = encoded(world.state)
    for intent in (
        session.SubmitPrompt(STREAM, "p1", ""),
        calls.FinishCall(STREAM, "nothing", Observation("ok", "")),
        runs.ReceiveReply(STREAM, "nothing", world.reply("x")),
        session.ChangeMode(STREAM, "strange"),
    ):
        with pytest.raises(Refused):
            decide(world.state, intent, At(1.0, "owner"))
    assert encoded(world.state) == before


@given(lives)
def test_every_step_that_is_named_is_accepted(life: tuple[int, int]) -> None:
    """World.do raises when decide refuses what next_steps has named: living is the assertion."""
    world = lived(life)
    steps = loop.next_steps(world.state, world.fence, float("inf"))
    assert steps == []
    assert world.state.run is None


@given(lives)
def test_what_waits_for_a_person_is_the_absence_of_a_step(life: tuple[int, int]) -> None:
    world = lived(life, rest=False)
    while world.perform() or world.report():
        continue
    run = world.state.run
    assert loop.wake(world.state) is None or run is None
    if run is not None:
        phases = [state.phase for state in run.open_calls()]
        assert phases
        assert set(phases) & {"asked", "deferred"}


@given(lives)
def test_wake_agrees_with_next_steps(life: tuple[int, int]) -> None:
    world = World(life[0])
    for _ in range(life[1]):
        world.live(1)
        steps = loop.next_steps(world.state, world.fence + 1, float("inf"))
        assert (loop.wake(world.state) is None) == (not steps)


@given(lives)
def test_within_an_epoch_the_prompt_only_grows(life: tuple[int, int]) -> None:
    """Message by message and byte by byte; the views check that it can be sent at all."""
    world = lived(life)
    before: list[bytes] = []
    for _, messages in world.sent:
        now = [msgspec.json.encode(message) for message in messages]
        assert now[: len(before)] == before
        before = now
    assert all(isinstance(m, Message) for _, messages in world.sent for m in messages)


@given(lives, st.text(), st.binary(max_size=20))
def test_fold_is_total(life: tuple[int, int], kind: str, body: bytes) -> None:
    """Any fact may meet any state: nothing is raised, and an unknown one stops the driving."""
    world = lived(life, rest=False)
    state = Session()
    shuffled = list(world.facts)
    world.random.shuffle(shuffled)
    for fact in shuffled:
        state = fold(state, fact)
        loop.next_steps(state, 1, 0.0)
    state = fold(world.state, Unknown(kind, body))
    assert loop.next_steps(state, world.fence, 0.0) == []
    with pytest.raises(Refused, match="newer"):
        decide(state, session.ChangeMode(STREAM, "ask"), At(1.0, "owner"))


@given(lives)
def test_an_older_fence_starts_nothing(life: tuple[int, int]) -> None:
    world = lived(life, rest=False)
    run = world.state.run
    if run is None:
        return
    for state in run.open_calls():
        if state.phase == "started" and state.fence == world.fence:
            with pytest.raises(Refused):
                decide(
                    world.state,
                    calls.StartCall(STREAM, state.call.id),
                    At(1.0, "agent", world.fence),
                )
        with pytest.raises(Refused):
            decide(world.state, calls.StartCall(STREAM, state.call.id), At(1.0, "owner", 0))


def test_only_the_run_that_is_meant_is_cancelled() -> None:
    world = World(1, crashes=False)
    for name in ("p1", "p2"):
        world.do(session.SubmitPrompt(STREAM, name, "go"), person=True)
    with pytest.raises(Refused, match="p2 is not the one"):
        world.do(runs.InterruptRun(STREAM, cancel=True, run="p2"), person=True)
    world.do(runs.InterruptRun(STREAM, cancel=True, run="p1"), person=True)
    world.do(runs.EndRun(STREAM))
    assert world.state.run
    assert world.state.run.id == "p2"
