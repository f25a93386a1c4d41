"""`serve`: where it listens, its key, one server for a root, and what takes its place."""

import json
import socket
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.flows.test_cli import PROMPT, SAY
from tests.flows.test_cli_plain import screen
from tests.flows.test_detach import DONE, LONG, Home, home
from tests.life import LIMIT, until
from tuiagent.clients.cli.arguments import parse
from tuiagent.clients.cli.serve import site
from tuiagent.kernel import keys
from tuiagent.server import Site, server_record


@pytest.mark.parametrize(
    ("flags", "environ", "listen"),
    [
        ("", {}, ["127.0.0.1:4000"]),
        ("--port 1", {}, ["127.0.0.1:1"]),
        ("--host ::1", {}, ["[::1]:4000"]),
        ("--host 0.0.0.0 --port 8080", {"PORT": "1"}, ["0.0.0.0:8080"]),
        ("--listen a:1 --listen b:2", {"TUIAGENT_LISTEN": "c:3"}, ["a:1", "b:2"]),
        ("", {"TUIAGENT_LISTEN": "a:1, b:2", "PORT": "3"}, ["a:1", "b:2"]),
        ("--port 5", {"TUIAGENT_LISTEN": "a:1"}, ["127.0.0.1:5"]),
        ("", {"TUIAGENT_PORT": "1", "PORT": "2", "HEIM_PORT": "3"}, ["127.0.0.1:1"]),
        ("", {"PORT": "2", "HEIM_PORT": "3"}, ["127.0.0.1:2"]),
        ("", {"HEIM_PORT": "3"}, ["127.0.0.1:3"]),
        ("", {"HOST": "0.0.0.0"}, ["0.0.0.0:4000"]),
        ("", {"HOST": "my-laptop"}, ["127.0.0.1:4000"]),
        ("--ready 3", {"HOST": "0.0.0.0", "PORT": "1"}, []),
        ("--ready 3 --listen a:1", {}, ["a:1"]),
    ],
)
def test_where_it_listens(flags: str, environ: dict[str, str], listen: list[str]) -> None:
    assert site(parse(["serve", *flags.split()]), environ).listen == tuple(listen)


def test_what_else_the_web_is_told() -> None:
    flags = (
        "--auth none --public-url https://a.example --cors-origin https://b --cors-origin https://c"
    )
    chosen = site(parse(["serve", "--listen", "a:1", *flags.split()]), {"HEIM_CORS_ORIGINS": "x"})
    assert chosen == Site(("a:1",), False, "https://a.example", ("https://b", "https://c"))
    assert site(parse(["serve", *chosen.flags()]), {}) == chosen
    chosen = site(parse(["serve"]), {"HEIM_CORS_ORIGINS": "http://x, http://y"})
    assert chosen.origins == ("http://x", "http://y")


