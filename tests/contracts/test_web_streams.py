"""Server-sent events: from any position on, without a gap or a repeat; bounded, and ended aloud."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect as dial
from websockets.exceptions import ConnectionClosed

from tests.web import FakeGate, Served, Told, events, opened, request, said, served, until
from tuiagent.clients.web.access import Pace
from tuiagent.clients.web.app import Application
from tuiagent.clients.web.listen import listening
from tuiagent.clients.web.outlet import CUT, ROOM, Once
from tuiagent.kernel.event import CaughtUp, Event, Seen
from tuiagent.kernel.prompts import PromptSubmitted
from tuiagent.ports import Snapshot

SLOWLY = {"text": ["one ", "two ", "three "] * 4, "delay": 0.002}
STREAM = "/api/v1/sessions/s1/stream"
QUICK = Pace(beat=0.03, stuck=0.05, grace=0.02)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncGenerator[Served]:
    """A server with a session whose model speaks slowly."""
    async with served(tmp_path, [SLOWLY] * 20) as made:
        await opened(made)
        yield made


async def first(server: Served, path: str, count: int, **headers: str) -> list[Told]:
    """The first events of a stream."""
    found: list[Told] = []
    async with asyncio.timeout(20), aclosing(events(server, path, **headers)) as told:  # type: ignore
        async for event in told:
            found.append(event)
            if len(found) == count:
                break
    return found


def facts(told: list[Told]) -> list[Told]:
    """The facts among what was told."""
    return [event for event in told if event.name == "fact"]


# ---------------------------------------------------------------- resuming


@pytest.mark.parametrize("seed", range(4))
async def test_a_viewer_that_is_cut_again_and_again_misses_and_repeats_nothing(
    server: Served, seed: int
) -> None:
    """It goes on by Last-Event-ID, as browsers do, while the agent works."""
    chance = random.Random(seed)
    runs = [await said(server) for _ in range(3)]
    seen: list[Told] = []
    last = ""
    while not (seen and seen[-1].data["body"].get("run") == runs[-1] and over(seen[-1])):
        head = {"Last_Event_ID": last} if last else {}
        left = chance.randint(1, 9)
        async with asyncio.timeout(20), aclosing(events(server, STREAM, **head)) as told:  # type: ignore
            async for event in told:
                last = str(event.id) if event.id is not None else last
                seen += facts([event])
                left -= 1
                if not left or over(event):
                    break
    whole = (await server.ask("GET /api/v1/sessions/s1/events?limit=1000")).json["items"]
    assert [event.data for event in seen] == whole
    assert [event.id for event in seen] == [row["position"] for row in whole]


def over(event: Told) -> bool:
    """Whether a run has ended."""
    return event.name == "fact" and event.data["kind"] == "RunFinished"


async def test_the_text_so_far_comes_first_and_then_the_rest(server: Served) -> None:
    """Whoever comes in the middle of an answer has all of it."""
    run = await said(server)
    texts: dict[str, str] = {}
    replies: list[str] = []
    while not replies:
        async with aclosing(events(server, STREAM)) as told:  # type: ignore[type-var]
            count = 0
            async for event in told:
                if event.name == "delta":
                    text = texts.get(event.data["attempt"], "")
                    start = event.data.get("offset", 0)
                    assert start <= len(text), "a gap in the text"
                    texts[event.data["attempt"]] = text[:start] + event.data["text"]
                    count += 1
                elif event.name == "fact" and event.data["kind"] == "ReplyReceived":
                    replies.append(event.data["body"]["attempt"])
                    break
                if count == 3:
                    break
    whole = (await server.ask(f"GET /api/v1/runs/{run}/events")).json["items"]
    said_ = [row["body"]["reply"] for row in whole if row["kind"] == "ReplyReceived"]
    assert "".join(part["text"] for part in said_[0]["blocks"]).startswith(texts[replies[0]])


async def test_the_larger_position_wins_and_what_is_none_is_refused(server: Served) -> None:
    """H20."""
    await until(server, "done", await said(server))
    for after, last, expected in [("2", "4", 5), ("4", "2", 5), ("", "3", 4), ("3", "", 4)]:
        head = {"Last_Event_ID": last} if last else {}
        told = await first(server, f"{STREAM}?after={after}" if after else STREAM, 1, **head)
        assert told[0].id == expected
    for bad in ("-1", "../x", "1e3", "٣", "0x10", "99999999999999999999"):
        answer = await server.ask(f"GET {STREAM}", Last_Event_ID=bad)
        assert (answer.status, answer.json["code"]) == (400, "position_unreadable"), bad
    assert (await server.ask(f"GET {STREAM}?after=-1")).status == 400
    assert (await server.ask(f"GET {STREAM}?since=1")).status == 422


async def test_beyond_the_end_it_begins_at_the_end_and_says_so(server: Served) -> None:
    """H20: and never tells of another session."""
    await until(server, "done", await said(server))
    end = (await server.ask("GET /api/v1/status")).json["position"]
    await opened(server, "s2")
    told = await first(server, STREAM, 2, Last_Event_ID="99999999999999")
    assert [event.name for event in told] == ["resync", "caught_up"]
    assert told[0].id == told[0].data["position"] > end
    asked = await first(server, "/api/v1/sessions/s2/stream", 2, Last_Event_ID="3")
    assert {event.data["stream"] for event in facts(asked)} == {"session/s2"}


async def test_all_sessions_or_one_are_told_of(server: Served) -> None:
    await opened(server, "s2")
    told = await first(server, "/api/v1/events/stream", 3)
    assert [event.data.get("stream") for event in told] == ["session/s1", "session/s2", None]
    told = await first(server, "/api/v1/events/stream?select=session/s2", 2)
    assert [event.data.get("stream") for event in told] == ["session/s2", None], told
    for select in ("directory/local", "*", "session", "session/*/x", "seal"):
        answer = await server.ask(f"GET /api/v1/events/stream?select={select}")
        assert answer.status == 422, select


async def test_a_run_is_told_to_its_end_and_nothing_else(server: Served) -> None:
    one, two = await said(server, prompt="first"), await said(server, prompt="second")
    told = [event async for event in events(server, f"/api/v1/runs/{two}/stream")]
    kinds = [event.data["kind"] for event in facts(told)]
    assert (kinds[:2], kinds[-1]) == (["PromptSubmitted", "RunStarted"], "RunFinished")
    assert kinds.count("RunFinished") == 1
    assert (told[-1].name, told[-1].data["reason"]) == ("end", "finished")
    assert {e.data["attempt"].partition(".")[0] for e in told if e.name == "delta"} == {two}
    again = [e async for e in events(server, f"/api/v1/runs/{two}/stream", Last_Event_ID="1")]
    assert facts(again) == facts(told)
    middle = facts(told)[2]
    head = {"Last_Event_ID": str(middle.id)}
    rest = [event async for event in events(server, f"/api/v1/runs/{two}/stream", **head)]
    assert facts(rest) == facts(told)[3:]
    assert one != two


# ---------------------------------------------------------------- ends


async def test_a_key_that_ends_ends_what_it_opened(server: Served) -> None:
    """And of other keys' streams none."""
    async with asyncio.timeout(2):
        mine, other = await watching(server, "sessions:read"), await watching(server)
        server.gate.end("sessions:read", "the key was revoked")
        told = await mine
    assert told[-1] == Told("end", {"reason": "key", "detail": "the key was revoked"})
    assert (await server.ask(f"GET {STREAM}", key="sessions:read")).status == 401
    assert not other.done()
    server.app.drain()
    assert (await other)[-1].data["reason"] == "draining"


