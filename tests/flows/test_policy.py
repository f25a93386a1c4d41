"""The policy as people meet it: rules with examples, checks, grants and their end."""

import json
from pathlib import Path

from tests.flows.test_cli import PROMPT, SAY, SHELL, Cli


def config(cli: Cli, text: str) -> None:
    path = Path(cli.run("config", "path").stdout.strip())
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_check_says_what_would_happen_and_why(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    free = cli.run("policy", "check", "--", "ls", "-la")
    assert (free.returncode, free.stdout.partition(":")[0]) == (0, "allow")
    asked = cli.run("policy", "check", "--output", "json", "git push")
    verdict = json.loads(asked.stdout)
    assert (asked.returncode, verdict["decision"], verdict["gate"]) == (5, "ask", "words")
    assert (verdict["offer"], verdict["risk"]) == ("shell(git push)", "medium")
    assert cli.run("policy", "check", "cat ~/.ssh/id_rsa").returncode == 4
    assert not (cli.work / "x").exists()


def test_a_rule_that_belies_its_examples_is_refused(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SAY)
    rule = '[[rules]]\naction = "allow"\ntool = "shell"\npattern = "pytest *"\n'
    config(cli, rule + 'admits = ["pytest -q"]\nrefuses = ["pytest; rm x"]\n')
    assert cli.run("policy", "check", "pytest -q").returncode == 0
    config(cli, rule + 'admits = ["pytest; rm x"]\n')
    wrong = cli.run("policy", "check", "pytest -q")
    assert wrong.returncode == 2
    assert "does not cover its example 'pytest; rm x'" in wrong.stderr


def test_a_grant_is_listed_with_what_ran_under_it_and_can_be_revoked(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SHELL, SAY)
    assert cli.run(*PROMPT, "--mode", "ask").returncode == 5
    cli.run("attach", input="/session\n")
    assert cli.run("--continue").returncode == 0
    (row,) = json.loads(cli.run("policy", "list", "--output", "json").stdout)["granted"]
    assert (row["rule"], row["source"]) == ("shell(mkdir -pv hello)", "session")
    assert [ran["subject"] for ran in row["ran"]][-1:] == ["mkdir -pv hello"]
    done = cli.run("policy", "revoke", row["rule"])
    assert "revoked in" in done.stdout
    assert "revoked" in cli.run("policy", "list").stdout
    assert cli.run("policy", "revoke", row["rule"]).returncode == 2


def test_rules_of_now_hold_when_a_session_goes_on(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SAY, SHELL, SAY)
    config(cli, 'deny = ["shell(mkdir *)"]')
    assert cli.run(*PROMPT, "--mode", "ask").returncode == 4
    config(cli, 'allow = ["shell(mkdir *)"]')
    assert cli.run("--continue", *PROMPT).returncode == 0
    assert (cli.work / "hello").is_dir()


def test_always_means_in_this_folder_also_next_time(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SAY)
    assert cli.run(*PROMPT, "--mode", "ask").returncode == 5
    told = cli.run("attach", input="/always for 5 uses\n/always shell(mkdir *)\n")
    assert "so many uses count in one session" in told.stdout
    kept = json.loads(cli.run("policy", "list", "--output", "json").stdout)["kept"]
    assert [(row["rule"], row["folder"]) for row in kept] == [("shell(mkdir *)", str(cli.work))]
    assert cli.run(*PROMPT, "--mode", "ask").returncode == 0
    assert cli.run("policy", "check", "mkdir x").returncode == 0


def test_a_rule_that_is_kept_holds_in_this_folder_also_in_what_goes_on(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SAY)
    assert cli.run(*PROMPT, "--mode", "ask").returncode == 5
    assert cli.run("policy", "allow", "shell(mkdir *)").returncode == 0
    assert "always, in " in cli.run("policy", "list").stdout
    assert cli.run("policy", "check", "mkdir x").returncode == 0
    assert cli.run("policy", "check", "--cwd", str(tmp_path), "mkdir x").returncode == 5
    assert cli.run("--continue").returncode == 0
    assert (cli.work / "hello").is_dir()
    assert cli.run("policy", "revoke", "shell(mkdir *)").returncode == 0
    assert cli.run("policy", "check", "mkdir x").returncode == 5


def test_what_is_resumed_from_elsewhere_keeps_its_projects_rules(tmp_path: Path) -> None:
    cli = Cli(tmp_path, SHELL, SAY, SHELL, SAY)
    file = cli.work / ".tuiagent" / "config.toml"
    file.parent.mkdir()
    file.write_text('deny = ["shell(mkdir *)"]\n')
    assert cli.run("-p", "go", "--allow", "shell").returncode == 4
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = cli.run(
        "-p", "go", "--resume", cli.session(), "--cwd", str(elsewhere), "--allow", "shell"
    )
    assert (done.returncode, "mkdir" in done.stderr) == (4, True)
    assert not (cli.work / "hello").exists()
