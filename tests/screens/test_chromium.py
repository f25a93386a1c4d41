"""The app in a real Chromium: with a mouse and keys, and by touch on a phone's small screen."""

import asyncio
import json
import os
import re
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import (
    BrowserContext,
    CDPSession,
    Page,
    TimeoutError,
    async_playwright,
)

from tests.life import Life, until
from tuiagent.server import ServerRecord, server_record

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason=f"no Chromium here: none of {', '.join(NAMES)}"),
    pytest.mark.timeout(180),
]
FLAGS = [
    *"--no-sandbox --disable-gpu --disable-quic --disable-background-networking".split(),
    *"--disable-component-update --disable-sync".split(),
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # it would ask for its updates
]
DESK = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
TURNS: list[dict[str, Any]] = [
    {"calls": [{"tool": "write", "args": {"path": "f", "content": "one\n"}}]},
    {"calls": [{"tool": "write", "args": {"path": "g", "content": "two\n"}}]},
    {"text": "All of it is done."},
]
SHOWN = """() => {
    const terminal = document.getElementById("terminal").terminal;
    if (!terminal) return "";
    const lines = terminal.buffer.active;
    return Array.from({ length: terminal.rows }, (_, row) =>
        lines.getLine(lines.viewportY + row).translateToString(true)).join("\\n");
}"""
AT_THE_PROMPT = f"""() => {{
    const row = ({SHOWN})().split("\\n").findIndex(line => line.includes("╰──"));
    return row - document.getElementById("terminal").terminal.buffer.active.cursorY === 1;
}}"""
LIMIT = 30_000
"""Milliseconds."""


