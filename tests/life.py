"""One session that is killed again and again, as seen from outside: real processes, real kills."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from tuiagent.kernel import audit
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.event import Event
from tuiagent.runtimes.family import processes
from tuiagent.runtimes.spool import WRAPPER
from tuiagent.stores.sqlite import SqliteStore
from tuiagent.views.prompt import PromptView, check

LIMIT = 60.0
"""Seconds after which a process that should have ended counts as hanging."""
PROGRAM = ("-m", "tuiagent")
ANSWER = "All of it is done."
TURNS: list[dict[str, Any]] = [
    {"text": "I write.", "calls": [{"tool": "write", "args": {"path": "f", "content": "one\n"}}]},
    {"calls": [{"tool": "shell", "args": {"command": "echo a >>ran; echo out-a"}}]},
    {
        "text": ["Two ", "at ", "once."],
        "calls": [
            {"tool": "read", "args": {"path": "f"}},
            {"tool": "shell", "args": {"command": "echo b >>ran; sleep 0.05; echo out-b"}},
        ],
    },
    {"calls": [{"tool": "edit", "args": {"path": "f", "old": "one", "new": "two"}}]},
    {"calls": [{"tool": "shell", "args": {"command": "sleep 0.05; echo c >>ran; echo out-c"}}]},
    {"text": ANSWER},
]


class Life:
    """A state root, a work folder, and a scripted model; whatever dies is started again."""

    def __init__(self, folder: Path, turns: Sequence[dict[str, Any]] = TURNS) -> None:
        self.root = folder / "state"
        self.work = folder / "work"
        self.work.mkdir(parents=True)
        script = folder / "script.json"
        script.write_bytes(msgspec.json.encode({"turns": turns}))
        self.model = f"scripted/{script}"
        self.home = folder / "home"
        self.environ: dict[str, str] = {}
        """Set for every process, beside the few names that each gets."""
        self.acknowledged: list[dict[str, Any]] = []
        """Every event that any process has told before its end."""
        self.last: subprocess.CompletedProcess[bytes] | None = None

    # ------------------------------------------------------------ processes

    def start(
        self, *args: str, crash: str = "", program: Sequence[str] = PROGRAM, **more: Any
    ) -> subprocess.Popen[bytes]:
        """The command line in a process of its own."""
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TUIAGENT_HOME": str(self.root),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "TUIAGENT_CRASH": crash,
            "TUIAGENT_PORT": "0",  # any that is free: tests run side by side
            **self.environ,
        }
        argv = [sys.executable, *program, *args]
        more = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}
        return subprocess.Popen(argv, env=env, cwd=self.work, **more)

    def go(self, crash: str = "") -> subprocess.Popen[bytes]:
        """Begins the run, or goes on with it: with `once`, both are the same command."""
        flags = ["--mode", "auto", "--no-sandbox", "--output", "events", "--once", "k"]
        null = subprocess.DEVNULL
        return self.start("-p", "go", "--model", self.model, *flags, crash=crash, stdin=null)

    def ended(self, process: subprocess.Popen[bytes]) -> int:
        """Waits for the end, and keeps what was told; the exit code."""
        out, err = process.communicate(timeout=LIMIT)
        whole = out[: out.rfind(b"\n") + 1]
        self.acknowledged += [msgspec.json.decode(line) for line in whole.splitlines()]
        self.last = subprocess.CompletedProcess(process.args, process.returncode, out, err)
        return process.returncode

    def finish(self) -> None:
        """Goes on until a process is left alone; it must come to the end."""
        code = self.ended(self.go())
        assert self.last is not None
        assert code == 0, self.last.stderr.decode()

    def kill_sometime(self, chance: random.Random, longest: float) -> bool:
        """Starts, and kills at some moment; whether the kill came in time."""
        process = self.go()
        try:
            process.wait(chance.random() * longest)
        except subprocess.TimeoutExpired:
            if chance.random() < 0.25:
                kill_one([pid for pid in self.left() if _is_wrapper(pid)], chance)
            process.kill()
        return self.ended(process) == -signal.SIGKILL

    def left(self) -> list[int]:
        """The processes that belong to commands of this session."""
        mark = f"TUIAGENT_CALL={self.root}/".encode()
        return [pid for pid in processes() if mark in _environ(pid)]

    def everybody(self) -> list[int]:
        """The processes that work on this state root."""
        mark = f"TUIAGENT_HOME={self.root}".encode()
        return [pid for pid in processes() if mark in _environ(pid).split(b"\0")]

    # ------------------------------------------------------------ what must hold

    stream = ""

    def events(self) -> list[Event]:
        """The journal; the chain is whole."""
        known = codec()
        with closing(SqliteStore(str(self.root / "journal.db"))) as store:
            (self.stream,) = {record.stream for record in store.tail("session/*", 0)}
            records = store.read(self.stream, 0, 100_000)
        assert audit.verify(self.stream, records) is None
        assert [record.version for record in records] == list(range(1, len(records) + 1))
        return [known.event(record) for record in records]

    def check(self, answer: str = ANSWER) -> dict[str, calls.CallFinished]:
        """Nothing lost, nothing twice, no gap, still sendable, nobody left behind."""
        events = self.events()
        self._acknowledged(events)
        written = [
            c for e in events if isinstance(e.fact, runs.ReplyReceived) for c in e.fact.reply.calls
        ]
        ended = [e.fact for e in events if isinstance(e.fact, calls.CallFinished)]
        assert sorted(c.id for c in written) == sorted(f.call for f in ended)
        view = PromptView(self.stream)
        for event in events:
            view.apply(event)
            if isinstance(event.fact, runs.AttemptStarted):
                check(view.messages)
        last = events[-1].fact
        assert isinstance(last, runs.RunFinished), last
        assert last.status == "done"
        verified = self.start("verify")
        out, err = verified.communicate(timeout=LIMIT)
        assert verified.returncode == 0, out + err
        assert self.left() == []
        return {f.call: f for f in ended}

    def check_effects(self) -> None:
        """Each command ran once, or is known to be unknown; the file was changed once."""
        found = self.check()
        ran = Counter(self.ran())
        assert max(ran.values(), default=0) <= 1, ran
        unknown = 0
        for letter, name in zip("abc", self.commands(), strict=True):
            observed = found[name].observation
            if observed.status == "ok":
                assert ran[letter] == 1
                assert f"out-{letter}" in observed.text
            elif observed.status == "error":
                assert ran[letter] == 0
                # the wrapper was killed before, or its child before that became the command
                assert "was never started" in observed.text or "[exit 137]" in observed.text
            else:
                assert observed.status == "unknown", observed
                unknown += 1
        assert (self.work / "f").read_text() == "two\n"
        self.unknown = unknown

    unknown = 0

    def commands(self) -> list[str]:
        replies = [e.fact.reply for e in self.events() if isinstance(e.fact, runs.ReplyReceived)]
        return [c.id for reply in replies for c in reply.calls if c.name == "shell"]

    def ran(self) -> list[str]:
        log = self.work / "ran"
        return log.read_text().split() if log.exists() else []

    def _acknowledged(self, events: Sequence[Event]) -> None:
        """What any process has told is in the journal, byte for byte."""
        told = {e.version: msgspec.json.decode(msgspec.json.encode(e.fact)) for e in events}
        for line in self.acknowledged:
            assert line["body"] == told[line["version"]]


def kill_one(pids: Sequence[int], chance: random.Random) -> None:
    """Kills one of these, if there is one."""
    if pids:
        try:
            os.kill(chance.choice(pids), signal.SIGKILL)
        except ProcessLookupError:
            return  # it ended by itself meanwhile


def until(true: Any, what: str) -> None:
    """Waits for something outside of this process."""
    deadline = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < deadline, f"waited {LIMIT} s for: {what}"
        time.sleep(0.01)


def _is_wrapper(pid: int) -> bool:
    try:
        return WRAPPER.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _environ(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
