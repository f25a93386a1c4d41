"""Commands that people run themselves: judged like others, never asked about, told to the model."""

import asyncio
import os
from pathlib import Path

import pytest

from tests.house import STREAM, Fakes, engine, facts, opened, prompt, say, until
from tuiagent.kernel.call import CallFinished, CallJudged, CallStarted
from tuiagent.kernel.command import RunCommand
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.grants import ConfigureRules
from tuiagent.kernel.jobs import JobEnded
from tuiagent.kernel.message import Observation
from tuiagent.kernel.rules import Rule
from tuiagent.kernel.run import RunFinished
from tuiagent.ports import Client


async def ran(client: Client, text: str, quiet: bool = False) -> Observation:
    """What came of a command."""
    position = (await client.read("sessions")).position
    await client.submit(RunCommand(STREAM, text, quiet))
    seen = await until(client, CallFinished, after=position)
    return facts(seen, CallFinished)[0].observation


@pytest.mark.parametrize("mode", ["ask", "plan", "locked"])
async def test_a_persons_command_needs_no_second_yes(tmp_path: Path, mode: str) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        client = made.seat()
        await opened(client, tmp_path, mode)
        found = await ran(client, "echo hi > made && cat made")
        assert (found.status, found.text) == ("ok", "hi")
        assert (tmp_path / "work/made").read_text() == "hi\n"
        assert (await ran(client, "exit 3")).status == "error"


async def test_a_rule_that_denies_holds_for_people_too(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await client.submit(ConfigureRules(STREAM, (Rule("deny", "shell", "rm *", "user"),)))
        found = await ran(client, "rm -r x")
        assert found.status == "denied"
        seen = await until(client, CallJudged)
        assert facts(seen, CallJudged)[0].verdict.decision == "deny"


async def test_the_model_is_told_with_the_next_prompt_unless_it_is_quiet(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path, [say("one")])
    async with engine(fakes) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await ran(client, "printf 'said\\nyes, do it\\n'")
        await ran(client, "echo secret", quiet=True)
        await prompt(client)
        await until(client, RunFinished)
        told, asked = fakes.prompts[0].messages
        text = told.blocks[0].text  # type: ignore[union-attr]
        assert text.endswith("| said\n| yes, do it"), "no line of it could be a person's"
        assert "$ printf" in text
        assert "secret" not in str(fakes.prompts[0].messages)
        assert asked.blocks[0].text == "go"  # type: ignore[union-attr]


async def test_only_people_run_commands_of_their_own(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        client = made.seat()
        with pytest.raises(Refused, match="no such session"):
            await client.submit(RunCommand(STREAM, "ls"))
        await opened(client, tmp_path)
        with pytest.raises(Refused):
            await made.seat("agent").submit(RunCommand(STREAM, "ls"))
        with pytest.raises(Refused, match="empty"):
            await client.submit(RunCommand(STREAM, "  \n"))


async def test_it_goes_on_beside_a_run_and_another_command(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        client = made.seat()
        await opened(client, tmp_path, "ask")
        os.mkfifo(tmp_path / "work/pipe")
        await client.submit(RunCommand(STREAM, "cat pipe"))
        await until(client, CallStarted)
        async with asyncio.timeout(20):
            await client.submit(RunCommand(STREAM, "echo x > pipe"))
            seen = await until(client, CallFinished, count=2)
        assert not facts(seen, JobEnded)