async def collected(server: Served, key: str, begun: asyncio.Event) -> list[Told]:
    """Everything that is told until the stream ends."""
    told: list[Told] = []
    async for event in events(server, STREAM, key):
        told.append(event)
        begun.set()
    return told


async def watching(server: Served, key: str = "all") -> "asyncio.Task[list[Told]]":
    """The same, once it has begun."""
    begun = asyncio.Event()
    task = asyncio.create_task(collected(server, key, begun))
    await begun.wait()
    return task


async def test_a_server_that_drains_says_so(tmp_path: Path) -> None:
    async with served(tmp_path, [SLOWLY]) as server:
        await opened(server)
        told = await watching(server)
        server.app.drain()
        last = (await told)[-1]
        assert (last.name, last.data["reason"]) == ("end", "draining")
        again = await collected(server, "all", asyncio.Event())
        assert again[-1].data["reason"] == "draining"


async def test_a_server_that_ends_lets_its_streams_end_first(tmp_path: Path) -> None:
    async with served(tmp_path, [SLOWLY]) as server:
        await opened(server)
        told = await watching(server)
    assert (await told)[-1].data["reason"] == "draining"


async def test_silence_is_broken_by_a_sign_of_life(tmp_path: Path) -> None:
    async with served(tmp_path, [SLOWLY], QUICK) as server:
        await opened(server)
        told = await first(server, STREAM, 5)
        assert [event.name for event in told[-3:]] == ["heartbeat"] * 3
        assert told[-1].id is None


# ---------------------------------------------------------------- who does not read


