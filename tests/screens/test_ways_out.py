"""Every way out of the screen gives the terminal back; every way in loses no key."""

import os
import signal
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.flows.test_cli import SAY, Cli
from tests.life import LIMIT, until
from tests.screens.terminal import LEFT, TAKEN, Terminal, children, terminal

BROKEN = """
import os, sys
from tuiagent.clients.tui import app
async def broken(self):
    {}
app.TuiApp.on_mount = broken
from tuiagent.__main__ import main
sys.exit(main())
"""
READY = "Say what is to be done."


def kill(number: int) -> Callable[[Terminal], None]:
    return lambda screen: os.kill(screen.worker, number)


@contextmanager
def held(screen: Terminal) -> Iterator[None]:
    """Before the second process has the terminal, it does not go on meanwhile."""
    worker = screen.worker
    os.kill(worker, signal.SIGSTOP)
    assert TAKEN not in screen.raw
    yield
    with suppress(ProcessLookupError):  # what ends a process ends a stopped one as well
        os.kill(worker, signal.SIGCONT)


# ---------------------------------------------------------------- out


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (lambda screen: screen.type("\x11"), 0),
        (lambda screen: screen.signal(signal.SIGTERM), 143),
        (lambda screen: screen.signal(signal.SIGINT), 130),
        (lambda screen: screen.signal(signal.SIGQUIT), 131),
        (lambda screen: screen.signal(signal.SIGHUP), 129),
        (kill(signal.SIGTERM), 143),
        (kill(signal.SIGKILL), 137),
        (kill(signal.SIGSEGV), 139),
    ],
    ids="quit term int quit-signal hup term-worker kill-worker segv-worker".split(),
)
def test_the_terminal_is_as_it_was(
    tmp_path: Path, leave: Callable[[Terminal], None], code: int
) -> None:
    with terminal(Cli(tmp_path, SAY)) as screen:
        screen.until(READY)
        leave(screen)
        assert screen.end() == code
        screen.check()
        killed = code in (137, 139)
        assert ("was killed" in screen.after) == killed
        assert ("tuiagent --continue" in screen.after) == killed


def test_where_no_engine_can_be_it_says_why_on_the_terminal_it_gives_back(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    cli.root.mkdir(exist_ok=True)
    (cli.root / "journal.db").write_text("these are no facts")
    with terminal(cli) as screen:
        screen.until(LEFT)
        assert screen.end() == 1
        screen.check()
        assert "not a database" in screen.after


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGKILL, 137)]
)
def test_so_it_is_when_it_ends_before_it_has_begun(tmp_path: Path, number: int, code: int) -> None:
    with terminal(Cli(tmp_path, SAY)) as screen:
        screen.until("╭")
        with held(screen):
            os.kill(screen.worker, number)
        assert screen.end() == code
        screen.check()


def test_ctrl_c_ends_a_start_that_hangs(tmp_path: Path) -> None:
    with terminal(Cli(tmp_path, SAY)) as screen:
        screen.until("╭")
        with held(screen):
            screen.type("\x03")
        assert screen.end() == 130
        screen.check()
        assert "Traceback" not in screen.after


def test_what_is_wrong_at_the_start_is_said_on_the_usual_screen(tmp_path: Path) -> None:
    with terminal(Cli(tmp_path, SAY), "--model", "gpt") as screen:
        assert screen.end() == 2
        screen.check()
        assert "write PROVIDER/MODEL" in screen.after


def test_a_failure_of_the_app_is_told_on_the_usual_screen(tmp_path: Path) -> None:
    program = ("-c", BROKEN.format("raise RuntimeError('it broke')"))
    with terminal(Cli(tmp_path, SAY), program=program) as screen:
        assert screen.end() == 1
        screen.check()
        assert "it broke" in screen.after


