"""Whole runs of the command, as processes, beside Python programs that do the same and no more.

No model is involved: a server in this process answers at once, and always the same.
"""

import asyncio
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from bench_facts import spoken
from bench_told import told

from tuiagent.kernel.aggregates import codec
from tuiagent.stores.sqlite import SqliteStore

ROOT = Path(__file__).resolve().parent.parent
TUIAGENT = ROOT / ".venv/bin/tuiagent"
PYTHON = ROOT / ".venv/bin/python"
STEPS = 50
FLOOR = """
import asyncio, json, os, subprocess, sys
async def main(port, steps):
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for number in range(steps + 1):
        body = json.dumps({"messages": [{"role": "tool"}] * number}).encode()
        writer.write(b"POST / HTTP/1.1\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)
        while b"[DONE]" not in await reader.readuntil(b"\\n\\n"):
            pass
        await reader.readuntil(b"0\\r\\n\\r\\n")
        if number < steps:
            subprocess.run(["/bin/sh", "-c", "echo step"], capture_output=True)
asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
"""
SOCKET = """
import sys
from _socket import socket
peer = socket()
peer.connect(("127.0.0.1", int(sys.argv[1])))
peer.sendall(b"POST / HTTP/1.1\\r\\nContent-Length: 16\\r\\n\\r\\n" + b'{"messages": []}')
while b"[DONE]" not in peer.recv(65536):
    pass
"""


