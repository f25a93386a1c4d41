"""Access keys on the command line."""

import json
from pathlib import Path

import pytest

from tests.flows.test_cli import Cli
from tuiagent.kernel import keys

CI = ("access", "issue", "ci", "--kind", "service", "--scope", "sessions:read")


def test_a_key_is_printed_once_and_is_nowhere_in_the_root(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    assert "nobody has a key yet" in cli.run("access", "list").stdout
    done = cli.run(*CI, "--scope", "usage:read", "--label", "nightly\nrun", "--expires", "30d")
    assert done.returncode == 0
    text = done.stdout.removesuffix("\n")
    assert keys.parse(text) == "service"
    assert text not in done.stderr
    assert "may sessions:read, usage:read; it is shown only this once" in done.stderr
    listed = cli.run("access", "list")
    assert "ci (service) nightly run: sessions:read, usage:read  until 2" in listed.stdout
    (row,) = json.loads(cli.run("access", "list", "--output", "json").stdout)["keys"]
    assert (row["actor"], row["issuer"], row["revoked"]) == ("ci", "owner", None)
    assert row["until"] - row["issued"] == pytest.approx(30 * 86400, abs=60)
    for path in cli.root.rglob("*"):
        if path.is_file():
            assert text.encode() not in path.read_bytes(), path


def test_a_key_is_revoked_by_its_start_and_an_actor_with_all_its_keys(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    cli.run(*CI)
    assert cli.run("access", "issue", "ci").returncode == 0, "its kind is known now"
    rows = json.loads(cli.run("access", "list", "--output", "json").stdout)["keys"]
    first = rows[0]["key"]
    assert "is the start of 2 keys" in cli.run("access", "revoke", first[:3]).stderr
    done = cli.run("access", "revoke", first)
    assert (done.returncode, done.stdout) == (0, f"revoked: {first} of ci\n")
    assert cli.run("access", "revoke", first).returncode == 0
    assert "revoked" in cli.run("access", "list").stdout
    cli.run("access", "remove", "ci")
    rows = json.loads(cli.run("access", "list", "--output", "json").stdout)["keys"]
    assert all(row["revoker"] == "owner" for row in rows)
    assert cli.run("access", "remove", "ci").returncode == 1


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["issue"], 2, "say which actor"),
        (["revoke"], 2, "say which key"),
        (["issue", "new"], 2, "add --kind person, agent or service"),
        (["issue", "new", "--kind", "robot"], 2, "invalid choice: 'robot'"),
        (["issue", "owner", "--scope", "sesions:read"], 2, "did you mean 'sessions:read'?"),
        (["issue", "owner", "--expires", "soon"], 2, "such as 12h or 30d"),
        (["issue", "owner", "--expires", "0d"], 2, "such as 12h or 30d"),
        (["issue", "helper", "--kind", "agent", "--scope", "admin"], 1, "no agent has the scope"),
        (["issue", "No One", "--kind", "person"], 1, "cannot be called"),
        (["revoke", "none"], 2, "there is no key 'none'"),
        (["revoke", keys.make("person", bytes(keys.CHANCE))], 2, "say the key's id"),
        (["remove", "owner"], 1, "no actor owner that could be removed"),
    ],
)
def test_what_is_wrong_is_said_and_no_key_is_printed(
    tmp_path: Path, args: list[str], code: int, words: str
) -> None:
    cli = Cli(tmp_path)
    done = cli.run("access", *args)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert json.loads(cli.run("access", "list", "--output", "json").stdout)["keys"] == []


def test_the_owner_may_have_a_key_that_may_less(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    text = cli.run("access", "issue", "owner", "--scope", "sessions:read").stdout.strip()
    assert keys.parse(text) == "owner"
    assert "owner (owner): sessions:read\n" in cli.run("access", "list").stdout
    lean = cli.run("access", "issue", "owner")
    assert "may nothing: it has no --scope" in lean.stderr
