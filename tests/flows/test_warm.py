"""Headless commands that a server does for a thin client: nobody can tell the difference."""

import ast
import asyncio
import json
import os
import pty
import re
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import tuiagent
from tests.flows.test_cli import PROMPT, SAY, SHELL
from tests.flows.test_detach import ALLOWED, ANSWER, DONE, LONG, Home, home
from tests.house import Fakes, engine, opened, prompt, say
from tests.house import until as seen_until
from tests.life import LIMIT, PROGRAM, until
from tuiagent import __version__, thin
from tuiagent.callers import Call, Desk
from tuiagent.clients.web.socket import listening
from tuiagent.engine.owner import OwnerSeat
from tuiagent.kernel.run import AttemptFailed, RunFinished
from tuiagent.kernel.standing import Standing
from tuiagent.server import server_record

THIN = (
    "-c",
    "import sys; from tuiagent.thin import run; code = run(sys.argv[1:]); "
    "sys.exit(99 if code is None else code)",
)
"""The thin client and nothing else; 99 where the usual way is to be gone."""
DECLINED = 99
SCHEMA = '{"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}'
WORK = ("--allow", "shell(mkdir *)")


class Case(NamedTuple):
    """Commands one after another, with what is piped into each, and what they have to end with."""

    turns: list[dict[str, Any]]
    commands: list[list[str]]
    codes: list[int]
    input: str | None = None
    environ: dict[str, str] = {}


CASES = {
    "text": Case([SHELL, SAY], [[*PROMPT, *WORK]], [0]),
    "run": Case([SAY], [["run", "go"]], [0]),
    "detach nothing": Case([SAY], [["--detach", "--headless"]], [2], ""),
    "json": Case([SHELL, SAY], [[*PROMPT, *WORK, "--output", "json"]], [0]),
    "events": Case([SHELL, SAY], [[*PROMPT, *WORK, "--output", "events"]], [0]),
    "schema": Case(
        [{"text": "no"}, {"text": '{"n": 1}'}], [[*PROMPT, "--output-schema", "schema"]], [0]
    ),
    "no schema": Case([SAY], [[*PROMPT, "--output-schema", "nothing"]], [2]),
    "a folder as schema": Case([SAY], [[*PROMPT, "--output-schema", "below"]], [2]),
    "continue": Case([SAY, DONE], [[*PROMPT], ["-p", "more", "--continue"]], [0, 0]),
    "resume nobody": Case([SAY], [[*PROMPT, "--resume", "nobody"]], [2]),
    "once": Case([SAY], [[*PROMPT, "--once", "k"], [*PROMPT, "--once", "k"]], [0, 0]),
    "twice": Case([SAY], [[*PROMPT, "--once", "l"], ["-p", "x", "--once", "l"]], [0, 1]),
    "fork": Case([SAY, DONE], [[*PROMPT, "--name", "a"], ["-p", "b", "--fork", "a"]], [0, 0]),
    "file": Case([SAY], [[*PROMPT, "--file", "notes"]], [0]),
    "no file": Case([SAY], [[*PROMPT, "--file", "nothing"]], [2]),
    "no text": Case([SAY], [[*PROMPT, "--file", "bytes"]], [2]),
    "folder": Case([SAY], [[*PROMPT, "--cwd", "below", "--output", "events"]], [0]),
    "no folder": Case([SAY], [[*PROMPT, "--cwd", "nowhere"]], [2]),
    "piped": Case([SAY], [["-p", "-", "--output", "events"]], [0], "one\r\ntwo\n"),
    "beside": Case([SAY], [[*PROMPT, "--output", "events"]], [0], "a log\n"),
    "nothing": Case([SAY], [["--headless"]], [2], ""),
    "a project's rules": Case([SHELL, SAY], [[*PROMPT, "--cwd", "strict", *WORK]], [4]),
    "a person": Case([SHELL, SAY], [[*PROMPT, "--mode", "ask"]], [5]),
    "refused": Case([SHELL, SAY], [[*PROMPT]], [4]),
    "limit": Case([SHELL, SHELL, SAY], [[*PROMPT, "--allow", "shell", "--max-turns", "1"]], [3]),
    "money": Case([SAY], [[*PROMPT, "--model", "openai/m", "--max-cost", "1"]], [2]),
    "fails": Case([{"error": {"kind": "auth", "message": "wrong"}}], [[*PROMPT]], [1]),
    "no model": Case([SAY], [[*PROMPT]], [2], None, {"TUIAGENT_MODEL": ""}),
    "umlauts": Case([{"text": "Grüße\n"}], [["-p", "Größe"]], [0]),
}
"""Done in both ways; what is declined by the server must fail before it is anybody's."""
LEFT = {
    "wrong flag": [*PROMPT, "--nonsense"],
    "help": ["-p", "x", "--help"],
    "wrong mode": [*PROMPT, "--mode", "careless"],
    "wrong model": [*PROMPT, "--model", "gpt"],
    "local": [*PROMPT, "--local"],
    "log": [*PROMPT, "--log-level", "debug"],
    "plain": ["--plain", "-p"],
    "completion": ["__complete", "sessions", "-p"],
    "detach at home": ["run", "x", "--detach", "--local"],
    "detach and watch": ["run", "x", "--detach", "--output", "events"],
    "a command's name": ["doctor", "-p"],
    "no -p of ours": ["sessions", "show", "-p"],
}
"""Done by a process of their own, though a server runs."""


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Home, Home]]:
    """Two state roots: nobody serves the first, a server the second."""
    with (
        tempfile.TemporaryDirectory() as folder,  # a socket's path may not be long
        home(Path(folder, "c")) as cold,
        home(Path(folder, "w")) as warm,
    ):
        warm.serve()
        yield cold, warm


