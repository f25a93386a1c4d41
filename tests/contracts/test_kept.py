"""Keys that a person keeps: never in a file, never shown, and waited for aside."""

import threading
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import pytest

from tests.flows.test_cli import Cli
from tests.life import until
from tuiagent import config
from tuiagent.config import Settings
from tuiagent.engine.secrecy import Secrecy
from tuiagent.kernel.errors import ConfigError, NeedsError, StoreError
from tuiagent.kernel.session import SessionOpened
from tuiagent.kernel.standing import Standing
from tuiagent.means import LocalMeans
from tuiagent.vaults.kept import Kept
from tuiagent.vaults.marked import Marked

CANARY = "sk-canary-0123456789"


class FakeRing(keyring.backend.KeyringBackend):
    """A keyring in memory, which passes for the system's."""

    priority = 0  # type: ignore[assignment] - never chosen by itself

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.held[service, username]


FakeRing.__module__ = "keyring.backends.fake"


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> FakeRing:
    found = FakeRing()
    monkeypatch.setattr(keyring, "get_keyring", lambda: found)
    return found


def test_a_key_is_in_the_keyring_and_nowhere_else(tmp_path: Path, ring: FakeRing) -> None:
    kept = Kept(str(tmp_path))
    kept.put("openai", f" {CANARY}\n".strip())
    assert kept.places() == {"openai": "keyring"}
    assert kept.get("openai") == CANARY
    for path in tmp_path.iterdir():
        assert CANARY not in path.read_text()
        assert path.stat().st_mode & 0o77 == 0
    assert kept.delete("openai")
    assert not ring.held
    assert kept.places() == {}
    assert not kept.delete("openai")


@pytest.mark.parametrize("module", ["keyring.backends.fail", "keyrings.alt.file", "somewhere"])
def test_a_keyring_that_is_none_is_not_used(
    tmp_path: Path, ring: FakeRing, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    from keyring.backends import fail

    other = fail.Keyring() if module.endswith("fail") else ring
    monkeypatch.setattr(keyring, "get_keyring", lambda: other)
    monkeypatch.setattr(type(other), "__module__", module)
    with pytest.raises(StoreError, match="no keyring that can be used"):
        Kept(str(tmp_path)).put("openai", CANARY)
    assert not ring.held


@pytest.mark.parametrize("key", ["", "  ", "two\nlines"])
def test_what_is_no_key_is_refused(tmp_path: Path, ring: FakeRing, key: str) -> None:
    with pytest.raises(ConfigError, match="no key"):
        Kept(str(tmp_path)).put("openai", key)


def test_a_command_tells_a_key_and_its_failure_tells_none(tmp_path: Path) -> None:
    kept = Kept(str(tmp_path))
    kept.name_command("openai", f"echo {CANARY}")
    assert kept.get("openai") == CANARY
    kept.name_command("openai", f"sh -c 'echo {CANARY}; exit 3'")
    with pytest.raises(StoreError, match="exit 3") as told:
        kept.get("openai")
    assert CANARY not in str(told.value)
    kept.name_command("openai", "no-such-program-here")
    with pytest.raises(StoreError, match="cannot be run"):
        kept.get("openai")


def test_a_session_records_where_its_key_is_and_the_environment_comes_first(
    tmp_path: Path,
) -> None:
    environ = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path)}
    Kept(config.home_of(environ)).name_command("openai", f"echo {CANARY}")
    settings = config.load(environ)
    assert settings.model.startswith("openai/"), "a key that is kept is enough"
    opened = config.opening(settings, str(tmp_path), environ)
    assert opened.credentials["openai"] == "kept:openai"
    environ["OPENAI_API_KEY"] = "x"
    opened = config.opening(config.load(environ), str(tmp_path), environ)
    assert opened.credentials["openai"] == "env:OPENAI_API_KEY"


def means(folder: Path) -> tuple[LocalMeans, SessionOpened, Any]:
    """Means whose openai key is kept, and what tells that it came."""
    made = LocalMeans(Settings(str(folder), str(folder), "ask"), {}, Standing(), ())
    came = threading.Semaphore(0)
    made.credentials.fetched = came.release
    opened = SessionOpened(str(folder), "openai/x", "ask", credentials={"openai": "kept:openai"})
    return made, opened, came


