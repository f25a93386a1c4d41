"""Work that outlives its window: handed to a background server, taken over, picked up again."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_cli import Cli
from tests.flows.test_cli_plain import screen
from tests.life import LIMIT, until
from tuiagent.kernel.call import ApprovalAnswered, CallFinished
from tuiagent.kernel.event import Event
from tuiagent.kernel.run import AttemptFailed, AttemptStarted, RunFinished
from tuiagent.kernel.stall import RunResumed, RunStalled
from tuiagent.server import server_record
from tuiagent.stores.sqlite import SqliteStore

ANSWER = "All of it is done."
LONG = {
    "text": "I wait.",
    "calls": [
        {
            "tool": "shell",
            "args": {
                "command": "echo a >>ran; touch began; until [ -e go ]; do sleep 0.02; done; "
                "echo out-$LC_MARK-a"
            },
        }
    ],
}
DONE = {"text": ANSWER}
ALLOWED = ("--plain", "go", "--allow", "shell")


class Home(Cli):
    """The command line with a background server, which is ended in the end."""

    def __init__(self, folder: Path, *turns: dict[str, Any]) -> None:
        super().__init__(folder, *turns)
        self.servers: list[subprocess.Popen[bytes]] = []

    def server(self) -> int:
        """The process of the server that listens."""
        record = server_record(str(self.root))
        assert record is not None
        return record.pid

    def serve(self, crash: str = "") -> subprocess.Popen[bytes]:
        """A server, once it listens."""
        process = self.start("serve", crash=crash, stdin=subprocess.DEVNULL)
        self.servers.append(process)
        until(lambda: server_record(str(self.root)) is not None, "the server to listen")
        return process

    def served(self) -> bool:
        """Whether the server drives the only session."""
        record = server_record(str(self.root))
        self.events()
        with closing(SqliteStore(str(self.root / "journal.db"))) as store:
            claim = store.claims().get(self.stream)
        return record is not None and claim is not None and claim.owner in record.socket

    def facts(self, kind: type[Any]) -> list[Any]:
        """What happened of this kind in the only session."""
        return [event.fact for event in self.events() if isinstance(event.fact, kind)]

    def told(self) -> list[Event]:
        """The events of the only session, none before there is one."""
        with closing(SqliteStore(str(self.root / "journal.db"))) as store:
            begun = bool(store.tail("session/*", 0, 1))
        return self.events() if begun else []

    def finished(self) -> list[Event]:
        """The events of the only session, once its run is over."""
        until(lambda: bool(self.facts(RunFinished)), "the run to end")
        return self.events()


def children(pid: int) -> list[int]:
    """The processes that this one has begun."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


@contextmanager
def home(folder: Path, *turns: dict[str, Any]) -> Iterator[Home]:
    """A home that leaves nothing running."""
    made = Home(folder, *turns)
    try:
        yield made
    finally:
        while pids := made.everybody():  # whoever still hands over would begin another server
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        for process in made.servers:
            process.communicate()
        for pid in made.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", ["/detach\n", "/quit\nd\n", "\x04\x04"])
def test_the_terminal_is_given_back_while_the_work_goes_on(tmp_path: Path, how: str) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        with screen(cli, *ALLOWED) as terminal:
            until((cli.work / "began").exists, "the command to begin")
            terminal.type(how)
            assert terminal.end() == 0
            assert f"tuiagent attach {cli.session()} shows it" in terminal.shown
        until(cli.served, "the server to drive it")
        (cli.work / "go").touch()
        cli.finished()
        cli.check(ANSWER)
        assert cli.ran() == ["a"]
        assert not cli.facts(AttemptFailed), "nothing was asked twice"