def lay_out(cli: Home, name: str, case: Case) -> None:
    """A work folder of its own, with the files that cases name, and the case's model."""
    cli.work = cli.root.parent / name
    (cli.work / "strict/.tuiagent").mkdir(parents=True)
    (cli.work / "strict/.tuiagent/config.toml").write_text('deny = ["shell"]\n')
    (cli.work / "below").mkdir()
    (cli.work / "schema").write_text(SCHEMA)
    (cli.work / "notes").write_text("read along\n")
    (cli.work / "bytes").write_bytes(b"\xff")
    (cli.work / "script.json").write_text(json.dumps({"turns": case.turns}))
    cli.environ = {"TUIAGENT_MODEL": f"scripted/{cli.work}/script.json", **case.environ}


def told(cli: Home, out: bytes) -> str:
    """What was told, without what is new each time."""
    text = out.decode().replace(str(cli.root.parent), "PLACE")
    text = re.sub(r"\b(1|once)[0-9a-z]{14,16}\b", "ID", text)
    text = re.sub(r'"(position|at|until|retry_at|seconds)":[0-9.e+]+', r'"\1":0', text)
    return re.sub(r"\b[0-9a-f]{32,64}\b", "HASH", text)


def called(
    cli: Home, args: list[str], input: str | None, program: Sequence[str] = PROGRAM
) -> tuple[int, str, str]:
    """A command's exit code and what it told."""
    stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
    process = cli.start(*args, program=program, stdin=stdin)
    out, err = process.communicate(None if input is None else input.encode(), LIMIT)
    return process.returncode, told(cli, out), told(cli, err)


@pytest.mark.parametrize("name", CASES)
def test_a_command_tells_the_same_whoever_does_it(name: str, pair: tuple[Home, Home]) -> None:
    cold, warm = pair
    case = CASES[name]
    lay_out(cold, name, case)
    lay_out(warm, name, case)
    for args, code in zip(case.commands, case.codes, strict=True):
        alone = called(cold, args, case.input)
        assert alone[0] == code, alone
        assert called(warm, args, case.input, THIN) == alone


@pytest.mark.parametrize("name", LEFT)
def test_what_is_unusual_is_left_to_a_process_of_its_own(
    name: str, pair: tuple[Home, Home]
) -> None:
    cold, warm = pair
    lay_out(cold, name, Case([SAY], [], []))
    lay_out(warm, name, Case([SAY], [], []))
    assert called(warm, LEFT[name], None, THIN) == (DECLINED, "", "")
    assert called(warm, LEFT[name], None) == called(cold, LEFT[name], None)


