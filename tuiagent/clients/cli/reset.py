"""Repairs a terminal that a killed full-screen program left as it needed it."""

import argparse
import os
import signal
import sys
import termios

from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.terminal import repair

TERMINAL = "/dev/tty"


def run(args: argparse.Namespace) -> int:
    """`reset`: standard output if that is a terminal, else the one it was started from."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # it may well be in the background
    try:
        terminal = 1 if os.isatty(1) else os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY)
        repair(terminal)
    except (OSError, termios.error) as error:
        print(
            f"tuiagent: there is no terminal to repair here ({error.args[-1]}); from another one: "
            "tuiagent reset >/dev/pts/N",
            file=sys.stderr,
        )
        return ERROR
    return DONE
