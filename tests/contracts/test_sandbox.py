"""What a sandbox holds, whatever runs in it: canaries outside of it that nothing reaches."""

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.contracts.test_runtime import ignore, until
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.ports import Execution, Exit
from tuiagent.runtimes import bubblewrap, landlock, probe, proxy, seatbelt, walls
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.runtimes.sandbox import SandboxRuntime
from tuiagent.runtimes.walls import Walls

TABLE = tomllib.loads(Path(__file__).with_name("attacks.toml").read_text())
KEY = "CANARY-7Kp2mQv9RtB4nWz8LcH3"
HOOK = ".git/hooks/pre-commit.sample"

pytestmark = pytest.mark.skipif(
    not bubblewrap.program(), reason="bubblewrap is not installed, so its sandbox cannot be tried"
)


class Listener:
    """Counts whoever reaches it: by TCP, by UDP, and by Unix sockets with and without a file."""

    def __init__(self, gate: Path, docker: Path) -> None:
        self.reached: list[str] = []
        self.port = 0
        self._open: list[socket.socket] = []
        tcp = socket.create_server(("", 0))
        self.port = tcp.getsockname()[1]
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.bind(("", self.port))
        self._listen("udp", udp)
        self._listen("tcp", tcp)
        lately = time.time() - 3
        for name, place in (
            ("gate", str(gate)),
            ("docker", str(docker)),
            ("abstract", f"\0tuiagent-test-{self.port}"),
        ):
            one = socket.socket(socket.AF_UNIX)
            one.bind(place)
            one.listen()
            if os.path.exists(place):
                os.utime(place, (lately, lately))
            self._listen(name, one)

    def _listen(self, name: str, one: socket.socket) -> None:
        self._open.append(one)
        threading.Thread(target=self._serve, args=(name, one), daemon=True).start()

    def _serve(self, name: str, one: socket.socket) -> None:
        while True:
            try:
                if name == "udp":
                    one.recvfrom(100)
                else:
                    one.accept()[0].close()
            except OSError:
                return  # the test is over
            self.reached.append(name)

    def close(self) -> None:
        """Nobody listens any more."""
        for one in self._open:
            with_shutdown(one)


def with_shutdown(one: socket.socket) -> None:
    """Ends a socket that a thread may wait for."""
    with contextlib.suppress(OSError):  # it has no other side
        one.shutdown(socket.SHUT_RDWR)
    one.close()


class World:
    """A home with keys, a project in it, a folder beside it, and a listener."""

    def __init__(self, base: Path) -> None:
        self.base, self.home, self.work = base, base / "home", base / "home/projects/work"
        self.out, self.state = base / "home/projects/out", base / "state"
        for folder in (self.work, self.out, self.state):
            folder.mkdir(parents=True)
        for name in (".ssh/id_rsa", ".aws/credentials", ".netrc", ".config/gh/hosts.yml"):
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{KEY}\n")
        (self.home / "link").symlink_to(self.home / ".ssh")
        (self.home / ".docker/run").mkdir(parents=True)
        (self.home / ".bashrc").write_text("true\n")
        (self.state / "journal.db").write_text(f"{KEY}\n")
        (self.out / "canary").write_text("alive\n")
        (self.out / "addresses").write_text(addresses())
        self.listener = Listener(self.out / "gate", self.home / ".docker/run/docker.sock")
        (self.work / "README").write_text("hello\n")
        (self.work / ".envrc").write_text("true\n")
        for repository in (self.work, self.work / "sub"):
            repository.mkdir(exist_ok=True)
            git(repository, "init", "-q", "-b", "main")
            git(repository, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "0",
                "--allow-empty")  # fmt: skip
        self.env = {
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "OUT": str(self.out),
            "STATE": str(self.state),
            "PORT": str(self.listener.port),
            "GATE": str(self.out / "gate"),
            "DOCKER": str(self.home / ".docker/run/docker.sock"),
        }
        self.runtime = self.made(SandboxRuntime)

    def made(self, kind: type[LocalRuntime], **more: object) -> LocalRuntime:
        """A runtime of this world."""
        return kind(str(self.work), self.env, str(self.state / "spools"), **more)  # type: ignore[arg-type]

    def seen(self) -> dict[str, object]:
        """All that no command may change: what lies outside, and what other programs would run."""
        roots = [self.home, self.state]
        paths = [p for root in roots for p in sorted(root.rglob("*")) if self._counts(p)]
        return {str(path): self._of(path) for path in paths}

    def _counts(self, path: Path) -> bool:
        for top in ("spools", "held", "tmp", "cache"):
            if path.is_relative_to(self.state / top):
                return False
        if not path.is_relative_to(self.work):
            return path != self.work
        name = str(path.relative_to(self.work))
        held = (".git/config", ".git/hooks", ".git/commondir", ".git/modules", ".git/worktrees",
                "sub/.git/config", "sub/.git/hooks", ".vscode", ".idea", ".hg", ".tuiagent",
                ".envrc", ".git/config.worktree")  # fmt: skip
        return any(name == one or name.startswith(one + "/") for one in held)

    def _of(self, path: Path) -> object:
        found = path.lstat()
        body = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        changed = found.st_mtime_ns if path.is_file() else 0
        return found.st_mode, found.st_uid, changed, body

    async def run(self, command: str, runtime: LocalRuntime | None = None, **more: object) -> Exit:
        """Runs it, whatever the policy would say."""
        runtime = runtime or self.runtime
        claims = Claims("shell", "execute", command, folder=runtime.folder, **more)  # type: ignore[arg-type]
        runtime = runtime.within(claims)
        spool = await runtime.prepare(f"t{os.urandom(5).hex()}")
        done = await runtime.exec(Execution(spool, command, 20), ignore)
        await runtime.kill(spool)
        await runtime.discard(spool)
        return done


