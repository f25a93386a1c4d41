"""Skills, commands and trust on the command line, headless and line by line."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.flows.test_cli import Cli

READ = {"calls": [{"tool": "list", "args": {}}]}
SAY = {"text": "Well."}


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    made = Cli(tmp_path, SAY, SAY)
    (made.work / ".git").mkdir()
    return made


def written(cli: Cli, name: str, text: str) -> Path:
    path = cli.work / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def newest(cli: Cli) -> str:
    """The id of the newest session."""
    rows = json.loads(cli.run("sessions", "list", "--output", "json").stdout)
    return rows[-1]["stream"].partition("/")[2]


def shown(cli: Cli) -> list[dict[str, Any]]:
    """The items of the newest session."""
    return json.loads(cli.run("sessions", "export", newest(cli), "--format", "json").stdout)


def test_skills_are_listed_shown_and_checked(cli: Cli) -> None:
    written(cli, ".agents/skills/care.md", "# Care\n\nTake \x1b[31mcare.\n")
    rows = json.loads(cli.run("skills", "list", "--output", "json").stdout)["skills"]
    found = {row["name"]: row for row in rows}
    assert found["care"]["source"] == "project"
    assert found["review-diff"]["source"] == "shipped"
    assert "\x1b" not in cli.run("skills", "list").stdout + cli.run("skills", "show", "care").stdout
    assert cli.run("skills", "check").returncode == 0
    assert cli.run("skills", "check", ".agents/skills/care.md").returncode == 0
    written(cli, ".agents/skills/bad/SKILL.md", "---\nname: bad\n---\nx")
    for words in (["skills", "check"], ["skills", "check", ".agents/skills/bad"]):
        done = cli.run(*words)
        assert (done.returncode, "no description" in done.stdout) == (1, True)
    done = cli.run("skills", "show", "revew-diff")
    assert (done.returncode, "did you mean review-diff" in done.stderr) == (2, True)


def test_skills_are_forced_by_a_flag_and_by_the_settings(cli: Cli) -> None:
    written(cli, ".agents/skills/care.md", "# Care\n\nTake care.\n")
    done = cli.run("-p", "go", "--skills", "care,reviw-diff")
    assert (done.returncode, "did you mean review-diff" in done.stderr) == (2, True)
    assert cli.run("-p", "go", "--skills", "care", "--name", "a").returncode == 0
    assert cli.run("-p", "on", "--resume", "a", "--skills", "review-diff").returncode == 0
    assert any("The skill review-diff" in item["text"] for item in shown(cli))
    written(cli, ".tuiagent/config.toml", "default_skills = ['care']\n")
    assert cli.run("-p", "go").returncode == 0
    exported = cli.run("sessions", "export", newest(cli), "--format", "events")
    assert "# The skill care, from" in exported.stdout


def test_commands_are_said_headless_and_line_by_line(cli: Cli) -> None:
    written(cli, ".claude/commands/fix.md", "Fix $1 now.")
    assert cli.run("-p", "/fix 12").returncode == 0
    assert "Fix 12 now." in [item["text"] for item in shown(cli)]
    done = cli.run("-p", "/fxi 12")
    assert (done.returncode, "did you mean /fix" in done.stderr) == (2, True)
    assert cli.run("-p", "/etc is full").returncode == 0
    done = cli.run("--plain", "--new", input="/fix 13\n/nothing\n")
    assert "Fix 13 now." in done.stdout
    assert "there is no command /nothing" in done.stdout


def test_a_persons_word_is_taken_for_one_content(cli: Cli) -> None:
    hooks = {"hooks": {"UserPromptSubmit": [{"hooks": [{"command": "echo from the hook"}]}]}}
    path = written(cli, ".claude/settings.json", json.dumps(hooks))
    written(cli, ".claude/commands/log.md", "State: !`echo $1`")

    def states() -> dict[str, str]:
        rows = json.loads(cli.run("trust", "list", "--output", "json").stdout)
        return {row["offer"]["use"]: row["state"] for row in rows}

    assert states() == {"hooks": "new", "command": "new"}
    assert "echo from the hook" in cli.run("trust", "show").stdout
    assert cli.run("-p", "go").returncode == 0
    assert not any("hooks of" in item["text"] for item in shown(cli))
    assert cli.run("trust", "no", str(path)).returncode == 0
    assert states() == {"hooks": "refused", "command": "new"}
    done = cli.run("--plain", "--new", input="/trust\n/trust yes\n/log $(touch ran)\n")
    assert "asks: may this folder have that run" in done.stdout
    assert "State: $(touch" in done.stdout
    assert "hooks of UserPromptSubmit" in done.stdout
    assert not (cli.work / "ran").exists()
    assert states() == {"hooks": "trusted", "command": "trusted"}
    path.write_text(json.dumps(hooks).replace("from", "FROM"))
    assert states() == {"hooks": "changed", "command": "trusted"}
    done = cli.run("trust", "yes", "nowhere.json")
    assert (done.returncode, "nothing that would be run" in done.stderr) == (2, True)


def test_a_shell_part_that_a_rule_refuses_is_not_run(cli: Cli) -> None:
    written(cli, ".tuiagent/config.toml", "deny = ['shell(touch *)']\n")
    written(cli, ".claude/commands/go.md", "See !`touch ran`.")
    assert cli.run("trust", "yes").returncode == 0
    done = cli.run("-p", "/go")
    assert (done.returncode, "a rule says deny" in done.stderr) == (2, True)
    assert not (cli.work / "ran").exists()
