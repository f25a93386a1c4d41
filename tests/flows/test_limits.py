"""Runs that would not end by themselves."""

from pathlib import Path
from typing import Any

from tests.house import STREAM, Fakes, call, engine, facts, opened, say, until
from tuiagent.kernel.call import CallFinished
from tuiagent.kernel.limits import NUDGED, STOPPED, Limits
from tuiagent.kernel.message import Prompt, Usage
from tuiagent.kernel.run import LimitReached, ReplyReceived, RunFinished, RunNudged
from tuiagent.kernel.session import SubmitPrompt
from tuiagent.providers.scripted import Turn


async def ended(folder: Path, turns: Any, limits: Limits = Limits()) -> list[Any]:  # noqa: B008
    """Everything seen of one run under these limits."""
    async with engine(Fakes(folder, turns)) as made:
        client = made.seat()
        await opened(client, folder)
        await client.submit(SubmitPrompt(STREAM, "p1", "go", limits=limits))
        return await until(client, RunFinished)


async def test_the_same_call_again_and_again_is_told_and_then_stopped(tmp_path: Path) -> None:
    prompts: list[Prompt] = []

    def turns(prompt: Prompt) -> Turn:
        prompts.append(prompt)
        return call("list")

    seen = await ended(tmp_path, turns)
    assert len(facts(seen, ReplyReceived)) == STOPPED
    (nudge,) = facts(seen, RunNudged)
    assert f"{NUDGED} times" in nudge.text
    assert nudge.text in str(prompts[NUDGED].messages[-1])
    (finished,) = facts(seen, RunFinished)
    assert (finished.status, "the same step" in finished.error) == ("limit", True)


async def test_two_steps_in_turn_are_noticed(tmp_path: Path) -> None:
    def turns(prompt: Prompt) -> Turn:
        number = sum(message.role == "assistant" for message in prompt.messages)
        return call("list") if number % 2 else call("glob", pattern="*")

    seen = await ended(tmp_path, turns)
    assert len(facts(seen, ReplyReceived)) == 2 * STOPPED
    assert "two steps" in facts(seen, RunFinished)[0].error


async def test_looking_at_something_that_changes_is_no_circle(tmp_path: Path) -> None:
    turns = [call("shell", command="echo x >> f; wc -l f")] * 8
    seen = await ended(tmp_path, [*turns, say("done")])
    assert facts(seen, RunFinished)[0].status == "done"
    assert not facts(seen, RunNudged)


async def test_the_limit_of_money_ends_the_run(tmp_path: Path) -> None:
    turn = Turn(calls=call("list").calls, usage=Usage(30, 20))
    other = Turn(calls=call("glob", pattern="*").calls, usage=Usage(30, 20))
    seen = await ended(tmp_path, [turn, other, turn, say("x")], Limits(cost=1.0))
    assert [fact.cost for fact in facts(seen, ReplyReceived)] == [0.5, 0.5]
    (finished,) = facts(seen, RunFinished)
    assert (finished.status, "$1 for one run" in finished.error) == ("limit", True)


async def test_the_limit_of_time_ends_what_is_going_on(tmp_path: Path) -> None:
    turns = [call("shell", command="echo begun; sleep 600"), say("never")]
    seen = await ended(tmp_path, turns, Limits(seconds=0.5))
    assert facts(seen, LimitReached)
    (finished,) = facts(seen, RunFinished)
    assert (finished.status, "0.5 s" in finished.error) == ("limit", True)
    (ended_call,) = facts(seen, CallFinished)
    assert "begun" in ended_call.observation.text