def asked(url: str, key: str = "") -> tuple[int, dict[str, object]]:
    """What a GET answers."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def address(cli: Home) -> str:
    """Where the server that runs is reached."""
    record = server_record(str(cli.root))
    assert record is not None
    return record.addresses[0]


def test_the_owners_key_opens_every_door(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        cli.serve()
        url = address(cli)
        assert asked(f"{url}/healthz") == (200, {"status": "ready"})
        assert asked(f"{url}/api/v1/sessions")[0] == 401
        key = cli.run("serve", "--print-key").stdout.strip()
        assert keys.parse(key) == "owner"
        file = cli.root / "owner.key"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        cli.run(*PROMPT)
        status, body = asked(f"{url}/api/v1/sessions", key)
        assert (status, body["total"]) == (200, 1)
        file.unlink()
        new = cli.run("serve", "--print-key").stdout.strip()
        assert new != key
        until(lambda: asked(f"{url}/api/v1/sessions", key)[0] == 401, "the old key to be over")
        assert asked(f"{url}/api/v1/sessions", new)[0] == 200


def test_a_key_counts_and_is_over_as_soon_as_that_is_said(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        cli.serve()
        url = f"{address(cli)}/api/v1/sessions"
        issue = ("access", "issue", "ci", "--kind", "service", "--scope", "sessions:read")
        for end in (["remove", "ci"], ["revoke", ""]):
            key = cli.run(*issue).stdout.strip()
            assert asked(url, key)[0] == 200
            (row,) = json.loads(cli.run("access", "list", "--output", "json").stdout)["keys"][-1:]
            assert cli.run("access", end[0], end[1] or row["key"]).returncode == 0
            assert asked(url, key)[0] == 401


def test_without_a_key_only_for_this_machine(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        refused = cli.run("serve", "--auth", "none", "--host", "0.0.0.0", "--port", "0")
        assert refused.returncode == 2
        assert "can be reached from other machines" in refused.stderr
        server = cli.start("serve", "--auth", "none", stdin=subprocess.DEVNULL)
        cli.servers.append(server)
        until(lambda: server_record(str(cli.root)), "the server")
        assert asked(f"{address(cli)}/api/v1/sessions")[0] == 200


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli, socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli.run("serve", "--port", str(port))
        assert done.returncode == 2
        assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
        assert server_record(str(cli.root)) is None


def test_there_is_one_server_for_a_root(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        cli.serve()
        second = cli.run("serve")
        assert second.returncode == 1
        assert f"runs already (process {cli.server()})" in second.stderr
        assert cli.run("serve", "--stop").returncode == 0
        assert server_record(str(cli.root)) is None
        none = cli.run("serve", "--stop")
        assert (none.returncode, "no server of" in none.stderr) == (1, True)


def test_it_takes_the_place_of_one_that_was_begun_for_a_hand_over(tmp_path: Path) -> None:
    with home(tmp_path, LONG, DONE) as cli:
        with screen(cli, "--plain", "go", "--allow", "shell") as terminal:
            until((cli.work / "began").exists, "the command to begin")
            terminal.type("/detach\n")
            assert terminal.end() == 0
        until(cli.served, "the server to drive it")
        first = cli.server()
        server = cli.start("serve", stdin=subprocess.DEVNULL)
        cli.servers.append(server)
        until(lambda: (r := server_record(str(cli.root))) and r.pid != first, "the other one")
        assert asked(f"{address(cli)}/healthz")[0] == 200
        (cli.work / "go").touch()
        cli.finished()
        assert cli.ran() == ["a"]


def test_restarted_it_listens_where_it_did(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        cli.environ["TUIAGENT_CORS_ORIGINS"] = "https://page.example"
        server = cli.start("serve", "--auth", "none", stdin=subprocess.DEVNULL)
        cli.servers.append(server)
        until(lambda: server_record(str(cli.root)), "the server")
        before, where = cli.server(), address(cli)
        del cli.environ["TUIAGENT_CORS_ORIGINS"]
        assert asked(f"{where}/api/v1/sessions")[0] == 200
        assert cli.run("serve", "--restart").returncode == 0
        assert cli.server() != before
        assert address(cli) == where
        assert asked(f"{where}/api/v1/sessions")[0] == 200, "no key is asked for, as before"
        record = server_record(str(cli.root))
        assert record is not None
        assert record.site.origins == ("https://page.example",)


def test_a_server_of_another_version_is_not_used_unasked(tmp_path: Path) -> None:
    with home(tmp_path, SAY) as cli:
        cli.serve()
        file = cli.root / "server.json"
        file.write_text(file.read_text().replace('"version":"', '"version":"9.'))
        before = cli.server()
        done = cli.run(*PROMPT)
        assert (done.returncode, "It is" in done.stdout) == (0, True)
        with screen(cli, "--plain", "--new") as terminal:
            terminal.type("y\n")
            terminal.wait("Type to speak")
            terminal.type("/quit\n")
            terminal.process.wait(LIMIT)
        assert cli.server() != before, "a person had it begin anew"
