"""The user's service: its files, and what is said to the manager of services."""

import configparser
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.test_cli import SAY, Cli
from tuiagent.clients.cli.service import DRAIN, service
from tuiagent.engine.neighbours import DRAIN as PATIENCE
from tuiagent.kernel.errors import ConfigError
from tuiagent.server import server_record

STRANGE = "/tmp/a b\"c%d\\e$f'g"
FAKE = """\
#!/bin/sh
echo "$@" >>"$HOME/told"
[ "$2" = "$(cat "$HOME/fails" 2>/dev/null)" ] || exit 0
echo "Failed to connect to bus" >&2
exit 1
"""


class Manager(Cli):
    """The command line beside a systemctl that writes down what it is told."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, SAY)
        self.home.mkdir()
        self.unit = self.home / ".config" / "systemd" / "user" / "tuiagent.service"
        programs = folder / "bin"
        programs.mkdir()
        program = programs / "systemctl"
        program.write_text(FAKE)
        program.chmod(0o755)
        self.environ["PATH"] = f"{programs}:/usr/bin:/bin"

    def told(self) -> list[str]:
        """What it was told since the last time."""
        path = self.home / "told"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return lines

    def fails(self, word: str) -> None:
        """It cannot do this from now on."""
        (self.home / "fails").write_text(word)


@pytest.fixture
def cli(tmp_path: Path) -> Manager:
    return Manager(tmp_path)


def keys(text: str) -> dict[str, str]:
    """What a unit says of its service, by key."""
    reader = configparser.RawConfigParser(strict=True)
    reader.optionxform = str  # type: ignore[assignment, method-assign]
    first, *more = text.split("Environment=")
    numbered = [f"Environment{n}={part}" for n, part in enumerate(more)]
    reader.read_string("".join([first, *numbered]))
    return dict(reader["Service"])


# ---------------------------------------------------------------- the files


def test_the_unit_ends_the_server_alone_and_gives_it_time() -> None:
    made = service("/root/state", {"HOME": "/h", "OPENAI_API_KEY": "sk-1", "PATH": "/bin"}, "linux")
    assert made.path == "/h/.config/systemd/user/tuiagent.service"
    found = keys(made.text)
    assert found["KillMode"] == "process"
    assert found["Restart"] == "on-failure"
    assert float(found["TimeoutStopSec"]) >= PATIENCE
    assert shlex.split(found["ExecStart"]) == [sys.executable, "-P", "-m", "tuiagent", "serve"]
    assert found["Environment0"] == '"TUIAGENT_HOME=/root/state"'
    assert "Environment1" not in found
    assert "sk-1" not in made.text


def test_the_agent_of_launchd_leaves_the_commands_alone() -> None:
    made = service("/root/state", {"HOME": "/h", "OPENAI_API_KEY": "sk-1"}, "darwin")
    assert made.path == "/h/Library/LaunchAgents/org.tuiagent.serve.plist"
    found = plistlib.loads(made.text.encode())
    assert found["AbandonProcessGroup"] is True
    assert found["RunAtLoad"] is True
    assert found["KeepAlive"] == {"SuccessfulExit": False}
    assert found["ExitTimeOut"] == DRAIN
    assert found["ProgramArguments"] == [sys.executable, "-P", "-m", "tuiagent", "serve"]
    assert found["EnvironmentVariables"] == {"TUIAGENT_HOME": "/root/state"}
    assert made.begin[-1] == made.path
    assert "sk-1" not in made.text


def test_any_folder_is_read_back_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", f"{STRANGE}/python")
    environ = {"HOME": "/h", "XDG_CONFIG_HOME": STRANGE, "PYTHONPATH": STRANGE}
    made = service(STRANGE, environ, "linux")
    assert made.path.startswith(STRANGE)
    found = keys(made.text)
    start = found["ExecStart"].replace("%%", "%").replace("$$", "$")
    assert shlex.split(start)[0] == f"{STRANGE}/python"
    given = [shlex.split(found[f"Environment{n}"].replace("%%", "%")) for n in range(3)]
    assert given == [
        [f"TUIAGENT_HOME={STRANGE}"],
        [f"XDG_CONFIG_HOME={STRANGE}"],
        [f"PYTHONPATH={STRANGE}"],
    ]
    plist = plistlib.loads(service(STRANGE, environ, "darwin").text.encode())
    assert plist["EnvironmentVariables"]["TUIAGENT_HOME"] == STRANGE
    with pytest.raises(ConfigError, match="cannot stand"):
        service("/tmp/a\nExecStartPre=/bin/evil", {"HOME": "/h"}, "linux")


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    made = service(str(tmp_path / "a b%c$d"), {"HOME": str(tmp_path)}, "linux")
    path = tmp_path / "tuiagent.service"
    path.write_text(made.text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(path)],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    said = [line for line in done.stderr.splitlines() if "tuiagent" in line]
    assert said == []
    path.write_text(made.text.replace("KillMode=process", "KillMode=proces"))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(path)],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert "tuiagent.service" in done.stderr, "it looks, and would have found something"


# ---------------------------------------------------------------- install and uninstall


@pytest.mark.skipif(sys.platform == "darwin", reason="launchd has another file")
def test_it_is_written_shown_begun_and_taken_away(cli: Manager) -> None:
    done = cli.run("serve", "--install")
    assert (done.returncode, done.stderr) == (0, "")
    assert cli.unit.read_text() in done.stdout
    assert "loginctl enable-linger" in done.stdout
    begun = ["--user daemon-reload", "--user disable --now tuiagent.service"]
    begun += ["--user enable --now tuiagent.service"]
    assert cli.told() == begun
    again = cli.run("serve", "--install")
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert cli.told() == begun
    assert [path.name for path in cli.unit.parent.iterdir()] == ["tuiagent.service"]
    gone = cli.run("serve", "--uninstall")
    assert (gone.returncode, gone.stdout) == (0, f"{cli.unit} is removed\n")
    assert cli.told() == ["--user disable --now tuiagent.service", "--user daemon-reload"]
    assert not cli.unit.exists()
    assert "no service is installed" in cli.run("serve", "--uninstall").stdout
    assert cli.told() == []


@pytest.mark.skipif(sys.platform == "darwin", reason="launchd has another file")
def test_it_is_reached_as_it_was_said(cli: Manager) -> None:
    cli.environ["TUIAGENT_CORS_ORIGINS"] = "https://page.example"
    flags = ["--listen", "127.0.0.1:4711", "--public-url", "https://a.example/%s"]
    assert cli.run("serve", "--install", *flags).returncode == 0
    start = keys(cli.unit.read_text())["ExecStart"].replace("%%", "%")
    assert shlex.split(start)[4:] == [
        *("serve", *flags),
        *("--cors-origin", "https://page.example"),
    ]
    bad = cli.run("serve", "--install", "--public-url", "https://a\nExecStartPre=/bin/evil")
    assert (bad.returncode, "cannot stand" in bad.stderr) == (2, True)


@pytest.mark.skipif(sys.platform == "darwin", reason="launchd has another file")
def test_a_file_that_was_changed_stays_unless_forced(cli: Manager) -> None:
    cli.run("serve", "--install")
    cli.told()
    changed = cli.unit.read_text().replace("UMask=0077", "UMask=0077\nNice=5")
    cli.unit.write_text(changed)
    for flag in ("--install", "--uninstall"):
        done = cli.run("serve", flag)
        assert (done.returncode, done.stdout) == (2, "")
        assert "--force" in done.stderr
        assert cli.unit.read_text() == changed
    assert cli.told() == []
    assert cli.run("serve", "--install", "--force").returncode == 0
    assert "Nice" not in cli.unit.read_text()
    cli.unit.unlink()
    cli.unit.mkdir()
    assert cli.run("serve", "--install").returncode == 2


@pytest.mark.skipif(sys.platform == "darwin", reason="launchd has another file")
def test_without_a_manager_it_says_what_to_do_and_ends_nothing(cli: Manager) -> None:
    assert cli.run("-p", "go", "--detach").returncode == 0
    record = server_record(str(cli.root))
    assert record
    try:
        cli.fails("daemon-reload")
        done = cli.run("serve", "--install")
        assert done.returncode == 1
        assert "Failed to connect to bus" in done.stdout
        assert "systemctl --user enable --now tuiagent.service" in done.stdout
        assert server_record(str(cli.root)) == record
        cli.environ["PATH"] = str(cli.home)
        assert "systemctl: No such file" in cli.run("serve", "--install").stdout
        assert server_record(str(cli.root)) == record
        cli.environ["PATH"] = f"{cli.home.parent / 'bin'}:/usr/bin:/bin"
        cli.fails("")
        assert cli.run("serve", "--install").returncode == 0
        assert server_record(str(cli.root)) is None, "it makes room for the service"
    finally:
        if server_record(str(cli.root)):
            cli.run("serve", "--stop")
