"""Runs by their ids: what another process drives is listed, awaited, followed, answered, ended."""

import argparse
import asyncio
import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.house import until
from tuiagent import config
from tuiagent.clients.cli import COMMANDS, runs
from tuiagent.clients.cli.arguments import parse
from tuiagent.kernel.call import CallDeferred, CallJudged, CallStarted
from tuiagent.kernel.errors import ConfigError, TuiagentError
from tuiagent.kernel.prompts import PromptSubmitted
from tuiagent.kernel.run import RunFinished, RunStarted
from tuiagent.kernel.session import OpenSession, SubmitPrompt
from tuiagent.registry import load
from tuiagent.wiring import House

Turns = list[dict[str, Any]]
SHELL = {"calls": [{"tool": "shell", "args": {"command": "mkdir -pv hello"}}]}
ASK = {"calls": [{"tool": "ask", "args": {"question": "Which \x1b[31mcolour?"}}]}
LONG = {"calls": [{"tool": "shell", "args": {"command": "touch began; sleep 600"}}]}
SAID = {"text": "It is done."}


class Here(House):
    """A process of the command line, beside the one that drives."""

    server: House
    asked = 0

    async def background(self, folder: str = "") -> Any:
        """See clients.cli.Host."""
        self.asked += 1
        return self.server.client


class Two:
    """A server that drives, and a command line beside it, on one state root."""

    def __init__(self, folder: Path, turns: Turns, mode: str = "ask") -> None:
        self.work = folder / "work"
        self.work.mkdir()
        script = folder / "script.json"
        script.write_bytes(msgspec.json.encode({"turns": turns}))
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "TUIAGENT_HOME": str(folder / "state"),
        }
        flags = config.Flags(str(self.work), f"scripted/{script}", mode)
        self.server, self.here = (
            kind(config.load(environ, flags), environ) for kind in (House, Here)
        )
        self.here.server = self.server  # type: ignore[attr-defined]

    async def begin(self, *prompts: str, name: str = "demo") -> None:
        """A session that the server drives, with these prompts; each one's id is its text."""
        client, stream = self.server.client, f"session/{name}"
        opening = self.server.opening(str(self.work))
        await client.submit(OpenSession(stream, opening))
        for prompt in prompts:
            await client.submit(SubmitPrompt(stream, prompt, f"do {prompt}"))

    async def seen(self, kind: type[Any], name: str = "demo", count: int = 1) -> None:
        await until(self.here.client, kind, f"session/{name}", count)

    async def run(self, *words: str) -> int:
        """One command; its exit code."""
        args: argparse.Namespace = parse(["runs", *words])
        assert (args.allow, args.deny) == ([], []), "what rules are made of, for every command"
        return await load(COMMANDS["runs"])(self.here.client, args, self.here)


async def made(folder: Path, turns: Turns, mode: str = "ask") -> AsyncGenerator[Two]:
    two = Two(folder, turns, mode)
    yield two
    for house in (two.here, two.server):
        await asyncio.to_thread(house.close)


@pytest.fixture
async def two(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Two]:
    """With the turns, and perhaps the mode, that the test names."""
    given: Any = request.param
    turns, mode = given if isinstance(given, tuple) else (given, "ask")
    async for found in made(tmp_path, turns, mode):
        yield found


