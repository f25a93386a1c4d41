"""The three verbs over a WebSocket: each text message is one frame of clients/web/frames.py."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.frames import Close, Frame, Opcode

from tuiagent.clients.web.access import End, Ending, Pace, Web, finish
from tuiagent.clients.web.credit import Credit
from tuiagent.clients.web.events import CODEC
from tuiagent.clients.web.frames import Answer, Ask, failure, pack
from tuiagent.clients.web.gate import Principal
from tuiagent.clients.web.outlet import Once, Outlet, beside, failed, last_word
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.scopes import need, of_intent, of_select, of_view
from tuiagent.kernel.errors import Refused, TuiagentError
from tuiagent.kernel.event import CaughtUp, Seen
from tuiagent.kernel.presence import DOING, GONE, ShowPresence
from tuiagent.ports import Client

SUBPROTOCOL = "tuiagent.v1"
ACTOR = "X-Tuiagent-Actor"
"""The header that says whom the key made of the other side."""
ASKS, WATCHES = 256, 256
"""What may go on at the same time on one connection: more asks wait, more watches are refused."""
REASON = 123
"""Bytes of the words with which a WebSocket is closed, as RFC 6455 allows."""
SCREENS = 16
"""Whose presence one connection may show."""
CLOSES = {
    "finished": 1000,
    "defect": 1011,
    "draining": 1012,
    "frame": 4400,
    "key": 4401,
    "slow": 4408,
    "taken": 4409,
    "full": 4429,
    "failed": 4500,
}
"""The code for each reason to close."""


def packed(seen: Seen) -> bytes:
    """What was seen, as an item of a frame."""
    return msgspec.json.encode(pack(seen, CODEC))


PACKED = Once(packed)
Entry = tuple[int, bytes]
"""The number of a watch and an item of it, or 0 and a whole frame."""


async def serve(web: Web, principal: Principal, client: Client, socket: WebSocket) -> None:
    """Answers until one side ends it."""
    offered = socket.scope.get("subprotocols") or [None]
    chosen = SUBPROTOCOL if SUBPROTOCOL in offered else offered[0]
    await socket.accept(chosen, [(ACTOR.lower().encode(), principal.actor.encode())])

    with web.stream(principal) as end:

        async def write(entries: list[Entry]) -> None:
            try:
                for text in frames(entries):
                    await socket.send_text(text)
            except WebSocketDisconnect:
                finish(end, "gone")

        outlet = Outlet(write, end, web.pace)
        peer = Peer(principal, client, outlet, end)
        async with beside(end, outlet.run(), outlet.guard(), peer.listen(socket)):
            ended = await end
        await peer.close()
    await close(socket, ended, web.pace)


async def close(socket: WebSocket, ended: End, pace: Pace) -> None:
    """Closes it, saying why, unless the other side has left."""
    if ended.reason != "gone":
        code = CLOSES[ended.reason]
        words = f"{ended.reason}: {ended.detail}".encode()[:REASON].decode(errors="ignore")
        saying = _closing(socket, code, words)
        last = Frame(Opcode.CLOSE, Close(code, words).serialize())
        await last_word(socket.scope, ended, saying, last.serialize(mask=False), pace)


async def _closing(socket: WebSocket, code: int, words: str) -> None:
    with suppress(WebSocketDisconnect):  # it has left in the same moment
        await socket.close(code, words)


def frames(entries: list[Entry]) -> list[str]:
    """What waits, as messages: items of one watch that stand side by side are one."""
    found: list[str] = []
    number, items = 0, list[bytes]()
    for entry in [*entries, (0, b"")]:
        if entry[0] != number and items:
            found.append(f'{{"id":{number},"items":[{b",".join(items).decode()}]}}')
            items = []
        number = entry[0]
        if number:
            items.append(entry[1])
        elif entry[1]:
            found.append(entry[1].decode())
    return found


class Peer:
    """The asks of one connection: any number at the same time, up to a bound."""

    def __init__(
        self, principal: Principal, client: Client, outlet: Outlet[Entry], end: Ending
    ) -> None:
        self._end = end
        self._principal = principal
        self._client = client
        self._outlet = outlet
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._credits: dict[int, Credit] = {}
        """Of the watches, by number."""
        self._shown: dict[str, ShowPresence] = {}
        self._room = asyncio.Semaphore(ASKS)

    async def listen(self, socket: WebSocket) -> None:
        """Begins what is asked."""
        try:
            while not self._end.done():
                ask = msgspec.json.decode(await socket.receive_text(), type=Ask)
                if ask.id < 1:
                    raise msgspec.ValidationError("the id of an ask is 1, 2, 3 …")
                await self._begin(ask)
        except WebSocketDisconnect:
            finish(self._end, "gone")
        except (msgspec.MsgspecError, RecursionError, KeyError, UnicodeError) as error:
            words = "it is binary" if isinstance(error, KeyError) else str(error)
            finish(self._end, "frame", f"this speaks {SUBPROTOCOL}, and {words}")

    async def close(self) -> None:
        """Ends everything that goes on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for shown in self._shown.values():
            if shown.doing != GONE:
                with suppress(TuiagentError):
                    await self._client.submit(msgspec.structs.replace(shown, doing=GONE))

    async def _begin(self, ask: Ask) -> None:
        if ask.op == "cancel":
            if task := self._tasks.get(ask.id):
                task.cancel()
                await asyncio.wait({task})
        elif ask.op == "more":
            if credit := self._credits.get(ask.id):
                credit.grant(ask.credit or 0)
        elif ask.id in self._tasks:
            await self._say(Answer(ask.id, error=("Refused", f"ask {ask.id} goes on already")))
        elif ask.op == "watch" and len(self._credits) >= WATCHES:
            words = f"{WATCHES} watches go on already on this connection: cancel one first"
            await self._say(Answer(ask.id, error=("Refused", words)))
        else:
            if ask.op == "watch":
                self._credits[ask.id] = Credit(ask.credit)
            else:
                await self._room.acquire()
            task = self._tasks[ask.id] = asyncio.create_task(self._answer(ask))
            task.add_done_callback(lambda task: self._over(ask, task))

    def _over(self, ask: Ask, task: asyncio.Task[None]) -> None:
        del self._tasks[ask.id]
        failed(task, self._end)
        if ask.op == "watch":
            del self._credits[ask.id]
        else:
            self._room.release()

    async def _answer(self, ask: Ask) -> None:
        verbs: dict[str, Callable[[Ask], Awaitable[Answer]]]
        verbs = {"submit": self._submit, "read": self._read, "watch": self._watch}
        try:
            if ask.op not in verbs:
                raise Refused(f"there is no request {ask.op[:40]!r}")
            answer = await verbs[ask.op](ask)
        except Problem as error:
            answer = Answer(ask.id, error=("Refused", str(error)))
        except TuiagentError as error:
            answer = Answer(ask.id, error=failure(error))
        await self._say(answer)

    async def _submit(self, ask: Ask) -> Answer:
        intent = CODEC.intent(bytes(ask.intent))
        need(self._principal, of_intent(intent))
        if isinstance(intent, ShowPresence):
            intent = self._screen(intent)
        return Answer(ask.id, done=await self._client.submit(intent, ask.once))

    def _screen(self, intent: ShowPresence) -> ShowPresence:
        """The presence of a screen of this key, and of no other's; it goes with the connection."""
        if intent.doing not in DOING or len(intent.client) > 64 or len(intent.name) > 120:
            raise Refused(f"presence is one of {', '.join(DOING)}, with short names")
        if len(self._shown) >= SCREENS and intent.client not in self._shown:
            raise Refused(f"one connection has {SCREENS} screens at most")
        shown = msgspec.structs.replace(intent, client=f"{self._principal.key}:{intent.client}")
        self._shown[intent.client] = shown
        return shown

    async def _read(self, ask: Ask) -> Answer:
        need(self._principal, [of_view(ask.view)])
        snapshot = await self._client.read(ask.view, ask.key, ask.window)
        return Answer(ask.id, snapshot=snapshot)

    async def _watch(self, ask: Ask) -> Answer:
        """Passes on what is seen; a slow reader slows only its own watches, which then lag."""
        need(self._principal, [of_select(ask.select)])
        make, credit = packed, self._credits[ask.id]
        watching: Any = self._client.watch(ask.select, ask.after)
        async with aclosing(watching):
            async for seen in watching:
                await credit.spend()
                item = make(seen)
                await self._outlet.put((ask.id, item), len(item))
                if isinstance(seen, CaughtUp):
                    make = PACKED
        return Answer(ask.id, end=True)

    async def _say(self, answer: Answer) -> None:
        data = msgspec.json.encode(answer)
        await self._outlet.put((0, data), len(data))
