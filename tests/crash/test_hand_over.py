"""Sessions are handed over, their servers killed at random: nothing is lost, repeated or late."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_cli_plain import Screen, screen
from tests.flows.test_detach import Home, home
from tests.life import LIMIT, until
from tuiagent.engine.clock import HAND_OVER, SERVER
from tuiagent.kernel.run import AttemptFailed, RunFinished
from tuiagent.server import server_record

TIMES = int(os.environ.get("TUIAGENT_TEST_HAND_OVERS", "10"))
"""Hand-overs, and kills of servers; `scripts/soak` asks for more."""
LIVES = 2
WORDS = ["Some ", "words ", "that ", "come ", "slowly."]
TURNS: list[dict[str, Any]] = [
    {
        "text": WORDS,
        "delay": 0.05,
        "calls": [{"tool": "write", "args": {"path": "f", "content": "one\n"}}],
    },
    {"calls": [{"tool": "shell", "args": {"command": "echo a >>ran; sleep 0.4; echo out-a"}}]},
    {
        "text": WORDS,
        "delay": 0.05,
        "calls": [
            {"tool": "read", "args": {"path": "f"}},
            {"tool": "shell", "args": {"command": "sleep 0.4; echo b >>ran; echo out-b"}},
        ],
    },
    {"calls": [{"tool": "edit", "args": {"path": "f", "old": "one", "new": "two"}}]},
    {"calls": [{"tool": "shell", "args": {"command": "sleep 0.2; echo c >>ran; echo out-c"}}]},
    {"text": ["All of ", "it ", "is done."], "delay": 0.1},
]
FLAGS = ("--mode", "auto", "--no-sandbox")


def over(cli: Home) -> bool:
    """Whether the run has ended."""
    return cli.root.exists() and bool(cli.facts(RunFinished))


def leave(terminal: Screen, chance: random.Random) -> None:
    """Leaves in one of the ways that hand over."""
    if chance.random() < 0.7:
        terminal.type("/detach\n")
    else:
        terminal.process.send_signal(signal.SIGHUP)
    assert terminal.end() in (0, 128 + signal.SIGHUP)


@pytest.mark.timeout(60 + 2 * TIMES)
@pytest.mark.parametrize("number", range(LIVES))
def test_random_hand_overs(tmp_path: Path, number: int) -> None:
    """Terminals take the session from the server and give it back, in the middle of everything."""
    chance = random.Random(number)
    wanted, lives = TIMES // LIVES, 0
    while wanted > 0:
        lives += 1
        with home(tmp_path / str(lives), *TURNS) as cli:
            with screen(cli, "--plain", "go", *FLAGS) as terminal:
                terminal.wait("opened:")
                time.sleep(chance.random())
                leave(terminal, chance)
            while not over(cli):
                wanted -= 1
                with screen(cli, "--plain", "--continue", "--local", *FLAGS) as terminal:
                    terminal.wait("Type to speak")
                    terminal.type("/take\n")
                    terminal.wait("note: going on here")
                    time.sleep(0.5 * chance.random())
                    leave(terminal, chance)
            cli.finished()
            cli.check_effects()
            assert cli.unknown == 0
            assert not cli.facts(AttemptFailed), "an answer in the middle was asked for again"
    print(f"{TIMES // LIVES - wanted} hand-overs in {lives} lives")


@pytest.mark.timeout(60 + 2 * TIMES)
@pytest.mark.parametrize("number", range(LIVES))
def test_random_kills_of_the_server(tmp_path: Path, number: int) -> None:
    """The server is killed, or told to end, and begun again, until the run is over."""
    chance = random.Random(number)
    wanted, lives = TIMES // LIVES, 0
    while wanted > 0:
        lives += 1
        with home(tmp_path / str(lives), *TURNS) as cli:
            server = cli.serve()
            visitor = cli.start("-p", "go", *FLAGS, stdin=subprocess.DEVNULL)
            until(lambda: cli.root.exists() and len(cli.told()) > 3, "the run to begin")
            while not over(cli):
                time.sleep(0.7 * chance.random())
                ends = chance.random() < 0.2
                server.send_signal(signal.SIGTERM if ends else signal.SIGKILL)
                assert server.wait(LIMIT) in (0, -signal.SIGKILL)
                wanted -= 1
                before = len(cli.told())
                server = cli.serve()
                until(lambda: len(cli.told()) > before or over(cli), "the session to go on")  # noqa: B023
            visitor.communicate(timeout=LIMIT)
            cli.check_effects()
            assert cli.unknown == 0
    print(f"{TIMES // LIVES - wanted} ends of servers in {lives} lives")


def goes_on(cli: Home) -> None:
    """The session goes on with a server, and nothing was done twice or is lost."""
    cli.finished()
    cli.check_effects()
    assert cli.unknown == 0


@pytest.mark.parametrize("point", HAND_OVER[:2])
def test_a_kill_of_whoever_hands_over(tmp_path: Path, point: str) -> None:
    with home(tmp_path, *TURNS) as cli:
        leaves = cli.start("-p", "go", *FLAGS, crash=point, stdin=subprocess.DEVNULL)
        until((cli.work / "ran").exists, "the first command to run")
        leaves.send_signal(signal.SIGHUP)
        leaves.communicate(timeout=LIMIT)
        assert leaves.returncode == -signal.SIGKILL, "the point was not reached"
        goes_on(cli)


@pytest.mark.parametrize("point", HAND_OVER[2:])
def test_a_kill_of_the_server_that_takes_over(tmp_path: Path, point: str) -> None:
    """Whoever hands over begins another one."""
    with home(tmp_path, *TURNS) as cli:
        server = cli.serve(crash=point)
        leaves = cli.start("-p", "go", *FLAGS, "--local", stdin=subprocess.DEVNULL)
        until((cli.work / "ran").exists, "the first command to run")
        leaves.send_signal(signal.SIGHUP)
        _, err = leaves.communicate(timeout=LIMIT)
        assert server.wait(LIMIT) == -signal.SIGKILL, "the point was not reached"
        assert (leaves.returncode, err) == (128 + signal.SIGHUP, b"")
        assert cli.server() != server.pid
        goes_on(cli)


@pytest.mark.parametrize("point", SERVER)
def test_a_kill_of_a_server_as_it_begins_and_ends(tmp_path: Path, point: str) -> None:
    with home(tmp_path, *TURNS) as cli:
        if point == "announced":
            server = cli.start("serve", crash=point, stdin=subprocess.DEVNULL)
            cli.servers.append(server)
            assert server.wait(LIMIT) == -signal.SIGKILL, "the point was not reached"
            assert server_record(str(cli.root)) is None
            assert (cli.root / "server.json").exists(), "it had been announced"
            cli.serve()
            cli.start("-p", "go", *FLAGS, stdin=subprocess.DEVNULL).communicate(timeout=LIMIT)
        else:
            server = cli.serve(crash=point)
            visitor = cli.start("-p", "go", *FLAGS, stdin=subprocess.DEVNULL)
            until((cli.work / "ran").exists, "the first command to run")
            server.send_signal(signal.SIGTERM)
            assert server.wait(LIMIT) == -signal.SIGKILL, "the point was not reached"
            visitor.communicate(timeout=LIMIT)
            cli.serve()
        goes_on(cli)
