"""A service is ended and begun again: what sessions run lives on, or its end is told truly."""

import json
import os
import secrets
import signal
import subprocess
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_cli import SAY, Cli
from tests.flows.test_service import keys
from tests.life import LIMIT, until
from tuiagent.clients.cli.service import service
from tuiagent.runtimes.family import processes
from tuiagent.server import server_record

COMMAND = "mkfifo go; touch began; read x <go; echo x >>ran; echo all of it"
TURNS = [{"calls": [{"tool": "shell", "args": {"command": COMMAND}}]}, SAY]
PLACES = ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/freezer")
CONTROL_GROUP = "KillMode=control-group\n"


class Service(Cli):
    """The server as a manager of services runs it: in a control group, where that can be made."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, *TURNS)
        self.unit = service(str(self.root), {"HOME": str(self.home)}, "linux").text
        self.main: subprocess.Popen[bytes] | None = None
        self.group = self._group()

    def _group(self) -> Path | None:
        for place in PLACES:
            group = Path(place, f"tuiagent-{secrets.token_hex(6)}")
            with suppress(OSError):
                group.mkdir()
                if (group / "cgroup.procs").exists():
                    return group
                group.rmdir()
        return None

    def members(self) -> list[int]:
        """The processes of the group; without one, the server and all that descend from it."""
        assert self.main
        if self.group:
            return [int(pid) for pid in (self.group / "cgroup.procs").read_text().split()]
        return [self.main.pid, *self.left()]

    def begin(self) -> None:
        """Starts the server, and waits until it is found."""
        self.main = self.start("serve", stdin=subprocess.DEVNULL)
        if self.group:
            (self.group / "cgroup.procs").write_text(str(self.main.pid))
        until(lambda: server_record(str(self.root)), "the server")

    def end(self, name: int = signal.SIGTERM) -> None:
        """Ends it as the unit says."""
        assert self.main
        mode = keys(self.unit)["KillMode"]
        assert mode in ("process", "control-group")
        meant = [self.main.pid] if mode == "process" else self.members()
        for pid in meant:
            with suppress(ProcessLookupError):
                os.kill(pid, name)
        self.main.communicate(timeout=LIMIT)
        if mode == "control-group":
            until(lambda: not self._killed(), "the group to be empty")

    def _killed(self) -> list[int]:
        """What is left of the group after it was asked to end; that is killed."""
        alive = [pid for pid in self.members() if pid in processes()]
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return alive

    def call(self) -> dict[str, Any]:
        """The one call, as the transcript tells of it."""
        items = json.loads(self.run("sessions", "show", self.session(), "--output", "json").stdout)
        (found,) = [item for item in items if item["kind"] == "call"]
        return found

    def close(self) -> None:
        """Ends all that is left."""
        self.unit = CONTROL_GROUP.join(["[Service]\n", ""])
        if self.main and self.main.poll() is None:
            self.end()
        for pid in self.left():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.left(), "what was begun to end")
        if self.group:
            until(lambda: not self.members(), "the group to be empty")
            self.group.rmdir()


@pytest.fixture
def served(tmp_path: Path) -> Generator[Service]:
    """A server in whose one run a command goes on."""
    made = Service(tmp_path)
    try:
        made.begin()
        yield made
    finally:
        made.close()


def going(served: Service) -> str:
    """The run, once its command goes on."""
    flags = ("--mode", "auto", "--no-sandbox", "--detach")
    run = served.run("-p", "go", *flags).stdout.strip()
    until((served.work / "began").exists, "the command to begin")
    assert served.left()
    assert {*served.left()} <= {*served.members()}, "it is in the group"
    return run


@pytest.mark.parametrize("name", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_the_service_leaves_its_commands(served: Service, name: int) -> None:
    run = going(served)
    before = {*served.left()}
    served.end(name)
    assert server_record(str(served.root)) is None
    assert {*served.left()} == before, "nothing of it was killed"
    served.begin()
    (served.work / "go").write_text("on\n")
    done = served.run("runs", "wait", run)
    assert (done.returncode, done.stdout.strip() != "") == (0, True), done.stderr
    assert served.ran() == ["x"]
    assert (served.call()["status"], "all of it" in str(served.call())) == ("ok", True)


def test_where_all_of_it_is_killed_that_is_told(served: Service) -> None:
    run = going(served)
    served.unit = served.unit.replace("KillMode=process\n", CONTROL_GROUP)
    served.end(signal.SIGKILL)
    assert served.left() == []
    served.begin()
    assert served.run("runs", "wait", run).returncode == 0
    assert served.ran() == [], "nothing is run again"
    assert served.call()["status"] == "unknown"
    assert "outcome" in served.run("status").stdout
