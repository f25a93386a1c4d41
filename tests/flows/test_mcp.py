"""Lent tools in sessions: judged, asked about, told of, and looked after from the command line."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_cli import PROMPT, Cli
from tests.house import STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tests.lending import HERE, tool
from tests.lending import say as listed
from tuiagent import config
from tuiagent.engine.renewal import waiting
from tuiagent.engine.seat import Seat
from tuiagent.kernel import call as calls
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Intent
from tuiagent.kernel.message import Observation, Question, Text
from tuiagent.kernel.policy import judge
from tuiagent.kernel.prompts import (
    PromptRebased,
    RenewalRequested,
    RenewTools,
    ToolsChanged,
    decide_renewal,
)
from tuiagent.kernel.rules import parse_rule
from tuiagent.kernel.run import InterruptRun, RunFinished
from tuiagent.kernel.standing import STREAM as EVERYWHERE
from tuiagent.kernel.standing import AcceptTools
from tuiagent.ports import Kit, Note, OutcomeUnknown
from tuiagent.wiring import House


class Asking:
    """A tool that asks while it works."""

    name = "one__ask"
    effect = "execute"
    description = "Asks."
    parameters: dict[str, Any] = {"type": "object", "properties": {}}

    async def claims(self, args: dict[str, Any], runtime: Any) -> Claims:
        return Claims(self.name, self.effect, "{}", server="one", folder=runtime.folder)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        return Note()

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        first = await kit.ask(Question("Which?"))
        second = await kit.ask(Question("And?")) if first else None
        return Observation("ok", f"{first} {second}")

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> OutcomeUnknown:
        return OutcomeUnknown("it was asking")


def asking(folder: Path) -> Fakes:
    fakes = Fakes(folder, [call("one__ask"), say("done")])
    fakes.more["one__ask"] = Asking()
    return fakes


async def test_a_call_goes_on_with_what_a_person_answers(tmp_path: Path) -> None:
    async with engine(asking(tmp_path)) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        for number, answer in enumerate(("blue", "green"), 1):
            await until(client, calls.CallDeferred, count=number)
            (row,) = (await client.read("inbox", STREAM)).data
            assert row["question"]["text"] == ("Which?", "And?")[number - 1]
            await client.submit(calls.AnswerQuestion(STREAM, "p1.1.1", answer))
        seen = await until(client, RunFinished)
        assert (await client.read("inbox", STREAM)).data == []
        (ended,) = facts(seen, calls.CallFinished)
        assert ended.observation.text == "blue green"
        assert [fact.text for fact in facts(seen, calls.QuestionAnswered)] == ["blue", "green"]


async def test_nobody_is_asked_in_mode_locked(tmp_path: Path) -> None:
    async with engine(asking(tmp_path)) as made:
        client = made.seat()
        await opened(client, tmp_path, "locked")
        from tuiagent.kernel.grants import ConfigureRules

        await client.submit(ConfigureRules(STREAM, (parse_rule("one__*"),)))
        await prompt(client)
        seen = await until(client, RunFinished)
        assert facts(seen, calls.CallFinished)[0].observation.text == "None None"
        assert not facts(seen, calls.CallDeferred)


async def test_a_run_that_is_stopped_asks_nothing_more(tmp_path: Path) -> None:
    async with engine(asking(tmp_path)) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, calls.CallDeferred)
        await client.submit(InterruptRun(STREAM))
        await until(client, RunFinished)
        with pytest.raises(Refused):
            await client.submit(calls.AnswerQuestion(STREAM, "p1.1.1", "late"))


async def test_whoever_was_asked_in_a_process_that_died_is_told_so(tmp_path: Path) -> None:
    from tuiagent.stores.memory import MemoryStore

    store = MemoryStore()
    async with engine(asking(tmp_path), store, "o1") as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, calls.CallDeferred)
    store.drop("o1")
    async with engine(asking(tmp_path), store, "o2") as other:
        await other.seat().submit(calls.AnswerQuestion(STREAM, "p1.1.1", "blue"))
        await other.adopt(STREAM)
        (ended,) = facts(await until(other.seat(), calls.CallFinished), calls.CallFinished)
        assert ended.observation.text == "outcome unknown: it was asking"


async def test_tools_that_come_and_go_are_told_and_the_prompt_only_grows(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path, [call("list"), say("one"), say("two")])
    fakes.loaned = frozenset({"a__x"})
    async with engine(fakes) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, RunFinished)
        fakes.loaned = frozenset({"a__y", "a__z"})
        await prompt(client, "again", "p2")
        seen = await until(client, RunFinished, count=2)
        assert facts(seen, ToolsChanged) == [ToolsChanged(("a__y", "a__z"), ("a__x",))]
    first, last = fakes.prompts[0], fakes.prompts[-1]
    assert last.tools == first.tools
    said = [b.text for m in last.messages for b in m.blocks if isinstance(b, Text)]
    assert any("New: a__y, a__z. Gone: a__x." in text for text in said)


async def test_new_tools_are_in_the_prompt_once_a_person_wishes_it(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path, [call("list"), say("one"), say("two"), say("three")])
    async with engine(fakes) as made:
        client = made.seat()
        await opened(client, tmp_path)
        with pytest.raises(Refused, match="nothing was said yet"):
            await client.submit(RenewTools(STREAM))
        await prompt(client)
        await until(client, RunFinished)
        fakes.more["one__ask"], fakes.loaned = Asking(), frozenset({"one__ask"})
        found = waiting(made.journal, fakes, STREAM)
        assert (found.added, found.gone, found.changed) == (("one__ask",), (), ())
        assert found.tokens > 0
        await client.submit(RenewTools(STREAM))
        await client.submit(RenewTools(STREAM))
        await prompt(client, "again", "p2")
        seen = await until(client, RunFinished, count=2)
        assert len(facts(seen, RenewalRequested)) == 1
        first, epoch = facts(seen, PromptRebased)
        assert (epoch.epoch, epoch.reason, epoch.system) == (2, "tools renewed", first.system)
        assert waiting(made.journal, fakes, STREAM).added == ()
        await prompt(client, "more", "p3")
        seen = await until(client, RunFinished, count=3)
        assert len(facts(seen, PromptRebased)) == 2, "only once"
    names = [[spec.name for spec in one.tools] for one in fakes.prompts]
    assert "one__ask" not in names[1]
    assert names[-2][-1] == names[-1][-1] == "one__ask"
    before, after = fakes.prompts[1].messages, fakes.prompts[-1].messages
    assert after[: len(before)] == before, "the conversation stays as it is"


def test_no_agent_spends_what_a_cache_holds() -> None:
    assert decide_renewal(1, False, "agent", At(0.0, "ada")) == [RenewalRequested()]
    with pytest.raises(Refused, match="does not begin its own prompt anew"):
        decide_renewal(1, False, "agent", At(0.0, "agent"))


# ---------------------------------------------------------------- judged

LENT = Claims("one__x", "execute", '{"a":1}', server="one", about="Does.", folder="/work")
CHANGED = Claims("one__x", "execute", "{}", server="one", changed=True, folder="/work")


def verdict(claims: Claims, mode: str, *rules: str) -> tuple[str, str]:
    found = judge(claims, [parse_rule(rule) for rule in rules], mode)
    return found.decision, found.gate


def test_a_lent_tool_is_judged_like_all_others() -> None:
    assert verdict(LENT, "ask") == ("ask", "words")
    assert verdict(LENT, "accept-edits") == ("ask", "words")
    assert verdict(LENT, "plan")[0] == "deny"
    assert verdict(LENT, "locked")[0] == "deny"
    assert verdict(LENT, "ask", "one__x") == ("allow", "rule")
    assert verdict(LENT, "ask", "one__*") == ("allow", "rule")
    for other in ("one_*", "two__*", "one__x_", "one"):
        if other != "one_*":  # which is no rule
            assert verdict(LENT, "ask", other)[0] == "ask"
    offered = judge(LENT, [], "ask")
    assert (offered.offer, offered.neighbour) == ("one__x", "other tools of one")


def test_what_has_changed_is_asked_about_whatever_the_rules() -> None:
    assert verdict(CHANGED, "ask", "one__x", "one__*") == ("ask", "changed")
    assert verdict(CHANGED, "auto") == ("deny", "changed")
    assert judge(CHANGED, [], "ask").offer == ""


async def test_only_a_person_accepts_tools(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [])) as made:
        with pytest.raises(Refused):
            await made.seat("agent").submit(AcceptTools(EVERYWHERE, "config#x", {"a": "b"}))


def test_what_was_accepted_last_is_known_to_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may end right after its servers have told what they lend."""
    submit = Seat.submit

    async def slowly(self: Seat, intent: Intent, once: str = "") -> int:
        await asyncio.sleep(0.05)  # as where much else goes on
        return await submit(self, intent, once)

    monkeypatch.setattr(Seat, "submit", slowly)
    environ = {"HOME": str(tmp_path), "TUIAGENT_HOME": str(tmp_path / "state")}
    settings = config.load(environ, config.Flags(str(tmp_path)))
    first = House(settings, environ)
    assert first.client
    first._assembled.means.lending.accept("config#one", {"hello": "ab" * 32})
    first.close()
    then = House(settings, environ)
    assert then.client
    then.close()
    assert then._assembled.standing.accepted == {"config#one": {"hello": "ab" * 32}}


