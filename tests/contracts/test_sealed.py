"""Keys in an encrypted file: one passphrase opens it, nothing else does."""

import json
import os
from pathlib import Path

import pytest

from tests.flows.test_cli import Cli
from tuiagent.kernel.errors import StoreError
from tuiagent.ports import SEALED, Loan
from tuiagent.vaults.kept import FILE, LOCKED, Kept
from tuiagent.vaults.sealed import Sealed

CANARY = "sk-canary-0123456789"


def test_a_key_comes_back_by_its_passphrase_and_stands_nowhere(tmp_path: Path) -> None:
    sealed = Sealed(str(tmp_path / "home/keys.sealed"))
    sealed.put("open", "openai", CANARY)
    sealed.put("open", "other", "x" * 20)
    assert sealed.get("open") == {"openai": CANARY, "other": "x" * 20}
    assert os.stat(sealed.path).st_mode & 0o777 == 0o600
    assert CANARY not in Path(sealed.path).read_text()
    assert sealed.delete("other")
    assert not sealed.delete("other")
    assert sealed.get("open") == {"openai": CANARY}


def test_another_passphrase_opens_nothing_and_adds_nothing(tmp_path: Path) -> None:
    sealed = Sealed(str(tmp_path / "keys.sealed"))
    sealed.put("sesame", "openai", CANARY)
    before = Path(sealed.path).read_bytes()
    for act in (lambda: sealed.get("other"), lambda: sealed.put("other", "more", "key")):
        with pytest.raises(StoreError, match="another passphrase") as told:
            act()
        assert "sesame" not in str(told.value)
    with pytest.raises(StoreError, match="empty passphrase"):
        sealed.put("", "openai", "key")
    assert Path(sealed.path).read_bytes() == before


@pytest.mark.parametrize("harm", ["box", "swap", "cut", "readable", "link"])
def test_a_file_that_was_touched_is_refused(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "keys.sealed"
    sealed = Sealed(str(path))
    sealed.put("open", "a", "key of a")
    sealed.put("open", "b", "key of b")
    table = json.loads(path.read_text())
    keys = table["keys"]
    if harm == "box":
        keys["a"] = keys["a"][:-8] + "AAAAAAA="
    elif harm == "swap":
        keys["a"], keys["b"] = keys["b"], keys["a"]
    path.write_text(json.dumps(table)[: -9 if harm == "cut" else None])
    if harm == "readable":
        path.chmod(0o644)
    elif harm == "link":
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        sealed.get("open")


def test_what_is_kept_there_is_had_by_the_passphrase_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(str(tmp_path))
    kept.put("openai", CANARY, "open")
    assert kept.places() == {"openai": FILE}
    monkeypatch.delenv("TUIAGENT_PASSPHRASE", raising=False)
    with pytest.raises(StoreError, match="unlock") as told:
        kept.get("openai")
    assert str(told.value) == LOCKED
    monkeypatch.setenv("TUIAGENT_PASSPHRASE", "open")
    assert kept.get("openai") == CANARY
    rest = Loan("", SEALED, "open")
    assert kept.unlock("open") == [Loan("", "kept:openai", CANARY), rest]
    assert kept.delete("openai")
    assert kept.unlock("open") == [rest]


def test_by_the_command_line(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    done = cli.run("keys", "set", "openai", "--file", input=CANARY)
    assert done.returncode == 2
    assert "TUIAGENT_PASSPHRASE" in done.stderr
    cli.environ["TUIAGENT_PASSPHRASE"] = "open"
    done = cli.run("keys", "set", "openai", "--file", input=CANARY)
    assert (done.returncode, CANARY in done.stdout + done.stderr) == (0, False)
    assert cli.run("keys").stdout == "openai  encrypted file\n"
    for path in tmp_path.rglob("*"):
        assert not path.is_file() or CANARY.encode() not in path.read_bytes(), path
    assert "is forgotten" in cli.run("keys", "delete", "openai").stdout


def test_what_opens_the_file_is_never_printed(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    cli.environ["TUIAGENT_PASSPHRASE"] = "open-sesame"
    done = cli.run("doctor")
    assert "TUIAGENT_PASSPHRASE = (set, 11 characters)" in done.stdout
    assert "open-sesame" not in done.stdout + done.stderr
