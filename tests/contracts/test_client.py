"""One contract for every ports.Client: the engine's own seat, across threads, and over sockets."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path

import pytest

from tests.house import STREAM, Fakes, build, engine, facts, opened, prompt, say, until
from tests.web import FakeGate
from tuiagent import connect
from tuiagent.clients.web.app import Application
from tuiagent.clients.web.listen import listening
from tuiagent.clients.web.remote import AHEAD, Remote, RemoteClient
from tuiagent.clients.web.socket import serving
from tuiagent.engine.thread import EngineThread
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.errors import Conflict, Refused
from tuiagent.kernel.event import CaughtUp, Event, Lagged, Seen
from tuiagent.kernel.presence import HERE, ShowPresence
from tuiagent.kernel.run import Delta, ReplyReceived, RunFinished
from tuiagent.kernel.session import ChangeMode, ModeChanged, SubmitPrompt
from tuiagent.ports import Client, Window
from tuiagent.stores.memory import MemoryStore

KINDS = ("local", "thread", "remote", "web")


@pytest.fixture
def store() -> MemoryStore:
    """The journal that the client's engine is on."""
    return MemoryStore()


@pytest.fixture(params=KINDS)
async def client(
    request: pytest.FixtureRequest, tmp_path: Path, store: MemoryStore
) -> AsyncGenerator[Client]:
    """A client of each kind, on an engine whose model says the same three words."""
    means = Fakes(tmp_path, lambda _: say("one ", "two ", "three"))
    async with AsyncExitStack() as stack:
        if request.param == "thread":
            thread = EngineThread(lambda: build(means, store))
            yield await asyncio.to_thread(thread.client)
            await asyncio.to_thread(thread.close)
            return
        made = await stack.enter_async_context(engine(means, store))
        if request.param == "local":
            yield made.seat()
            return
        if request.param == "web":
            app = Application(lambda actor: made.seat(), FakeGate(), None)  # type: ignore[arg-type]
            urls = await stack.enter_async_context(listening(app, ["127.0.0.1:0"], app.drain))
            yield await stack.enter_async_context(connect(urls[0], "all"))
            return
        path = await stack.enter_async_context(serving(made.seat(), str(tmp_path / "s"), codec()))
        remote = await RemoteClient.connect(path, codec())
        yield remote
        await remote.close()


async def test_submit_answers_with_the_position_at_which_it_is_done(
    client: Client, tmp_path: Path
) -> None:
    await opened(client, tmp_path)
    first = await client.submit(ChangeMode(STREAM, "plan"))
    second = await client.submit(ChangeMode(STREAM, "ask"))
    assert 0 < first < second
    assert await client.submit(ChangeMode(STREAM, "ask")) == second, "nothing was left to do"


async def test_refusals_and_conflicts_cross_as_themselves(client: Client, tmp_path: Path) -> None:
    await opened(client, tmp_path)
    with pytest.raises(Refused, match="unknown mode"):
        await client.submit(ChangeMode(STREAM, "strange"))
    with pytest.raises(Refused, match="no such session"):
        await client.submit(SubmitPrompt("session/none", "p1", "go"))
    await client.submit(ChangeMode(STREAM, "plan"), "key")
    with pytest.raises(Conflict, match="key"):
        await client.submit(ChangeMode(STREAM, "ask"), "key")


async def test_once_gives_the_first_answer_again(client: Client, tmp_path: Path) -> None:
    await opened(client, tmp_path)
    first = await client.submit(ChangeMode(STREAM, "plan"), "a")
    await client.submit(ChangeMode(STREAM, "ask"))
    assert await client.submit(ChangeMode(STREAM, "plan"), "a") == first
    with pytest.raises(Refused):
        await client.submit(ChangeMode(STREAM, "strange"), "b")
    with pytest.raises(Refused, match="unknown mode"):
        await client.submit(ChangeMode(STREAM, "strange"), "b")
    modes = facts(await until(client, ModeChanged, count=2), ModeChanged)
    assert [fact.mode for fact in modes] == ["plan", "ask"]


async def test_twenty_posts_with_one_key_are_one_run(client: Client, tmp_path: Path) -> None:
    await opened(client, tmp_path)
    intent = SubmitPrompt(STREAM, "p1", "go")
    positions = await asyncio.gather(*(client.submit(intent, "same") for _ in range(20)))
    assert len(set(positions)) == 1
    seen = await until(client, RunFinished)
    assert len(facts(seen, RunFinished)) == 1


