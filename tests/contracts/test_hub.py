"""What waits for one reader: bounded in number and in size, and made good from the journal."""

from pathlib import Path

from tests.house import STREAM, Fakes, engine, opened, prompt
from tuiagent.engine.hub import LIMIT, ROOM, Subscription, weight
from tuiagent.kernel.event import CaughtUp, Event, Lagged, Seen
from tuiagent.kernel.message import Call, Text
from tuiagent.kernel.prompts import PromptSubmitted
from tuiagent.kernel.reply import Reply
from tuiagent.kernel.run import Delta, ReplyReceived
from tuiagent.providers.scripted import ScriptedCall, Turn

LARGE = "x" * (ROOM // 4)


def test_what_is_in_texts_and_in_arguments_counts() -> None:
    reply = Reply((Text(LARGE), Call("c", "write", {"content": [LARGE, {"more": LARGE}]})), "end")
    size = weight(Event(1, STREAM, 1, 0.0, "owner", ReplyReceived("a", reply)))
    assert 3 * len(LARGE) < size < 3 * len(LARGE) + 100


async def test_too_much_of_either_is_one_mark_until_it_is_taken() -> None:
    for count, size in ((LIMIT + 5, 0), (9, len(LARGE))):
        subscription = Subscription(STREAM)
        for number in range(count):
            subscription.put(Delta(STREAM, "a", number, "x"), size)
        assert await subscription.take() == [Lagged(0)]
        subscription.put(Delta(STREAM, "a", 0, "x"), size)
        assert len(await subscription.take()) == 1


async def test_one_that_is_larger_than_the_room_comes_all_the_same() -> None:
    subscription = Subscription(STREAM)
    subscription.put(Delta(STREAM, "a", 0, "x"), ROOM * 2)
    assert isinstance((await subscription.take())[0], Delta)


async def test_who_reads_slowly_holds_little_of_large_facts_and_misses_none(tmp_path: Path) -> None:
    waits = Turn(calls=[ScriptedCall("shell", {"command": "touch made"})])
    async with engine(Fakes(tmp_path, [waits])) as made:
        client = made.seat()
        await opened(client, tmp_path, "ask")
        watching = client.watch(STREAM)
        seen: list[Seen] = [await anext(watching)]
        while not isinstance(seen[-1], CaughtUp):
            seen.append(await anext(watching))
        for number in range(20):
            await prompt(client, LARGE, f"p{number}")
            (subscription,) = made.hub._narrow[STREAM]
            assert sum(map(weight, subscription._items)) <= ROOM
        while not (isinstance(last := seen[-1], Lagged) and last.position > 0):
            seen.append(await anext(watching))
        events = [item for item in seen if isinstance(item, Event)]
        assert [event.version for event in events] == list(range(1, len(events) + 1))
        assert sum(isinstance(event.fact, PromptSubmitted) for event in events) == 20
        await watching.aclose()  # type: ignore[attr-defined]
