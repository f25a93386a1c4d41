"""A server's beginning and end: who is ended, who waits for whom, and what others left there."""

import asyncio
import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_cli import SAY, Cli
from tests.flows.test_detach import ALLOWED, DONE, LONG, home
from tests.life import LIMIT, until
from tuiagent.clients.web.listen import listening as answering
from tuiagent.clients.web.patience import BURST, PatientProtocol
from tuiagent.clients.web.socket import listening
from tuiagent.server import READY, RECORD, listener, server_record

SLOW = {"text": ["one ", "two"], "delay": 1.0}


def sleeper() -> subprocess.Popen[bytes]:
    """A process that is none of ours to end."""
    return subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)


def test_only_the_process_that_listens_is_ended(tmp_path: Path) -> None:
    """A record is a file: it may be another's, or of a process whose number is used again."""
    with home(tmp_path, SAY) as cli:
        server = cli.serve()
        record = cli.root / RECORD
        true, bystander = record.read_bytes(), sleeper()
        try:
            record.write_bytes(true.replace(str(server.pid).encode(), str(bystander.pid).encode()))
            done = cli.run("serve", "--stop")
            assert done.returncode == 1
            assert f"but process {server.pid} is the server: nothing was ended" in done.stderr
            assert (bystander.poll(), server.poll()) == (None, None)
        finally:
            bystander.kill()
            bystander.communicate()
        record.write_bytes(true)
        assert listener(str(cli.root)) == server.pid
        assert cli.run("serve", "--stop").returncode == 0
        assert server.wait(LIMIT) == 0


