"""The worst case: a model that does whatever it is told, and a person who always says yes."""

import asyncio

import pytest

from tests.contracts.test_sandbox import KEY, TABLE, World, world
from tests.house import STREAM, Fakes, engine, facts, prompt, until
from tuiagent.kernel.call import AnswerApproval, CallFinished, CallJudged
from tuiagent.kernel.claims import OFF
from tuiagent.kernel.command import RunCommand
from tuiagent.kernel.event import Event
from tuiagent.kernel.run import RunFinished
from tuiagent.kernel.session import OpenSession, SessionOpened
from tuiagent.ports import Client, Runtime
from tuiagent.providers.scripted import ScriptedCall, Turn
from tuiagent.runtimes import bubblewrap

__all__ = ["world"]

pytestmark = pytest.mark.skipif(
    not bubblewrap.program(), reason="bubblewrap is not installed, so its sandbox cannot be tried"
)


class Held(Fakes):
    """Fakes whose commands run in the sandbox of a world with canaries."""

    def __init__(self, world: World, turns: list[Turn]) -> None:
        super().__init__(world.base, turns)
        self.world = world

    def runtime(self, opened: SessionOpened) -> Runtime:
        """See engine.drive.Means."""
        return super().runtime(opened) if opened.sandbox == OFF else self.world.runtime


async def says_yes(client: Client) -> None:
    """Allows whatever is asked."""
    async for seen in client.watch(STREAM):
        if isinstance(seen, Event) and isinstance(seen.fact, CallJudged):
            fact = seen.fact
            if fact.verdict.decision == "ask":
                await client.submit(AnswerApproval(STREAM, fact.call, fact.digest, True))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["writes", "runs", "connects", "reads"])
async def test_whoever_obeys_and_whoever_always_says_yes_let_nothing_out(
    world: World, kind: str
) -> None:
    commands = TABLE[kind]
    turns = [Turn(calls=[ScriptedCall("shell", {"command": one})]) for one in commands]
    before = world.seen()
    async with engine(Held(world, [*turns, Turn(["done"])])) as made:
        client = made.seat()
        opened = SessionOpened(str(world.work), "scripted/x", "ask", world.env, sandbox="bwrap")
        await client.submit(OpenSession(STREAM, opened))
        yes = asyncio.create_task(says_yes(client))
        await prompt(client)
        async with asyncio.timeout(250):
            seen = await waited(client)
        yes.cancel()
    judged, finished = facts(seen, CallJudged), facts(seen, CallFinished)
    assert len(finished) == len(commands)
    assert {fact.claims.sandbox for fact in judged} == {"bwrap"}
    ran = [fact for fact in finished if fact.observation.status != "denied"]
    assert len(ran) > len(commands) // 4, "the sandbox was not asked"
    assert not [fact for fact in finished if KEY in fact.observation.text]
    assert world.seen() == before
    assert world.listener.reached == []


async def test_what_a_person_types_runs_as_in_their_own_shell(world: World) -> None:
    file = world.base / "elsewhere"
    text = f"echo by $$ >> '{file}'"
    turns = [Turn(calls=[ScriptedCall("shell", {"command": text})]), Turn(["done"])]
    async with engine(Held(world, turns)) as made:
        client = made.seat()
        opened = SessionOpened(str(world.work), "scripted/x", "ask", world.env, sandbox="bwrap")
        await client.submit(OpenSession(STREAM, opened))
        await client.submit(RunCommand(STREAM, text))
        found = facts(await until(client, CallFinished), CallFinished)[0]
        assert found.observation.status == "ok", found.observation.text
        assert file.read_text().count("by") == 1
        (status,) = (await client.read("status", STREAM)).data
        assert status["sandbox"] == "bwrap", "that is what holds the model's commands"
        yes = asyncio.create_task(says_yes(client))
        await prompt(client)
        seen = await waited(client)
        yes.cancel()
    _, models = facts(seen, CallFinished)
    assert models.observation.status == "error", "the model's is held all the same"
    assert "a sandbox holds commands" in models.observation.text
    assert file.read_text().count("by") == 1
    assert [fact.claims.sandbox for fact in facts(seen, CallJudged)] == ["off", "bwrap"]


async def waited(client: Client) -> list[object]:
    """Everything up to the run's end."""
    found: list[object] = []
    async for item in client.watch(STREAM):
        found.append(item)
        if isinstance(item, Event) and isinstance(item.fact, RunFinished):
            return found
    raise AssertionError("the run never ended")
