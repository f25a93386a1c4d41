"""Help, completion, and a terminal that a killed program left broken."""

import json
import os
import pty
import shutil
import subprocess
import sys
import termios
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_cli import PROMPT, SAY, Cli
from tuiagent.clients.cli import COMMANDS, OFFLINE
from tuiagent.clients.cli.arguments import main
from tuiagent.clients.cli.subcommands import SUBPARSERS

HIDDEN = {"headless", "plain", "tui", "__complete"}

# ---------------------------------------------------------------- help


def test_every_command_is_named_and_explains_itself(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    listed = cli.run("--help").stdout
    assert cli.run("help").stdout == listed
    assert {*COMMANDS, *OFFLINE} - HIDDEN == {*SUBPARSERS} - HIDDEN
    for name in sorted({*SUBPARSERS} - HIDDEN):
        assert f"\n  {name} " in listed
        parser = SUBPARSERS[name]()
        assert parser.description
        assert parser.prog == f"tuiagent {name}"
    assert cli.run("help", "sessions").stdout == cli.run("sessions", "--help").stdout
    for action in main()._actions:
        assert action.help, action.option_strings


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["sesions", "list"], "did you mean 'sessions'?"),
        (["atach"], "To say it to the model: tuiagent run atach"),
        (["--outpt", "json"], "did you mean '--output'?"),
        (["sessions", "lst"], "did you mean 'list'?"),
        (["sessions", "--oll"], "did you mean '--all'?"),
        ([*PROMPT, "--mode", "aks"], "did you mean 'ask'?"),
        (["completion", "fihs"], "did you mean 'fish'?"),
    ],
)
def test_what_is_unknown_names_the_nearest(tmp_path: Path, args: list[str], words: str) -> None:
    done = Cli(tmp_path, SAY).run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_word_that_is_no_command_is_a_prompt(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY, SAY)
    assert cli.run("explain").returncode == 0
    assert cli.run("run", "atach").returncode == 0
    assert cli.run("sessions").stdout == cli.run("sessions", "list").stdout != ""


# ---------------------------------------------------------------- completion


