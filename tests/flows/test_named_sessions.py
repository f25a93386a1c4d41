"""Sessions whose ids the caller chooses, and what is told of the whole."""

import json
from pathlib import Path

import pytest

from tests.flows.test_cli import SAY, Cli
from tuiagent.server import server_record


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    return Cli(tmp_path, SAY)


def test_a_session_is_made_once_whoever_asks_for_it(cli: Cli) -> None:
    first = cli.run("sessions", "create", "demo", "--output", "json")
    again = cli.run("sessions", "create", "demo", "--output", "json")
    assert (first.returncode, again.returncode) == (0, 0)
    assert first.stdout == again.stdout
    row = json.loads(first.stdout)
    assert (row["stream"], row["folder"], row["model"]) == (
        "session/demo",
        str(cli.work),
        cli.model,
    )
    changed = cli.run("sessions", "create", "demo", "--model", "scripted/tour", "--mode", "plan")
    assert "with scripted/tour" in changed.stdout
    shown = cli.run("sessions", "get", "demo").stdout
    assert "mode plan" in shown
    assert "model   scripted/tour" in shown
    got = json.loads(cli.run("sessions", "get", "demo", "--output", "json").stdout)
    assert got["stream"] == "session/demo"
    assert got["transcript"] == json.loads(
        cli.run("sessions", "show", "demo", "--output", "json").stdout
    )


NOT_MADE = (
    (["a b"], 2, "cannot be an id"),
    (["x" * 65], 2, "1 to 64"),
    (["../x"], 2, "cannot be an id"),
    (["once0123456789abcdef"], 2, "cannot be an id"),
    ([], 2, "sessions create NAME"),
    (["demo", "other"], 2, "sessions create NAME"),
    (["demo", "--mode", "auto"], 2, "--no-sandbox"),
    (["demo", "--cwd", "nowhere"], 2, "not a folder"),
    (["demo", "--cwd", "/"], 1, "is there already, in"),
)


def test_what_cannot_be_made_is_said(cli: Cli) -> None:
    cli.environ["HOME"] = str(cli.work)  # in which no sandbox holds
    cli.run("sessions", "create", "demo")
    for words, code, told in NOT_MADE:
        done = cli.run("sessions", "create", *words)
        assert (done.returncode, done.stdout) == (code, ""), words
        assert told in done.stderr
    assert cli.session() == "demo", "nothing was made"


def test_what_was_deleted_or_erased_is_not_there_again(cli: Cli) -> None:
    for name, how in (("gone", []), ("never", ["--now"])):
        cli.run("sessions", "create", name)
        cli.run("sessions", "delete", name, *how)
    assert "sessions restore gone" in cli.run("sessions", "create", "gone").stderr
    erased = cli.run("sessions", "create", "never")
    assert (erased.returncode, erased.stdout) == (1, "")
    assert "take another name" in erased.stderr


def test_an_id_is_meant_before_a_name(cli: Cli) -> None:
    cli.run("sessions", "create", "demo")
    cli.run("-p", "go", "--name", "demo")
    assert "stream  session/demo\n" in cli.run("sessions", "get", "demo").stdout


NOT_SAID = (
    (["demo"], "say what"),
    (["demo", " "], "the prompt is empty"),
    (["demo", "two", "words"], "say what"),
    (["nobody", "hi"], "there is no session"),
    (["demo", "hi", "--model", "nobody/x"], "there is no provider 'nobody'"),
    (["demo", "hi", "--model", "openai/x"], "needs key OPENAI_API_KEY"),
    (["demo", "hi", "--mode", "auto"], "--no-sandbox"),
)


def test_input_that_cannot_be_worked_on_begins_no_run_and_no_server(cli: Cli) -> None:
    cli.environ["HOME"] = str(cli.work)  # in which no sandbox holds
    cli.run("sessions", "create", "demo")
    try:
        for words, told in NOT_SAID:
            done = cli.run("sessions", "input", *words)
            assert (done.returncode, done.stdout) == (2, ""), words
            assert told in done.stderr
        assert json.loads(cli.run("runs", "list", "--output", "json").stdout) == []
        assert server_record(str(cli.root)) is None
    finally:
        if server_record(str(cli.root)):
            cli.run("serve", "--stop")


def test_the_status_tells_of_what_goes_on_and_what_waits(tmp_path: Path) -> None:
    shell = {"calls": [{"tool": "shell", "args": {"command": "mkdir hello"}}]}
    cli = Cli(tmp_path, shell, SAY)
    assert "not running" in cli.run("status").stdout
    cli.run("sessions", "create", "demo", "--mode", "ask")
    run = cli.run("sessions", "input", "demo", "-", input="make it\n").stdout.strip()
    try:
        assert cli.run("runs", "wait", run).returncode == 5
        told = cli.run("status").stdout
        record = server_record(str(cli.root))
        assert record
        assert f"process {record.pid}" in told
        assert f"{run}  waiting_for_approval  demo  make it" in " ".join(told.split(" "))
        assert "approval in demo" in told
        status = json.loads(cli.run("status", "--output", "json").stdout)
        assert status["server"]["pid"] == record.pid
        assert [row["id"] for row in status["runs"]] == [run]
        assert status["waiting"] == [
            {"stream": "session/demo", "call": f"{run}.1.1", "kind": "approval"}
        ]
        assert cli.run("runs", "answer", run, "--deny").returncode == 0
        assert cli.run("runs", "wait", run).returncode == 0
    finally:
        assert cli.run("serve", "--stop").returncode == 0
    assert json.loads(cli.run("status", "--output", "json").stdout)["runs"] == []
    able = json.loads(cli.run("capabilities", "--output", "json").stdout)
    assert set(able["sandbox"]) <= {"bwrap", "landlock", "seatbelt"}
    assert "shell" in able["tools"]
    shown = ", ".join(able["sandbox"]) or "none yet"
    assert f"sandbox    {shown}\n" in cli.run("capabilities").stdout


def test_a_headless_run_is_left_to_the_server(cli: Cli) -> None:
    try:
        run = cli.run("-p", "go", "--detach").stdout.strip()
        assert cli.run("runs", "wait", run).stdout == cli.run("runs", "follow", run).stdout != ""
        again = [cli.run("-p", "go", "--detach", "--once", "k", "--output", "json") for _ in "ab"]
        assert again[0].stdout == again[1].stdout
        assert json.loads(again[0].stdout).keys() == {"session", "run"}
        assert len(json.loads(cli.run("runs", "list", "--output", "json").stdout)) == 2
    finally:
        assert cli.run("serve", "--stop").returncode == 0
    for words in (["--output", "events"], ["--output-schema", "x"], ["--plain"]):
        assert cli.run("-p", "go", "--detach", *words).returncode == 2
