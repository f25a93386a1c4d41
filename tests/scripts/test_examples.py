"""Every example does what it says, as a program of its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.test_cli import Cli
from tests.life import LIMIT, until
from tuiagent.server import server_record

FOLDER = Path(__file__).parents[2] / "scripts" / "examples"
MAKE = {
    "text": "I make it. ",
    "calls": [{"tool": "shell", "args": {"command": "mkdir -v made"}}],
}
ASKED = {"ask.py", "connect.py", "own_tool.py", "approve.py"}
"""Those that are run here."""


def example(cli: Cli, name: str, *args: str, input: str = "") -> subprocess.CompletedProcess[str]:
    """Runs an example like a person would."""
    env = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(cli.home),
        "TUIAGENT_HOME": str(cli.root),
        "PYTHONPATH": str(FOLDER.parents[1]),
        **cli.environ,
    }
    argv = [sys.executable, str(FOLDER / name), *args]
    return subprocess.run(
        argv, env=env, cwd=cli.work, input=input, capture_output=True, text=True, timeout=30
    )


def test_all_are_run_here() -> None:
    assert {path.name for path in FOLDER.glob("*.py")} == ASKED


@pytest.mark.parametrize("name", sorted(ASKED))
def test_each_is_short_and_says_what_it_does(name: str) -> None:
    text = (FOLDER / name).read_text()
    assert name in (ast.get_docstring(ast.parse(text)) or "")
    assert len(text.splitlines()) <= 30


def test_ten_lines_to_a_streamed_answer() -> None:
    tree = ast.parse((FOLDER / "ask.py").read_text())
    lines = {
        node.lineno for part in tree.body[1:] for node in ast.walk(part) if hasattr(node, "lineno")
    }
    assert len(lines) <= 10


@pytest.mark.parametrize(("answer", "made"), [("y\n", True), ("n\n", False)])
def test_ask(tmp_path: Path, answer: str, made: bool) -> None:
    cli = Cli(tmp_path, MAKE, {"text": "That was it."})
    done = example(cli, "ask.py", "make it", input=answer)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "I make it. {'command': 'mkdir -v made'}? \nThat was it."
    assert (cli.work / "made").exists() == made


def test_connect(tmp_path: Path) -> None:
    cli = Cli(tmp_path, MAKE, {"text": "That was it."})
    alone = example(cli, "connect.py", "make it")
    assert (alone.returncode, "begin one with `tuiagent serve`" in alone.stderr) == (1, True)
    server = cli.start("serve")
    try:
        until(lambda: server_record(str(cli.root)), "the server")
        done = example(cli, "connect.py", "make it", input="y\n")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "I make it. {'command': 'mkdir -v made'}? \nThat was it."
        assert (cli.work / "made").exists()
    finally:
        server.terminate()
        server.communicate(timeout=LIMIT)


def test_own_tool(tmp_path: Path) -> None:
    asks = {"calls": [{"tool": "stock", "args": {"fruit": "apple"}}]}
    cli = Cli(tmp_path, asks, {"text": "Three.", "expect": "3 of apple"})
    done = example(cli, "own_tool.py", "how many?")
    assert (done.returncode, done.stdout, done.stderr) == (0, "Three.", "")


def test_approve(tmp_path: Path) -> None:
    cli = Cli(tmp_path, MAKE, {"text": "Done."})
    assert cli.run("-p", "go", "--mode", "ask").returncode == 5
    shown = example(cli, "approve.py")
    assert "shell {'command': 'mkdir -v made'} because" in shown.stdout
    assert example(cli, "approve.py", "y").returncode == 0
    assert example(cli, "approve.py").stdout == ""
    done = cli.run("--headless", "--continue")
    assert (done.returncode, done.stdout, (cli.work / "made").exists()) == (0, "Done.\n", True)