def completed(cli: Cli, folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of these words."""
    programs = folder / "bin"
    if not programs.exists():
        programs.mkdir()
        program = programs / "tuiagent"
        program.write_text(f'#!/bin/sh\nexec {sys.executable} -m tuiagent "$@"\n')
        program.chmod(0o755)
        (folder / "script").write_text(cli.run("completion", "bash").stdout)
    line = f"source {folder}/script; COMP_WORDS=({' '.join(words)}); "
    line += f"COMP_CWORD={len(words) - 1}; _shtab_tuiagent; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    env = {**cli.environ, "PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(cli.home)}
    env |= {"TUIAGENT_HOME": str(cli.root), "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    done = subprocess.run(["bash", "-c", line], env=env, capture_output=True, text=True)
    assert done.stderr == ""
    return [line for line in done.stdout.split("\n") if line]


def test_bash_completes_commands_flags_choices_and_names(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    cli.run(*PROMPT, "--name", "alpha")
    cli.run(*PROMPT, "--name", "two words")
    rows = json.loads(cli.run("sessions", "list", "--output", "json").stdout)
    second = rows[-1]["stream"].partition("/")[2]
    assert completed(cli, tmp_path, "tuiagent", "ses") == ["sessions"]
    assert completed(cli, tmp_path, "tuiagent", "sessions", "show", "al") == ["alpha"]
    assert completed(cli, tmp_path, "tuiagent", "--resume", '""') == [second, "alpha"]
    assert completed(cli, tmp_path, "tuiagent", "run", "--mode", "lo") == ["locked"]
    assert completed(cli, tmp_path, "tuiagent", "--output-s") == ["--output-schema"]
    assert completed(cli, tmp_path, "tuiagent", "--model", "scr") == [cli.model]
    assert "__complete" not in completed(cli, tmp_path, "tuiagent", '""')


def test_a_completion_that_cannot_answer_says_nothing(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    assert completed(cli, tmp_path, "tuiagent", "--resume", '""') == []
    shutil.rmtree(cli.root)
    cli.root.write_text("a file where a folder should be")
    assert completed(cli, tmp_path, "tuiagent", "--resume", '""') == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts_need_no_journal_and_their_shells_can_read_them(tmp_path: Path, shell: str) -> None:
    cli = Cli(tmp_path)
    done = cli.run("completion", shell)
    assert (done.returncode, done.stderr, cli.root.exists()) == (0, "", False)
    assert "--output-schema" in done.stdout
    assert "tuiagent __complete sessions" in done.stdout
    program = shutil.which(shell)
    if program:
        subprocess.run([program, "-n"], input=done.stdout, text=True, check=True)


# ---------------------------------------------------------------- a terminal that was left broken


BROKEN = b"\x1b[?1049h\x1b[?25l\x1b[?1003h\x1b[?1006h\x1b[?2004h\x1b[>1u\x1b[31m\x1b(0"
OFF = (1000, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 1049, 2004, 2026, 2031, 2048)
LOCAL = termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN


def come(master: int, end: bytes) -> bytes:
    """What was written to a terminal up to these bytes; it may come in pieces."""
    found = b""
    while not found.endswith(end):
        found += os.read(master, 65536)
    return found


def reset(spoil: bool, elsewhere: bool = False) -> tuple[list[Any], list[Any], str]:
    """The modes of a terminal before and after `tuiagent reset`, and what was written to it.

    It is standard output, or `elsewhere` only the terminal that the process belongs to.
    """
    with ExitStack() as stack:
        master, slave = pty.openpty()
        stack.callback(os.close, master)
        stack.callback(os.close, slave)
        before = termios.tcgetattr(slave)
        if spoil:
            os.write(slave, BROKEN)
            assert come(master, BROKEN) == BROKEN
            termios.tcsetattr(slave, termios.TCSANOW, [0, 0, before[2], 0, *before[4:]])
            os.write(master, b"\x1b[<35;10;10M")
        argv = [sys.executable, "-m", "tuiagent", "reset"]
        if elsewhere:
            take = f"import fcntl, os, sys, termios; fcntl.ioctl({slave}, termios.TIOCSCTTY, 0); "
            argv = [sys.executable, "-c", take + f"os.execv(sys.executable, {argv!r})"]
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if elsewhere else slave,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=[slave],
            env={"TUIAGENT_HOME": "/dev/null/x", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert (done.returncode, done.stderr) == (0, b"")
        os.write(slave, b"END")
        return before, termios.tcgetattr(slave), come(master, b"END").decode().removesuffix("END")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_a_broken_terminal_is_repaired(elsewhere: bool) -> None:
    before, after, written = reset(spoil=True, elsewhere=elsewhere)
    assert after[3] & LOCAL == LOCAL
    assert after[1] & (termios.OPOST | termios.ONLCR) == termios.OPOST | termios.ONLCR
    assert after[0] & termios.ICRNL
    assert after[6] == before[6]
    for number in OFF:
        assert f"\x1b[?{number}l" in written
    for rest in ("\x1b[?25h", "\x1b[0m", "\x1b(B", "\x0f", "\x1b[<99u", "\x1b[>4m", "\x1b[23;0t"):
        assert rest in written


def test_a_healthy_terminal_stays_as_it_is() -> None:
    before, after, written = reset(spoil=False)
    assert after == before
    place = written.index("\x1b[?1049l")
    assert written[place - 2 : place] == "\x1b7", "the cursor comes back to where it was"
    region = written.index("\x1b[r")
    assert written[region - 2 : region] == "\x1b7"
    assert "\x1b8" in written[region:]
    for harm in ("\x1bc", "\x1b[2J", "\x1b[3J", "\x1b[H", "\x1b]104", "\x1b[!p"):
        assert harm not in written


def test_without_a_terminal_it_says_so(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    process = cli.start("reset", stdin=subprocess.DEVNULL, start_new_session=True)
    out, err = process.communicate()
    assert (process.returncode, out) == (1, b"")
    assert b"no terminal to repair" in err