def addresses() -> str:
    """This machine's own, beside the loop-back."""
    found = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False)
    return found.stdout


def git(folder: Path, *words: str) -> None:
    """Runs git as a person would."""
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", "-C", str(folder), *words], env=env, check=True)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """It does not lie in /tmp, of which no command sees the machine's anyway.

    Its sockets count; those of tests beside this one, which end any time, do not.
    """
    base = Path(tempfile.mkdtemp(prefix=".tuiagent-test-", dir=Path.home())).resolve()
    found = walls.sockets
    monkeypatch.setattr(
        walls, "sockets", lambda: [path for path in found() if path.startswith(str(base))]
    )
    made = World(base)
    try:
        yield made
    finally:
        made.listener.close()
        shutil.rmtree(base)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["writes", "runs", "connects", "reads"])
async def test_nothing_gets_out(world: World, kind: str) -> None:
    before = world.seen()
    for command in TABLE[kind]:
        done = await world.run(command)
        assert KEY.encode() not in done.output, command
        assert world.seen() == before, command
        assert world.listener.reached == [], command
    assert b"bwrap:" not in done.output


@pytest.mark.parametrize("command", TABLE["controls"])
async def test_what_people_do_works(world: World, command: str) -> None:
    done = await world.run(command)
    assert done.code == 0, done.output.decode()


async def test_the_same_attacks_do_get_out_without_a_sandbox(world: World) -> None:
    """So that a canary that nothing could reach at all is noticed."""
    local = world.made(LocalRuntime)
    before = world.seen()
    assert KEY.encode() in (await world.run(TABLE["reads"][0], local)).output
    await world.run(TABLE["writes"][0], local)
    await world.run(TABLE["runs"][0], local)
    changed = {path for path, found in world.seen().items() if before.get(path) != found}
    assert {Path(path).name for path in changed} == {"canary", "config"}
    await world.run(TABLE["connects"][4], local)
    await world.run(TABLE["connects"][7], local)
    reached = world.listener.reached
    await until(lambda: sorted(set(reached)) == ["gate", "tcp"], "the listener to notice")


async def test_a_command_has_no_more_rights_within(world: World) -> None:
    done = await world.run("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status; ls /proc")
    told = done.output.decode()
    caps = [line.split()[1] for line in told.splitlines() if line.startswith("Cap")]
    assert caps == ["0" * 16] * 5
    assert "Seccomp:\t2" in told
    assert "NoNewPrivs:\t1" in told
    assert sum(name.isdigit() for name in told.splitlines()) < 10  # its own processes alone
    nested = "python3 -c 'import os, ctypes; print(ctypes.CDLL(None).clone)'; unshare -U true"
    assert (await world.run(nested)).code


DEVICES = frozenset("null zero full random urandom tty ptmx".split())
"""Of /dev, what everybody may write."""


async def test_nothing_of_the_machine_itself_may_be_written(world: World) -> None:
    """Devices and the kernel's settings, some of which root may change without any capability.

    Nothing is opened: where this fails, nothing has happened.
    """
    done = await world.run(
        "find /dev /proc /sys -path '/proc/[0-9]*' -prune -o "
        "\\( -type f -o -type b -o -type c \\) -writable -print 2>/dev/null"
    )
    found = [Path(line).name for line in done.output.decode().splitlines()]
    assert {*found} <= DEVICES


async def test_calls_that_no_name_space_holds_are_refused_whatever_they_say(world: World) -> None:
    """A socket to the host of a virtual machine, and the kernel's keyrings."""
    program = (
        "import ctypes, os, socket\n"
        "def said(work):\n"
        "    try: work(); return 0\n"
        "    except OSError as error: return error.errno\n"
        "number = {'x86_64': 250, 'aarch64': 219}[os.uname().machine]\n"
        "l = ctypes.CDLL(None, use_errno=True)\n"
        "l.syscall(number, 0, -3, 1)\n"
        "print(said(lambda: socket.socket(40, 1)), ctypes.get_errno())\n"
    )
    (world.work / "x.py").write_text(program)
    done = await world.run("python3 x.py")
    assert done.output.split() == [b"1", b"1"], done.output