# ---------------------------------------------------------------- the command line


def test_servers_are_looked_after_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "listed.json"
    listed(path, [tool("hello", "Says hello.")])
    turns = ({"calls": [{"tool": "one__hello", "args": {"to": "you"}}]}, {"text": "done"})
    cli = Cli(tmp_path / "cli", *turns)
    assert "no MCP server is named" in cli.run("mcp").stdout
    command = (sys.executable, str(HERE / "plain_server.py"), str(path))
    assert cli.run("mcp", "add", "one", "--", *command).returncode == 0
    tested = cli.run("mcp", "test", "one")
    assert (tested.returncode, tested.stderr) == (0, "")
    assert "one__hello" in tested.stdout
    done = cli.run(*PROMPT, "--allow", "one__hello", "--output", "json")
    (row,) = json.loads(done.stdout)["calls"]
    assert (row["name"], row["status"]) == ("one__hello", "ok")
    wrong = cli.run("mcp", "add", "two", "--url", "https://x", "--", "y")
    assert (wrong.returncode, "say either" in wrong.stderr) == (2, True)
    cli.run("mcp", "add", "gone", "--", "/nonexistent/x", "-y")
    tested = cli.run("mcp", "test")
    assert tested.returncode == 1
    assert "✗ gone" in tested.stdout
    (one, gone) = json.loads(cli.run("mcp", "list", "--output", "json").stdout)
    assert (one["name"], one["tools"], gone["where"]) == (
        "one",
        ["one__hello"],
        "/nonexistent/x -y",
    )
    assert cli.run("mcp", "remove", "gone").returncode == 0
    assert "gone" not in cli.run("mcp").stdout
    assert cli.run("mcp", "remove", "gone").returncode == 2


