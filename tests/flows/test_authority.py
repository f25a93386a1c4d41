"""Every call that starts names the right under which it does."""

from pathlib import Path

import pytest

from tests.house import STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tuiagent.kernel.call import AnswerApproval, Authority, CallJudged, CallStarted
from tuiagent.kernel.grants import ConfigureRules
from tuiagent.kernel.rules import parse_rule
from tuiagent.kernel.run import RunFinished


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
