"""The app in the browser, without one: pages, log-ins, and screens over a WebSocket."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
import pyte
import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.life import until
from tests.web import Served, served
from tuiagent.clients.web.access import Ending, Pace
from tuiagent.clients.web.browser import screens, stream
from tuiagent.clients.web.browser.files import known
from tuiagent.clients.web.browser.screens import DRIVER, Screen, Screens
from tuiagent.clients.web.guard import Guard, guarding
from tuiagent.clients.web.outlet import Outlet, beside

LIMIT = 60.0
APP = (sys.executable, "-P", str(Path(__file__).parent / "drawn.py"))
LOGIN = "/screen/login"
MOUSE = 1003 << 5
"""How pyte keeps the private mode 1003."""


def environ(folder: Path) -> dict[str, str]:
    """What the server's process has."""
    path = os.pathsep.join(filter(None, sys.path))
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": path}
    return {**kept, "OPENAI_API_KEY": "sk-secret", "TUIAGENT_HOME": str(folder / "state")}


@asynccontextmanager
async def house(
    folder: Path, command: Sequence[str] = APP, pace: Pace | None = None, **more: Any
) -> AsyncGenerator[Served]:
    """A server behind its guard."""
    screens = Screens(environ(folder), command, **more)
    guarded = guarding()
    around = lambda app: Guard(app, app.gate, guarded)  # noqa: E731
    async with served(folder, [], pace, around, screens) as made:
        yield made


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Served]:
    """A server whose app is a small one."""
    async with house(tmp_path) as made:
        yield made


async def cookie_of(server: Served, key: str = "all") -> str:
    """Logs in."""
    answer = await server.ask(f"POST {LOGIN}", key=key, Origin=server.url)
    assert answer.status == 200, answer.body
    return answer.headers["set-cookie"].partition(";")[0]


class Browser:
    """A page's side of a screen."""

    def __init__(self, socket: ClientConnection, width: int, height: int) -> None:
        self.socket = socket
        self.terminal = pyte.Screen(width, height)
        self.name = ""
        self.told: list[Any] = []
        self._bytes = pyte.ByteStream(self.terminal)

    async def until(self, text: str) -> str:
        """Reads until this stands on the screen; all that stands there."""
        async with asyncio.timeout(LIMIT):
            while text not in (shown := "\n".join(self.terminal.display)):
                await self.read()
        return shown

    async def read(self) -> None:
        """One frame."""
        frame = await self.socket.recv()
        if isinstance(frame, bytes):
            self._bytes.feed(frame)
            return
        what, about = msgspec.json.decode(frame)
        self.told.append([what, about])
        if what == "screen":
            self.name = about

    async def say(self, *frame: Any) -> None:
        """One frame to the server."""
        await self.socket.send(msgspec.json.encode(frame).decode())

    async def closed(self) -> tuple[int, str]:
        """The code and the words with which the server closes it."""
        async with asyncio.timeout(LIMIT):
            with pytest.raises(ConnectionClosed) as told:
                await self._rest()
        assert told.value.rcvd is not None
        return told.value.rcvd.code, told.value.rcvd.reason

    async def _rest(self) -> None:
        while True:
            await self.socket.recv()


@asynccontextmanager
async def browser(
    server: Served, cookie: str, width: int = 60, height: int = 12, **more: Any
) -> AsyncGenerator[Browser]:
    """A window of a browser that is logged in."""
    head = {"Cookie": cookie, "Origin": more.pop("origin", server.url)}
    place = {"width": width, "height": height}
    known = ("screen", "folder", "session")
    place |= {name: more.pop(name) for name in known if name in more}
    url = f"{server.url.replace('http:', 'ws:')}/screen/stream?{urlencode(place)}"
    async with dial(url, additional_headers=head, compression=None, **more) as socket:
        yield Browser(socket, width, height)


def running(shown: str) -> int:
    """The process whose screen this is."""
    found = re.search(r"(?:app|in) (\d+)", shown)
    assert found is not None, shown
    return int(found[1])


def shown_by(server: Served) -> list[Screen]:
    """Its screens."""
    return list(server.app._web.screens._open.values())


async def ended(pid: int) -> None:
    """Waits until the process is gone."""
    await asyncio.to_thread(until, lambda: not os.path.exists(f"/proc/{pid}"), "its end")


# ---------------------------------------------------------------- the page


