"""A conversation that grows too long goes on, shorter; the journal keeps all of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.house import STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tuiagent.kernel.compact import SYSTEM
from tuiagent.kernel.message import Prompt, Text, Usage
from tuiagent.kernel.prompts import PromptRebased, ShortenConversation
from tuiagent.kernel.run import AttemptFailed, RunFinished
from tuiagent.providers.scripted import ScriptedError, Turn
from tuiagent.views.prompt import check

TODO = call("todo", items=[{"text": "write the docs", "state": "open"}])


def words(prompt: Prompt) -> str:
    return "\n".join(b.text for m in prompt.messages for b in m.blocks if isinstance(b, Text))


def work(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work/big").write_text("".join(f"line {n}\n" for n in range(900)))


async def lived(tmp_path: Path, fakes: Fakes, text: str = "go") -> list[Any]:
    async with engine(fakes) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client, text)
        return await until(client, RunFinished)


async def test_outputs_that_can_be_had_again_go_first(tmp_path: Path) -> None:
    work(tmp_path)

    def turns(prompt: Prompt) -> Turn:
        number = sum(message.role == "assistant" for message in prompt.messages)
        offset = 1 + number % 3
        return say("done") if number == 8 else call("read", path="big", offset=offset)

    fakes = Fakes(tmp_path, turns)
    fakes.tokens = 12_000
    seen = await lived(tmp_path, fakes)
    rebased = [fact for fact in facts(seen, PromptRebased) if fact.shortened]
    assert rebased
    assert all(fact.reason == "outputs left out" for fact in rebased)
    assert facts(seen, RunFinished)[0].status == "done"
    last = fakes.prompts[-1]
    assert "was left out to save room" in words(last)
    check(list(last.messages))
    assert sum(len(words(p)) for p in fakes.prompts) // len(fakes.prompts) < 4 * 12_000


def long(prompt: Prompt) -> Turn:
    """Replies that fill the window by themselves."""
    if prompt.system == SYSTEM:
        return Turn(["- asked for it [p1]\n- talked a lot [p1.2]"], usage=Usage(100, 10))
    number = len(fakes_said(prompt))
    if number == 0:
        return TODO
    if "left out" in words(prompt) or "shorter" in words(prompt):
        return say("done")
    return Turn(["y " * 4000], calls=call("list", depth=1 + number).calls)


def fakes_said(prompt: Prompt) -> list[Any]:
    return [message for message in prompt.messages if message.role == "assistant"]


async def test_a_summary_names_its_sources_and_carries_over_what_must_not_be_lost(
    tmp_path: Path,
) -> None:
    fakes = Fakes(tmp_path, long)
    fakes.tokens = 8_000
    seen = await lived(tmp_path, fakes, "Never touch setup.py. Then go on.")
    (rebased,) = [fact for fact in facts(seen, PromptRebased) if fact.shortened]
    assert rebased.reason == "summarised"
    assert (rebased.usage, rebased.cost) == (Usage(100, 10), 1.1)
    text = words(fakes.prompts[-1])
    for wanted in ("asked for it [p1]", "Never touch setup.py", "[open] write the docs"):
        assert wanted in text
    assert facts(seen, RunFinished)[0].status == "done"


async def test_without_the_models_help_it_is_made_shorter_all_the_same(tmp_path: Path) -> None:
    def turns(prompt: Prompt) -> Turn:
        if prompt.system == SYSTEM:
            return Turn(error=ScriptedError("server", "down"))
        return long(prompt)

    fakes = Fakes(tmp_path, turns)
    fakes.tokens = 8_000
    seen = await lived(tmp_path, fakes, "Never touch setup.py.")
    (rebased,) = [fact for fact in facts(seen, PromptRebased) if fact.shortened]
    assert rebased.reason == "summarised without the model (server)"
    assert "The person said: Never touch setup.py." in words(fakes.prompts[-1])
    assert facts(seen, RunFinished)[0].status == "done"


@pytest.mark.parametrize("helps", [True, False])
async def test_a_provider_that_says_too_long_is_asked_once_more(
    tmp_path: Path, helps: bool
) -> None:
    work(tmp_path)

    def turns(prompt: Prompt) -> Turn:
        if prompt.system == SYSTEM:
            return say("- read big [p1.1]")
        if not fakes_said(prompt) and len(prompt.messages) == 1:
            return call("read", path="big") if "shorter" not in words(prompt) else say("done")
        short = "left out" in words(prompt) or "shorter" in words(prompt)
        if short and helps:
            return say("done")
        return Turn(error=ScriptedError("too_long", "prompt is too long"))

    seen = await lived(tmp_path, Fakes(tmp_path, turns))
    failed = facts(seen, AttemptFailed)
    assert [fact.kind for fact in failed] == ["too_long"] * (1 if helps else 2)
    (finished,) = facts(seen, RunFinished)
    assert finished.status == ("done" if helps else "error")


async def test_a_person_may_ask_for_it(tmp_path: Path) -> None:
    def turns(prompt: Prompt) -> Turn:
        return say("- nothing much [p1]") if prompt.system == SYSTEM else say("hello")

    fakes = Fakes(tmp_path, turns)
    async with engine(fakes) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client, "one")
        await until(client, RunFinished)
        await client.submit(ShortenConversation(STREAM))
        await prompt(client, "two", "p2")
        seen = await until(client, RunFinished, count=2)
    assert [f.reason for f in facts(seen, PromptRebased)] == ["first", "summarised"]
    assert words(fakes.prompts[-1]).endswith("two")