async def test_watch_gives_history_one_mark_and_then_what_happens(
    client: Client, tmp_path: Path
) -> None:
    await opened(client, tmp_path)
    watching = client.watch(STREAM)
    seen: list[Seen] = []
    while not any(isinstance(item, CaughtUp) for item in seen):
        seen.append(await anext(watching))
    await prompt(client)
    while not facts(seen[-1:], RunFinished):
        seen.append(await anext(watching))
    events = [item for item in seen if isinstance(item, Event)]
    assert sum(isinstance(item, CaughtUp) for item in seen) == 1
    assert [event.version for event in events] == list(range(1, len(events) + 1))
    assert [e.position for e in events] == sorted({e.position for e in events})
    deltas = [item for item in seen if isinstance(item, Delta)]
    received = facts(seen, ReplyReceived)[0].reply.text
    assert received == "one two three"
    for delta in deltas:
        assert received[delta.offset : delta.offset + len(delta.text)] == delta.text


async def test_a_watch_of_facts_only_leaves_signals_out(client: Client, tmp_path: Path) -> None:
    await opened(client, tmp_path)
    await client.submit(ShowPresence(STREAM, "c9", "ana", HERE))
    watching = client.watch("session/*!")
    seen: list[Seen] = [await anext(watching)]
    await prompt(client)
    while not facts(seen[-1:], RunFinished):
        seen.append(await anext(watching))
    assert {type(item) for item in seen} <= {Event, CaughtUp, Lagged}
    assert facts(seen, ReplyReceived)[0].reply.text == "one two three"
    await watching.aclose()  # type: ignore[attr-defined]


async def test_resuming_at_any_position_leaves_no_gap_and_no_repeat(
    client: Client, tmp_path: Path
) -> None:
    await opened(client, tmp_path)
    await prompt(client)
    whole = [item for item in await until(client, RunFinished) if isinstance(item, Event)]
    for event in whole[:-1]:
        rest = await until(client, RunFinished, after=event.position)
        again = [item for item in rest if isinstance(item, Event)]
        assert again == [later for later in whole if later.position > event.position]


async def test_two_watchers_see_the_same(client: Client, tmp_path: Path) -> None:
    await opened(client, tmp_path)
    first = asyncio.create_task(until(client, RunFinished))
    second = asyncio.create_task(until(client, RunFinished, "session/*"))
    await prompt(client)
    one, two = await asyncio.gather(first, second)
    assert [s for s in one if isinstance(s, Event)] == [s for s in two if isinstance(s, Event)]


async def test_a_slow_reader_loses_no_fact(client: Client, tmp_path: Path) -> None:
    """3,000 facts come before the reader looks a second time."""
    await opened(client, tmp_path)
    watching = client.watch(STREAM)
    first = await anext(watching)
    modes = ["plan", "ask"] * 1500
    await asyncio.gather(*(client.submit(ChangeMode(STREAM, mode)) for mode in modes))
    last = await client.submit(ChangeMode(STREAM, "locked"))
    events = [first]
    async with asyncio.timeout(20):
        async for item in watching:
            assert not isinstance(item, Lagged) or item.position >= events[-1].position  # type: ignore
            if isinstance(item, Event):
                events.append(item)
                if item.position == last:
                    break
    versions = [item.version for item in events if isinstance(item, Event)]
    assert versions == list(range(1, len(versions) + 1))
    await watching.aclose()  # type: ignore[attr-defined]


async def test_a_reader_that_takes_nothing_holds_up_nobody_and_then_gets_everything(
    client: Client, tmp_path: Path, store: MemoryStore
) -> None:
    """10,000 facts of history and 2,000 new ones: little of it waits in the client meanwhile."""
    await opened(client, tmp_path)
    draft = codec().draft
    drafts = [draft(ModeChanged(("plan", "ask")[number % 2])) for number in range(9_999)]
    with store.transaction() as tx:
        tx.append(STREAM, 1, drafts, 1.0, "owner", None)
    await client.read("sessions")  # the engine has seen them
    async with aclosing(client.watch(STREAM)) as watching:  # type: ignore[type-var]
        events = [await anext(watching)]
        modes = ["ask", "plan"] * 1000
        for start in range(0, 2000, 100):
            some = modes[start : start + 100]
            await asyncio.gather(*(client.submit(ChangeMode(STREAM, mode)) for mode in some))
            assert waits(client) <= AHEAD
        assert (await client.read("sessions")).total == 1
        async with asyncio.timeout(60):
            while len(events) < 12_000:
                item = await anext(watching)
                events += [item] if isinstance(item, Event) else []
    assert [event.version for event in events] == list(range(1, 12_001))  # type: ignore[union-attr]