async def test_the_page_is_files_of_ours_and_nothing_else(server: Served) -> None:
    page = await server.ask("GET /", key="")
    assert page.status == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    text = page.body.decode()
    assert re.findall(r"<script[^>]*>", text) == ['<script type="module" src="/static/page.js">']
    assert not re.search(r"""\son\w+=|javascript:|style=|https?:|["']//""", text)
    named = set(re.findall(r'"/static/([^"]+)"', text))
    for name in sorted(known()):
        answer = await server.ask(f"GET /static/{name}", key="")
        assert answer.status == 200
        assert answer.body == known()[name].body
        named |= {*re.findall(r'from "\./([^"]+)"', answer.body.decode())}
    assert named <= {*known()}, "all that is loaded is here"
    assert "LICENSE-xterm.txt" in known()
    for name in ("..%2ffiles.py", "files.py", "nothing.js", "__init__.py"):
        assert (await server.ask(f"GET /static/{name}", key="")).status == 404
    kept = (await server.ask("GET /static/xterm-6.0.0.mjs", key="")).headers["cache-control"]
    assert kept.endswith("immutable")


# ---------------------------------------------------------------- logging in


async def test_a_cookie_stands_for_the_key_until_one_logs_out(server: Served) -> None:
    answer = await server.ask(f"POST {LOGIN}", Origin=server.url)
    set_cookie = answer.headers["set-cookie"]
    cookie, _, rest = set_cookie.partition("; ")
    assert rest == "Path=/screen; Max-Age=43199; HttpOnly; SameSite=Strict"
    assert "all" not in cookie.partition("=")[2].split("-")
    assert answer.json["actor"] == "owner"
    https = await server.ask(f"POST {LOGIN}", Origin="https://" + server.url.partition("://")[2])
    assert https.status == 403, "another origin"
    assert (await server.ask(f"GET {LOGIN}", key="", Cookie=cookie)).status == 200
    again = await server.ask(f"POST {LOGIN}", key="", Cookie=cookie)
    assert again.status == 401, "a log-in makes itself no longer"
    out = await server.ask(f"DELETE {LOGIN}", key="", Cookie=cookie)
    assert out.headers["set-cookie"].startswith("tuiagent=; Path=/screen; Max-Age=0")
    assert (await server.ask(f"GET {LOGIN}", key="", Cookie=cookie)).status == 401


async def test_who_logs_in_has_the_owners_key_with_everything(server: Served) -> None:
    wrong = await server.ask(f"POST {LOGIN}", key="wrong")
    assert (wrong.status, wrong.json["code"]) == (401, "key_invalid")
    less = await server.ask(f"POST {LOGIN}", key="sessions:read")
    assert (less.status, less.json["code"]) == (403, "scope_missing")
    other = await server.ask(f"POST {LOGIN}", key="stranger")
    assert (other.status, other.json["code"]) == (403, "owner_needed")
    for answer in (wrong, less, other):
        assert "set-cookie" not in answer.headers
    tries = [await server.ask(f"POST {LOGIN}", key="wrong") for _ in range(12)]
    assert tries[-1].status == 429
    assert (await server.ask(f"POST {LOGIN}")).status == 200, "whoever knows it is let in"


async def test_a_ticket_lets_one_browser_in_and_do_nothing_else(server: Served) -> None:
    ticket = (await server.ask("POST /screen/ticket")).json["ticket"]
    for verb in (
        "GET /api/v1/sessions",
        f"GET {LOGIN}",
        "POST /screen/ticket",
        "GET /api/v1/status",
    ):
        assert (await server.ask(verb, key=ticket)).status == 403, verb
    assert await cookie_of(server, ticket)
    assert (await server.ask(f"POST {LOGIN}", key=ticket)).status == 401
    ticket = (await server.ask("POST /screen/ticket")).json["ticket"]
    both = [server.ask(f"POST {LOGIN}", key=ticket) for _ in range(2)]
    assert sorted(answer.status for answer in await asyncio.gather(*both)) == [200, 401]


async def test_a_log_in_ends_with_its_key(server: Served) -> None:
    cookie = await cookie_of(server)
    async with browser(server, cookie) as page:
        await page.until("app ")
        server.gate.end("all", "the key was revoked")
        assert await page.closed() == (4401, "key: the key was revoked")
    assert (await server.ask(f"GET {LOGIN}", key="", Cookie=cookie)).status == 401


async def test_a_log_out_ends_what_is_shown(server: Served) -> None:
    cookie = await cookie_of(server)
    async with browser(server, cookie) as page:
        await page.until("app ")
        await server.ask(f"DELETE {LOGIN}", key="", Cookie=cookie)
        assert await page.closed() == (4401, "key: the log-in has ended")


async def test_no_other_page_gets_a_screen(server: Served) -> None:
    cookie = await cookie_of(server)
    for more in ({"origin": "https://evil.test"}, {"origin": "http://127.0.0.1:1"}):
        with pytest.raises(InvalidStatus) as refused:
            async with browser(server, cookie, **more):
                raise AssertionError
        assert refused.value.response.status_code == 403
    with pytest.raises(InvalidStatus) as refused:
        async with browser(server, "tuiagent=wrong"):
            raise AssertionError
    assert refused.value.response.status_code == 401


