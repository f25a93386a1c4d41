"""Every call that starts names the right under which it does."""

from argparse import Namespace
from pathlib import Path

import msgspec
import pytest

from tests.house import STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tuiagent.clients import begin
from tuiagent.engine.seat import Seat
from tuiagent.kernel.call import AnswerApproval, Authority, CallJudged, CallStarted
from tuiagent.kernel.event import Intent
from tuiagent.kernel.grants import ConfigureRules
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.rules import parse_rule
from tuiagent.kernel.run import RunFinished
from tuiagent.stores.memory import MemoryStore


@pytest.mark.parametrize(
    ("mode", "command", "rule", "wanted"),
    [
        ("ask", "ls", "", Authority("agent", STREAM, "words")),
        ("auto", "touch x", "", Authority("agent", STREAM, "mode")),
        ("ask", "touch x", "shell(touch x)", Authority("agent", STREAM, "rule", "shell(touch x)")),
        ("ask", "touch x", "", Authority("agent", STREAM, "approval", by="owner")),
    ],
)
async def test_it_names_who_acts_and_what_let_it(
    tmp_path: Path, mode: str, command: str, rule: str, wanted: Authority
) -> None:
    means = Fakes(tmp_path, [call("shell", command=command), say("done")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, mode=mode)
        if rule:
            await client.submit(ConfigureRules(STREAM, (parse_rule(rule),)))
        await prompt(client)
        if wanted.gate == "approval":
            (judged,) = facts(await until(client, CallJudged), CallJudged)
            await client.submit(AnswerApproval(STREAM, judged.call, judged.digest, True))
        (started,) = facts(await until(client, RunFinished), CallStarted)
        assert started.authority == wanted


async def test_what_goes_on_does_so_under_the_rules_of_now(tmp_path: Path) -> None:
    """Whoever takes a session up drives it as soon as the first of their changes is written."""

    class Slow(Seat):
        async def submit(self, intent: Intent, once: str = "") -> int:
            done = await super().submit(intent, once)
            await until(self, RunFinished)
            return done

    turns = [
        call("shell", command="touch ../begun; until [ -e ../go ]; do sleep 0.01; done"),
        call("shell", command="touch ../not-any-more"),
        say("done"),
    ]
    means, store = Fakes(tmp_path, turns), MemoryStore()
    async with engine(means, store) as made:
        await opened(made.seat(), tmp_path)
        await prompt(made.seat())
        (first,) = facts(await until(made.seat(), CallStarted), CallStarted)
        (session,) = facts(await until(made.seat(), SessionOpened), SessionOpened)
    store.drop("o1")
    (tmp_path / "go").touch()
    async with engine(means, store, "o2") as made:
        now = msgspec.structs.replace(session, rules=(parse_rule("shell", "deny"),))
        flags = Namespace(mode="", model="", effort="")
        await begin._change(Slow(made, "owner"), STREAM, flags, now)
        started = facts(await until(made.seat(), RunFinished), CallStarted)
    assert [one.call for one in started] == [first.call]
    assert not (tmp_path / "not-any-more").exists()
