"""What holds in every session here: kept rules and trusted files."""

from pathlib import Path

import pytest

from tests.house import Fakes, engine
from tuiagent.kernel import standing
from tuiagent.kernel.errors import ConfigError, Refused
from tuiagent.kernel.event import Event, Fact
from tuiagent.kernel.standing import DropRule, KeepRule, Standing, TrustFile
from tuiagent.ports import Client


async def now(client: Client) -> tuple[list[Fact], Standing]:
    """The facts of the stream, and what they come to."""
    facts: list[Fact] = []
    async for seen in client.watch(standing.STREAM):
        if not isinstance(seen, Event):
            break
        facts.append(seen.fact)
    state = Standing()
    for fact in facts:
        state = standing.fold(state, fact)
    return facts, state


async def test_a_kept_rule_holds_in_its_folder_until_it_ends(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        client = made.seat()
        await client.submit(KeepRule(standing.STREAM, "shell(make *)", "/a"))
        await client.submit(KeepRule(standing.STREAM, "shell(make *)", "/a"))
        await client.submit(KeepRule(standing.STREAM, "shell(ls)", "/a", until=10.0))
        facts, state = await now(client)
        assert len(facts) == 2
        assert [str(rule) for rule in state.holding("/a", 9.0)] == ["shell(make *)", "shell(ls)"]
        assert [str(rule) for rule in state.holding("/a", 11.0)] == ["shell(make *)"]
        assert state.holding("/a/b", 9.0) == state.holding("/", 9.0) == ()
        assert {rule.action for rule in state.holding("/a", 9.0)} == {"allow"}
        await client.submit(DropRule(standing.STREAM, "shell(make *)", "/a"))
        _, state = await now(client)
        assert state.holding("/a", 11.0) == ()
        with pytest.raises(Refused, match="no rule"):
            await client.submit(DropRule(standing.STREAM, "shell(make *)", "/a"))
        with pytest.raises(ConfigError, match="cannot be read"):
            await client.submit(KeepRule(standing.STREAM, "Shell (", "/a"))


async def test_nobody_but_a_person_keeps_rules_or_trusts_files(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        agent = made.seat("agent")
        for intent in (
            KeepRule(standing.STREAM, "shell", "/a"),
            TrustFile(standing.STREAM, "/x.py", "0" * 64),
        ):
            with pytest.raises(Refused):
                await agent.submit(intent)
        assert (await now(made.seat()))[0] == []