def test_a_server_of_another_version_does_nothing(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        cli.serve()
        call = Call("0.0.0", str(cli.work), "-pp", [*PROMPT], {"TUIAGENT_HOME": str(cli.root)})
        assert spoken(cli, sent(call)) == thin.DECLINED + bytes(4)
        assert cli.run("sessions", "list").stdout == "no sessions yet\n"


def test_a_root_that_the_configuration_names_is_not_this_one(pair: tuple[Home, Home]) -> None:
    """A thin client looks where the environment says; only the server reads the file."""
    cli = pair[1]
    lay_out(cli, "elsewhere", Case([SAY], [], []))
    cli.environ |= {"TUIAGENT_HOME": "", "XDG_STATE_HOME": str(cli.root.parent)}
    (cli.root.parent / "tuiagent").symlink_to(cli.root)
    assert called(cli, [*PROMPT], None, THIN) == (DECLINED, "", "")


def spoken(cli: Home, data: bytes) -> bytes:
    """What the server says to this until it ends the connection."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(cli.root / thin.SOCKET))
        peer.sendall(data)
        peer.shutdown(socket.SHUT_WR)
        pieces: list[bytes] = []
        while piece := peer.recv(65536):
            pieces.append(piece)
    return b"".join(pieces)


def sent(call: Call) -> bytes:
    """The frame of a call."""
    fields = [call.version, call.folder, call.stdio, str(len(call.argv)), *call.argv]
    fields += [f"{name}={value}" for name, value in call.environ.items()]
    payload = "\0".join(fields).encode()
    return thin.CALL + len(payload).to_bytes(4, "big") + payload


@pytest.mark.parametrize(
    "data", [b"", b"GET / HTTP/1.1\r\n\r\n", b"C\0\0\0\5a\0b\0c", b"C\xff\xff\xff\xff"]
)
def test_what_is_no_command_harms_nobody(tmp_path: Path, data: bytes) -> None:
    with home(tmp_path, SAY) as cli:
        cli.serve()
        assert spoken(cli, data) == b""
        assert called(cli, [*PROMPT], None, THIN)[0] == 0


def test_the_socket_is_the_users_alone(tmp_path: Path) -> None:
    with home(tmp_path) as cli:
        process = cli.serve()
        path = cli.root / thin.SOCKET
        assert path.stat().st_mode & 0o777 == 0o600
        process.send_signal(signal.SIGTERM)
        process.wait(LIMIT)
        assert not path.exists()


def test_nothing_is_told_to_a_server_of_somebody_else(
    pair: tuple[Home, Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is asked here: a process of another user cannot be had in a test."""
    monkeypatch.setenv("TUIAGENT_HOME", str(pair[1].root))
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    monkeypatch.setattr(thin, "_send", lambda *sent: pytest.fail("something was sent"))
    assert thin.run([*PROMPT]) is None


async def test_nobody_else_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")

    async with listening(str(tmp_path / "s"), answer):
        for user, answered in ((os.getuid(), b"hello"), (12345, b"")):
            monkeypatch.setattr(os, "getuid", lambda user=user: user)
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
            assert await reader.read() == answered
            writer.close()


def test_a_run_that_is_left_to_the_server_is_named_at_once(pair: tuple[Home, Home]) -> None:
    cli = pair[1]
    lay_out(cli, "detach", Case([SAY], [], []))
    code, run, err = called(cli, ["run", "--detach", "go"], None, THIN)
    assert (code, run, err) == (0, "ID\n", "")
    process = cli.start("run", "--detach", "go", program=THIN, stdin=subprocess.DEVNULL)
    run = process.communicate(timeout=LIMIT)[0].decode().strip()
    assert cli.run("runs", "wait", run).returncode == 0


@pytest.mark.parametrize(
    "name", "begin find fitting cli/answer cli/follow cli/headless cli/printers".split()
)
def test_what_the_server_runs_for_others_leaves_its_own_streams_alone(name: str) -> None:
    path = Path(tuiagent.__file__).parent / f"clients/{name}.py"
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "say", "input"), node.lineno
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            touched = f"{node.value.id}.{node.attr}"
            assert not touched.startswith(("sys.std", "sys.__std", "os.environ", "os.getcwd"))
            assert touched not in ("os.chdir", "signal.signal", "loop.add_signal_handler")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="nothing here is always full")