def test_what_is_printed_beside_never_lands_on_the_screen(tmp_path: Path) -> None:
    words = "os.write(1, b'STRAY1'); os.write(2, b'STRAY2'); os.system('echo STRAY3')"
    with terminal(Cli(tmp_path, SAY), program=("-c", BROKEN.format(words))) as screen:
        screen.until(READY)
        screen.type("\x11")
        assert screen.end() == 0
        screen.check()
        assert b"STRAY" not in screen.raw[: screen.raw.rindex(LEFT)]
        assert all(f"STRAY{n}" in screen.after for n in (1, 2, 3))


def test_after_both_were_killed_the_next_start_mends_the_terminal(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    with terminal(cli) as screen:
        screen.until(READY)
        os.killpg(screen.process.pid, signal.SIGKILL)
        screen.process.wait()
        assert termios.tcgetattr(screen.slave) != screen.modes
        screen.forget()
        screen.start(cli)
        screen.until(READY)
        assert screen.raw.index(LEFT) < screen.raw.index(b"\x1b[?1049h")
        screen.type("\x11")
        assert screen.end() == 0
        lines = termios.ICANON | termios.ECHO | termios.ISIG
        assert termios.tcgetattr(screen.slave)[3] & lines == lines


def test_without_the_first_process_the_second_one_leaves(tmp_path: Path) -> None:
    with terminal(Cli(tmp_path, SAY)) as screen:
        screen.until(READY)
        worker = screen.worker
        screen.process.kill()
        until(lambda: status(worker) == "Z", "the second to leave")


def status(pid: int) -> str:
    """The letter for what a process does; Z once it has ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"


# ---------------------------------------------------------------- stop and continue


def test_stopped_the_shell_has_the_terminal_and_continued_the_screen_is_whole(
    tmp_path: Path,
) -> None:
    cli = Cli(tmp_path, SAY)
    cli.environ |= {"PS1": "shell> ", "HISTFILE": "/dev/null"}
    with terminal(cli, program=("-c", BASH)) as screen:
        screen.until("shell>")
        screen.type('"$PYTHON" -m tuiagent\n')
        screen.until(READY)
        screen.type("typed")
        screen.until("typed")
        (first,) = children(screen.process.pid)
        for whom in (first, -first, first):
            screen.raw = b""
            os.kill(whom, signal.SIGTSTP) if whom > 0 else os.killpg(-whom, signal.SIGTSTP)
            screen.until(b"Stopped")
            assert LEFT in screen.raw
            screen.until(lambda: termios.tcgetattr(screen.slave)[3] & termios.ISIG)
            screen.forget()
            screen.type("fg\n")
            screen.until(TAKEN)
            screen.until(READY)
            screen.until("typed")
        screen.type("\x11")
        screen.until(lambda: screen.raw.rstrip().endswith(b"shell>"))


BASH = """
import os, sys
os.environ["PYTHON"] = sys.executable
os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
"""


def test_ctrl_z_stops_it_from_the_prompt_and_from_the_editor_that_it_opens(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    edits = tmp_path / "edits"
    edits.write_text("#!/bin/sh\necho editing >/dev/tty; read -r line </dev/tty; echo $line >$1\n")
    edits.chmod(0o700)
    cli.environ |= {"PS1": "shell> ", "HISTFILE": "/dev/null", "EDITOR": str(edits)}
    with terminal(cli, program=("-c", BASH)) as screen:
        screen.until("shell>")
        screen.type('"$PYTHON" -m tuiagent\n')
        screen.until(READY)
        screen.type("typed")
        screen.until("typed")
        screen.type("\x1a")
        screen.until(b"Stopped")
        screen.forget()
        screen.type("fg\n")
        screen.until("typed")
        screen.type("\x1be")
        screen.until("editing")
        screen.type("\x1a")
        screen.until(b"Stopped")
        screen.forget()
        screen.type("fg\n")
        screen.until(b"tuiagent")
        screen.type("written\n")
        screen.until(READY)
        screen.until("│written")
        screen.type("\x11")
        screen.until(lambda: screen.raw.rstrip().endswith(b"shell>"))


@pytest.mark.parametrize("editor", ["false", "/no/such/editor"])
def test_an_editor_that_fails_leaves_the_screen_and_the_text(tmp_path: Path, editor: str) -> None:
    cli = Cli(tmp_path, SAY)
    cli.environ |= {"EDITOR": editor}
    with terminal(cli) as screen:
        screen.until(READY)
        screen.type("typed")
        screen.until("typed")
        screen.type("\x1be")
        screen.until("your text is as")
        screen.type(" on")
        screen.until("typed on")
        screen.type("\x11")
        assert screen.end() == 0
        screen.check()


def test_whoever_was_stopped_without_warning_draws_all_of_it_again(tmp_path: Path) -> None:
    with terminal(Cli(tmp_path, SAY)) as screen:
        screen.until(READY)
        os.kill(screen.worker, signal.SIGSTOP)
        screen.forget()
        os.kill(screen.worker, signal.SIGCONT)
        screen.until(TAKEN)
        screen.until(READY)


# ---------------------------------------------------------------- in


def test_every_key_pressed_since_the_start_is_in_the_prompt_once_and_in_order(
    tmp_path: Path,
) -> None:
    with terminal(Cli(tmp_path, SAY), size=(120, 30)) as screen:
        typed = ""
        while TAKEN not in screen.raw:
            if len(typed) < 30:
                typed += (letter := chr(ord("A") + len(typed)))
                screen.type(letter)
            screen.read(0.02)
        screen.type("日本\x7f語é")
        shown = screen.until("日語é")
        begun = screen.raw.index(TAKEN)
        assert typed[:3].encode() in screen.raw[:begun]
        row = "".join(line.strip("│╭╮╰╯─ ") for line in shown.splitlines() if "│" in line)
        assert typed + "日語é" in row


def test_pasted_lines_are_not_sent_before_the_app_is_there(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    with terminal(cli) as screen:
        screen.until("╭")
        screen.type("\x1b[200~one\rtwo\x1b[201~!")
        screen.until(READY)
        screen.until("two!")
        assert "one" in screen.shown
        screen.type("\x11")
        assert screen.end() == 0
    assert cli.run("sessions", "list").stdout == "no sessions yet\n"


def test_more_than_is_read_ahead_waits_in_the_terminal(tmp_path: Path) -> None:
    with terminal(Cli(tmp_path, SAY)) as screen:
        screen.until("╭")
        os.kill(screen.worker, signal.SIGSTOP)
        for number in range(200):
            screen.type(f"\x1b[200~{number:-<200}\r\x1b[201~")
            screen.read(0.001)
            if number == 180:
                os.kill(screen.worker, signal.SIGCONT)
        screen.until(f"{199:-<20}")


# ---------------------------------------------------------------- size and speed


def test_500_sizes_are_survived(tmp_path: Path) -> None:
    with terminal(Cli(tmp_path, SAY), size=(120, 40)) as screen:
        screen.until(READY)
        for number in range(500):
            screen.size(1 + number * 37 % 140, 1 + number * 13 % 50)
            screen.read(0.01)
        screen.size(1, 1)
        screen.read(0.05)
        screen.size(97, 29)
        screen.until(lambda: "quit" in screen.shown.splitlines()[-1])
        screen.type("\x11")
        assert screen.end() == 0
        screen.check()


def test_a_terminal_that_does_not_read_holds_nothing_up(tmp_path: Path) -> None:
    with terminal(Cli(tmp_path, SAY), size=(120, 40)) as screen:
        screen.until(READY)
        for _ in range(60):
            screen.type("x" * 10)
            screen.type("\x7f" * 10)
        before = memory(screen.worker)
        screen.type("end")
        screen.until("│end")
        assert memory(screen.worker) - before < 20_000
        screen.type("\x11")
        assert screen.end() == 0
        screen.check()


def memory(pid: int) -> int:
    """KiB that a process holds."""
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))


def test_a_terminal_that_is_gone_without_a_word_is_a_hang_up(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    with terminal(cli, controlling=False) as screen:
        screen.until(READY)
        screen.close()
        assert screen.process.wait(LIMIT) == 129