def test_a_hang_up_is_a_detach(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        with screen(cli, *ALLOWED) as terminal:
            until((cli.work / "began").exists, "the command to begin")
            terminal.process.send_signal(signal.SIGHUP)
            assert terminal.end() == 129
        until(lambda: server_record(str(cli.root)) is not None, "a server")
        (cli.work / "go").touch()
        cli.finished()
        assert cli.ran() == ["a"]


@pytest.mark.parametrize("also", ["go", ""])
def test_who_leaves_at_once_hands_over_what_was_just_said(tmp_path: Path, also: str) -> None:
    """The run has begun, but nobody at the terminal has seen that yet."""
    said = {"text": ["Some ", "words."], "delay": 0.2}
    with home(tmp_path, said) as cli:
        with screen(cli, "--plain", *filter(None, [also])) as terminal:
            terminal.type("/detach\n" if also else "go\n/detach\n")
            assert terminal.end() == 0
        assert server_record(str(cli.root)), "there is a server"
        cli.finished()
        assert not cli.facts(AttemptFailed), "nothing was asked twice"


def test_the_server_uses_the_environment_of_the_session(tmp_path: Path) -> None:
    with home(tmp_path, LONG, LONG, DONE) as cli:
        cli.serve()
        cli.environ["LC_MARK"] = "theirs"
        with screen(cli, *ALLOWED, "--local") as terminal:
            until((cli.work / "began").exists, "the command to begin")
            terminal.type("/detach\n")
            assert terminal.end() == 0
        (cli.work / "go").touch()
        cli.finished()
        assert b"LC_MARK=theirs" not in Path(f"/proc/{cli.server()}/environ").read_bytes()
        assert cli.ran() == ["a", "a"]
        ended = [fact.observation.text for fact in cli.facts(CallFinished)]
        assert all("out-theirs-a" in text for text in ended)


def test_a_server_that_is_killed_loses_nothing(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        with screen(cli, *ALLOWED) as terminal:
            until((cli.work / "began").exists, "the command to begin")
            terminal.type("/detach\n")
            assert terminal.end() == 0
        os.kill(cli.server(), signal.SIGKILL)
        until(lambda: server_record(str(cli.root)) is None, "the server to be gone")
        cli.serve()
        (cli.work / "go").touch()
        cli.finished()
        cli.check(ANSWER)
        assert cli.ran() == ["a"]


def test_a_server_that_ends_leaves_commands_to_the_next(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        process = cli.serve()
        begun = cli.start("-p", "go", "--allow", "shell", stdin=subprocess.DEVNULL)
        until((cli.work / "began").exists, "the command to begin")
        assert cli.run("serve", "--stop").returncode == 0
        assert process.wait(LIMIT) == 0
        out, err = begun.communicate(timeout=LIMIT)
        assert (begun.returncode, out) == (1, b"")
        assert b"what it did is kept" in err
        assert cli.left(), "the command goes on"
        cli.serve()
        (cli.work / "go").touch()
        cli.finished()
        cli.check(ANSWER)
        assert cli.ran() == ["a"]


def test_the_same_command_in_the_same_folder_picks_it_up(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        with screen(cli, "--plain", "go", "--mode", "ask") as terminal:
            terminal.wait("asks: may it?")
            terminal.type("/detach\n")
            assert terminal.end() == 0
        with screen(cli) as terminal:
            terminal.wait("this was begun here")
            terminal.wait("asks: may it?")
            with screen(cli, "--new") as other:
                other.wait("Type to speak")
                assert "asks: may it?" not in other.shown, "it was to begin anew"
            terminal.type("y\n")
            terminal.wait("runs: shell")
            (cli.work / "go").touch()
            terminal.wait("end: done")


def test_two_at_one_session_see_each_other_and_the_first_answer_counts(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        cli.serve()
        with screen(cli, "--plain", "go", "--mode", "ask") as one:
            one.wait("asks: may it?")
            with screen(cli, "attach", "--plain") as two:
                two.wait("asks: may it?")
                one.wait("is here")
                two.type("y\n")
                one.wait("runs: shell")
                one.type("y\n")
                one.wait("refused: nothing asks now; perhaps somebody else was quicker")
                two.type("/detach\n")
                assert two.end() == 0
            one.wait("has left")
            (cli.work / "go").touch()
            one.wait("end: done")
        assert len(cli.facts(ApprovalAnswered)) == 1
        assert cli.ran() == ["a"]


def test_the_right_to_the_turn_is_taken_over_in_the_middle(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli, screen(cli, *ALLOWED) as one:
        until((cli.work / "began").exists, "the command to begin")
        with screen(cli, "attach", "--plain") as two:
            two.wait("Type to speak")
            two.type("/resume\n")
            two.wait("another process drives it; /take takes it over")
            two.type("/take\n")
            two.wait("note: going on here")
            (cli.work / "go").touch()
            two.wait("end: done")
            one.wait("end: done")
            two.type("/quit\n")
            assert two.end() == 0
        cli.check(ANSWER)
        assert cli.ran() == ["a"]
        fences = [fact.fence for fact in cli.facts(AttemptStarted)]
        assert fences[-1] > fences[0], "the one that took it over asked the model"


def test_what_was_killed_while_it_let_go_is_gone_on_with(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        with screen(cli, *ALLOWED) as terminal:
            until((cli.work / "began").exists, "the command to begin")
            terminal.process.send_signal(signal.SIGSTOP)
            (child,) = children(terminal.process.pid)
            os.kill(child, signal.SIGKILL)
            terminal.process.send_signal(signal.SIGCONT)
            assert terminal.process.wait() == 128 + signal.SIGKILL
        cli.serve()
        (cli.work / "go").touch()
        cli.finished()
        cli.check(ANSWER)
        assert cli.ran() == ["a"]


def test_keys_are_lent_and_never_written_down(tmp_path: Path) -> None:
    with home(tmp_path) as cli:
        server = cli.serve()
        cli.environ |= {
            "TUIAGENT_MODEL": "openai/m",
            "OPENAI_API_KEY": "canary-4711",
            "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        }
        with screen(cli, "--plain", "go", "--local") as terminal:
            terminal.wait("trouble: ")
            terminal.type("/detach\n")
            assert terminal.end() == 0
        until(lambda: cli.served() and not cli.facts(RunFinished), "the server to drive it")
        attempts = len(cli.facts(AttemptFailed))
        until(lambda: len(cli.facts(AttemptFailed)) > attempts, "the server to ask with the key")
        assert not cli.facts(RunStalled)
        server.kill()
        server.wait()
        del cli.environ["OPENAI_API_KEY"]
        cli.serve()
        until(lambda: bool(cli.facts(RunStalled)), "the server to lack the key")
        assert cli.facts(RunStalled)[-1].needs == "key OPENAI_API_KEY"
        cli.environ["OPENAI_API_KEY"] = "canary-4711"
        cli.start("attach", stdin=subprocess.DEVNULL).communicate(timeout=LIMIT)
        until(lambda: bool(cli.facts(RunResumed)), "the run to go on")
        for file in (path for path in cli.root.rglob("*") if path.is_file()):
            assert b"canary-4711" not in file.read_bytes(), file


def test_a_screen_goes_on_with_the_next_server(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        server = cli.serve()
        with screen(cli, "--plain", "go", "--mode", "ask") as terminal:
            terminal.wait("asks: may it?")
            server.kill()
            server.wait()
            assert terminal.process.stderr is not None
            assert b"the server has ended" in terminal.process.stderr.readline()
            cli.serve()
            terminal.type("y\n")
            terminal.wait("runs: shell")
            (cli.work / "go").touch()
            terminal.wait("end: done")
        cli.check(ANSWER)
        assert cli.ran() == ["a"]


@pytest.mark.parametrize("listens", [True, False])
def test_who_hangs_is_killed_on_a_persons_word(tmp_path: Path, listens: bool) -> None:
    """One that hangs as it begins has no socket yet."""
    with home(tmp_path, LONG, DONE) as cli, screen(cli, *ALLOWED) as one:
        until((cli.work / "began").exists, "the command to begin")
        until(lambda: list(cli.root.glob("owners/*.sock")), "its socket")
        (worker,) = children(one.process.pid)
        os.kill(worker, signal.SIGSTOP)
        if not listens:
            next(cli.root.glob("owners/*.sock")).unlink()
        with screen(cli, "attach", "--plain") as two:
            two.wait("Type to speak")
            if not listens:
                two.type("/take\n")
                two.wait("have it killed: /take now")
            two.type("/take now\n")
            two.wait("note: going on here")
            (cli.work / "go").touch()
            two.wait("end: done")
            two.type("/quit\n")
            assert two.end() == 0
        assert one.process.wait(LIMIT) == 128 + signal.SIGKILL
        cli.check(ANSWER)
        assert cli.ran() == ["a"]
