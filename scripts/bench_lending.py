"""What servers that lend tools, and many skills, cost whoever does not use them."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
from bench_runs import PYTHON, ROOT, TUIAGENT, Server, ran
from bench_told import told

from tuiagent import config
from tuiagent.config_file import ServerTable
from tuiagent.kernel.standing import Standing
from tuiagent.means import LocalMeans

PLAIN = str(ROOT / "tests/plain_server.py")
SERVERS, SKILLS, TOOLS = 20, 200, 500
DEAD: dict[str, dict[str, Any]] = {
    "silent": {"command": "sleep", "args": ["600"]},
    "gone": {"command": "false"},
    "unreachable": {"url": "http://192.0.2.1:9/mcp"},
    "garbage": {"command": "yes"},
    "slow": {"command": "sh", "args": ["-c", f"sleep 10; exec {PYTHON} {PLAIN} $0"]},
}
"""Servers that nobody should wait for: 192.0.2.0/24 is nowhere (RFC 5737)."""


def tool(number: int) -> dict[str, Any]:
    """A tool with as much to say as most have."""
    text = {"type": "string", "description": "What it is about, in a sentence or two."}
    schema = {"type": "object", "properties": {"one": text, "two": text}, "required": ["one"]}
    return {
        "name": f"tool{number}",
        "description": "It does something. " * 12,
        "inputSchema": schema,
    }


def named(home: Path) -> None:
    """A file of settings with the servers, a quarter of them dead."""
    listed = home / "listed.json"
    listed.write_text(json.dumps({"tools": [tool(number) for number in range(3)]}))
    good = {"command": str(PYTHON), "args": [PLAIN, str(listed)]}
    dead = {name: dict(table) for name, table in DEAD.items()}
    dead["slow"]["args"] = [*dead["slow"]["args"], str(listed)]
    tables = {f"good{number}": good for number in range(SERVERS - len(dead))} | dead
    lines = [
        f"[mcp.{name}]\n" + "".join(f"{key} = {json.dumps(one)}\n" for key, one in table.items())
        for name, table in tables.items()
    ]
    (home / "config.toml").write_text("\n".join(lines))


async def lenders(server: Server, count: int) -> None:
    """The first request with many servers, that are remembered or new, beside one without any."""
    rows: dict[str, list[float]] = {"no server": [], "remembered": [], "new": []}
    whole: dict[str, list[float]] = {name: [] for name in rows}
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "tuiagent"
        home.mkdir()
        named(home)
        env = {"XDG_CONFIG_HOME": folder}
        known = {**env, "TUIAGENT_HOME": f"{folder}/state"}
        argv = [str(TUIAGENT), "mcp", "test"]
        environ = {"PATH": "/usr/bin:/bin", "HOME": folder, **known}
        subprocess.run(argv, env=environ, capture_output=True, check=False)  # noqa: ASYNC221
        for _ in range(count):
            for name, more in (("no server", {}), ("remembered", known), ("new", env)):
                found = await ran(server, TUIAGENT, "-p", "hello", **more)
                rows[name].append(found.first * 1000)
                whole[name].append(found.wall * 1000)
    told(f"first request with {SERVERS} servers, {len(DEAD)} dead", rows, "ms", "no server")
    told("one-shot, whole", whole, "ms", "no server")


async def request(server: Server, count: int) -> None:
    """What a request begins with, beside many skills and lent tools: its time and its size."""
    with tempfile.TemporaryDirectory() as folder:
        times: dict[str, list[float]] = {"nothing": [], "first time": [], "again": []}
        sizes: dict[str, list[float]] = {"nothing": [], "first time": []}
        many = Path(folder) / "many"
        for number in range(SKILLS):
            skill = many / f"skills/skill{number}/SKILL.md"
            skill.parent.mkdir(parents=True)
            head = f"name: skill{number}\ndescription: Does number {number} well, when asked to."
            skill.write_text(f"---\n{head}\n---\n{'Do it with care. ' * 200}\n")
        for _ in range(count):
            for name in ("nothing", "first time"):
                home = many if name == "first time" else Path(folder) / "none"
                means, opened = _means(home, Path(folder) / "state")
                if name == "first time":
                    _remember(means, opened)
                times[name].append(_built(means, opened, sizes[name]))
            times["again"].append(_built(means, opened, []))
    told(f"beginning of a request, {SKILLS} skills and {TOOLS} tools", times, "ms", "nothing")
    told("its size", sizes, "kB", "nothing")


def _means(home: Path, root: Path) -> tuple[LocalMeans, Any]:
    home.mkdir(exist_ok=True)
    lending = range(5 if (home / "skills").exists() else 0)
    servers = {f"s{number}": ServerTable(command="false") for number in lending}
    settings = config.Settings(root=str(root), home=str(home), mode="ask", servers=servers)
    means = LocalMeans(settings, {}, Standing(), ())
    return means, config.opening(settings, str(home), {})


def _remember(means: LocalMeans, opened: Any) -> None:
    """Has every server lend its part of the tools, as if it had been reached."""
    from tuiagent.connectors import definition  # noqa: PLC0415 - the bare case does without

    connector: Any = means.lending.connector
    for link in connector._reached(opened.folder):
        part = [tool(number) for number in range(TOOLS // 5)]
        found, _ = definition.taken(part)
        link._accept({name: one.digest for name, one in found.items()})
        link._take(found, (), ())


def _built(means: LocalMeans, opened: Any, sizes: list[float]) -> float:
    began = time.perf_counter()
    system, tools = means.system(opened), means.tools(opened)
    means.lent(opened)
    spent = (time.perf_counter() - began) * 1000
    sizes.append(len(msgspec.json.encode([system, tools])) / 1000)
    return spent


if __name__ == "__main__":
    sys.exit("call scripts/bench")