class Line:
    """What the browser reaches the server through; it can be cut."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.url = ""

    def lead(self, record: ServerRecord | None) -> None:
        """Leads to another server from now on."""
        assert record is not None
        self._port = int(record.addresses[0].rpartition(":")[2])

    async def begin(self) -> None:
        """Passes on what comes, at the same address as before."""
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def cut(self) -> None:
        """Nobody gets through."""
        assert self._server is not None
        self._server.close()
        for writer in self._open:
            writer.transport.abort()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner, outer = await asyncio.open_connection("127.0.0.1", self._port)
        self._open |= {writer, outer}
        await asyncio.gather(_pass(reader, outer), _pass(inner, writer), return_exceptions=True)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


class Server:
    """A real server, and a browser."""

    def __init__(self, life: Life, line: Line, context: BrowserContext) -> None:
        self.life = life
        self.line = line
        self.context = context
        self.key = (life.root / "owner.key").read_text().strip()
        self.trouble: list[str] = []

    async def page(self) -> Page:
        """A new tab of it; what goes wrong inside is kept."""
        page = await self.context.new_page()
        page.set_default_timeout(LIMIT)
        page.on("pageerror", lambda error: self.trouble.append(str(error)))
        return page

    async def ticket(self) -> str:
        """The link that `tuiagent web` prints, through the line."""
        said = await asyncio.to_thread(self.run, "web", "--print")
        return re.sub(r"^http://[^/]+", self.line.url, said.strip())

    def run(self, *args: str) -> str:
        """What a command prints."""
        process = self.life.start(*args)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        return out.decode()

    def allow(self) -> None:
        """Somebody else says yes to what waits, at a terminal."""
        run = json.loads(self.run("runs", "list", "--output", "json"))
        rows = run if isinstance(run, list) else run["runs"]
        self.run("runs", "answer", rows[-1]["id"], "--allow")


@asynccontextmanager
async def cuttable(record: ServerRecord) -> AsyncGenerator[Line]:
    """A line to a server."""
    line = Line(int(record.addresses[0].rpartition(":")[2]))
    await line.begin()
    try:
        yield line
    finally:
        await line.cut()


@asynccontextmanager
async def server(folder: Path, device: dict[str, Any], mode: str = "ask") -> AsyncGenerator[Server]:
    """A server with a scripted model, and a browser on this device."""
    life = Life(folder, TURNS)
    life.home.mkdir()
    life.environ = {"TUIAGENT_MODEL": life.model, "TUIAGENT_MODE": mode}
    process = life.start("serve")
    try:
        root = str(life.root)
        await asyncio.to_thread(until, lambda: server_record(root) or process.poll(), "the server")
        record = server_record(root)
        assert record is not None, process.communicate()
        async with cuttable(record) as line, async_playwright() as playwright:
            chromium = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            made = Server(life, line, await chromium.new_context(**device))
            try:
                yield made
            finally:
                await chromium.close()
            assert made.trouble == []
    finally:
        process.terminate()
        await asyncio.to_thread(process.communicate, timeout=60)


async def shows(page: Page, text: str) -> str:
    """Waits until this stands on the screen; all that stands there."""
    try:
        await page.wait_for_function(f"text => ({SHOWN})().includes(text)", arg=text)
    except Exception as error:
        raise AssertionError(f"no {text!r} in:\n{await page.evaluate(SHOWN)}") from error
    return await page.evaluate(SHOWN)


async def insists(page: Page, act: Callable[[], Awaitable[None]], text: str) -> None:
    """Does something until this stands on the screen: an answer counts only after a moment."""
    for _ in range(20):
        await act()
        with suppress(TimeoutError):
            shown = f"text => ({SHOWN})().includes(text)"
            await page.wait_for_function(shown, arg=text, timeout=5000)
            return
    await shows(page, text)


async def state(page: Page, name: str) -> str:
    """Waits until the page says so; in which words."""
    await page.wait_for_selector(f"#state[data-state={name}]")
    return await page.inner_text("#state")


async def cell(page: Page, text: str) -> tuple[float, float]:
    """Where on the page this stands on the screen."""
    lines = (await page.evaluate(SHOWN)).split("\n")
    row = next(number for number, line in enumerate(lines) if text in line)
    column = lines[row].index(text)
    box = await page.locator(".xterm-screen").bounding_box()
    assert box is not None
    columns = await page.evaluate("document.getElementById('terminal').terminal.cols")
    width, height = box["width"] / columns, box["height"] / len(lines)
    return box["x"] + (column + 0.5) * width, box["y"] + (row + 0.5) * height


async def pressed(page: Page, key: str, about: str) -> None:
    """Presses a key that is for this, as long as it is there."""
    if about in await page.evaluate(SHOWN):
        await page.keyboard.press(key)


async def tapped(page: Page, text: str, about: str) -> None:
    """Taps what is for this, as long as it is there; Enter, where a note hides it."""
    shown = await page.evaluate(SHOWN)
    if about in shown and text in shown:
        await page.touchscreen.tap(*await cell(page, text))
    elif about in shown:
        await page.tap("#keys [aria-label=enter]")


def picture(name: str) -> dict[str, Any]:
    """Where a picture is kept, if somebody wants to look at it: TUIAGENT_PICTURES=FOLDER."""
    folder = os.environ.get("TUIAGENT_PICTURES")
    return {"path": os.path.join(folder, f"{name}.png")} if folder else {}


async def test_log_in_prompt_approve_lose_the_connection_and_come_back(tmp_path: Path) -> None:
    async with server(tmp_path, DESK) as it:
        page = await it.page()
        await logs_in(it, page)
        await shows(page, "Nothing waits for you.")
        await page.keyboard.type("do it 日本👧")
        await shows(page, "do it 日本👧")
        await page.keyboard.press("Enter")
        await shows(page, "1 waiting for you")
        await page.screenshot(**picture("waiting"))
        await page.keyboard.press("F4")
        await insists(page, lambda: pressed(page, "y", "+ one"), "+ two")
        screen = await page.evaluate("sessionStorage.getItem('screen')")
        await loses_the_connection(it, page)
        for name, text in (("f", "one\n"), ("g", "two\n")):
            assert (it.life.home / name).read_text() == text, "without a folder it is home"
        assert await page.evaluate("sessionStorage.getItem('screen')") == screen
        await page.reload()
        await shows(page, "All of it is done.")
        assert await page.evaluate("sessionStorage.getItem('screen')") == screen
        await page.screenshot(**picture("desk"))
        await page.set_viewport_size({"width": 700, "height": 500})
        await shows(page, "Approvals")
        await leaves(it, page)


async def logs_in(it: Server, page: Page) -> None:
    """With a wrong key, and then with the right one, which no script ever gets."""
    await page.goto(it.line.url)
    await page.fill("#key", it.key[:-1] + "x")
    await page.click("button[type=submit]")
    await page.wait_for_function("() => document.getElementById('said').textContent")
    assert "opens nothing" in await page.inner_text("#said")
    await page.screenshot(**picture("login"))
    await page.fill("#key", it.key)
    await page.keyboard.press("Enter")
    assert await state(page, "connected") == "connected"
    assert await page.evaluate("document.cookie") == "", "no script reads it"
    (cookie,) = await it.context.cookies()
    kept = (cookie["httpOnly"], cookie["sameSite"], cookie["path"])
    assert kept == (True, "Strict", "/screen")
    assert it.key not in str(await it.context.storage_state())


async def loses_the_connection(it: Server, page: Page) -> None:
    """What goes on meanwhile is there when it comes back."""
    await it.line.cut()
    assert re.search(r"trying again in \d+ s", await state(page, "lost"))
    await page.screenshot(**picture("lost"))
    await asyncio.to_thread(it.allow)
    await page.click("#again")
    await it.line.begin()
    await page.evaluate("() => void dispatchEvent(new Event('online'))")
    await state(page, "connected")
    await shows(page, "All of it is done.")


async def leaves(it: Server, page: Page) -> None:
    """Ends the app, begins it anew, and logs out."""
    await page.keyboard.press("Control+q")
    assert await state(page, "over") == "the app has ended"
    await page.click("#again")
    await state(page, "connected")
    await page.click("#leave")
    await page.wait_for_selector("#login", state="visible")
    assert await it.context.cookies() == []


async def test_after_the_server_was_stopped_and_started_the_session_is_there(
    tmp_path: Path,
) -> None:
    async with server(tmp_path, DESK, "accept-edits") as it:
        page = await it.page()
        await page.goto(await it.ticket())
        await shows(page, "Nothing waits for you.")
        await page.keyboard.type("do it\n")
        await shows(page, "All of it is done.")
        await page.keyboard.type("half a thought")
        await shows(page, "half a thought")
        await asyncio.to_thread(it.run, "serve", "--stop")
        assert "trying again" in await state(page, "lost")
        other = it.life.start("serve")
        try:
            root = str(it.life.root)
            await asyncio.to_thread(until, lambda: server_record(root), "another server")
            it.line.lead(server_record(root))
            await page.click("#again")
            await page.fill("#key", it.key)  # no log-in outlives its server
            await page.keyboard.press("Enter")
            await state(page, "connected")
            shown = await shows(page, "All of it is done.")
            assert "half a thought" in await shows(page, "half a thought"), shown
        finally:
            other.terminate()
            await asyncio.to_thread(other.communicate, timeout=60)


async def test_by_touch_on_a_small_screen(tmp_path: Path) -> None:
    async with server(tmp_path, PHONE) as it:
        page = await it.page()
        sent: list[str] = []
        page.on("websocket", lambda ws: ws.on("framesent", lambda data: sent.append(str(data))))
        link = await it.ticket()
        await page.goto(f"{it.line.url}/")
        await page.get_by_label("Your key").wait_for()
        await page.goto(link)  # into the same page: only what stands behind the # is another
        await state(page, "connected")
        assert "ticket" not in page.url
        assert await page.evaluate("document.getElementById('terminal').terminal.cols") >= 40
        await shows(page, "Approvals")
        inputs = await it.context.new_cdp_session(page)
        await taps(page)
        await says(page, inputs)
        await answers(page)
        assert (it.life.work / "g").read_text() == "two\n"
        await holds_and_swipes(page, inputs, sent)
        await comes_again(it, link)


async def taps(page: Page) -> None:
    """A tap is a click, and opens the keyboard where one types."""
    await page.touchscreen.tap(*await cell(page, "Trace"))
    await shows(page, "No tool was called yet.")
    typing = "document.activeElement === document.getElementById('terminal').terminal.textarea"
    assert not await page.evaluate(typing), "a tap elsewhere opens no keyboard"
    await page.touchscreen.tap(*await cell(page, "Conversation"))
    await shows(page, "╰──")
    await page.tap("[data-keyboard]")
    assert await page.evaluate(typing), "now a phone shows its keyboard"
    await page.evaluate("document.activeElement.blur()")
    await page.wait_for_function(AT_THE_PROMPT)
    await page.touchscreen.tap(*await cell(page, "╰──"))
    assert await page.evaluate(typing), "so does a tap at the cursor"


async def says(page: Page, inputs: CDPSession) -> None:
    """By an input method, and with the keys below, which a finger hits."""
    await inputs.send(
        "Input.imeSetComposition", {"text": "に", "selectionStart": 1, "selectionEnd": 1}
    )
    await inputs.send("Input.insertText", {"text": "日本"})
    await shows(page, "日本")
    boxes = [await key.bounding_box() for key in await page.locator("#keys button").all()]
    assert all(box and box["height"] >= 44 and box["width"] >= 36 for box in boxes)
    assert boxes[-1]["x"] + boxes[-1]["width"] <= 390
    await page.tap("#keys [aria-label=enter]")
    await shows(page, "Approvals 1")
    await page.screenshot(**picture("phone"))


async def answers(page: Page) -> None:
    """Allows both calls."""
    await page.touchscreen.tap(*await cell(page, "Approvals 1"))
    await shows(page, "y once")
    await page.screenshot(**picture("phone-approval"))
    await insists(page, lambda: tapped(page, "y once", "+ one"), "+ two")
    await insists(page, lambda: tapped(page, "y once", "+ two"), "Nothing waits")
    await page.touchscreen.tap(*await cell(page, "Conversation"))
    await shows(page, "All of it is done.")


async def holds_and_swipes(page: Page, inputs: CDPSession, sent: list[str]) -> None:
    """A key that is held goes with the next letter; a swipe scrolls."""
    await page.tap("[data-hold=ctrl]")
    await inputs.send("Input.insertText", {"text": "u"})
    await page.tap("[aria-label=left]")
    assert ["stdin", "\x15"] in [json.loads(frame) for frame in sent]
    assert ["stdin", "\x1b[D"] in [json.loads(frame) for frame in sent]
    for y in (400, 370, 340, 300):
        kind = "touchStart" if y == 400 else "touchMove"
        await inputs.send(
            "Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": 200, "y": y}]}
        )
    await inputs.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    assert any("[<65;" in frame for frame in sent)


async def comes_again(it: Server, link: str) -> None:
    """A link opens once; who was let in by it stays so."""
    other = await it.page()
    await other.goto(link)
    await other.wait_for_selector("#place", state="visible")  # its cookie still lets it in
    await it.context.clear_cookies()
    third = await it.page()
    await third.goto(link)
    await third.wait_for_selector("#login", state="visible")
    assert "used already" in await third.inner_text("#said")


BACK_OFF = """async () => {
    const { Link } = await import("/static/link.js");
    const made = [], states = [];
    window.WebSocket = class {
        static OPEN = 1;
        readyState = 1;
        constructor() { made.push(this); }
        send() {}
        close() {}
    };
    const nothing = () => {};
    const tell = { address: nothing, drawn: nothing, said: nothing, over: nothing };
    tell.refused = async () => false;
    const link = new Link({ ...tell, state: (name) => states.push(name) });
    const tries = [];
    for (let again = 0; again < 3; again += 1) {
        link.open();
        const socket = made.at(-1);
        socket.onopen?.();
        socket.onclose({ code: 1006, reason: "" });
        tries.push(link.tries);
    }
    link.open();
    made.at(-1).onmessage({ data: new ArrayBuffer(1) });
    tries.push(link.tries);
    link.close();
    return { tries, states };
}"""


async def test_only_what_is_heard_makes_tries_frequent_again(tmp_path: Path) -> None:
    async with server(tmp_path, DESK) as it:
        page = await it.page()
        await page.goto(it.line.url)
        found = await page.evaluate(BACK_OFF)
        assert found["tries"] == [1, 2, 3, 0]
        assert found["states"] == ["connecting", "lost"] * 3 + ["connecting", "connected"]