async def test_what_ends_by_itself_is_given_the_time(world: World) -> None:
    command = "trap 'echo bye; exit 3' TERM; echo on; while :; do sleep 0.05; done"
    spool = await world.runtime.prepare("trap")
    execution = Execution(spool, command, 30)
    await world.runtime.start(execution)
    output = Path(spool, "output")
    await until(lambda: output.exists() and output.read_bytes() == b"on\n", "the command")
    await world.runtime.kill(spool)
    assert b"bye" in (await world.runtime.follow(execution, ignore)).output


@pytest.fixture
def weaker(world: World, monkeypatch: pytest.MonkeyPatch) -> LocalRuntime:
    """The same where there is no bubblewrap."""
    if landlock.version() < landlock.LEAST:
        pytest.skip("this kernel has no Landlock")
    monkeypatch.setattr(probe, "holding", lambda *where: ("landlock", ""))
    return world.made(SandboxRuntime)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["writes", "connects", "reads"])
async def test_nothing_gets_out_of_the_weaker_one_either(
    world: World, weaker: LocalRuntime, kind: str
) -> None:
    before = world.seen()
    for command in TABLE[kind]:
        if "nohup" in command or "setsid" in command:
            continue  # such a process is ended with the call, and not before
        if any(word in command for word in ("cron", "systemd", "utime", "chmod", "chown", "attr")):
            continue  # no socket is hidden, and what is said about a file is not held
        if "ip addr" in command:
            continue  # it keeps the machine's network, which a test must not change
        done = await world.run(command, weaker)
        assert KEY.encode() not in done.output, command
        assert world.seen() == before, command
        reached = {*world.listener.reached} - {"gate", "docker"}  # sockets with a file
        assert not reached, command


@pytest.mark.parametrize("command", TABLE["controls"])
async def test_what_people_do_works_in_the_weaker_one(
    world: World, weaker: LocalRuntime, command: str
) -> None:
    if "create_server" in command:
        pytest.skip("it has no network at all, not even its own")
    done = await world.run(command, weaker)
    assert done.code == 0, done.output.decode()


async def test_the_weaker_one_says_what_it_cannot(world: World, weaker: LocalRuntime) -> None:
    assert weaker.sandbox == "landlock"
    with pytest.raises(ToolError, match="cannot tell hosts apart"):
        await world.run("true", weaker, hosts=("pypi.org",))
    assert (await world.run(TABLE["connects"][4], weaker, hosts=("*",))).code == 0


def test_the_profile_of_a_mac() -> None:
    held = Walls(
        '/work/"odd"',
        "",
        ["/Users/me/.cache"],
        pinned=["/work/.git"],
        frozen=["/work/.git/config"],
        hidden=["/Users/me/.ssh"],
    )
    rows = seatbelt.profile(held, False).splitlines()
    assert rows[:3] == ["(version 1)", "(allow default)", "(deny file-write*)"]
    order = [
        '(allow file-write* (subpath "/work/\\"odd\\""))',
        '(allow file-write* (subpath "/Users/me/.cache"))',
        '(deny file-write* (subpath "/work/.git/config"))',
        '(deny file-write-unlink (literal "/work/.git"))',
        '(deny file-read* file-write* (subpath "/Users/me/.ssh"))',
        "(deny network*)",
        "(deny network-outbound (remote unix-socket))",
    ]
    assert [row for row in rows if row in order] == order
    assert "(deny network*)" not in seatbelt.profile(held, True)
    assert seatbelt.prefix(held, False)[0] == "/usr/bin/sandbox-exec"


