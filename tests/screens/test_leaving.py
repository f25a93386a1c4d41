"""Leaving the screen while a run goes on: asked first; a hang-up asks nobody and loses nothing."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flows.test_detach import DONE, LONG, home
from tests.life import until
from tests.screens.terminal import Terminal, terminal
from tuiagent.kernel.run import AttemptFailed, RunFinished
from tuiagent.server import server_record

GO = ("go on", "--allow", "shell")
ASKED = "A run is going on"


def asked(screen: Terminal, began: Path) -> None:
    """Quits while a run goes on."""
    until(began.exists, "the command to begin")
    screen.until("Esc interrupt")
    screen.type("\x11")
    screen.until(ASKED)


def test_it_goes_on_in_the_background(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        with terminal(cli, *GO) as screen:
            asked(screen, cli.work / "began")
            screen.type("d")
            assert screen.end() == 0
            screen.check()
            assert f"tuiagent attach {cli.session()} shows it" in screen.after
        until(cli.served, "the server to drive it")
        (cli.work / "go").touch()
        cli.finished()
        assert cli.ran() == ["a"]
        assert not cli.facts(AttemptFailed), "nothing was asked twice"


def test_a_server_that_is_killed_is_replaced_and_the_screen_says_so(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        cli.serve()
        with terminal(cli, *GO) as screen:
            until((cli.work / "began").exists, "the command to begin")
            screen.until("Esc interrupt")
            before = cli.server()
            os.kill(before, signal.SIGKILL)
            screen.until("the server has ended")

            def another() -> bool:
                record = server_record(str(cli.root))
                return record is not None and record.pid != before and cli.served()

            until(another, "another server to drive it")
            (cli.work / "go").touch()
            screen.until(DONE["text"])
            screen.type("\x11")
            assert screen.end() == 0
        assert cli.ran() == ["a"]


def test_it_is_stopped(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        with terminal(cli, *GO) as screen:
            asked(screen, cli.work / "began")
            screen.type("s")
            assert screen.end() == 0
            screen.check()
            assert f"tuiagent --resume {cli.session()} goes on" in screen.after
        (ended,) = cli.facts(RunFinished)
        assert ended.status == "interrupted"
        assert server_record(str(cli.root)) is None


def test_it_is_left_as_it_is_or_nobody_leaves(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli, terminal(cli, *GO) as screen:
        asked(screen, cli.work / "began")
        screen.type("\x1b")
        screen.until(lambda: ASKED not in screen.shown)
        asked(screen, cli.work / "began")
        screen.type("\x1b[B\x1b[B\r")
        assert screen.end() == 0
        screen.check()
        assert not cli.facts(RunFinished)
        assert server_record(str(cli.root)) is None


@pytest.mark.parametrize(
    "hang_up",
    [
        lambda screen: screen.close(),
        lambda screen: os.killpg(screen.process.pid, signal.SIGHUP),
        lambda screen: screen.process.kill(),
    ],
    ids="closed told first-killed".split(),
)
def test_a_hang_up_is_a_detach(tmp_path: Path, hang_up: Callable[[Terminal], None]) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        with terminal(cli, *GO) as screen:
            until((cli.work / "began").exists, "the command to begin")
            screen.until("Esc interrupt")
            hang_up(screen)
            assert screen.process.wait(30) in (129, -signal.SIGKILL)
            until(cli.served, "the server to drive it")
        (cli.work / "go").touch()
        cli.finished()
        assert cli.ran() == ["a"]
        assert not cli.facts(AttemptFailed), "nothing was asked twice"


def test_a_server_that_is_stopped_is_started_again_from_the_screen(tmp_path: Path) -> None:
    with home(tmp_path, {"text": "One."}, {"text": "Two."}) as cli:
        server = cli.serve()
        with terminal(cli, size=(100, 24)) as screen:
            screen.until("Say what is to be done.")
            screen.type("first\r")
            screen.until("One.")
            server.send_signal(signal.SIGTERM)
            screen.until("Alt+T starts it")
            server.wait()
            screen.type("second\r")
            screen.until("nothing was sent")
            screen.type("\x1bt")
            screen.until(lambda: "The server " not in screen.shown)
            assert cli.server() != server.pid
            screen.type("\r")
            screen.until("Two.")
            screen.type("\x11")
            assert screen.end() == 0
            screen.check()
        said = [event.fact.text for event in cli.events() if event.kind == "PromptSubmitted"]  # type: ignore[union-attr]
        assert said == ["first", "second"]


def test_one_leaves_a_screen_whose_server_was_stopped(tmp_path: Path) -> None:
    with home(tmp_path, {"text": "One."}) as cli:
        server = cli.serve()
        with terminal(cli, size=(100, 24)) as screen:
            screen.until("Say what is to be done.")
            screen.type("first\r")
            screen.until("One.")
            server.send_signal(signal.SIGTERM)
            screen.until("Alt+T starts it")
            screen.type("\x11")
            assert screen.end() == 0
            screen.check()
