"""The screen's start and rest, on a terminal of this process's own, beside a bare Textual app."""

import asyncio
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench_runs import PYTHON, TUIAGENT
from bench_told import told

ROOT = Path(__file__).resolve().parent.parent
SIZE = (120, 40)
LETTERS = "qjxzw"
REST = 5.0
"""Seconds over which a screen at rest is watched."""
BARE = """
import sys
sys.path += {path}
from textual.app import App
from textual.widgets import Static, TextArea
class Bare(App):
    def compose(self):
        yield Static("complete")
        yield TextArea()
Bare().run()
"""
FLOOR, OURS = "bare Textual", "tuiagent"


class Shown:
    """One start: milliseconds to the box, to the first echoed letter, to the whole screen.

    And those of the processor to the whole screen, of all threads of all its processes.
    """

    def __init__(self, argv: list[str], words: bytes, home: str, rest: bool = False) -> None:
        self.box = self.echo = self.whole = self.work = 0.0
        self.memory = self.cpu = 0.0
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0))
        environ = {"PATH": os.environ["PATH"], "HOME": home, "TERM": "xterm-256color"}
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            argv, env=environ, cwd=home, start_new_session=True, stdin=slave, stdout=slave,
            stderr=slave,
        )  # fmt: skip
        try:
            self._watch(words)
            if rest:
                self._rest()
        finally:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            os.close(self._master)
            os.close(slave)

    def _now(self) -> float:
        return (time.monotonic() - self._began) * 1000

    def _watch(self, words: bytes) -> None:
        seen = b""
        letters = iter(LETTERS)
        typed = b""
        while not (self.whole and self.echo):
            if not select.select([self._master], [], [], 20)[0]:
                raise TimeoutError(seen[-200:])
            seen += os.read(self._master, 1 << 16)
            if (not self.box and "─".encode() in seen) or words in seen:
                self.box = self.box or self._now()
            if self.box and not typed:
                typed = next(letters).encode()
                at = len(seen)
                os.write(self._master, typed)
            elif typed and not self.echo and b"m" + typed in seen[at:]:
                self.echo = self._now()
            if not self.whole and words in seen:
                self.whole = self._now()
                self.work = sum(map(_spent, [self._process.pid, *_children(self._process.pid)]))

    def _rest(self) -> None:
        while select.select([self._master], [], [], 0.5)[0]:
            os.read(self._master, 1 << 16)
        pids = [self._process.pid, *_children(self._process.pid)]
        before = sum(map(_ticks, pids))
        end = time.monotonic() + REST
        while (left := end - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                os.read(self._master, 1 << 16)
        spent = (sum(map(_ticks, pids)) - before) / os.sysconf("SC_CLK_TCK")
        self.cpu = 100 * spent / REST
        self.memory = sum(map(_memory, pids))


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def _spent(pid: int) -> float:
    """Milliseconds of the processor that a process's threads have had."""
    spent = 0
    for one in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with suppress(ProcessLookupError, FileNotFoundError):  # a thread that ends meanwhile
            spent += int(one.read_text().split()[0])
    return spent / 1e6


def _memory(pid: int) -> float:
    """MB that a process holds; what two share counts half for each."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


async def screen(server: Any, count: int) -> None:
    """Starts both in turn, and looks at both at rest."""
    site = next((ROOT / ".venv/lib").glob("python3*/site-packages"))
    commands = {
        FLOOR: ([str(PYTHON), "-ISc", BARE.format(path=[str(site)])], b"complete"),
        OURS: ([str(TUIAGENT), "--model", "scripted/tour"], b"scripted/tour"),
    }
    with tempfile.TemporaryDirectory() as home:
        starts: dict[str, list[Shown]] = {name: [] for name in commands}
        for turn in range(count + 1):
            for name, (argv, words) in commands.items():
                found = await asyncio.to_thread(Shown, argv, words, home)
                if turn:  # the first one makes what is kept between starts
                    starts[name].append(found)
        for what, attribute in (
            ("start to the prompt's box", "box"),
            ("start to the first echoed letter", "echo"),
            ("start to the whole screen", "whole"),
            ("the processor's part of that", "work"),
        ):
            rows = {name: [getattr(one, attribute) for one in all] for name, all in starts.items()}
            told(what, rows, "ms", FLOOR)
        rests = {
            name: [await asyncio.to_thread(Shown, argv, words, home, True)]
            for name, (argv, words) in commands.items()
        }
        told("memory at rest", {name: [one.memory for one in v] for name, v in rests.items()},
             "MB", FLOOR)  # fmt: skip
        told("CPU at rest", {name: [one.cpu for one in v] for name, v in rests.items()}, "%")
