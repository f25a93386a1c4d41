"""The guides: what they show is what happens."""

import re
from pathlib import Path

import pytest

from tests.flows.test_cli import Cli
from tests.scripts import blocks
from tests.scripts.blocks import Block
from tuiagent.clients.cli.docs import text, topics

TOPICS = "agents contributing library mcp operating protocol screens security".split()


@pytest.mark.parametrize("topic", TOPICS)
def test_every_block_of_a_guide_runs(topic: str) -> None:
    results = blocks.run(topic)
    assert results
    wrong = [f"{result.block.place}: {result.wrong}" for result in results if result.wrong]
    assert not wrong, "\n".join(wrong)


def test_few_blocks_do_not_run() -> None:
    found = [block for topic in TOPICS for block in blocks.blocks(topic)]
    assert sum(bool(block.left_out) for block in found) * 4 <= len(found)


@pytest.mark.parametrize(
    ("block", "wrong"),
    [
        (Block("x", 1, "sh", "", "echo one; echo two\n", "one\n…\n"), ""),
        (Block("x", 1, "sh", "", "echo one\n", "two\n"), "it printed:\none"),
        (Block("x", 1, "sh", "", "false\n", ""), "exit code 1"),
        (Block("x", 1, "python", "", "print(1 / 0)\n", ""), "ZeroDivisionError"),
        (Block("x", 1, "toml", "", 'nodel = "x"\n', ""), "nodel"),
        (Block("x", 1, "json", "Ask", '{"id": "1", "op": "read"}\n', ""), "Expected `int`"),
        (Block("x", 1, "json", "Ask", '{"id": 1, "op": "read", "x": 1}\n', ""), "no such fields"),
        (Block("x", 1, "json", "Ask", '{"id": 1, "op": "submit", "intent": {}}\n', ""), "intent"),
        (Block("x", 1, "ruby", "", "puts 1\n", ""), "no language"),
    ],
)
def test_the_runner_sees_what_is_wrong(tmp_path: Path, block: Block, wrong: str) -> None:
    for name in ("home", "work", "bin"):
        (tmp_path / name).mkdir()
    found = blocks._ran(block, tmp_path)
    assert wrong in found
    assert bool(found) == bool(wrong)


def test_the_guides_name_no_command_that_is_not_there() -> None:
    from tuiagent.clients.cli.arguments import NAMED, main

    known = {*NAMED, "run", "help", *(o for a in main()._actions for o in a.option_strings)}
    for topic in topics():
        for block in blocks.blocks(topic):
            if block.language == "sh":
                used = re.findall(
                    r"^(?:\s*|.*[|;&(]\s*)tuiagent ([a-z_-]+)", block.text, re.MULTILINE
                )
                assert {*used} <= known, (block.place, used)


# ---------------------------------------------------------------- tuiagent docs


def test_they_are_listed_and_printed(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    listed = cli.run("docs")
    assert (listed.returncode, listed.stderr) == (0, "")
    for topic in TOPICS:
        title = text(topic).partition("\n")[0].removeprefix("# ")
        assert re.search(rf"^{topic} +{re.escape(title)}$", listed.stdout, re.MULTILINE)
        assert cli.run("docs", topic).stdout == text(topic)
    assert topics() == TOPICS
    near = cli.run("docs", "protocoll")
    assert (near.returncode, "did you mean 'protocol'?" in near.stderr) == (2, True)
    assert cli.run("docs", "../../README").returncode == 2
    assert not cli.root.exists(), "they need no journal"