async def test_no_litter_stays(world: World) -> None:
    before = sorted(os.listdir(world.work)), sorted(os.listdir(world.work / ".git"))
    assert b".vscode" in (await world.run("ls -A")).output
    assert (sorted(os.listdir(world.work)), sorted(os.listdir(world.work / ".git"))) == before


async def test_what_stands_in_place_goes_with_the_last_command(world: World) -> None:
    spool = await world.runtime.prepare("long")
    long = Execution(spool, "until [ -e go ]; do sleep 0.02; done; touch .vscode/x", 30)
    await world.runtime.start(long)
    await world.run("true")
    assert (world.work / ".vscode").is_dir()
    (world.work / "go").touch()
    done = await world.runtime.follow(long, ignore)
    assert b"Read-only file system" in done.output
    assert not (world.work / ".vscode").exists()


async def test_after_a_crash_it_goes_with_the_next_session(world: World) -> None:
    (world.work / ".vscode").mkdir()
    lock = world.runtime._placeholders.hold({str(world.work / ".vscode"): None})  # type: ignore[attr-defined]
    os.close(lock)
    assert (world.work / ".vscode").exists()
    world.made(SandboxRuntime)
    assert not (world.work / ".vscode").exists()


async def test_what_a_person_put_there_meanwhile_stays(world: World) -> None:
    runtime = world.runtime
    lock = runtime._placeholders.hold({str(world.work / ".idea"): None})  # type: ignore[attr-defined]
    (world.work / ".idea/mine.xml").touch()
    os.close(lock)
    await world.run("true")
    assert (world.work / ".idea/mine.xml").exists()


async def test_a_repository_is_made_with_a_yes_for_it(world: World) -> None:
    shutil.rmtree(world.work / ".git")
    assert (await world.run("git init -q")).code
    assert not (world.work / ".git").exists()
    done = await world.run("git init -q && git status", folders=(str(world.work / ".git"),))
    assert done.code == 0, done.output.decode()
    assert (world.work / ".git/config").exists()
    assert (await world.run("git config a.b c")).code


async def test_no_pipe_in_place_of_settings_is_waited_for(world: World) -> None:
    os.remove(world.work / "sub/.git/config")
    os.mkfifo(world.work / "sub/.git/config")
    held = Walls(str(world.work), "")
    inner = walls.repositories(held.folder)
    holding = asyncio.create_task(asyncio.to_thread(walls.hold, held, inner, []))
    done, _ = await asyncio.wait({holding}, timeout=10)
    if not done:  # lets the thread end
        os.close(os.open(world.work / "sub/.git/config", os.O_WRONLY | os.O_NONBLOCK))
    assert done


SETTINGS = "repositoryformatversion = 0\\nbare = false\\nworktree = .\\nfsmonitor = touch %s\\n"
BARE = (
    "rm -rf .git refs objects; mkdir -p refs objects; printf 'ref: refs/heads/x' >HEAD; "
    f"printf '[core]\\n{SETTINGS}' \"$OUT/ran\" >config"
)


def looked(world: World) -> None:
    """What a person does who looks at the folder."""
    env = {"PATH": world.env["PATH"], "HOME": "/nonexistent"}
    subprocess.run(["git", "status"], cwd=world.work, env=env, capture_output=True)


@pytest.mark.parametrize("there", [(), ("refs",), ("refs", "objects")])
async def test_a_folder_becomes_no_repository_without_git(world: World, there: list[str]) -> None:
    """Git takes any folder with HEAD, objects and refs for one, and runs what its config says."""
    shutil.rmtree(world.work / ".git")
    for name in there:
        (world.work / name).mkdir()
    await world.run(BARE)
    looked(world)
    assert not (world.out / "ran").exists()