def test_a_key_that_takes_time_is_waited_for_aside(tmp_path: Path) -> None:
    go = tmp_path / "go"
    kept = Kept(str(tmp_path))
    kept.name_command("openai", f"sh -c 'until [ -e {go} ]; do sleep 0.01; done; echo {CANARY}'")
    made, opened, came = means(tmp_path)
    with pytest.raises(NeedsError, match="being unlocked"):
        made.provider("openai/x", opened)
    go.touch()
    assert came.acquire(timeout=20)
    assert made.provider("openai/x", opened)
    assert not came.acquire(blocking=False), "told once"


def test_a_key_that_is_gone_is_told_with_its_reason(tmp_path: Path) -> None:
    Kept(str(tmp_path)).name_command("openai", "false")
    made, opened, _ = means(tmp_path)
    until(lambda: "exit 1" in made.needs("openai/x", opened), "its end")


def test_keys_by_the_command_line(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    assert "no key is kept" in cli.run("keys").stdout
    done = cli.run("keys", "set", "openai", "--command", f"echo {CANARY}")
    assert (done.returncode, CANARY in done.stdout) == (0, False)
    assert cli.run("keys", "list").stdout.startswith("openai  echo")
    done = cli.run("keys", "set", "other", input=CANARY)
    assert done.returncode == 1
    assert "no keyring that can be used" in done.stderr
    assert CANARY not in done.stderr
    done = cli.run("keys", "test")
    assert (done.returncode, "it answers" in done.stdout) == (0, True)
    assert cli.run("keys", "test", "strange/x").returncode == 1
    assert "is forgotten" in cli.run("keys", "delete", "openai").stdout


UNLIKE = "7Qx0vJ4mZr2LwT9kNc5bYh8s"
"""A key that has no shape of one."""


def test_a_kept_key_is_known_by_its_mark_to_whoever_has_not_unlocked_it(
    tmp_path: Path, ring: FakeRing
) -> None:
    kept = Kept(str(tmp_path))
    kept.put("mistral", UNLIKE)
    ring.held["tuiagent", "older"] = older = UNLIKE[::-1]
    kept._note("older", "keyring")
    kept.put("short", "only-19-characters-")
    (file,) = tmp_path.glob("keys.marks")
    assert file.stat().st_mode & 0o77 == 0
    assert not any(key in file.read_text() for key in (UNLIKE, older))
    other = LocalMeans(Settings(str(tmp_path), str(tmp_path), "ask"), {}, Standing(), ())
    assert other.keys() == set()

    def masked(text: str) -> str:
        return Secrecy((), other.marks()).text(text)

    for text in (
        f"{UNLIKE}",
        f"it is {UNLIKE}, he said",
        f"MISTRAL={UNLIKE}",
        f"https://x.test/{UNLIKE}/y?k={UNLIKE}",
        f"'{UNLIKE}'",
        f"x-{UNLIKE}",
    ):
        assert UNLIKE not in masked(text), text
        assert "<key>" in masked(text)
    plain = f"{UNLIKE[:-1]} {older} {'a' * 40} only-19-characters-"
    assert masked(plain) == plain, "the older key was not read since marks are kept"
    assert kept.get("older") == older
    assert masked(older) == "<key>"
    assert kept.delete("mistral")
    assert masked(UNLIKE) == UNLIKE


@pytest.mark.parametrize("harm", ["cut", "readable", "gone"])
def test_marks_that_were_touched_are_made_anew(tmp_path: Path, ring: FakeRing, harm: str) -> None:
    kept, file = Kept(str(tmp_path)), tmp_path / "keys.marks"
    kept.put("mistral", UNLIKE)
    if harm == "cut":
        file.write_text(file.read_text()[:-9])
    elif harm == "readable":
        file.chmod(0o644)
    else:
        file.unlink()
    assert Marked(str(tmp_path)).read().masked(UNLIKE, "<key>") == UNLIKE
    assert kept.get("mistral") == UNLIKE
    assert Marked(str(tmp_path)).read().masked(UNLIKE, "<key>") == "<key>"