# ---------------------------------------------------------------- screens


async def test_what_is_typed_and_sized_comes_to_the_app(server: Served) -> None:
    async with browser(server, await cookie_of(server)) as page:
        await page.until("app ")
        assert MOUSE in page.terminal.mode
        await page.say("stdin", "grüß\r")
        await page.until("heard grüß 60x12")
        page.terminal.resize(10, 50)
        await page.say("resize", {"width": 50, "height": 10})
        await page.say("focus")
        await page.say("stdin", "more\r")
        await page.until("heard more 50x10")
        await page.say("stdin", "open\r")
        await page.until("heard open")
        assert ["open_url", {"url": "https://example.test/"}] in page.told
        await page.say("ping", 7)
        while ["pong", [7]] not in page.told:
            await page.read()


async def test_what_is_typed_before_the_app_is_there_is_kept(server: Served) -> None:
    async with browser(server, await cookie_of(server)) as page:
        await page.say("stdin", "early\r")
        await page.until("heard early")


async def test_no_letter_overtakes_a_key_that_is_bound(server: Served) -> None:
    async with browser(server, await cookie_of(server)) as page:
        await page.until("app ")
        await page.say("stdin", "a\x1b[15~b\x1b[15~\r")
        await page.until("heard a!b! ")


async def test_whoever_comes_back_sees_the_same_screen_whole(server: Served) -> None:
    cookie = await cookie_of(server)
    async with browser(server, cookie) as page:
        await page.until("app ")
        await page.say("stdin", "hello\r")
        pid = running(await page.until("heard hello"))
    async with browser(server, cookie, screen=page.name, width=50, height=9) as back:
        shown = await back.until("heard hello")
        assert running(shown) == pid
        assert MOUSE in back.terminal.mode, "a new terminal is set as the old one was"
        assert back.name == page.name
    async with browser(server, cookie) as other:
        assert running(await other.until("app ")) != pid


async def test_a_page_has_its_session_again_though_its_screen_is_gone(server: Served) -> None:
    cookie = await cookie_of(server)
    async with browser(server, cookie) as page:
        await page.until("app ")
        await page.say("stdin", "session s1\r")
        await page.until("heard session s1")
        assert page.told[-1] == ["session", "s1"]
        screen = page.name
    async with browser(server, cookie, screen=screen, session="s1") as page:
        await page.until("heard session s1")
        assert ["session", "s1"] in page.told, "it is the same, and said once more"
    async with browser(server, cookie, screen="gone", session="s1") as page:
        await page.until("--resume=s1")
    async with browser(server, cookie, session="-x;é") as page:
        assert (await page.closed())[0] == 4400


async def test_a_screen_is_shown_in_one_window(server: Served) -> None:
    cookie = await cookie_of(server)
    async with browser(server, cookie) as first:
        pid = running(await first.until("app "))
        async with browser(server, cookie, screen=first.name) as second:
            assert (await first.closed())[0] == 4409
            assert running(await second.until("app ")) == pid


async def test_nobody_shows_it_any_more_and_it_ends(tmp_path: Path) -> None:
    async with house(tmp_path, grace=0.1) as server:
        async with browser(server, await cookie_of(server)) as page:
            pid = running(await page.until("app "))
        await ended(pid)
        async with browser(server, await cookie_of(server), screen=page.name) as other:
            assert running(await other.until("app ")) != pid


async def test_the_server_ends_its_screens(tmp_path: Path) -> None:
    async with house(tmp_path) as server, browser(server, await cookie_of(server)) as page:
        pid = running(await page.until("app "))
        closing = asyncio.create_task(page.closed())
        server.app.drain()
        assert (await closing)[0] == 1012
    await ended(pid)


async def test_an_app_ends_with_a_server_that_is_killed() -> None:
    env = {**environ(Path("/")), "TEXTUAL_DRIVER": DRIVER}
    pipe = asyncio.subprocess.PIPE
    app = await asyncio.create_subprocess_exec(*APP, stdin=pipe, stdout=pipe, env=env)
    assert app.stdout is not None
    assert app.stdin is not None
    await app.stdout.readuntil(b"app ")
    app.stdin.close()
    async with asyncio.timeout(LIMIT):
        await app.stdout.read()
        await app.wait()