async def test_one_call_gets_what_it_was_allowed_and_no_more(world: World) -> None:
    canary = str(world.out / "canary")
    assert (await world.run('echo more >>"$OUT/canary"', folders=(canary,))).code == 0
    assert Path(canary).read_text() == "alive\nmore\n"
    assert (await world.run('touch "$OUT/other"', folders=(canary,))).code
    assert (await world.run('echo more >>"$OUT/canary"')).code
    with pytest.raises(ToolError, match="does not exist"):
        await world.run("true", folders=(str(world.out / "none"),))
    online = await world.run(TABLE["connects"][4], hosts=("*",))
    assert online.code == 0, online.output.decode()


@pytest.fixture
def pages() -> Iterator[int]:
    """The port of a server on this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


class Page(BaseHTTPRequestHandler):
    """Says which host was asked for."""

    def do_GET(self) -> None:
        """Answers."""
        body = f"page of {self.headers['Host']} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
async def test_hosts_are_reached_by_name_and_no_other(world: World, pages: int) -> None:
    host = f"127.0.0.1:{pages}"
    curl = f"curl -s --noproxy '' --max-time 10 http://{host}/x"
    assert (await world.run(curl, hosts=(host,))).output == f"page of {host} /x".encode()
    assert (await world.run(f"{curl} -p", hosts=(host,))).output == f"page of {host} /x".encode()
    other = (await world.run("curl -s --noproxy '' http://127.0.0.1:$PORT", hosts=(host,))).output
    assert b"may not be reached" in other
    assert (await world.run("curl -s -p --noproxy '' http://127.0.0.1:$PORT", hosts=(host,))).code
    lied = await world.run(f"{curl} -H 'Host: other'", hosts=(host,))
    assert lied.output == f"page of {host} /x".encode()
    for direct in TABLE["connects"]:
        await world.run(direct, hosts=(host,))
    assert world.listener.reached == []
    assert (await world.run(curl)).code
    configured = world.made(SandboxRuntime, hosts=[host])
    assert b"page of" in (await world.run(curl, configured)).output


@pytest.mark.parametrize(
    ("host", "port", "hosts", "expected"),
    [
        ("pypi.org", 443, ["pypi.org"], True),
        ("pypi.org", 80, ["pypi.org"], True),
        ("pypi.org", 22, ["pypi.org"], False),
        ("pypi.org", 8443, ["pypi.org:8443"], True),
        ("pypi.org", 443, ["pypi.org:8443"], False),
        ("evil.pypi.org", 443, ["pypi.org"], False),
        ("pypi.org.evil.org", 443, ["pypi.org"], False),
        ("xpypi.org", 443, ["pypi.org"], False),
        ("::1", 443, ["[::1]"], True),
        ("::1", 80, ["[::1]:8080"], False),
        ("pypi.org", 443, ["*.org", ".org", "pypi"], False),
    ],
)
def test_a_host_is_named_exactly(host: str, port: int, hosts: list[str], expected: bool) -> None:
    assert proxy.allowed(host, port, hosts) == expected


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 10.0.0.1 192.168.1.1 169.254.169.254 0.0.0.0 100.64.0.1 ::1 fe80::1%eth0 fd00::1 "
    "::ffff:127.0.0.1 64:ff9b::7f00:1 2002:7f00:1:: 224.0.0.1 ff02::1 255.255.255.255 "
    "::127.0.0.1 ::ffff:0:127.0.0.1 64:ff9b:1::7f00:1 168.63.129.16 fec0::1 3fff::1".split(),
)
def test_a_name_leads_to_no_private_address(address: str) -> None:
    assert proxy.addresses("name.example.com", 443, lambda host, port: [address]) == []
    found = proxy.addresses("x.org", 443, lambda host, port: [address, "93.184.216.34"])
    assert found == ["93.184.216.34"]


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET / HTTP/1.1",
        b"CONNECT x HTTP/1.1",
        b"CONNECT a:b HTTP/1.1",
        b"CONNECT a:99999 HTTP/1.1",
        b"GET ftp://x/ HTTP/1.1",
        b"GET http://a@b/ HTTP/1.1",
        b"GET http://a b/ HTTP/1.1",
        b"GET http://\xff/ HTTP/1.1",
        b"GET http://a#@b/ HTTP/1.1",
    ],
)
def test_what_is_no_request_reaches_nothing(head: bytes) -> None:
    assert proxy.wanted(head) is None


async def test_what_the_user_names_is_written_and_hidden(world: World) -> None:
    (world.home / ".cache/pip").mkdir(parents=True)
    (world.home / "private").mkdir()
    (world.home / "private/x").write_text(KEY)
    write, hide = [str(world.home / ".cache/pip")], [str(world.home / "private")]
    runtime = world.made(SandboxRuntime, write=write, hide=hide)
    assert (await world.run('touch "$HOME/.cache/pip/x"', runtime)).code == 0
    assert KEY.encode() not in (await world.run('cat "$HOME/private/x"', runtime)).output
    with pytest.raises(ToolError, match="hidden"):
        await runtime.read("~/private/x", 100)


async def test_a_folder_that_holds_the_home_cannot_be_held(world: World) -> None:
    world.work = world.home
    with pytest.raises(ToolError, match="holds the home folder"):
        world.made(SandboxRuntime)


@pytest.mark.parametrize("name", [".vscode", ".git", ".idea"])
async def test_a_link_in_place_of_settings_is_refused_with_a_way_out(
    world: World, name: str
) -> None:
    path = world.work / name
    if path.exists():
        path.rename(world.work / "moved")
    path.symlink_to(world.out)
    with pytest.raises(ToolError, match="symbolic link"):
        await world.run("true")
    write = [str(path)]
    done = await world.run("true", world.made(SandboxRuntime, write=write))
    assert done.code == 0, done.output.decode()


async def test_a_worktree_is_not_led_elsewhere(world: World) -> None:
    other = world.out / "other"
    git(world.work, "worktree", "add", "-q", str(other))
    world.work = other
    runtime = world.made(SandboxRuntime)
    pointer = (other / ".git").read_text()
    assert (await world.run(f"echo gitdir: {world.home} >.git", runtime)).code
    assert (await world.run("mv .git x", runtime)).code
    assert (other / ".git").read_text() == pointer
    assert (await world.run("git status", runtime)).code == 0


async def test_hooks_that_settings_point_to_are_held(world: World) -> None:
    git(world.work, "config", "core.hooksPath", ".githooks")
    assert (await world.run("mkdir -p .githooks && touch .githooks/pre-commit")).code
    assert not (world.work / ".githooks").exists()
    git(world.work, "config", "include.path", "../more.inc")
    (world.work / "more.inc").write_text("")
    assert (await world.run("echo x >>more.inc")).code
    assert (world.work / "more.inc").read_text() == ""


async def test_files_are_seen_as_commands_see_them(world: World) -> None:
    assert (await world.run("echo inside >/tmp/note; ln -s /tmp/note link")).code == 0
    assert await world.runtime.read("/tmp/note", 99) == b"inside\n"
    assert await world.runtime.read("link", 99) == b"inside\n"
    assert not os.path.exists("/tmp/note")
    await world.runtime.write("/tmp/more", b"tool")
    assert (await world.run("cat /var/tmp/more")).output == b"tool"
    assert "/tmp/more" in [one.path for one in await world.runtime.list("/tmp")]
    names = [os.path.basename(one.path) for one in await world.runtime.list("~")]
    assert "projects" in names
    assert not {".ssh", ".aws", ".netrc"} & set(names)
    for path in ("~/.ssh/id_rsa", "~/.netrc", "~/link/id_rsa", str(world.state / "journal.db")):
        with pytest.raises(ToolError, match="hidden"):
            await world.runtime.read(path, 99)


LEADS = ("out/canary", ".git/config", ".vscode/tasks.json", ".env", "x/y")


@pytest.mark.parametrize("lead", LEADS)
async def test_a_link_made_inside_leads_nowhere_else(world: World, lead: str) -> None:
    """What was judged as one file, and is another by the time that it is read or written."""
    target = (world.out / "canary") if lead == "out/canary" else world.work / lead
    target.parent.mkdir(exist_ok=True)
    if lead in (".env", "x/y"):
        target.write_text("KEY=1")
    before = target.read_bytes() if target.exists() else None
    path = str(world.work / "file")
    claims = Claims("write", "write", path, writes=(path,), folder=str(world.work))
    runtime = world.runtime.within(claims)
    assert (await world.run(f"ln -s {target} file")).code == 0
    with pytest.raises(ToolError):
        await runtime.write(path, b"bad")
    with pytest.raises(ToolError):
        await runtime.remove(path, "")
    with pytest.raises(ToolError, match=r"was judged by|is hidden"):
        await runtime.read(path, 99)
    assert (target.read_bytes() if target.exists() else None) == before