def of(*turns: dict[str, Any]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("two", [list(turns)], indirect=True)


Out = pytest.CaptureFixture[str]

# ---------------------------------------------------------------- list and show


@of(SAID)
async def test_runs_are_listed_by_session_and_status(two: Two, capfd: Out) -> None:
    assert await two.run() == 0
    assert capfd.readouterr().out == "no runs yet\n"
    await two.begin("p1", "p2")
    await two.begin("p3", name="other")
    await two.seen(RunFinished, count=2)
    await two.seen(RunFinished, "other")
    assert await two.run("list") == 0
    lines = capfd.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["p3", "p2", "p1"]
    assert "done" in lines[0]
    assert "do p3" in lines[0]
    await two.run("list", "--session-id", "demo", "--output", "json")
    rows = json.loads(capfd.readouterr().out)
    assert [(row["id"], row["status"], row["turns"]) for row in rows] == [
        ("p1", "done", 1),
        ("p2", "done", 1),
    ]
    await two.run("list", "--limit", "1")
    assert capfd.readouterr().out.splitlines()[1] == "(2 older ones: --limit 3)"
    await two.run("list", "--status", "error")
    assert capfd.readouterr().out == "no run is error\n"
    assert two.here.asked == 0, "looking needs no server"  # type: ignore[attr-defined]


@of(SHELL, SAID)
async def test_a_run_is_shown_with_what_it_asks(two: Two, capfd: Out) -> None:
    await two.begin("p1")
    await two.seen(CallJudged)
    for word in ("show", "get"):
        assert await two.run(word, "p1") == 0
        shown = capfd.readouterr().out
        assert "status   waiting_for_approval\n" in shown
        assert "asks     [p1.1.1] shell mkdir -pv hello\n" in shown
        assert "tuiagent runs answer p1 --allow" in shown
    await two.run("show", "p", "--output", "json")
    row = json.loads(capfd.readouterr().out)
    assert [asked["call"] for asked in row["waits"]] == ["p1.1.1"]


@of(SAID)
async def test_a_start_that_fits_several_or_none_is_said(two: Two) -> None:
    await two.begin("pa", "pb")
    with pytest.raises(ConfigError, match="start of 2 runs"):
        await two.run("show", "p")
    with pytest.raises(ConfigError, match="no run 'x'"):
        await two.run("show", "x")
    with pytest.raises(ConfigError, match="say which run"):
        await two.run("wait")
    await two.begin("pa", name="other")
    with pytest.raises(ConfigError, match="--session-id"):
        await two.run("show", "pa")
    assert await two.run("show", "pa", "--session-id", "other") == 0


# ---------------------------------------------------------------- wait and follow


@of(SHELL, SAID)
async def test_wait_prints_the_answer_once_somebody_has_answered(two: Two, capfd: Out) -> None:
    await two.begin("p1")
    await two.seen(CallJudged)
    assert await two.run("wait", "p1") == 5
    assert "waits for a person: shell mkdir -pv hello" in capfd.readouterr().err
    waiting = asyncio.create_task(two.seen(RunFinished))
    assert await two.run("answer", "p1", "--allow") == 0
    assert capfd.readouterr().out == "answered: [p1.1.1] shell mkdir -pv hello\n"
    await waiting
    assert (two.work / "hello").is_dir()
    assert await two.run("wait", "p1") == 0
    assert capfd.readouterr().out == "It is done.\n"
    assert await two.run("wait", "p1", "--output", "json") == 0
    result = json.loads(capfd.readouterr().out)
    assert (result["run"], result["status"], result["answer"]) == ("p1", "done", "It is done.")
    with pytest.raises(ConfigError, match="runs follow"):
        await two.run("wait", "p1", "--output", "events")


@pytest.mark.parametrize("two", [([LONG, SAID], "auto")], indirect=True)
async def test_wait_gives_up_and_cancel_ends_only_this_run(two: Two, capfd: Out) -> None:
    await two.begin("p1", "p2", "p3")
    await two.seen(CallStarted)
    assert await two.run("wait", "p1", "--timeout", "0.05") == 1
    assert "run p1 is running; it goes on" in capfd.readouterr().err
    assert await two.run("cancel", "p2") == 0
    assert await two.run("cancel", "p1") == 0
    assert capfd.readouterr().out == "p2 is cancelled\np1 is cancelled\n"
    assert await two.run("wait", "p3") == 0
    assert capfd.readouterr().out == "It is done.\n"
    for run in ("p1", "p2"):
        assert await two.run("wait", run) == 130
    asked = two.here.asked  # type: ignore[attr-defined]
    assert await two.run("cancel", "p1") == await two.run("cancel", "p3") == 0
    assert capfd.readouterr().out == "p1 is cancelled\np3 is done\n"
    assert two.here.asked == asked, "nothing goes on"  # type: ignore[attr-defined]


@of(SAID, SAID, SAID)
async def test_follow_tells_the_events_of_this_run_from_any_position(two: Two, capfd: Out) -> None:
    await two.begin("p1", "p2", "p3")
    await two.seen(RunFinished, count=3)

    async def told(*words: str) -> list[dict[str, Any]]:
        assert await two.run(*words, "--output", "events") == 0
        return [json.loads(line) for line in capfd.readouterr().out.splitlines()]

    events = await told("follow", "p2")
    assert [events[n]["kind"] for n in (0, 1, -1)] == [
        PromptSubmitted.__name__,
        RunStarted.__name__,
        RunFinished.__name__,
    ]
    assert all(line["body"].get("run", "p2") == "p2" for line in events)
    assert await told("stream", "p2", "--after", str(events[2]["position"])) == events[3:]
    assert await two.run("follow", "p2") == 0
    assert capfd.readouterr().out == "It is done.\n"


# ---------------------------------------------------------------- answer


@of(SHELL, SAID)
async def test_a_no_and_its_reason_reach_the_model(two: Two, capfd: Out) -> None:
    await two.begin("p1")
    await two.seen(CallJudged)
    with pytest.raises(ConfigError, match="--allow, --deny"):
        await two.run("answer", "p1")
    with pytest.raises(ConfigError, match="goes with --deny"):
        await two.run("answer", "p1", "--allow", "--reason", "x")
    assert await two.run("answer", "p1", "p1.1.1", "--deny", "--reason", "not today") == 0
    assert await two.run("wait", "p1") == 0
    shown = (await two.here.client.read("transcript", "session/demo")).data
    assert [item["status"] for item in shown if item["kind"] == "call"] == ["denied"]
    assert "not today" in str(shown)
    assert not (two.work / "hello").exists()
    with pytest.raises(TuiagentError, match="asks nothing: it is done"):
        await two.run("answer", "p1", "--allow")


@of({"calls": [*SHELL["calls"], *SHELL["calls"]]}, SAID)  # type: ignore[misc]
async def test_of_several_calls_one_is_said_and_a_rule_covers_the_rest(
    two: Two, capfd: Out
) -> None:
    await two.begin("p1")
    await two.seen(CallJudged, count=2)
    with pytest.raises(ConfigError, match=r"say which:\n\[p1\.1\.1\] shell") as error:
        await two.run("answer", "p1", "--allow")
    assert "[p1.1.2]" in str(error.value)
    assert await two.run("answer", "p1", "1.2", "--rule", "shell(mkdir *) for 1h") == 0
    assert await two.run("wait", "p1") == 0
    grants = (await two.here.client.read("grants", "session/demo")).data
    assert [grant["rule"] for grant in grants] == ["shell(mkdir *)"]
    assert grants[0]["until"] > 0


@of(SHELL, SAID)
async def test_a_call_is_changed_before_it_is_allowed(two: Two) -> None:
    await two.begin("p1")
    await two.seen(CallJudged)
    assert await two.run("answer", "p1", "--edit", '{"command": "mkdir other"}') == 0
    assert await two.run("wait", "p1") == 0
    assert sorted(path.name for path in two.work.iterdir()) == ["other"]


@of(ASK, SAID)
async def test_a_question_is_answered_with_words(two: Two, capfd: Out) -> None:
    await two.begin("p1")
    await two.seen(CallDeferred)
    with pytest.raises(ConfigError, match="--answer TEXT"):
        await two.run("answer", "p1", "--allow")
    assert await two.run("answer", "p1", "--answer", "blue") == 0
    assert "\x1b" not in capfd.readouterr().out
    assert await two.run("wait", "p1") == 0
    shown = (await two.here.client.read("transcript", "session/demo")).data
    assert "blue" in str([item["output"] + item["text"] for item in shown])


@of(LONG, SAID)
async def test_a_run_that_does_not_end_in_time_is_said(
    two: Two, capfd: Out, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two.begin("p1")
    await two.seen(CallJudged)
    monkeypatch.setattr(runs, "PATIENCE", 0.0)
    assert await two.run("cancel", "p1") == 1
    assert "is to end" in capfd.readouterr().out
