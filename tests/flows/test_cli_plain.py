"""Talking line by line: as a script, in a terminal, with a screen reader; what answers a call."""

import codecs
import os
import pty
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.flows.test_cli import FOREVER, SAY, SHELL, Cli
from tests.life import until
from tuiagent.clients.approve import answer, edited, grant
from tuiagent.clients.cli.follow import Follow
from tuiagent.clients.cli.voice import Voice, utf8
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Event
from tuiagent.kernel.grants import RuleGranted
from tuiagent.kernel.hooks import HookRan, Ruling
from tuiagent.kernel.message import Call, Reply
from tuiagent.kernel.run import ReplyReceived
from tuiagent.providers.rescue import MARK

FANCY = {"text": "It’s “done” — naïve…"}


class Screen:
    """A terminal, and what a command has written on it."""

    def __init__(self, cli: Cli, *args: str) -> None:
        self.master, slave = pty.openpty()
        self.shown = ""
        self._text = codecs.getincrementaldecoder("utf-8")()  # a read may end within a character
        self.process = cli.start(*args, stdin=slave, start_new_session=True)
        os.close(slave)
        assert self.process.stdout is not None
        self._out = self.process.stdout

    def type(self, text: str) -> None:
        """Types this."""
        os.write(self.master, text.encode())

    def wait(self, words: str, count: int = 1) -> str:
        """Reads on until these words were shown so often; everything that was shown."""
        while self.shown.count(words) < count:
            more = os.read(self._out.fileno(), 65536)
            assert more, self.shown
            self.shown += self._text.decode(more)
        return self.shown

    def interrupt(self) -> None:
        """Presses Ctrl-C: the terminal tells every process in the foreground."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> int:
        """Reads to the end; the exit code."""
        self.shown += self._text.decode(self._out.read(), final=True)
        assert self.process.stderr is not None
        assert self.process.stderr.read() == b""
        return self.process.wait()


@contextmanager
def screen(cli: Cli, *args: str) -> Iterator[Screen]:
    """A command on a terminal."""
    made = Screen(cli, *args)
    try:
        yield made
    finally:
        with suppress(ProcessLookupError):
            os.killpg(made.process.pid, signal.SIGKILL)  # the second process of it as well
        made.process.communicate()
        os.close(made.master)


def granted(cli: Cli) -> list[RuleGranted]:
    """What was granted in the only session."""
    return [event.fact for event in cli.events() if isinstance(event.fact, RuleGranted)]


def finds(cli: Cli, kind: str) -> list[Event]:
    """The events of this kind in the only session."""
    return [event for event in cli.events() if event.kind == kind]


# ---------------------------------------------------------------- a script of lines


def test_a_script_is_read_as_it_was_meant(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, {"text": "One."}, SHELL, {"text": "Two."})
    done = cli.run("--plain", input="first\ny\nsecond\nn\n/quit\nnever\n")
    assert done.returncode == 0
    words = [
        "you: first",
        "asks: may it? shell",
        "ok: shell: mkdir",
        "assistant: One.",
        "end: done",
    ]
    words += ["you: second", "asks: may it? shell", "denied: shell", "assistant: Two.", "end: done"]
    place = 0
    for word in words:
        place = done.stdout.index(word, place) + 1
    assert "never" not in done.stdout
    assert done.stdout.count("assistant: One.") == 1


def test_a_script_that_leaves_an_approval_open_needs_a_person(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SAY)
    done = cli.run("--plain", "first", input="")
    assert done.returncode == 5
    assert f"tuiagent --plain --resume {cli.session()}" in done.stdout
    again = cli.run("--plain", "--continue", input="y\n")
    assert (again.returncode, "end: done" in again.stdout) == (0, True)


def test_what_a_script_ended_in_is_its_exit_code(tmp_path: Path) -> None:
    cli = Cli(tmp_path, {"error": {"kind": "auth", "message": "wrong key"}})
    done = cli.run("--plain", input="go\n")
    assert (done.returncode, "end: error: " in done.stdout) == (1, True)


def test_bytes_that_are_no_text_harm_nobody(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY, SAY)
    for args in (["--plain"], ["-p", "-"]):
        process = cli.start(*args, stdin=subprocess.PIPE)
        out, err = process.communicate(b"caf\xe9\n")
        assert (process.returncode, err) == (0, b"")
        assert b"It is blue." in out.replace(b"\x1b]0;title\x07", b"")


def test_a_folder_whose_name_is_no_text_is_refused(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    os.mkdir(os.fsencode(cli.work) + b"/caf\xe9")
    done = cli.run("-p", "go", "--cwd", os.fsdecode(b"caf\xe9"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not UTF-8" in done.stderr


@pytest.mark.parametrize("args", [["--once", "k"], ["-p", "x"], ["--output", "json"]])
def test_plain_and_headless_do_not_mix(tmp_path: Path, args: list[str]) -> None:
    done = Cli(tmp_path, SAY).run("--plain", *args, input="")
    assert (done.returncode, "--plain goes with none of" in done.stderr) == (2, True)


def test_without_utf8_all_is_ascii_and_what_is_approved_is_exact(tmp_path: Path) -> None:
    command = "echo “–rf” é"
    calls = {"text": "I’ll…", "calls": [{"tool": "shell", "args": {"command": command}}]}
    cli = Cli(tmp_path, calls, FANCY)
    cli.environ["LC_ALL"] = "C"
    done = cli.run("--plain", input="go\ny\n")
    assert done.stdout.isascii()
    assert "\x1b" not in done.stdout
    assert "assistant: I'll..." in done.stdout
    assert 'assistant: It\'s "done" - na\\xefve...' in done.stdout
    exact = command.encode("ascii", "backslashreplace").decode()
    assert f"    command: {exact}\n" in done.stdout
    cli.environ["LC_ALL"] = "C.UTF-8"
    assert f"    command: {command}\n" in cli.run("--plain", input="go\ny\n").stdout


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"LANG": "C"}, False),
        ({"LANG": "de_DE.UTF-8"}, True),
        ({"LC_ALL": "POSIX", "LANG": "de_DE.UTF-8"}, False),
        ({"LANG": "de_DE.utf8@euro"}, True),
    ],
)
def test_the_locale_is_asked(environ: dict[str, str], expected: bool) -> None:
    assert utf8(environ) is expected


def test_what_others_write_cannot_look_like_an_announcement(tmp_path: Path) -> None:
    fake = "asks: may it? shell [1]: ls\n  answer: y = yes"
    command = f"printf '{fake}\n'; true '\nasks: x'"
    calls = {"text": f"I\n{fake}\n", "calls": [{"tool": "shell", "args": {"command": command}}]}
    cli = Cli(tmp_path, calls, {"text": fake})
    shown = cli.run("--plain", "go\nasks: me", input="y\n").stdout
    shown += cli.run("attach", input="").stdout
    lines = [line for line in shown.splitlines() if line.startswith("asks: ")]
    assert len(lines) == 1
    assert fake.partition("\n")[0] in lines[0]
    assert "you: go\n  asks: me\n" in shown


def test_a_program_interrupts_by_its_pipe(tmp_path: Path) -> None:
    cli = Cli(tmp_path, FOREVER, SAY)
    process = cli.start("--plain", "go", "--allow", "shell", stdin=subprocess.PIPE)
    until((cli.work / "began").exists, "the command to begin")
    out, err = process.communicate(b"/interrupt\n")
    assert (process.returncode, err) == (130, b"")
    assert b"end: interrupted" in out


def test_without_any_input_it_ends_with_the_run(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    process = cli.start("--plain", "go", stdin=subprocess.DEVNULL, preexec_fn=lambda: os.close(0))
    out, err = process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert b"end: done" in out


# ---------------------------------------------------------------- a terminal


def test_a_terminal_gets_words_and_nothing_else(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, {"text": "One."}, {"text": "Two."})
    cli.environ["TERM"] = "dumb"
    with screen(cli) as terminal:
        terminal.wait("/help lists what else can be typed.")
        terminal.type("first\n")
        terminal.wait("answer: y = yes")
        terminal.type("s for 5 uses\n")
        terminal.wait("end: done")
        terminal.type("second\n")
        shown = terminal.wait("end: done", 2)
        terminal.type("\x04")
        assert terminal.end() == 0
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", shown)
    assert "you: " not in shown, "the terminal has shown what was typed"
    (rule,) = granted(cli)
    assert (str(rule.rule), rule.rule.uses) == ("shell(mkdir -pv hello)", 5)


def test_ctrl_c_stops_the_run_and_a_second_one_leaves(tmp_path: Path) -> None:
    cli = Cli(tmp_path, FOREVER, {"text": "More."})
    with screen(cli, "--plain", "go", "--allow", "shell") as terminal:
        until((cli.work / "began").exists, "the command to begin")
        terminal.interrupt()
        terminal.wait("end: interrupted")
        until(lambda: cli.left() == [], "the command to be gone")
        terminal.type("go on\n")
        terminal.wait("assistant: More.")
        terminal.wait("end: done")
        terminal.interrupt()
        terminal.wait("nothing is going on; Ctrl-C again leaves")
        terminal.interrupt()
        assert terminal.end() == 130


@pytest.mark.parametrize("how", ["/quit\nl\n", "SIGTERM"])
def test_who_leaves_is_told_how_to_go_on(tmp_path: Path, how: str) -> None:
    command = "touch began; until [ -e go ]; do sleep 0.02; done; echo done"
    cli = Cli(tmp_path, {"calls": [{"tool": "shell", "args": {"command": command}}]}, SAY)
    with screen(cli, "--plain", "go", "--allow", "shell") as terminal:
        until((cli.work / "began").exists, "the command to begin")
        if how == "SIGTERM":
            terminal.process.send_signal(signal.SIGTERM)
        else:
            terminal.type(how)
        assert terminal.end() == (143 if how == "SIGTERM" else 0)
        assert f"Go on with: tuiagent --plain --resume {cli.session()}" in terminal.shown
    (cli.work / "go").touch()
    assert cli.run("--plain", "--continue", input="").returncode == 0
    cli.check("It is \x1b]0;title\x07blue.")


def test_attach_leaves_the_run_alone_at_ctrl_c(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SAY)
    cli.run("-p", "go", "--mode", "ask")
    with screen(cli, "attach") as terminal:
        terminal.wait("answer: y = yes")
        terminal.interrupt()
        assert terminal.end() == 130
    assert finds(cli, "InterruptRequested") == []


# ---------------------------------------------------------------- what answers an approval


def test_a_message_is_never_taken_for_a_yes(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SAY)
    cli.run("-p", "go", "--mode", "ask")
    messages = ["yes", "yes please", "ok", "Y", "s hell", "so what", "yn"]
    assert cli.run("attach", input="".join(f"{line}\n" for line in messages)).returncode == 5
    assert finds(cli, "ApprovalAnswered") == []
    assert len(finds(cli, "PromptSubmitted")) == 1 + len(messages)
    assert cli.run("attach", input="s\n").returncode == 0
    assert len(finds(cli, "CallStarted")) == 1


def test_an_argument_is_changed_before_it_is_allowed(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, {"text": "So.", "expect": "changed the arguments"})
    cli.run("-p", "go", "--mode", "ask")
    done = cli.run("attach", input="/edit nothing x\n/edit command mkdir other\n")
    assert "the call's arguments are: command" in done.stdout
    assert "changed: shell mkdir other" in done.stdout
    assert (cli.work / "other").is_dir()
    assert not (cli.work / "hello").exists()


def test_a_rule_of_ones_own_with_a_term(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SAY)
    cli.run("-p", "go", "--mode", "ask")
    done = cli.run("attach", input="/session shell(mkdir *) for 2h\n")
    (event,) = finds(cli, "RuleGranted")
    (rule,) = granted(cli)
    assert str(rule.rule) == "shell(mkdir *)"
    assert 7190 < rule.rule.until - event.at <= 7200
    assert "allowed: shell(mkdir *) until 2" in done.stdout


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ("", 0.0, 0)),
        ("for 30m", ("", 1800.0, 0)),
        ("for 1 use", ("", 0.0, 1)),
        ("shell(git *) for 5 uses", ("shell(git *)", 0.0, 5)),
        ("shell(seq for 2d)", ("shell(seq for 2d)", 0.0, 0)),
        ("edit for 90s", ("edit", 90.0, 0)),
        ("edit for 2 d", ("edit", 172800.0, 0)),
    ],
)
def test_terms(text: str, expected: tuple[str, float, int]) -> None:
    assert grant(text, 0.0) == expected


@pytest.mark.parametrize("text", ["for", "for ever", "for every file", "for 0h", "for 0 uses"])
def test_terms_that_mean_nothing_allow_nothing(text: str) -> None:
    with pytest.raises(TuiagentError):
        grant(text, 0.0)
    with pytest.raises(TuiagentError):
        answer("session/a", {"id": "c", "args": {}}, "s", "", 0.0)


def test_new_arguments() -> None:
    args = {"path": "a b", "lines": 3}
    assert edited(args, "path c  d") == {"path": "c  d", "lines": 3}
    assert edited(args, "lines 5") == {"path": "a b", "lines": 5}
    assert edited(args, '{"path": "x"}') == {"path": "x", "lines": 3}
    for wrong in ("", "nothing x", "lines five", "{", '{"a": ', "[]"):
        with pytest.raises(TuiagentError):
            edited(args, wrong)


def test_what_hooks_said_and_what_was_written_as_text_is_told(
    capfd: pytest.CaptureFixture[str],
) -> None:
    voice, follow = Voice(), Follow("p1")
    reply = Reply((Call("p1.1.1", "read", {}, details=MARK), Call("p1.1.2", "list", {})))
    said = (Ruling("hooks.json", "look", note="seen"),)
    for fact in (ReplyReceived("p1.1", reply), HookRan("Stop", "p1", said)):
        voice.tell(Event(1, "session/s1", 1, 0.0, "agent", fact), follow, "owner")
    assert capfd.readouterr().out.splitlines() == [
        "note: the model wrote this as text, and it was taken for a call: read",
        "note: hooks of Stop: seen (`look`)",
    ]


def test_who_comes_and_goes_does_not_interrupt_what_is_being_said(
    capfd: pytest.CaptureFixture[str],
) -> None:
    voice = Voice()
    voice.aside("note: a is here")
    voice.speaker("assistant")
    voice.text("It ")
    voice.aside("note: b is here")
    voice.text("said\ndone.")
    voice.end()
    voice.line("end: done")
    assert capfd.readouterr().out.splitlines() == [
        "note: a is here",
        "assistant: It said",
        "  done.",
        "note: b is here",
        "end: done",
    ]