class Endless:
    """An engine with a history of large facts that has no end; counts what was taken of it."""

    actor = "owner"

    def __init__(self) -> None:
        self.taken = 0

    async def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """See ports.Client."""
        yield CaughtUp(0)
        while True:
            self.taken += 1
            fact = PromptSubmitted(f"p{self.taken}", "x" * 500_000)
            yield Event(self.taken, select, self.taken, 0.0, "owner", fact)

    async def read(self, view: str, key: str = "", window: Any = None) -> Snapshot:
        """See ports.Client."""
        return Snapshot(view, key, 0, [{"stream": key}], 1)

    async def submit(self, intent: Any, once: str = "") -> int:
        """See ports.Client."""
        raise AssertionError("nothing is wanted")


async def test_who_never_reads_is_cut_and_little_is_kept_for_it() -> None:
    """H21: by a server of which every write but the first blocks."""
    endless = Endless()
    app = Application(lambda actor: endless, FakeGate(), None, pace=QUICK)  # type: ignore[arg-type]
    cut: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    scope = {
        "type": "http",
        "method": "GET",
        "path": STREAM,
        "query_string": b"",
        "headers": [(b"authorization", b"Bearer all")],
        "extensions": {CUT: lambda final, grace: cut.set_result(final)},
    }

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> Any:
        await asyncio.Event().wait()

    async with asyncio.timeout(5):
        await app(scope, receive, send)
    assert b'"reason":"slow"' in cut.result()
    assert endless.taken * 500_000 < 8 * ROOM


class Failing(Endless):
    """An engine with a defect."""

    async def watch(self, select: str, after: int = 0) -> AsyncIterator[Seen]:
        """See ports.Client."""
        yield CaughtUp(0)
        raise RuntimeError("nobody expected that")


async def test_a_defect_ends_the_stream_and_is_told_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failing = Failing()
    app = Application(lambda actor: failing, FakeGate(), None)  # type: ignore[arg-type]
    async with listening(app, ["127.0.0.1:0"], app.drain) as urls:
        answer = await request(urls[0], "GET", STREAM, b"", "all", {})
        assert b'"reason":"defect"' in answer.body
        assert b"nobody expected" not in answer.body
        url = urls[0].replace("http:", "ws:") + "/api/v1/stream"
        async with dial(url, additional_headers={"Authorization": "Bearer all"}) as socket:
            await socket.send('{"id":1,"op":"watch","select":"session/s1"}')
            assert "CaughtUp" in str(await socket.recv())
            with pytest.raises(ConnectionClosed) as caught:
                await socket.recv()
            assert caught.value.rcvd is not None
            assert caught.value.rcvd.code == 1011
    assert caplog.text.count("nobody expected that") >= 2


class Noting:
    """Tells when the answers to a path are over."""

    def __init__(self, app: Application) -> None:
        self.app = app
        self.over = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """See ASGI."""
        await self.app(scope, receive, send)
        if scope["path"] == STREAM:
            self.over.set()


async def test_who_never_reads_is_cut_on_a_real_connection_and_nobody_else_notices(
    tmp_path: Path,
) -> None:
    """H21: 40 MB wait for one who does not read; another one reads them; the first goes on."""
    noting: list[Noting] = []

    def around(app: Application) -> Noting:
        noting.append(Noting(app))
        return noting[0]

    ask = {"calls": [{"tool": "shell", "args": {"command": "touch made"}}]}
    async with served(tmp_path, [ask], Pace(15.0, 0.2, 0.1), around) as server:
        await opened(server)
        await until(server, "waiting_for_approval", await said(server))
        text = "x" * 2_000_000
        for _ in range(20):
            await said(server, prompt=text)
        total = (await server.ask("GET /api/v1/status")).json["position"]
        host, port = server.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
        request = f"GET {STREAM} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer all\r\n\r\n"
        writer.write(request.encode())
        await reader.readline()
        async with asyncio.timeout(20):
            await noting[0].over.wait()
            whole = await first(server, STREAM, total)
        assert len(facts(whole)) == total - 1 or len(facts(whole)) == total
        kept = b""
        try:
            while chunk := await reader.read(1 << 20):
                kept += chunk
        except ConnectionError:
            pass  # cut
        assert len(kept) < 30_000_000
        assert kept.count(b"id: ") < total
        writer.close()


def test_what_is_seen_live_is_encoded_once() -> None:
    made: list[Seen] = []

    def encode(seen: Seen) -> bytes:
        made.append(seen)
        return b"x"

    once = Once(encode)
    items = [CaughtUp(number) for number in range(Once.KEPT + 1)]
    for item in [*items[:3], *items[:3]]:
        once(item)
    assert len(made) == 3
    for item in items:
        once(item)
    assert len(once._made) == Once.KEPT


async def test_a_stream_after_another_is_not_ended_with_it(server: Served) -> None:
    """One look at a key serves all its streams: it ends with the last, and begins with the next."""
    for _ in range(20):
        task = await watching(server)
        task.cancel()
        told = await first(server, STREAM, 2)
        assert [event.name for event in told] == ["fact", "caught_up"]