def test_a_repositorys_servers_are_trusted_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "listed.json"
    listed(path, [tool("hello")])
    cli = Cli(tmp_path / "cli", {"text": "x"})
    words = [str(HERE / "plain_server.py"), str(path)]
    body = json.dumps({"mcpServers": {"here": {"command": sys.executable, "args": words}}})
    file = cli.work / ".mcp.json"
    file.write_text(body)
    assert "untrusted" in cli.run("mcp", "list").stdout
    assert "there is no MCP server 'here'" in cli.run("mcp", "test", "here").stderr
    trusted = cli.run("mcp", "trust")
    assert "here: " in trusted.stdout
    assert "here__hello" in cli.run("mcp", "test", "here").stdout
    file.write_text(body + " ")
    assert "untrusted" in cli.run("mcp", "list").stdout
    cli.run("mcp", "trust")
    cli.run("mcp", "distrust")
    assert "untrusted" in cli.run("mcp", "list").stdout


def test_trust_in_a_repositorys_servers_is_that_in_its_other_files(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"text": "x"})
    file = cli.work / ".mcp.json"

    def state() -> tuple[str, str]:
        (row,) = json.loads(cli.run("trust", "list", "--output", "json").stdout)
        (one,) = json.loads(cli.run("mcp", "list", "--output", "json").stdout)
        return row["state"], one["state"]

    assert (cli.run("mcp", "trust").returncode, file.write_text("{")) == (2, 1)
    assert "cannot be read" in cli.run("mcp", "trust").stderr
    table = {"command": "./x", "args": ["-y"], "env": {"LD_PRELOAD": "./evil.so"}}
    file.write_text(json.dumps({"mcpServers": {"here": table}}))
    assert state() == ("new", "untrusted")
    assert "here: ./x -y env={'LD_PRELOAD': './evil.so'}" in cli.run("trust", "show").stdout
    cli.run("trust", "yes")
    assert state()[0] == "trusted"
    assert state()[1] != "untrusted"
    cli.run("mcp", "distrust")
    assert state() == ("refused", "untrusted")
    cli.run("mcp", "trust")
    assert state()[0] == "trusted"
    file.write_text(json.dumps({"mcpServers": {"here": {**table, "command": "./y"}}}))
    assert state() == ("changed", "untrusted")


def test_nobody_signs_in_to_a_program(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"text": "x"})
    cli.run("mcp", "add", "one", "--", "x")
    done = cli.run("mcp", "login", "one")
    assert (done.returncode, "has no url" in done.stderr) == (2, True)