class Server:
    """Answers chat completions: shell calls until there were as many as were asked for."""

    def __init__(self) -> None:
        self.steps = 0
        self.seen: list[float] = []
        """When each request had arrived, on the clock of time.monotonic()."""
        self.connections = 0
        self.port = 0

    async def start(self) -> None:
        """Listens on a free port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                self.seen.append(time.monotonic())
                done = sum(message["role"] == "tool" for message in body["messages"])
                writer.write(self._answer(done))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer(self, done: int) -> bytes:
        delta: dict[str, Any] = {"content": "done"}
        if done < self.steps:
            function = {"name": "shell", "arguments": json.dumps({"command": f"echo {done}"})}
            delta = {"tool_calls": [{"index": 0, "id": f"c{done}", "function": function}]}
        stop = "tool_calls" if done < self.steps else "stop"
        parts = [{"delta": delta}, {"delta": {}, "finish_reason": stop}]
        lines = [json.dumps({"choices": [{"index": 0, **part}]}) for part in parts]
        text = "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"]).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked"
        return head + b"\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(text), text)


class Ran:
    """One process: seconds from its start to its end and to its first request, CPU, memory."""

    def __init__(self, began: float, usage: Any, first: float) -> None:
        self.wall = time.monotonic() - began
        self.first = first - began
        self.cpu = usage.ru_utime + usage.ru_stime
        self.memory = usage.ru_maxrss / 1024


async def ran(server: Server, *argv: object, steps: int = 0, **env: str) -> Ran:
    """Runs a program to its end."""
    server.steps, server.seen = steps, []
    with tempfile.TemporaryDirectory() as home:
        environ = {"PATH": os.environ["PATH"], "HOME": home, "TUIAGENT_HOME": f"{home}/s", **env}
        environ["OPENAI_BASE_URL"] = f"http://127.0.0.1:{server.port}/v1"
        null = subprocess.DEVNULL
        began = time.monotonic()
        process = subprocess.Popen(  # noqa: ASYNC220 - asyncio would reap it, and its usage with it
            [str(part) for part in argv], env=environ, cwd=home, stdin=null, stdout=null
        )
        _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0, argv
        return Ran(began, usage, server.seen[0] if server.seen else began)


# ---------------------------------------------------------------- what is measured


async def version(server: Server, count: int) -> None:
    """`--version` against an interpreter that does nothing."""
    rows: dict[str, list[float]] = {"python -c pass": [], "tuiagent --version": []}
    for _ in range(count):
        rows["python -c pass"].append((await ran(server, PYTHON, "-c", "pass")).wall * 1000)
        rows["tuiagent --version"].append((await ran(server, TUIAGENT, "--version")).wall * 1000)
    told("start", rows, "ms", "python -c pass")


async def first(server: Server, count: int) -> None:
    """From the start of the process to its first request, and the whole run."""
    names = ("asyncio and nothing else", "tuiagent --headless")
    begun: dict[str, list[float]] = {name: [] for name in names}
    whole: dict[str, list[float]] = {name: [] for name in names}
    memory: dict[str, list[float]] = {name: [] for name in names}
    commands = ([PYTHON, "-c", FLOOR, server.port, 0], [TUIAGENT, "-p", "hello"])
    for _ in range(count):
        for name, command in zip(names, commands, strict=True):
            found = await ran(server, *command)
            begun[name].append(found.first * 1000)
            whole[name].append(found.wall * 1000)
            memory[name].append(found.memory)
    told("first request", begun, "ms", names[0])
    told("one-shot, whole", whole, "ms", names[0])
    told("peak memory", memory, "MB", names[0])


async def warm(server: Server, count: int) -> None:
    """The first request of a command that a running server does, beside one that does it itself."""
    rows: dict[str, list[float]] = {"a socket and nothing else": [], "cold": [], "warm": []}
    whole: dict[str, list[float]] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as root:
        ready, told_ready = os.pipe()
        environ = {"PATH": os.environ["PATH"], "HOME": root, "TUIAGENT_HOME": root}
        argv = [str(TUIAGENT), "serve", "--ready", str(told_ready)]
        beside = subprocess.Popen(argv, env=environ, pass_fds=[told_ready])  # noqa: ASYNC220
        os.close(told_ready)
        await asyncio.to_thread(os.read, ready, 1)
        os.close(ready)
        commands = {
            "a socket and nothing else": ([PYTHON, "-ISc", SOCKET, server.port], {}),
            "cold": ([TUIAGENT, "-p", "hello"], {}),
            "warm": ([TUIAGENT, "-p", "hello"], {"TUIAGENT_HOME": root}),
        }
        try:
            for _ in range(count):
                for name, (command, env) in commands.items():
                    found = await ran(server, *command, **env)
                    rows[name].append(found.first * 1000)
                    whole[name].append(found.wall * 1000)
        finally:
            beside.terminate()
            await asyncio.to_thread(beside.wait)
    told("first request", rows, "ms", "a socket and nothing else")
    told("one-shot, whole", whole, "ms", "a socket and nothing else")


async def steps(server: Server, count: int) -> None:
    """Shell calls one after another, each with its durable commits."""
    floor = "loop and nothing else"
    wall: dict[str, list[float]] = {floor: [], "tuiagent": []}
    cpu: dict[str, list[float]] = {floor: [], "tuiagent": []}
    for _ in range(count):
        for name, command in (
            (floor, [PYTHON, "-c", FLOOR, server.port, STEPS]),
            ("tuiagent", [TUIAGENT, "-p", "go", "--allow", "shell"]),
        ):
            before = server.connections
            found = await ran(server, *command, steps=STEPS)
            assert len(server.seen) == STEPS + 1
            assert server.connections == before + 1, "more than one connection"
            wall[name].append((server.seen[-1] - server.seen[0]) * 1000 / STEPS)
            cpu[name].append(found.cpu * 1000 / STEPS)
    told(f"one of {STEPS} shell calls", wall, "ms", floor)
    told("CPU of it, the start's share included", cpu, "ms", floor)


async def day(server: Server, count: int) -> None:
    """Starting with a state root that holds 10,000 turns against starting with an empty one."""
    with tempfile.TemporaryDirectory() as folder:
        roots = {"empty root": f"{folder}/empty", "10,000 turns": f"{folder}/full"}
        await ran(server, TUIAGENT, "-p", "hello", TUIAGENT_HOME=roots["empty root"])
        await ran(server, TUIAGENT, "-p", "hello", TUIAGENT_HOME=roots["10,000 turns"])
        store = SqliteStore(f"{folder}/full/journal.db", synchronous="OFF")
        draft = codec().draft
        for number in range(100):
            with store.transaction() as tx:
                drafts = [draft(fact) for fact in spoken(number, 100)]
                tx.append(f"session/s{number}", 0, drafts, time.time(), "owner", None)
        store.close()
        for what, *argv in (("run", "-p", "hello"), ("sessions list", "sessions", "list")):
            rows: dict[str, list[float]] = {name: [] for name in roots}
            for turn in range(count + 1):
                for name, root in roots.items():
                    found = await ran(server, TUIAGENT, *argv, TUIAGENT_HOME=root)
                    if turn:  # the first one makes what is kept between starts
                        rows[name].append((found.wall) * 1000)
            told(f"{what}, whole", rows, "ms", "empty root")