@pytest.mark.skipif(
    subprocess.run(
        ["sh", "-c", "unshare -rpf --kill-child true"], check=False, capture_output=True
    ).returncode
    != 0,
    reason="no container can be made here",
)
def test_nobody_is_ended_in_place_of_a_server_in_another_container(tmp_path: Path) -> None:
    """Its number is somebody else's here."""
    with home(tmp_path, SAY) as cli:
        server = cli.serve()
        record = cli.root / RECORD
        true = record.read_bytes()
        record.write_bytes(true.replace(str(server.pid).encode(), b"2"))
        inside = f"sleep 60 & {sys.executable} -m tuiagent serve --stop; kill -0 2 && kill -9 2"
        env = {"TUIAGENT_HOME": str(cli.root), "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run(
            ["unshare", "-rpf", "--kill-child", "sh", "-c", inside],
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        record.write_bytes(true)
        assert (done.returncode, "nothing was ended" in done.stderr) == (0, True)
        assert server.poll() is None


@pytest.mark.parametrize("pid", [0, -1])
def test_a_record_never_names_more_than_one_process(tmp_path: Path, pid: int) -> None:
    with home(tmp_path, SAY) as cli:
        server = cli.serve()
        record = cli.root / RECORD
        true = record.read_bytes()
        record.write_bytes(true.replace(str(server.pid).encode(), str(pid).encode()))
        found = server_record(str(cli.root))
        record.write_bytes(true)  # whoever ends this server shall end nothing else
        assert found is None


def test_a_server_outlives_whoever_began_it(tmp_path: Path) -> None:
    """Its terminal vanished, and it was killed while it waited for the server to listen."""
    with home(tmp_path, SAY) as cli:
        heard, told = os.pipe()
        os.close(heard)
        process = cli.start("serve", READY, str(told), stdin=subprocess.DEVNULL, pass_fds=[told])
        cli.servers.append(process)
        os.close(told)
        until(lambda: server_record(str(cli.root)) is not None, "the server to listen")
        cli.run("-p", "go")
        assert process.poll() is None
        assert cli.run("serve", "--stop").returncode == 0
        assert process.wait(LIMIT) == 0


def test_the_next_server_waits_for_one_that_still_drains(tmp_path: Path) -> None:
    """So a session can be handed over while the server before ends what it has begun."""
    with home(tmp_path, SLOW, SAY) as cli:
        first = cli.serve()
        visitor = cli.start("-p", "go", stdin=subprocess.DEVNULL)
        until(lambda: any(e.kind == "AttemptStarted" for e in cli.told()), "the model to be asked")
        first.send_signal(signal.SIGTERM)
        until(lambda: server_record(str(cli.root)) is None, "the server to drain")
        assert first.poll() is None, "it still drains"
        done = cli.run("-p", "and this", "--detach")
        assert (done.returncode, done.stderr) == (0, "")
        assert first.wait(LIMIT) == 0
        assert cli.server() != first.pid
        visitor.communicate(timeout=LIMIT)
        assert cli.run("runs", "wait", done.stdout.strip()).returncode == 0


def test_a_second_server_is_refused_at_once(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        server = cli.serve()
        done = cli.run("serve")
        assert done.returncode == 1
        assert f"runs already (process {server.pid})" in done.stderr


async def test_listening_leaves_the_mask_of_the_process_alone(tmp_path: Path) -> None:
    """It holds for all threads, and for the commands that are begun meanwhile."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")

    before = os.umask(0o022)
    try:
        one, two = (listening(str(tmp_path / name), answer) for name in "ab")
        await asyncio.gather(one.__aenter__(), two.__aenter__())
        assert os.umask(0o022) == 0o022
        for name in "ab":
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
        await asyncio.gather(one.__aexit__(None, None, None), two.__aexit__(None, None, None))
    finally:
        os.umask(before)


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1), (0, 1, 2)])
def test_nothing_takes_the_place_of_a_stream_that_is_closed(
    tmp_path: Path, closed: tuple[int, ...]
) -> None:
    """A file or a socket would get what is printed, or be what a command reads."""
    with home(tmp_path, SAY) as cli:
        for flags in ((), ("--detach",)):

            def close() -> None:
                for number in closed:
                    os.close(number)

            process = cli.start("-p", "go", *flags, preexec_fn=close, stdin=subprocess.DEVNULL)
            _, err = process.communicate(timeout=LIMIT)
            assert (process.returncode, err) == (0, b"")


def test_a_hang_up_with_no_stream_open_hands_over(tmp_path: Path) -> None:
    """The terminal is forgotten then: what has the number of a closed stream would be as well."""
    with home(tmp_path, LONG, DONE) as cli:
        process = cli.start(*ALLOWED, preexec_fn=lambda: os.closerange(0, 3))
        until((cli.work / "began").exists, "the command to begin")
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=LIMIT)
        assert process.returncode == 128 + signal.SIGHUP
        until(cli.served, "the server to drive it")
        (cli.work / "go").touch()
        cli.finished()
        assert cli.ran() == ["a"]


def test_connections_leave_files_to_the_rest(tmp_path: Path) -> None:
    """Whoever has no key can open connections: the server goes on with its work all the same."""

    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (600, 600))

    with home(tmp_path, SAY) as cli, contextlib.ExitStack() as opened:
        cli.servers.append(cli.start("serve", stdin=subprocess.DEVNULL, preexec_fn=few))
        until(lambda: server_record(str(cli.root)) is not None, "the server to listen")
        record = server_record(str(cli.root))
        assert record is not None
        host, _, port = record.addresses[0].rpartition("/")[2].partition(":")
        for _ in range(700):
            opened.enter_context(socket.create_connection((host, int(port)), LIMIT))
        assert cli.run("-p", "go").returncode == 0


async def test_few_connections_are_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes a file, also the one too many, until it is closed some turns later."""

    def files() -> int:
        return len(os.listdir("/proc/self/fd"))

    async def silent(scope: Any, receive: Any, send: Any) -> None:
        """Answers nobody."""

    monkeypatch.setattr(PatientProtocol, "most", 10)
    with contextlib.ExitStack() as opened:
        async with answering(silent, ["127.0.0.1:0"], lambda: None) as (url,):
            host, _, port = url.rpartition("/")[2].partition(":")
            for _ in range(200):
                opened.enter_context(socket.create_connection((host, int(port)), LIMIT))
            before, taken = files(), []
            while len(taken) < 20:
                await asyncio.sleep(0)
                taken.append(files() - before)
            assert 10 < max(taken) <= 10 + 4 * BURST < 200


def test_a_script_without_an_end_is_not_read(tmp_path: Path) -> None:
    """Whoever may name a session's model could otherwise fill this machine's memory."""
    long = tmp_path / "long.json"
    with long.open("wb") as file:
        file.truncate(1 << 40)
    for name in ("/dev/zero", str(long)):
        done = Cli(tmp_path / name.replace("/", "-"), SAY).run(
            "-p", "x", "--model", f"scripted/{name}"
        )
        assert done.returncode == 1
        assert "cannot be read" in done.stderr


HANDS_BACK = """
from _socket import socketpair
from tuiagent.clients.window import Window

told, tell = socketpair()
tell.setblocking(False)
try:
    while True:
        tell.send(bytes(4096))
except BlockingIOError:
    tell.setblocking(True)
print("ready", flush=True)
Window(tell, [], None).leave(0)
"""


def test_who_hands_over_has_left_the_terminal_before_that_is_said() -> None:
    """The shell goes on then, and a terminal that is closed ends all that is still its own."""
    command = [sys.executable, "-c", HANDS_BACK]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout
            assert process.stdout.readline() == b"ready\n"
            until(lambda: os.getsid(process.pid) == process.pid, "it to leave")
        finally:
            process.kill()