def test_output_that_a_full_disk_does_not_hold_is_exit_1(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        cli.serve()
        with open("/dev/full", "wb") as full:
            null = subprocess.DEVNULL
            process = cli.start(*PROMPT, program=THIN, stdout=full, stdin=null)
            _, err = process.communicate(timeout=LIMIT)
        assert process.returncode == 1
        assert err.endswith(b"everything that was said: No space left on device\n")
        cli.finished()


# ---------------------------------------------------------------- terminals, signals, ends


def written(master: int) -> bytes:
    """All that came to a terminal which nobody has open any more: it comes in pieces."""
    found = b""
    with suppress(OSError):  # the end of it
        while more := os.read(master, 65536):
            found += more
    return found


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_terminal_is_told_as_a_terminal(stream: str, tmp_path: Path) -> None:
    shown: list[bytes] = []
    for name, program in (("c", PROGRAM), ("w", THIN)):
        with home(tmp_path / name, SHELL, SAY) as cli:
            if program == THIN:
                cli.serve()
            master, slave = pty.openpty()
            where = {"stdin": subprocess.DEVNULL, stream: slave}
            process = cli.start(*PROMPT, *WORK, program=program, **where)
            os.close(slave)
            process.communicate(timeout=LIMIT)
            shown.append(written(master).replace(str(tmp_path / name).encode(), b""))
            os.close(master)
            assert process.returncode == 0
    assert shown[0] == shown[1]
    assert (b"It is blue." if stream == "stdout" else b"mkdir -pv hello") in shown[1]


@contextmanager
def waiting(folder: Path, *more: str) -> Iterator[tuple[Home, "subprocess.Popen[bytes]"]]:
    """A command that a server does, and that waits in the middle for a file."""
    with home(folder, LONG, DONE) as cli:
        cli.serve()
        process = cli.start("-p", *ALLOWED[1:], *more, program=THIN, stdin=subprocess.DEVNULL)
        until((cli.work / "began").exists, "the command to begin")
        yield cli, process


def ended(cli: Home) -> None:
    """The run comes to its end in the server; nothing was done or asked twice."""
    (cli.work / "go").touch()
    cli.finished()
    cli.check(ANSWER)
    assert cli.ran() == ["a"]
    assert not cli.facts(AttemptFailed)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (signal.SIGTERM, "left; go on with: tuiagent --headless --resume {}"),
        (signal.SIGHUP, ""),
        (signal.SIGKILL, ""),
    ],
)
def test_the_run_goes_on_when_the_client_has_left(tmp_path: Path, name: int, words: str) -> None:
    with waiting(tmp_path) as (cli, process):
        process.send_signal(name)
        out, err = process.communicate(timeout=LIMIT)
        assert process.returncode in (128 + name, -name)
        assert (out, words.format(cli.session()) in err.decode()) == (b"", True)
        assert words or not err
        ended(cli)


def test_ctrl_c_cancels_the_run_and_ends_its_command(tmp_path: Path) -> None:
    with waiting(tmp_path) as (cli, process):
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=LIMIT)
        assert (process.returncode, out) == (130, b"")
        assert cli.left() == []


