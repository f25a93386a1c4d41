"""Sessions as people keep them: named, put away, deleted, brought back, forked."""

import json
from pathlib import Path

import msgspec

from tests.flows.test_cli import PROMPT, SAY, SHELL, Cli
from tests.house import STREAM, Fakes, engine, opened, prompt, say, until
from tuiagent.kernel.lifecycle import OpenSession, Origin
from tuiagent.kernel.message import Text
from tuiagent.kernel.run import RunFinished

CONTINUED = {"text": "Both."}


def test_a_name_works_wherever_an_id_does(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY, SAY)
    assert cli.run(*PROMPT, "--name", "my work").returncode == 0
    assert cli.run("--resume", "my work", *PROMPT).returncode == 0
    assert "my work:" in cli.run("sessions", "list").stdout
    renamed = cli.run("sessions", "rename", "my work", "other")
    assert "is called other" in renamed.stdout
    assert cli.run("sessions", "show", "other").returncode == 0
    assert cli.run("sessions", "show", "my work").returncode == 2
    assert cli.run("sessions", "rename", "other", "\x1b[31m").returncode == 1
    assert cli.run("verify", "other").returncode == 0


def test_what_is_put_away_is_hidden_and_can_be_had_again(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY, SAY)
    cli.run(*PROMPT, "--name", "a")
    cli.run("sessions", "archive", "a")
    assert cli.run("sessions", "list").stdout == "no sessions yet\n"
    assert "(archived)" in cli.run("sessions", "list", "--all").stdout
    assert cli.run("--continue", *PROMPT).returncode == 2
    cli.run("sessions", "unarchive", "a")
    assert cli.run("--continue", *PROMPT).returncode == 0


def test_a_deleted_session_is_gone_until_it_is_restored(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY, SAY)
    cli.run(*PROMPT, "--name", "a")
    ident = cli.session()
    assert "for 30 days" in cli.run("sessions", "delete", "a").stdout
    assert cli.run("sessions", "list").stdout == "no sessions yet\n"
    for command in (["--resume", "a"], ["sessions", "show", ident], ["attach", ident]):
        assert cli.run(*command).returncode == 2
    assert "is back" in cli.run("sessions", "restore", "a").stdout
    assert cli.run("--resume", "a", *PROMPT).returncode == 0


def test_what_is_erased_is_in_no_file_and_the_journal_still_verifies(tmp_path: Path) -> None:
    write = {"calls": [{"tool": "write", "args": {"path": "f", "content": "canary\n" * 9000}}]}
    cli = Cli(tmp_path, write, SAY)
    cli.run("-p", "canary", "--allow", "write", "--name", "a")
    cli.run("sessions", "delete", "a")
    assert "0 sessions erased" in cli.run("gc").stdout
    assert "is back" in cli.run("sessions", "restore", "a").stdout
    assert "is erased" in cli.run("sessions", "delete", "a", "--now").stdout
    assert cli.run("sessions", "restore", "a").returncode == 2
    assert cli.run("sessions", "list", "--all").stdout == "no sessions yet\n"
    verified = cli.run("verify")
    assert (verified.returncode, "unchanged" in verified.stdout) == (0, True)
    root = Path(cli.run("doctor").stdout.partition("journal in ")[2].partition(" (")[0])
    files = [path for path in root.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert b"canary" not in path.read_bytes(), path


def test_a_fork_knows_what_was_said_and_leaves_its_origin_alone(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, {"text": "One."}, CONTINUED, CONTINUED)
    cli.run("-p", "first words", "--allow", "shell", "--name", "origin")
    before = cli.run("sessions", "show", "origin").stdout
    done = cli.run("-p", "second words", "--fork", "origin", "--name", "branch")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Both.\n", "")
    assert cli.run("sessions", "show", "origin").stdout == before
    shown = cli.run("sessions", "show", "branch").stdout
    assert "first words" in shown
    assert "forked from" in shown
    again = cli.run("-p", "third", "--fork", "branch")
    assert again.returncode == 0
    assert cli.run("verify").returncode == 0


def test_a_fork_in_the_middle_of_a_run_can_be_gone_on_with(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, CONTINUED)
    assert cli.run("-p", "first", "--mode", "ask", "--name", "waits").returncode == 5
    done = cli.run("-p", "second", "--fork", "waits")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Both.\n", "")
    assert cli.run("--resume", "waits").returncode == 5


async def test_a_fork_sends_its_origins_words_as_of_then(tmp_path: Path) -> None:
    fakes = Fakes(tmp_path, lambda prompt: say(f"reply {len(prompt.messages)}"))
    async with engine(fakes) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client, "one")
        await until(client, RunFinished)
        position = (await client.read("sessions")).position
        await prompt(client, "two", "p2")
        await until(client, RunFinished, count=2)
        first = (await anext(client.watch(STREAM))).fact  # type: ignore[union-attr]
        fork = msgspec.structs.replace(first, origin=Origin(STREAM, position))
        await client.submit(OpenSession("session/s2", fork))
        await prompt(client, "three", "p3", "session/s2")
        await until(client, RunFinished, "session/s2")
    texts = [
        "".join(b.text for b in m.blocks if isinstance(b, Text)) for m in fakes.prompts[-1].messages
    ]
    assert texts == ["one", "reply 1", "three"]


def test_what_was_changed_and_used_is_told(tmp_path: Path) -> None:
    write = {"calls": [{"tool": "write", "args": {"path": "f", "content": "x\n"}}]}
    cli = Cli(tmp_path, write, SAY)
    cli.run(*PROMPT, "--allow", "write", "--name", "a")
    assert cli.run("files", "a").stdout == "created    f  +1 -0  (calls " + call_of(cli) + ")\n"
    cli.run("attach", "a", input="/undo\n")
    assert cli.run("files", "a").stdout.startswith("as before  f")
    used = json.loads(cli.run("usage", "--by", "model", "--output", "json").stdout)
    (row,) = used.values()
    assert (row["replies"], row["unpriced"]) == (2, 2)  # a script has no price
    assert "2 replies" in cli.run("usage", "a").stdout


def call_of(cli: Cli) -> str:
    """The id of the only call."""
    shown = json.loads(cli.run("sessions", "show", "a", "--output", "json").stdout)
    return next(item["id"] for item in shown if item["kind"] == "call")
