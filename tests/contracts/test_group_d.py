"""A repository that means harm, opened without a word said about trust: group D, row by row."""

import json
import os
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_cli import Cli
from tuiagent.kernel.hooks import EVENTS

ROWS = tomllib.loads(Path(__file__).with_name("group_d.toml").read_text())["row"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_nothing_of_it_is_run(tmp_path: Path, row: dict[str, Any]) -> None:
    canary = tmp_path / "canary"
    cli, done = opened(tmp_path, row, canary, row.get("trust", False))
    assert not canary.exists(), row["what"]
    assert not (cli.work / "elsewhere").exists()
    assert (cli.root / "journal.db").exists()
    assert done.returncode in (row.get("exit", 0), 4), done.stderr
    assert row.get("says", "") in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_the_canary_sings_where_nothing_keeps_it(tmp_path: Path) -> None:
    """The same hooks, once they were trusted: what the rows look for can happen."""
    row = next(row for row in ROWS if row["id"] == "D05")
    cli, _ = opened(tmp_path, row, tmp_path / "canary", trust=True)
    assert (tmp_path / "canary").exists()
    shown = json.loads(cli.run("trust", "list", "--output", "json").stdout)
    assert {one["state"] for one in shown} == {"trusted"}


def opened(
    folder: Path, row: dict[str, Any], canary: Path, trust: bool = False
) -> tuple[Cli, "subprocess.CompletedProcess[str]"]:
    """The repository, and what came of a run in it."""
    text = (
        json.dumps(row).replace("HOOKS", json.dumps(hooks())[1:-1]).replace("CANARY", str(canary))
    )
    row = json.loads(text.replace(f"{canary}NAME", "x"))
    turns = [{"calls": row["calls"]}] if row.get("calls") else []
    cli = Cli(folder, *turns, {"text": "done"})
    if "path" in row:
        cli.environ["PATH"] = row["path"] + os.pathsep + os.environ["PATH"]
    subprocess.run(["git", "init", "-q", str(cli.work)], check=True)
    for name, body in row["files"].items():
        path = cli.work / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body)
        path.chmod(0o755)
    for words in row.get("run", []):
        subprocess.run(["git", "-C", str(cli.work), *words], check=True)
    if trust:
        assert cli.run("trust", "yes").returncode == 0
    free = ["--no-sandbox"] if trust else []  # the canary lies beside the folder
    return cli, cli.run("-p", row.get("prompt", "go"), *free, *row.get("args", []))


def hooks() -> str:
    """A hook for each event, as Claude Code has them."""
    group = [{"matcher": "", "hooks": [{"type": "command", "command": "touch CANARY"}]}]
    return json.dumps({"hooks": dict.fromkeys(EVENTS, group)})