def waits(client: Client) -> int:
    """How much has come that nobody has taken, where it comes over a wire."""
    queues = client._waiting.values() if isinstance(client, Remote) else ()
    return sum(len(answer.items) for queue in queues for answer in queue._queue)  # type: ignore


async def test_read_gives_a_bounded_part_and_its_position(client: Client, tmp_path: Path) -> None:
    await opened(client, tmp_path)
    await prompt(client)
    end = (await until(client, RunFinished))[-1]
    assert isinstance(end, Event)
    whole = await client.read("transcript", STREAM)
    assert whole.position >= end.position
    assert whole.total == len(whole.data) == 4
    assert [item["kind"] for item in whole.data] == ["notice", "prompt", "reply", "run"]
    before = whole.data[3]["position"]
    part = await client.read("transcript", STREAM, Window(limit=2, before=before))
    assert part.data == whole.data[1:3]
    assert part.total == 3
    files = await client.read("files", STREAM, Window(limit=2, before=1))
    assert (files.data, files.total) == ([], 0)
    rows = (await client.read("sessions")).data
    assert [(row["stream"], row["status"]) for row in rows] == [(STREAM, "done")]
    assert (await client.read("inbox")).data == []
    with pytest.raises(Refused, match="no view"):
        await client.read("nothing")


async def test_what_is_read_and_then_watched_is_all_there_is(
    client: Client, tmp_path: Path
) -> None:
    """A screen reads, then watches from that position: nothing falls between the two."""
    await opened(client, tmp_path)
    snapshot = await client.read("sessions")
    await prompt(client)
    seen = await until(client, RunFinished, after=snapshot.position)
    kinds = [item.kind for item in seen if isinstance(item, Event)]
    assert kinds[:2] == ["PromptSubmitted", "RunStarted"]


async def test_leaving_a_watch_frees_it(client: Client, tmp_path: Path) -> None:
    await opened(client, tmp_path)
    for _ in range(50):
        watching = client.watch(STREAM)
        await anext(watching)
        await watching.aclose()  # type: ignore[attr-defined]
    assert (await client.read("sessions")).total == 1


async def test_a_server_that_ends_is_said_to_every_caller(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [])) as made, AsyncExitStack() as stack:
        path = await stack.enter_async_context(serving(made.seat(), str(tmp_path / "s"), codec()))
        remote = await RemoteClient.connect(path, codec())
        await opened(remote, tmp_path)
        watching = remote.watch(STREAM)
        await anext(watching)
        await anext(watching)
        waiting = asyncio.create_task(anext(watching))
        await asyncio.sleep(0)
        await stack.aclose()
        with pytest.raises(ConnectionError, match="has ended"):
            await waiting
        with pytest.raises(ConnectionError, match="has ended"):
            await remote.read("sessions")
        await remote.close()


async def test_the_socket_is_private_and_a_long_path_is_no_hindrance(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100) / ("y" * 100)
    async with (
        engine(Fakes(tmp_path, [])) as made,
        serving(made.seat(), str(folder / "s.sock"), codec()) as path,
    ):
        assert Path(path).stat().st_mode & 0o777 == 0o600
        assert folder.stat().st_mode & 0o777 == 0o700
        remote = await RemoteClient.connect(path, codec())
        assert (await remote.read("sessions")).data == []
        await remote.close()
    assert not Path(path).exists()


@pytest.mark.parametrize(
    "sent", [b"\xff\xff\xff\xff", b"\0\0\0\x02{]", b"\0\0\0\x04null", b"GET /"]
)
async def test_what_is_no_frame_ends_that_connection_only(tmp_path: Path, sent: bytes) -> None:
    async with (
        engine(Fakes(tmp_path, [])) as made,
        serving(made.seat(), str(tmp_path / "s"), codec()) as path,
    ):
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(sent)
        writer.write_eof()
        assert await reader.read() == b""
        writer.close()
        remote = await RemoteClient.connect(path, codec())
        assert (await remote.read("sessions")).data == []
        await remote.close()


async def test_whoever_watches_from_where_a_view_was_read_sees_nothing_twice(
    client: Client, tmp_path: Path
) -> None:
    await opened(client, tmp_path)
    await prompt(client)
    await until(client, RunFinished)
    for number in range(5):
        await prompt(client, name=f"q{number}")
        read = await client.read("transcript", STREAM)
        ended = [item["id"] for item in read.data if item["kind"] == "run"]
        rest = await until(client, RunFinished, after=0, count=number + 2)
        later = facts(
            [s for s in rest if isinstance(s, Event) and s.position > read.position], RunFinished
        )
        assert not {f"{fact.run}.end" for fact in later} & set(ended)
