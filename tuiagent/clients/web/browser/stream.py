"""The terminal of a page: what was typed comes in, what the app draws goes out.

The frames are those of textual-serve. From the page comes JSON: `["stdin", TEXT]`,
`["resize", {width, height}]`, `["focus"]`, `["blur"]` and `["ping", ANYTHING]`. To the page go
binary frames for its terminal, and JSON: `["screen", NAME]` and `["session", ID]`, by which the
page comes back, also to another server, `["pong", ANYTHING]` and `["open_url", {url}]`.
"""

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from starlette.websockets import WebSocket, WebSocketDisconnect

from tuiagent.clients.web.access import Ending, Web, finish
from tuiagent.clients.web.browser.screens import Screen, TooManyError
from tuiagent.clients.web.gate import Principal
from tuiagent.clients.web.live import close
from tuiagent.clients.web.outlet import Outlet, beside
from tuiagent.kernel.errors import TuiagentError
from tuiagent.ports import Client

BEHIND = 1 << 17
"""Bytes that may wait for a page; past that it is left behind, and then gets the whole anew."""
SILENCE = 180.0
"""Seconds in which a page says something: browsers let hidden ones speak once a minute."""
Cells = Annotated[int, Meta(ge=1, le=1000)]


class Place(Struct, forbid_unknown_fields=True):
    """What a page says about itself: how large, which screen it had, what a new one shows."""

    width: Cells = 80
    height: Cells = 24
    screen: Annotated[str, Meta(max_length=64)] = ""
    folder: str = ""
    session: Annotated[str, Meta(pattern=r"^[\w.-]{0,64}$")] = ""


class Size(Struct):
    """Columns and rows."""

    width: Cells
    height: Cells


class Page:
    """A browser's window; see screens.Window."""

    def __init__(self, outlet: Outlet[bytes | str], end: Ending) -> None:
        self._outlet = outlet
        self._end = end
        self._behind = asyncio.Event()

    def draw(self, data: bytes) -> None:
        """What its terminal gets, unless it is too far behind."""
        if not self._behind.is_set() and not self._outlet.offer(data, len(data), BEHIND):
            self._behind.set()

    def tell(self, what: str, about: Any) -> None:
        """What is said about it."""
        data = msgspec.json.encode([what, about])
        self._outlet.offer(data.decode(), len(data))

    def leave(self, reason: str, detail: str = "") -> None:
        """It sees nothing more."""
        finish(self._end, reason, detail)

    async def catch_up(self, screen: Screen) -> None:
        """Whenever it was left behind, has the whole drawn anew once it has read the rest."""
        while True:
            await self._behind.wait()
            await self._outlet.empty()
            self._behind.clear()
            screen.repaint()


async def serve(web: Web, principal: Principal, client: Client, socket: WebSocket) -> None:
    """Shows a page its screen until one side ends it."""
    await socket.accept()
    with web.stream(principal) as end:

        async def write(entries: list[bytes | str]) -> None:
            try:
                for entry in entries:
                    sending = socket.send_text if isinstance(entry, str) else socket.send_bytes
                    await sending(entry)  # type: ignore[arg-type]
            except WebSocketDisconnect:
                finish(end, "gone")

        outlet = Outlet(write, end, web.pace)
        async with beside(end, outlet.run(), outlet.guard()):
            await _show(web, socket, Page(outlet, end), end)
            ended = await end
    await close(socket, ended, web.pace)


async def _show(web: Web, socket: WebSocket, page: Page, end: Ending) -> None:
    try:
        place = msgspec.convert(dict(socket.query_params), Place, strict=False)
        size = (place.width, place.height)
        screen = await web.screens.found(place.screen, place.folder, size, place.session)
    except msgspec.ValidationError as error:
        return finish(end, "frame", str(error))
    except TooManyError as error:
        return finish(end, "full", str(error))
    except TuiagentError as error:
        return finish(end, "failed", str(error))
    try:
        page.tell("screen", screen.ident)
        screen.show(page, size)
        async with beside(end, page.catch_up(screen), _listen(socket, page, screen, end)):
            await end
    finally:
        web.screens.left(screen, page)


async def _listen(socket: WebSocket, page: Page, screen: Screen, end: Ending) -> None:
    """Passes on what comes from the page."""
    try:
        while True:
            async with asyncio.timeout(SILENCE):
                text = await socket.receive_text()
            what, *about = msgspec.json.decode(text, type=list[Any])
            if what == "stdin":
                screen.type(msgspec.convert(about[0], str))
            elif what == "resize":
                size = msgspec.convert(about[0], Size)
                screen.tell("resize", width=size.width, height=size.height)
            elif what == "ping":
                page.tell("pong", about)
            elif what in ("focus", "blur"):
                screen.tell(what)
            else:
                raise ValueError(f"nothing is called {what!r:.40}")
            await screen.taken()
    except (WebSocketDisconnect, TimeoutError):
        finish(end, "gone")
    except (msgspec.MsgspecError, KeyError, IndexError, ValueError) as error:
        finish(end, "frame", f"this is no frame of a screen: {error}")