async def test_no_more_screens_than_may_be_open(tmp_path: Path) -> None:
    async with house(tmp_path, most=2) as server:
        cookie = await cookie_of(server)
        async with browser(server, cookie) as one, browser(server, cookie) as two:
            pid = running(await one.until("app "))
            await two.until("app ")
            async with browser(server, cookie) as three:
                assert (await three.closed())[0] == 4429
        async with browser(server, cookie, screen=two.name) as two, browser(server, cookie) as new:
            await new.until("app ")
            await ended(pid)  # nobody looked at it


async def test_the_end_of_an_app_is_told(server: Served) -> None:
    cookie = await cookie_of(server)
    for typed in ("\x11", "crash\r"):
        async with browser(server, cookie) as page:
            await page.until("app ")
            await page.say("stdin", typed)
            assert await page.closed() == (1000, "finished: there is nothing more to tell")


async def test_an_app_that_does_not_start_says_why(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import sys; sys.exit('no \x1b[31mconfiguration')")
    async with house(tmp_path, command) as server:
        async with browser(server, await cookie_of(server)) as page:
            assert await page.closed() == (4500, "failed: no \x1b[31mconfiguration")
        async with browser(server, await cookie_of(server), folder="/nowhere") as page:
            code, words = await page.closed()
            assert (code, "/nowhere" in words) == (4500, True)


async def test_the_app_gets_no_key(tmp_path: Path) -> None:
    told = "import os, sys; open('told', 'w').write(repr([sys.argv, dict(os.environ)]))"
    async with house(tmp_path, (sys.executable, "-c", told)) as server:
        cookie = await cookie_of(server)
        async with browser(server, cookie, folder=str(tmp_path)) as page:
            assert (await page.closed())[0] == 4500
    said = (tmp_path / "told").read_text()
    assert f"'TUIAGENT_HOME': '{tmp_path}/state'" in said
    assert "sk-secret" not in said
    assert cookie.partition("=")[2] not in said


async def test_what_is_no_frame_ends_it(server: Served) -> None:
    cookie, place = await cookie_of(server), {}
    wrong = ('["stdin"]', '["stdin", 1]', '["resize", {"width": 0, "height": 1}]')
    for frame in ("{", "{}", "[]", "[1]", *wrong):
        async with browser(server, cookie, **place) as page:
            await page.until("app ")
            await page.socket.send(frame)
            assert (await page.closed())[0] == 4400, frame
            place = {"screen": page.name}


async def test_what_no_window_is_like_is_refused(server: Served) -> None:
    async with browser(server, await cookie_of(server), width=1, height=100_000) as page:
        code, words = await page.closed()
        assert (code, "height" in words) == (4400, True)


# ---------------------------------------------------------------- who does not read


class Redrawn:
    """A screen that is asked to draw the whole."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def repaint(self) -> None:
        self.asked.set()


async def test_a_page_that_is_behind_is_skipped_and_gets_the_whole_later() -> None:
    reads, got = asyncio.Event(), list[bytes | str]()
    end: Ending = asyncio.get_running_loop().create_future()

    async def write(entries: list[bytes | str]) -> None:
        await reads.wait()
        got.extend(entries)

    outlet: Outlet[bytes | str] = Outlet(write, end, Pace())
    page, screen = stream.Page(outlet, end), Redrawn()
    async with beside(end, outlet.run(), page.catch_up(screen)):  # type: ignore[arg-type]
        for _ in range(1000):
            page.draw(b"x" * 1000)
        await asyncio.sleep(0)
        assert not screen.asked.is_set()
        reads.set()
        async with asyncio.timeout(LIMIT):
            await screen.asked.wait()
        assert sum(map(len, got)) <= stream.BEHIND + 1000
        page.draw(b"whole")
        await outlet.empty()
        assert got[-1] == b"whole"
    assert not end.done()


async def test_a_page_that_never_reads_is_cut_and_the_app_goes_on(tmp_path: Path) -> None:
    async with house(tmp_path, pace=Pace(beat=9, stuck=0.5, grace=1.0)) as server:
        cookie = await cookie_of(server)
        async with browser(server, cookie, max_queue=1) as page:
            pid = running(await page.until("app "))
            (screen,) = shown_by(server)
            await page.say("stdin", "flood\r")
            await asyncio.to_thread(until, lambda: screen.window is None, "the cut")
            assert (await page.closed())[0] == 4408
        async with browser(server, cookie, screen=page.name) as back:
            assert running(await back.until("heard flood")) == pid


async def test_an_app_that_hangs_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screens, "PATIENCE", 0.1)
    hangs = (
        "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        "sys.stdout.write('__GANGLION__\\n'); sys.stdout.flush(); time.sleep(600)"
    )
    async with house(tmp_path, (sys.executable, "-c", hangs), grace=0.05) as server:
        async with browser(server, await cookie_of(server)) as page:
            await page.read()
        (screen,) = shown_by(server)
        pid = screen._process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
