"""No text of others steers the terminal of a command: its answers, its lists, its complaints."""

import asyncio
import json
import os
import pty
import re
import subprocess
from typing import cast

import pytest

from tests.flows.test_cli import Cli
from tuiagent import thin
from tuiagent.callers import Call, Caller

EVIL = "\x1b]0;title\x07\x1b[31mred\x9b32m\u202etfel\x7f"
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
LISTS = (
    "sessions list",
    "sessions show evil",
    "sessions get evil",
    "sessions search red",
    "runs list",
    "status",
    "policy list",
    "trust list",
    "usage",
)


def calls(tool: str, **args: object) -> dict[str, object]:
    return {"text": EVIL, "calls": [{"tool": tool, "args": args}]}


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Cli:
    """A state root in which everything that others write is hostile."""
    found = Cli(
        tmp_path_factory.mktemp("evil"),
        calls("shell", command=f"printf %s '{EVIL}'"),
        calls("write", path=f"f{EVIL}", content=EVIL),
        {"text": EVIL},
    )
    found.run("-p", f"go {EVIL}", "--mode", "accept-edits", "--allow", "shell")
    found.run("sessions", "rename", found.session(), "evil")
    return found


@pytest.mark.parametrize("command", LISTS)
@pytest.mark.parametrize("output", ["text", "json"])
def test_lists_hold_nothing_that_steers(cli: Cli, command: str, output: str) -> None:
    """Also as JSON into a pipe: what reads it is often a terminal in the end."""
    done = cli.run(*command.split(), "--output", output)
    assert not STEERS.search(done.stdout.replace("\r", "")), ascii(done.stdout)
    if output == "json":
        json.loads(done.stdout)


def test_json_means_what_was_said(cli: Cli) -> None:
    (row,) = json.loads(cli.run("sessions", "list", "--output", "json").stdout)
    assert row["title"].startswith(f"go {EVIL}"[:20])


@pytest.mark.parametrize(
    "args",
    [
        ("--resume", EVIL),
        ("-p", "x", "--cwd", EVIL),
        ("trust", "yes", EVIL),
        ("jobs", "kill", "evil", EVIL),
        ("sessions", "import", EVIL),
        ("keys", "test", f"nobody/{EVIL}"),
    ],
)
def test_complaints_steer_nothing(cli: Cli, args: tuple[str, ...]) -> None:
    done = cli.run(*args)
    assert done.returncode != 0
    assert done.stdout + done.stderr
    assert not STEERS.search(done.stdout + done.stderr), ascii(done.stdout + done.stderr)


def test_what_is_exact_in_a_file_is_clean_on_a_terminal(cli: Cli) -> None:
    """An export for being imported holds every byte; who looks at it is safe all the same."""
    master, slave = pty.openpty()
    args = ("sessions", "export", "evil", "--format", "events")
    process = cli.start(*args, stdin=subprocess.DEVNULL, stdout=slave, stderr=slave)
    os.close(slave)
    shown = b""
    while True:
        try:
            piece = os.read(master, 1 << 16)
        except OSError:  # its last writer has gone
            break
        if not piece:
            break
        shown += piece
    os.close(master)
    process.wait()
    assert b"title" in shown
    assert not STEERS.search(shown.decode().replace("\r\n", "\n")), ascii(shown.decode())


class Wire:
    """What would be sent to the process that called."""

    def __init__(self) -> None:
        self.sent = b""

    def write(self, data: bytes) -> None:
        """See asyncio.StreamWriter."""
        self.sent += data


@pytest.mark.parametrize("stdio", ["ttt", "ppp"])
async def test_a_server_that_answers_for_a_command_steers_its_terminal_no_more(stdio: str) -> None:
    wire = Wire()
    call = Call("", "/", stdio, [], {})
    caller = Caller(call, asyncio.StreamReader(), cast(asyncio.StreamWriter, wire))
    caller.tell(EVIL)
    told = wire.sent
    caller.say(EVIL)
    said = wire.sent[len(told) :]
    assert told[:1] == thin.ERR
    assert not STEERS.search(told[5:].decode())
    assert said[:1] == thin.OUT
    assert bool(STEERS.search(said[5:].decode())) == (stdio == "ppp")
