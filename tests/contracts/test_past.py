"""The end of a transcript, read without what came before it, is the end of the whole."""

import asyncio
from typing import Any
from unittest import mock

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.house import Fakes, build
from tests.kernel.test_session import lived, lives
from tests.kernel.world import STREAM
from tuiagent.engine import past
from tuiagent.engine.engine import Engine
from tuiagent.kernel.event import Event
from tuiagent.kernel.lifecycle import Origin, SessionOpened
from tuiagent.kernel.prompts import PromptSubmitted
from tuiagent.kernel.run import AttemptStarted, RunFinished
from tuiagent.ports import Window
from tuiagent.views.transcript import Item, TranscriptView, settled

OTHER, FORK = "session/other", "session/fork"
pages = st.sampled_from([1, 2, 7, 512])


def folded(events: list[Event]) -> list[Any]:
    view = TranscriptView(STREAM)
    for event in events:
        view.apply(event)
    return msgspec.to_builtins(view.snapshot())


def write(engine: Engine, stream: str, facts: list[Any], after: int = 0) -> int:
    journal = engine.journal
    drafts = [journal.codec.draft(fact) for fact in facts]
    with journal.store.transaction() as tx:
        return tx.append(stream, after, drafts, 1.0, "owner", None)[-1].position


async def pieces(engine: Engine, stream: str, limit: int) -> list[Any]:
    """The whole, read from its end part by part."""
    client = engine.seat()
    found: list[Any] = []
    before: int | None = None
    while True:
        part = await client.read("transcript", stream, Window(limit, before))
        assert part.total >= len(part.data)
        if not part.data:
            return found
        older = part.total > len(part.data)
        assert older == (part.data[0]["id"] != FIRST), "it says whether there is more"
        assert len(part.data) >= limit or not older
        found = part.data + found
        before = part.data[0]["position"]


FIRST = STREAM


@given(lives, st.integers(0, 200))
def test_a_view_fed_from_some_event_on_holds_the_last_items(
    life: tuple[int, int], start: int
) -> None:
    events = lived(life, rest=False).events
    whole, part = folded(events), folded(events[start:])
    assert part == whole[len(whole) - len(part) :]


@given(lives, st.integers(0, 200))
def test_a_view_that_is_resumed_from_what_was_read_goes_on_as_the_whole(
    life: tuple[int, int], start: int
) -> None:
    events = lived(life, rest=False).events
    view = TranscriptView(STREAM)
    view.resume(msgspec.convert(folded(events[:start]), list[Item]))
    for event in events[start:]:
        view.apply(event)
    assert msgspec.to_builtins(view.snapshot()) == folded(events)


@given(lives)
def test_what_is_settled_never_changes(life: tuple[int, int]) -> None:
    view = TranscriptView(STREAM)
    before: dict[str, Any] = {}
    for event in lived(life, rest=False).events:
        view.apply(event)
        for ident, item in before.items():
            assert msgspec.to_builtins(view.find(ident)) == item
        before = {item.id: msgspec.to_builtins(item) for item in view.items if settled(item)}


@given(lives, st.integers(1, 40), pages)
def test_read_part_by_part_it_is_the_whole(life: tuple[int, int], limit: int, page: int) -> None:
    async def main() -> None:
        engine = await build(Fakes(None, []))  # type: ignore[arg-type] - nothing runs
        write(engine, STREAM, lived(life, rest=False).facts)
        whole = msgspec.to_builtins(folded(engine.journal.history(STREAM)))
        with mock.patch.multiple(past, PAGE=page, MOST=3 * page):
            assert await pieces(engine, STREAM, limit) == whole
        await engine.close()

    asyncio.run(main())


@given(lives, lives, st.data(), pages)
def test_a_fork_is_read_with_what_it_was_forked_from(
    before: tuple[int, int], after: tuple[int, int], data: Any, page: int
) -> None:
    async def main() -> None:
        engine = await build(Fakes(None, []))  # type: ignore[arg-type] - nothing runs
        origin = lived(before, rest=False).facts
        cut = data.draw(st.integers(1, len(origin)))
        position = write(engine, STREAM, origin[:cut])
        write(engine, OTHER, origin[:1])
        if cut < len(origin):
            write(engine, STREAM, origin[cut:], cut)
        opened, *rest = lived(after, rest=False).facts
        assert isinstance(opened, SessionOpened)
        write(engine, FORK, [replace(opened, origin=Origin(STREAM, position)), *rest])
        whole = folded(engine.journal.history(FORK))
        with mock.patch.multiple(past, PAGE=page, MOST=page):
            assert await pieces(engine, FORK, data.draw(st.integers(1, 20))) == whole
        await engine.close()

    asyncio.run(main())


async def test_of_a_long_session_only_the_end_is_read(tmp_path: Any) -> None:
    engine = await build(Fakes(tmp_path, []))
    turn = [
        PromptSubmitted("p", "go"),
        AttemptStarted("p.1", 1),
        RunFinished("p", "done"),
    ]
    write(engine, STREAM, [SessionOpened("/w", "scripted/x", "ask"), *turn * 5000])
    store = engine.journal.store
    with mock.patch.object(store, "read", wraps=store.read) as reads:
        part = await engine.seat().read("transcript", STREAM, Window(200))
        assert len(part.data) == 200
        assert sum(call.args[2] for call in reads.call_args_list if len(call.args) > 2) < 1000
    await engine.close()


@pytest.mark.parametrize("late", [False, True])
async def test_what_steers_a_run_is_seen_with_its_next_attempt(late: bool) -> None:
    view = TranscriptView(STREAM)
    facts = [
        PromptSubmitted("p1", "go"),
        AttemptStarted("p1.1", 1),
        PromptSubmitted("p2", "not there", steer=True),
        RunFinished("p1", "done") if late else AttemptStarted("p1.2", 1),
        AttemptStarted("p3.1", 1),
    ]
    for number, fact in enumerate(facts, 1):
        view.apply(Event(number, STREAM, number, 1.0, "owner", fact))
    found = {item.id: item.status for item in view.items}
    assert (found["p1"], found["p2"]) == ("seen", "queued" if late else "seen")
