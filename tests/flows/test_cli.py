"""The command line as people and scripts meet it: words, exit codes, signals, pipes, the tour."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.life import LIMIT, Life, until
from tuiagent import __version__
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.cli.printers import TextPrinter
from tuiagent.clients.console import OwnConsole
from tuiagent.kernel.event import Event, Fact
from tuiagent.kernel.prompts import PromptRebased
from tuiagent.kernel.run import AttemptFailed, RunFinished, RunStarted

SHELL = {"text": "I call it.", "calls": [{"tool": "shell", "args": {"command": "mkdir -pv hello"}}]}
SAY = {"text": "It is \x1b]0;title\x07blue."}
FOREVER = {"calls": [{"tool": "shell", "args": {"command": "touch began; sleep 600"}}]}
PROMPT = ("-p", "go")


class Cli(Life):
    """The command line on a state root of its own."""

    def __init__(self, folder: Path, *turns: dict[str, Any]) -> None:
        super().__init__(folder, turns)
        self.environ["TUIAGENT_MODEL"] = self.model

    def run(self, *args: str, input: str | None = None) -> subprocess.CompletedProcess[str]:
        """One command to its end, with a closed input or this one."""
        process = self.start(*args, stdin=subprocess.DEVNULL if input is None else -1)
        out, err = process.communicate(input.encode() if input is not None else None, LIMIT)
        assert b"Traceback" not in err, err.decode()
        return subprocess.CompletedProcess(args, process.returncode, out.decode(), err.decode())

    def session(self) -> str:
        """The id of the only session."""
        (row,) = json.loads(self.run("sessions", "list", "--output", "json").stdout)
        return row["stream"].partition("/")[2]


# ---------------------------------------------------------------- answers and exit codes


def test_standard_output_carries_the_answer_alone(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, {"text": "The answer\nhas two lines."})
    done = cli.run(*PROMPT, "--allow", "shell(mkdir *)")
    assert (done.returncode, done.stdout, done.stderr) == (0, "The answer\nhas two lines.\n", "")


def test_a_model_that_fails_is_exit_1_with_its_reason(tmp_path: Path) -> None:
    wrong = {"text": "half an", "error": {"kind": "auth", "message": "the key is wrong"}}
    done = Cli(tmp_path, wrong).run(*PROMPT)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the key is wrong" in done.stderr


@pytest.mark.parametrize(
    ("model", "words"),
    [("scripted/none.toml", "cannot be read"), ("strange/x", "there is no provider 'strange'")],
)
def test_a_model_that_cannot_be_had_is_exit_1_with_its_reason(
    tmp_path: Path, model: str, words: str
) -> None:
    done = Cli(tmp_path).run(*PROMPT, "--model", model)
    assert (done.returncode, done.stdout) == (1, "")
    assert words in done.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "say what to do"),
        (["--nonsense"], "unrecognized arguments"),
        ([*PROMPT, "--mode", "careless"], "invalid choice: 'careless'"),
        ([*PROMPT, "--model", "gpt"], "write PROVIDER/MODEL"),
        ([*PROMPT, "--mode", "auto", "--cwd", "/"], "--no-sandbox"),
        ([*PROMPT, "--cwd", "nowhere"], "nowhere is not a folder"),
        ([*PROMPT, "--allow", "shell("], "shell("),
        (["--resume", "nobody"], "there is no session 'nobody'"),
        (["--continue"], "there is no session in"),
        (["sessions", "show"], "say which session"),
        (["attach"], "there is no session yet"),
    ],
)
def test_wrong_usage_is_exit_2_and_says_what_is_right(
    tmp_path: Path, args: list[str], words: str
) -> None:
    done = Cli(tmp_path, SAY).run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_without_a_model_three_lines_say_how_to_get_one(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    del cli.environ["TUIAGENT_MODEL"]
    done = cli.run(*PROMPT)
    assert (done.returncode, done.stdout) == (2, "")
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    for word in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "--model scripted/tour", "not an AI"):
        assert word in done.stderr
    assert not (cli.root / "journal.db").exists() or cli.run("sessions", "list").stdout == (
        "no sessions yet\n"
    )


def test_a_limit_is_exit_3(tmp_path: Path) -> None:
    done = Cli(tmp_path, SHELL, SHELL, SAY).run(*PROMPT, "--allow", "shell", "--max-turns", "1")
    assert (done.returncode, done.stdout) == (3, "")
    assert "1" in done.stderr


def test_a_refusal_is_exit_4_and_names_what_was_refused(tmp_path: Path) -> None:
    done = Cli(tmp_path, SHELL, SAY).run(*PROMPT)
    assert done.returncode == 4
    assert "refused: shell" in done.stderr
    assert "locked" in done.stderr


def test_who_needs_a_person_says_so_and_a_person_can_answer_later(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, {"text": "Said.", "expect": "hello"})
    asked = cli.run(*PROMPT, "--mode", "ask")
    ident = cli.session()
    assert (asked.returncode, asked.stdout) == (5, "")
    assert "waits for a person: shell mkdir -pv hello" in asked.stderr
    assert f"tuiagent attach {ident}" in asked.stderr
    still = cli.run("--resume", ident[:12])
    assert still.returncode == 5
    answered = cli.run("attach", input="y\n")
    assert "Said." in answered.stdout
    again = cli.run("--resume", ident)
    assert (again.returncode, again.stdout) == (0, "Said.\n")
    assert "[call shell ok]" in cli.run("sessions", "show", ident).stdout


def test_what_waits_is_judged_anew_by_the_flags_of_who_goes_on(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, {"text": "Said."})
    assert cli.run(*PROMPT, "--mode", "ask").returncode == 5
    done = cli.run("--continue", "--mode", "auto", "--no-sandbox")
    assert (done.returncode, done.stdout) == (0, "Said.\n")


def test_a_no_is_told_to_the_model(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, {"text": "A pity.", "expect": "not on a Sunday"})
    cli.run(*PROMPT, "--mode", "ask")
    done = cli.run("attach", input="/deny not on a Sunday\n")
    assert "A pity." in done.stdout
    assert not (cli.work / "began").exists()


# ---------------------------------------------------------------- signals


def test_ctrl_c_cancels_the_run_and_ends_its_command(tmp_path: Path) -> None:
    cli = Cli(tmp_path, FOREVER, SAY)
    process = cli.start(*PROMPT, "--allow", "shell", stdin=subprocess.DEVNULL)
    until((cli.work / "began").exists, "the command to begin")
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (130, b"")
    assert cli.left() == []
    again = cli.run("--resume", cli.session(), "-p", "go on")
    assert again.returncode == 0


def test_to_be_sent_away_leaves_the_command_to_the_next(tmp_path: Path) -> None:
    command = "touch began; until [ -e go ]; do sleep 0.02; done; echo done"
    turns = [{"calls": [{"tool": "shell", "args": {"command": command}}]}, {"text": "Ok."}]
    cli = Cli(tmp_path, *turns)
    process = cli.start(*PROMPT, "--allow", "shell", stdin=subprocess.DEVNULL)
    until((cli.work / "began").exists, "the command to begin")
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 143
    assert f"--resume {cli.session()}" in err.decode()
    (cli.work / "go").touch()
    done = cli.run("--continue")
    assert (done.returncode, done.stdout) == (0, "Ok.\n")
    cli.check("Ok.")


# ---------------------------------------------------------------- input and output


def test_a_prompt_from_standard_input_and_a_text_beside_one(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    assert cli.run("-p", input="from a pipe\n").returncode == 0
    assert cli.run("-p", "look at this", input="a log\n").returncode == 0
    rows = json.loads(cli.run("sessions", "list", "--output", "json").stdout)
    assert [row["title"] for row in rows] == ["from a pipe", "look at this a log"]


def test_one_json_object(tmp_path: Path) -> None:
    done = Cli(tmp_path, SHELL, SAY).run(*PROMPT, "--allow", "shell", "--output", "json")
    value = json.loads(done.stdout)
    assert (value["status"], value["exit"], done.returncode) == ("done", 0, 0)
    assert value["answer"] == SAY["text"]
    assert [(call["name"], call["status"]) for call in value["calls"]] == [("shell", "ok")]
    assert value["session"]


def test_events_are_lines_of_json_in_order(tmp_path: Path) -> None:
    done = Cli(tmp_path, SHELL, SAY).run(*PROMPT, "--allow", "shell", "--output", "events")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["version"] for line in lines] == list(range(1, len(lines) + 1))
    assert (lines[0]["kind"], lines[-1]["kind"]) == ("SessionOpened", "RunFinished")


def test_once_is_done_once(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"calls": [{"tool": "shell", "args": {"command": "echo >>ran"}}]}, SAY)
    flags = ("--allow", "shell", "--once", "nightly")
    first, second = (cli.run(*PROMPT, *flags) for _ in range(2))
    assert (first.returncode, second.returncode) == (0, 0)
    assert first.stdout == second.stdout
    assert (cli.work / "ran").read_text() == "\n"
    other = cli.run("-p", "something else", *flags)
    assert other.returncode == 1
    assert "was used before for something else" in other.stderr


def test_a_reader_that_has_gone_is_no_failure(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    process = cli.start(*PROMPT, "--output", "events", stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr:
        assert b"Traceback" not in process.stderr.read()
    process.wait(LIMIT)
    assert cli.run("--continue").returncode == 0


def test_escape_sequences_never_reach_a_terminal(tmp_path: Path) -> None:
    calls = [{"tool": "shell", "args": {"command": "touch f; printf '\\033[31mred\\033[0m'"}}]
    cli = Cli(tmp_path, {"calls": calls}, {"text": SAY["text"], "expect": "red"})
    assert cli.run(*PROMPT, "--mode", "ask").returncode == 5
    shown = [cli.run("attach", input="y\n")]
    shown += [cli.run("sessions", "show", cli.session()), cli.run("sessions", "list")]
    for done in shown:
        assert "\x1b" not in done.stdout + done.stderr
    assert "It is blue." in shown[0].stdout


def test_a_key_is_in_no_command_and_not_in_the_journal(tmp_path: Path) -> None:
    calls = [{"tool": "shell", "args": {"command": "env"}}]
    cli = Cli(tmp_path, {"calls": calls}, SAY)
    cli.environ["OPENAI_API_KEY"] = secret = "sk-very-secret-0123456789"
    cli.environ["SOME_PASSWORD"] = secret
    assert cli.run(*PROMPT, "--allow", "shell").returncode == 0
    assert "PATH=" in cli.run("sessions", "show", cli.session()).stdout
    assert secret not in cli.run("doctor").stdout
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or secret.encode() not in path.read_bytes(), path


# ---------------------------------------------------------------- a server that is not there


def failed_attempt(process: subprocess.Popen[bytes]) -> bytes:
    """The line that tells of an attempt that failed."""
    assert process.stdout is not None
    while b'"AttemptFailed"' not in (line := process.stdout.readline()):
        assert line
    return line


def test_a_wrong_address_is_said_in_one_line(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    cli.environ["TUIAGENT_MODEL"] = "openai/m"
    cli.environ["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"
    process = cli.start(*PROMPT, "--output", "events", stdin=subprocess.DEVNULL)
    line = failed_attempt(process)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT)
    assert process.returncode == 130
    assert b"127.0.0.1:9" in line
    doctor = cli.run("doctor")
    assert doctor.returncode == 1
    assert "127.0.0.1:9 does not answer" in doctor.stdout


def test_a_key_that_is_gone_is_said(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    cli.environ["TUIAGENT_MODEL"] = "openai/m"
    cli.environ["OPENAI_API_KEY"] = "k"
    cli.environ["OPENAI_BASE_URL"] = "http://127.0.0.1:9/v1"
    process = cli.start(*PROMPT, "--output", "events", stdin=subprocess.DEVNULL)
    failed_attempt(process)
    process.kill()
    process.communicate()
    del cli.environ["OPENAI_API_KEY"]
    done = cli.run("--continue")
    assert done.returncode == 5
    assert "needs key OPENAI_API_KEY" in done.stderr
    assert "--headless --resume" in done.stderr
    cli.environ["OPENAI_API_KEY"] = "k"
    process = cli.start("--continue", "--output", "events", stdin=subprocess.DEVNULL)
    assert b"127.0.0.1:9" in failed_attempt(process), "it went on by itself"
    process.kill()
    process.communicate()


# ---------------------------------------------------------------- the rest


def test_the_version_is_told_without_touching_anything(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    done = cli.run("--version")
    assert (done.returncode, done.stdout) == (0, f"tuiagent {__version__}\n")
    assert not cli.root.exists()


def test_the_tour_says_what_it_is_and_outlives_its_process(tmp_path: Path) -> None:
    """The shipped script with a `sleep` that waits for a file, so that the test need not."""
    cli = Cli(tmp_path)
    programs = cli.work / "bin"  # what lies elsewhere in /tmp no sandbox sees
    programs.mkdir()
    slow = programs / "sleep"
    slow.write_text(f"#!/bin/sh\ntouch {cli.work}/began\nuntil [ -e {cli.work}/go ]; do :; done\n")
    slow.chmod(0o755)
    cli.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
    cli.environ["TUIAGENT_MODEL"] = "scripted/tour"
    asked = cli.run(*PROMPT, "--mode", "ask", "--allow", "write", "--allow", "edit")
    assert asked.returncode == 5
    process = cli.start("attach", stdin=-1)
    assert process.stdin is not None
    assert process.stdout is not None
    seen = b""
    for asked_for in (b"cat tuiagent-tour", b"sh tuiagent-tour", b"sleep 30 && echo done"):
        while seen.rpartition(b"? may it?")[2].find(asked_for) < 0:
            more = os.read(process.stdout.fileno(), 4096)
            assert more, seen.decode()
            seen += more
        process.stdin.write(b"y\n")
        process.stdin.flush()
    assert b"Hello, tuiagent!" in seen
    until((cli.work / "began").exists, "the command to begin")
    process.kill()
    process.communicate()
    (cli.work / "go").touch()
    done = cli.run("--continue")
    assert done.returncode == 0
    assert done.stdout.startswith("(I am a scripted model, not an AI.) That was the tour")
    transcript = json.loads(cli.run("sessions", "show", cli.session(), "--output", "json").stdout)
    replies = [item["text"] for item in transcript if item["kind"] == "reply"]
    assert replies
    assert all("not an AI" in text for text in replies)
    last = [item for item in transcript if item["kind"] == "call"][-1]
    assert (last["status"], last["output"]) == ("ok", "done")
    assert "gapless, unchanged" in cli.run("verify").stdout


# ---------------------------------------------------------------- other ways to say it


def test_run_is_headless(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY, SAY, SAY)
    assert cli.run("run", "go").stdout == cli.run("-p", "go").stdout
    assert cli.run("run", "--output", "json", "go").returncode == 0
    assert cli.run("run", input="from a pipe").returncode == 0


def test_a_file_is_read_along(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"text": "Read.", "expect": "canary in a file"})
    (cli.work / "notes").write_text("canary in a file")
    assert cli.run(*PROMPT, "--file", "notes").stdout == "Read.\n"
    for wrong in ("missing", "."):
        assert cli.run(*PROMPT, "--file", wrong).returncode == 2


def test_what_an_agent_changed_is_undone_from_attach(tmp_path: Path) -> None:
    write = {"calls": [{"tool": "write", "args": {"path": "f", "content": "x\n"}}]}
    cli = Cli(tmp_path, write, SAY)
    cli.run(*PROMPT, "--allow", "write")
    assert (cli.work / "f").exists()
    done = cli.run("attach", input="/undo\n/name tidy\n/nonsense\n")
    assert "there is no command /nonsense" in done.stdout + done.stderr
    assert not (cli.work / "f").exists()
    cli.run("attach", "tidy", input="/undo undo1\n")
    assert (cli.work / "f").exists()


def test_the_log_is_json_lines_in_a_file_without_secrets(tmp_path: Path) -> None:
    refused = {"calls": [{"tool": "nothing", "args": {}}]}
    cli = Cli(tmp_path, refused, {"error": {"kind": "auth", "message": "key canary-1234 is wrong"}})
    cli.environ["OPENAI_API_KEY"] = "canary-1234"
    done = cli.run(*PROMPT, "--log-level", "debug")
    assert done.returncode == 1
    file = cli.root / "logs/tuiagent.log"
    assert file.stat().st_mode & 0o077 == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert rows
    assert all({"at", "level", "name", "text"} <= set(row) for row in rows)
    assert "canary" not in file.read_text()
    assert not (cli.root / "logs/tuiagent.log.1").exists()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="nothing here is always full")
@pytest.mark.parametrize("args", [("docs", "agents"), ("sessions", "list"), PROMPT])
def test_output_that_a_full_disk_does_not_hold_is_exit_1(
    tmp_path: Path, args: tuple[str, ...]
) -> None:
    cli = Cli(tmp_path, SAY)
    with open("/dev/full", "wb") as full:
        process = cli.start(*args, stdout=full, stdin=subprocess.DEVNULL)
        _, err = process.communicate(timeout=LIMIT)
    assert process.returncode == 1
    assert b"does not hold everything that was said: No space left on device" in err
    if args == PROMPT:
        assert cli.run("runs", "list", "--status", "done").stdout.count("\n") == 1


def test_the_doctor_tells_what_an_operator_needs_and_no_key(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    cli.environ["ANTHROPIC_API_KEY"] = secret = "sk-very-secret-0123456789"
    file = cli.root.parent / "config/tuiagent/config.toml"
    cli.environ["XDG_CONFIG_HOME"] = str(file.parent.parent)
    file.parent.mkdir(parents=True)
    file.write_text("work_dir = '/srv'\n[mcp.it]\nurl = 'http://127.0.0.1:9/mcp'\n")
    assert cli.run(*PROMPT).returncode == 0
    done = cli.run("doctor")
    assert done.returncode == 0, done.stdout
    for line in (
        "journal: gapless and unchanged, ",
        "disk: ",
        f"config.toml: {file} (yours)",
        "work_dir: /srv, over HTTP alone; ",
        "sandbox: ",
        "server: none runs",
        "MCP it: http://127.0.0.1:9/mcp (tuiagent mcp test reaches it)",
        "key of anthropic: $ANTHROPIC_API_KEY",
        "key of openai: none",
        f"model {cli.model}",
    ):
        assert f"\n{line}" in done.stdout, line
    assert secret not in done.stdout + done.stderr
    with (cli.root / "seals.jsonl").open("a") as copy:
        copy.write('[[], "", "made up"]\n')
    file.write_text("[tui.keys]\nprompt.quue = 'alt+w'\n")
    done = cli.run("doctor")
    assert done.returncode == 1
    assert "PROBLEM: [tui.keys] names 'prompt.quue', and there is no such" in done.stdout
    assert "PROBLEM: the journal is not as it was written: this seal was copied" in done.stdout


def test_the_doctor_says_what_a_model_lacks(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    cli.environ |= {"TUIAGENT_MODEL": "far/m", "XDG_CONFIG_HOME": str(tmp_path / "config")}
    file = tmp_path / "config/tuiagent/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("[providers.far]\napi_base = 'http://127.0.0.1:9/v1'\nenv_var = 'FAR_KEY'\n")
    done = cli.run("doctor")
    assert done.returncode == 1
    assert "\nPROBLEM: needs key FAR_KEY\n" in done.stdout
    assert "\nPROBLEM: 127.0.0.1:9 does not answer" in done.stdout


# ---------------------------------------------------------------- a model that does not answer yet


class Paper(OwnConsole):
    """Keeps what is told on standard error, which is a terminal or not."""

    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.told: list[str] = []
        self._terminal = terminal

    def terminal(self, stream: int) -> bool:
        """See Console."""
        return self._terminal

    def tell(self, text: str) -> None:
        """See Console."""
        self.told.append(text)


BUSY = ("loading", "s answered 503: Loading model.")
AWAY = ("network", "s could not be reached.")
GONE = ("network", "s could not be reached. (given up after 2 attempts)")


@pytest.mark.parametrize(
    ("failures", "watched", "alone"),
    [
        (
            [(*BUSY, 5.0)] * 3,
            ["✗ s answered 503: Loading model; asked again in 5.0 s"],
            ["tuiagent: s answered 503: Loading model; asked again in 5.0 s"],
        ),
        (
            [(*AWAY, 0.5), (*AWAY, 3.0), (*GONE, None)],
            [f"✗ s could not be reached; asked again in {wait} s" for wait in (0.5, 3.0)],
            [],
        ),
    ],
    ids=["loading", "away"],
)
def test_a_wait_is_told_once_and_its_end_once(
    failures: list[tuple[str, str, float | None]], watched: list[str], alone: list[str]
) -> None:
    for terminal, told in ((True, watched), (False, alone)):
        console = Paper(terminal)
        out, follow = TextPrinter(console), Follow("p1")
        facts: list[Fact] = [
            AttemptFailed("p1.1", kind, text, None if wait is None else 100.0 + wait)
            for kind, text, wait in failures
        ]
        end = facts[-1].error if failures[-1][2] is None else ""  # type: ignore[attr-defined]
        for number, fact in enumerate([RunStarted("p1"), *facts, RunFinished("p1", "error", end)]):
            seen = Event(number, "session/s", number, 100.0, "agent", fact)
            out.seen(seen, follow)
            follow.apply(seen)
        out.end("session/s", follow)
        assert console.told == [*told, *([f"tuiagent: {end}"] if end else [])]


def test_who_takes_over_is_told_after_why() -> None:
    console = Paper(terminal=True)
    out = TextPrinter(console)
    for fact in (
        AttemptFailed("p1.1", "auth", "no", None),
        PromptRebased(2, "model", "a/b", "", ()),
    ):
        out.seen(Event(1, "session/s", 1, 100.0, "agent", fact), Follow("p1"))
    assert console.told == ["✗ no", "· a/b"]