def test_a_hang_up_of_an_ordinary_run_hands_it_over(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        process = cli.start("-p", *ALLOWED[1:], stdin=subprocess.DEVNULL)
        until((cli.work / "began").exists, "the command to begin")
        process.send_signal(signal.SIGHUP)
        assert process.communicate(timeout=LIMIT) == (b"", b"")
        assert process.returncode == 129
        assert cli.served()
        ended(cli)


def test_a_hang_up_where_no_server_can_start_leaves_the_run_to_the_next(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        process = cli.start("-p", *ALLOWED[1:], stdin=subprocess.DEVNULL)
        until((cli.work / "began").exists, "the command to begin")
        (cli.root / "logs").write_text("in the way")
        process.send_signal(signal.SIGHUP)
        assert process.communicate(timeout=LIMIT) == (b"", b"")
        assert process.returncode == 129
        (cli.work / "go").touch()
        assert cli.run("--continue").returncode == 0
        ended(cli)


def test_a_server_that_hangs_keeps_nobody(tmp_path: Path) -> None:
    with waiting(tmp_path) as (cli, process):
        os.kill(cli.server(), signal.SIGSTOP)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT)
        assert process.returncode == 128 + signal.SIGTERM
        os.kill(cli.server(), signal.SIGCONT)
        ended(cli)


def test_a_server_that_is_killed_is_said(tmp_path: Path) -> None:
    with waiting(tmp_path) as (cli, process):
        pid = cli.server()
        os.kill(pid, signal.SIGKILL)
        out, err = process.communicate(timeout=LIMIT)
        assert (process.returncode, out) == (1, b"")
        assert f"the server (process {pid}) has ended; what it did is kept" in err.decode()
        until(lambda: server_record(str(cli.root)) is None, "the server to be gone")
        assert (cli.root / thin.SOCKET).exists(), "left behind, and nobody minds"
        (cli.work / "go").touch()
        assert cli.run("--continue").returncode == 0
        ended(cli)


def test_nothing_is_begun_where_no_server_can_start(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        cli.root.mkdir()
        (cli.root / "logs").write_text("in the way")
        done = cli.run(*PROMPT, "--detach")
        assert (done.returncode, done.stdout) == (1, "")
        assert "the background server cannot be started" in done.stderr
        assert cli.run("sessions", "list").stdout == "no sessions yet\n"


# ---------------------------------------------------------------- keys, and who does not read


class Model(BaseHTTPRequestHandler):
    """A model's server that says nothing but yes, and keeps the keys it was sent."""

    keys: list[str] = []

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.keys.append(self.headers["authorization"])
        parts = [{"delta": {"content": "yes"}}, {"delta": {}, "finish_reason": "stop"}]
        lines = [json.dumps({"choices": [{"index": 0, **part}]}) for part in parts]
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        self.wfile.write("".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


def test_the_key_is_the_clients_and_is_written_nowhere(tmp_path: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Model) as server, home(tmp_path, SAY) as cli:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        cli.environ["TUIAGENT_MODEL"] = "openai/m"
        cli.environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{server.server_port}/v1"
        cli.serve()
        secret = "sk-only-the-client-has-it-0123456789"
        cli.environ["OPENAI_API_KEY"] = secret
        cli.environ["OTHER_PASSWORD"] = secret
        assert called(cli, [*PROMPT], None, THIN)[:2] == (0, "yes\n")
        assert Model.keys == [f"Bearer {secret}"]
        for path in tmp_path.rglob("*"):
            regular = path.is_file() and not path.is_socket()
            assert not regular or secret.encode() not in path.read_bytes(), path
        server.shutdown()


async def test_who_does_not_read_holds_up_nobody_and_costs_little(tmp_path: Path) -> None:
    writers: list[asyncio.StreamWriter] = []
    root = str(tmp_path / "state")
    environ = {"TUIAGENT_HOME": root, "HOME": str(tmp_path), "TUIAGENT_MODEL": "scripted/x"}
    async with engine(Fakes(tmp_path, lambda prompt: say("done"))) as made:
        desk = Desk(root, OwnerSeat(made, lambda loan: None), Standing())

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await desk.answer(reader, writer)
            writer.close()

        path = str(tmp_path / "s")
        async with await asyncio.start_unix_server(answer, path):
            client = made.seat()
            await opened(client, tmp_path)
            for number in range(20):
                await prompt(client, "x" * 1_000_000, f"p{number}")
            await seen_until(client, RunFinished, count=20)
            flags = ("--resume", "s1", "--output", "events", "--mode", "locked")
            call = Call(__version__, str(tmp_path), "-pp", ["-p", "more", *flags], environ)
            _, idle = await connected(path, call)
            async with asyncio.timeout(LIMIT):  # a buffer tells nobody that it has filled
                while not writers or writers[0].transport.get_write_buffer_size() < 1 << 16:  # noqa: ASYNC110
                    await asyncio.sleep(0)
                reader, other = await connected(path, call._replace(argv=["-p", "hello"]))
                assert (await reader.read()).endswith(thin.EXIT + b"\0\0\0\1\0")
            assert writers[0].transport.get_write_buffer_size() < 3_000_000
            for writer in (idle, other):
                writer.close()


async def connected(path: str, call: Call) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A client that has sent its command."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(sent(call))
    return reader, writer
