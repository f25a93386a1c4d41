"""Two engines on one journal: one lets go of a session in the middle of its work, one goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import (
    LIMIT,
    STREAM,
    Fakes,
    call,
    engine,
    facts,
    nothing,
    opened,
    prompt,
    say,
    until,
)
from tests.life import until as seen_outside
from tuiagent.engine import neighbours
from tuiagent.engine.neighbours import Neighbours
from tuiagent.engine.orphans import adopt_orphans
from tuiagent.engine.owner import OwnerSeat
from tuiagent.kernel.call import AnswerApproval, CallFinished, CallJudged, CallStarted
from tuiagent.kernel.errors import NeedsError, Refused
from tuiagent.kernel.event import Intent
from tuiagent.kernel.message import Prompt
from tuiagent.kernel.presence import HERE, Driven, ShowPresence
from tuiagent.kernel.reply import Part, StopPart, TextPart
from tuiagent.kernel.run import AttemptFailed, AttemptStarted, Delta, ReplyReceived, RunFinished
from tuiagent.kernel.session import ChangeModel, SessionOpened
from tuiagent.kernel.stall import ResumeRun, RunResumed, RunStalled
from tuiagent.ports import Owner, Provider, Snapshot
from tuiagent.stores.memory import MemoryStore

WAITS = "echo a >>ran; touch began; until [ -e go ]; do sleep 0.02; done; echo out"


class Slow:
    """A model whose answer ends when it is let."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def stream(self, prompt: Prompt) -> AsyncIterator[Part]:
        """Half an answer, a wait, and the rest."""
        yield TextPart("half ")
        await self.go.wait()
        yield TextPart("whole")
        yield StopPart("end")

    async def close(self) -> None:
        """Nothing is open."""


class Means(Fakes):
    """A house with a provider of its own, or none."""

    other: Provider | None = None
    needs = ""

    def provider(self, model: str, opened: SessionOpened) -> Provider:
        """See engine.drive.Means."""
        if self.needs:
            raise NeedsError(self.needs)
        return self.other or super().provider(model, opened)


async def test_an_answer_in_the_middle_is_finished_by_who_began_it(tmp_path: Path) -> None:
    store, means = MemoryStore(), Means(tmp_path, [])
    means.other = slow = Slow()
    async with engine(means, store, "o1") as one, engine(Fakes(tmp_path, []), store, "o2") as two:
        await opened(one.seat(), tmp_path)
        await prompt(one.seat())
        async with asyncio.timeout(LIMIT):
            async for item in one.seat().watch(STREAM):
                if isinstance(item, Delta):
                    break
        letting_go = asyncio.create_task(one.release(STREAM))
        await asyncio.sleep(0)
        assert not await two.adopt(STREAM), "it is not let go of before the answer is whole"
        slow.go.set()
        await letting_go
        seen = await until(two.seat(), RunFinished)
        assert not facts(seen, AttemptFailed)
        assert [fact.reply.text for fact in facts(seen, ReplyReceived)] == ["half whole"]
        assert await two.adopt(STREAM)


async def test_no_step_begins_in_a_session_that_is_let_go_of(tmp_path: Path) -> None:
    store, means = MemoryStore(), Means(tmp_path, [])
    means.other = slow = Slow()
    turns = [say("one"), say("two")]
    async with (
        engine(means, store, "o1") as one,
        engine(Fakes(tmp_path, turns), store, "o2") as two,
    ):
        await opened(one.seat(), tmp_path)
        await prompt(one.seat())
        await until(one.seat(), AttemptStarted)
        letting_go = asyncio.create_task(one.release(STREAM))
        await asyncio.sleep(0)
        await prompt(one.seat(), "and then?", "p2")
        slow.go.set()
        await letting_go
        begun = facts(await until(one.seat(), RunFinished), AttemptStarted)
        assert len(begun) == 1, "the next prompt is the next one's"
        assert await adopt_orphans(two) == [STREAM]
        seen = await until(two.seat(), RunFinished, count=2)
        fences = [fact.fence for fact in facts(seen, AttemptStarted)]
        assert fences == [1, 2]


async def test_a_command_goes_on_while_its_session_is_let_go_of(tmp_path: Path) -> None:
    store = MemoryStore()
    turns = [call("shell", command=WAITS), say("done")]
    async with (
        engine(Fakes(tmp_path, turns), store, "o1") as one,
        engine(Fakes(tmp_path, turns), store, "o2") as two,
    ):
        await opened(one.seat(), tmp_path)
        await prompt(one.seat())
        await asyncio.to_thread(seen_outside, (tmp_path / "work/began").exists, "the command")
        async with asyncio.timeout(LIMIT):
            await one.release(STREAM)
        assert await two.adopt(STREAM)
        (tmp_path / "work/go").touch()
        seen = await until(two.seat(), RunFinished)
        assert len(facts(seen, CallStarted)) == 1
        assert [f.observation.status for f in facts(seen, CallFinished)] == ["ok"]
        assert (tmp_path / "work/ran").read_text() == "a\n"


async def test_an_approval_waits_for_whoever_drives_then(tmp_path: Path) -> None:
    store = MemoryStore()
    turns = [call("write", path="f", content="x"), say("done")]
    async with (
        engine(Fakes(tmp_path, turns), store, "o1") as one,
        engine(Fakes(tmp_path, turns), store, "o2") as two,
    ):
        await opened(one.seat(), tmp_path, mode="ask")
        await prompt(one.seat())
        (judged,) = facts(await until(one.seat(), CallJudged), CallJudged)
        await one.release(STREAM)
        assert await adopt_orphans(two) == [], "there is nothing to do before somebody answers"
        await two.seat().submit(AnswerApproval(STREAM, judged.call, judged.digest, True))
        await until(two.seat(), RunFinished)
        assert (tmp_path / "work/f").read_text() == "x"


async def test_a_run_waits_for_its_key_and_goes_on_with_it(tmp_path: Path) -> None:
    means = Means(tmp_path, [say("done")])
    means.needs = "key NAME"
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        (stalled,) = facts(await until(client, RunStalled), RunStalled)
        assert stalled.needs == "key NAME"
        (item,) = (await client.read("inbox")).data
        assert (item["kind"], item["text"]) == ("key", "needs key NAME")
        (row,) = (await client.read("sessions")).data
        assert (row["status"], row["error"]) == ("waiting", "needs key NAME")
        await client.submit(ResumeRun(STREAM))
        await until(client, RunStalled, count=2)
        means.needs = ""
        await client.submit(ResumeRun(STREAM))
        seen = await until(client, RunFinished)
        assert len(facts(seen, RunResumed)) == 2
        assert len(facts(seen, AttemptStarted)) == 1
        assert (await client.read("inbox")).data == []


async def test_another_process_may_have_the_key(tmp_path: Path) -> None:
    store, means = MemoryStore(), Means(tmp_path, [say("done")])
    means.needs = "key NAME"
    async with (
        engine(means, store, "o1") as one,
        engine(Fakes(tmp_path, [say("done")]), store, "o2") as two,
    ):
        await opened(one.seat(), tmp_path)
        await prompt(one.seat())
        await until(one.seat(), RunStalled)
        await one.release(STREAM)
        assert await adopt_orphans(two) == [STREAM]
        await until(two.seat(), RunFinished)


async def test_another_model_may_need_none(tmp_path: Path) -> None:
    means = Means(tmp_path, [say("done")])
    means.needs = "key NAME"
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, RunStalled)
        means.needs = ""
        await client.submit(ChangeModel(STREAM, "scripted/y"))
        await until(client, RunFinished)


async def test_what_drains_takes_nothing_up(tmp_path: Path) -> None:
    async with engine(Fakes(tmp_path, [say("done")])) as made:
        await opened(made.seat(), tmp_path)
        await made.drain()
        await prompt(made.seat())
        assert not await made.adopt(STREAM)
        assert made.worker.driving == []


@pytest.mark.parametrize("who", ["o1", "o2"])
async def test_orphans_are_those_that_nobody_drives(tmp_path: Path, who: str) -> None:
    store = MemoryStore()
    means = Means(tmp_path, [])
    means.other = Slow()
    async with engine(means, store, "o1") as one, engine(means, store, "o2") as two:
        await opened(one.seat(), tmp_path)
        await prompt(one.seat())
        await until(one.seat(), AttemptStarted)
        assert await adopt_orphans(one if who == "o1" else two) == []
        store.drop("o1")
        assert await adopt_orphans(two) == [STREAM]


async def test_it_goes_on_here_when_whoever_wanted_it_has_gone(tmp_path: Path) -> None:
    store, means = MemoryStore(), Means(tmp_path, [])
    means.other = slow = Slow()
    async with engine(means, store, "o1") as one:
        owner = OwnerSeat(one, lambda loan: None)
        await opened(one.seat(), tmp_path)
        await prompt(one.seat())
        await until(one.seat(), AttemptStarted)
        letting_go = asyncio.create_task(owner.release(STREAM))
        await asyncio.sleep(0)
        await prompt(one.seat(), "and then?", "p2")
        letting_go.cancel()
        await asyncio.gather(letting_go, return_exceptions=True)
        slow.go.set()
        seen = await until(one.seat(), RunFinished, count=2)
        assert [fact.fence for fact in facts(seen, AttemptStarted)] == [1, 2]


async def test_what_is_claimed_and_not_driven_can_be_let_go_of(tmp_path: Path) -> None:
    store = MemoryStore()
    async with (
        engine(Fakes(tmp_path, []), store, "o1") as one,
        engine(Fakes(tmp_path, [say("done")]), store, "o2") as two,
    ):
        await opened(one.seat(), tmp_path)
        await one.journal.claim(STREAM)
        assert not await two.adopt(STREAM)
        await one.release(STREAM)
        assert await two.adopt(STREAM)


class Stopped:
    """An owner that takes a connection, and nothing more: it was stopped (SIGSTOP)."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def read(self, view: str) -> Snapshot:
        """Never comes back."""
        self.asked.append(view)
        return await asyncio.get_running_loop().create_future()

    async def release(self, stream: str) -> None:
        """Is not asked."""
        self.asked.append("release")

    async def close(self) -> None:
        """Nothing is open."""


async def test_an_owner_that_hangs_is_said_to_hang_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbours, "ANSWERS", 0.01)
    store, stopped = MemoryStore(), Stopped()

    async def dial(owner: str) -> Any:
        return stopped

    async with (
        engine(Fakes(tmp_path, []), store, "o1") as one,
        engine(Fakes(tmp_path, []), store, "o2") as two,
    ):
        await opened(one.seat(), tmp_path)
        await one.adopt(STREAM)
        others = Neighbours(two.journal, two.hub, dial, nothing)
        with pytest.raises(Refused, match="hangs, or is stopped"):
            await others.release(STREAM)
        assert stopped.asked == ["health"]


async def test_whoever_watches_is_told_when_another_process_drives_it_and_when_none_does(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    async with (
        engine(Fakes(tmp_path, []), store, "o1") as one,
        engine(Fakes(tmp_path, []), store, "o2") as two,
    ):
        await opened(one.seat(), tmp_path)
        changed = asyncio.Queue[None]()

        async def changes() -> AsyncIterator[None]:
            while True:
                yield await changed.get()

        async def nobody(owner: str) -> Owner:
            raise ConnectionRefusedError

        near = Neighbours(two.journal, two.hub, nobody, changes)
        seen = two.hub.subscribe(STREAM)

        async def told() -> Driven:
            while True:
                for item in await seen.take():
                    if isinstance(item, Driven):
                        return item

        async with asyncio.timeout(LIMIT):
            await one.adopt(STREAM)
            near.follow(STREAM)
            assert await told() == Driven(STREAM, elsewhere=True)
            await one.release(STREAM)
            changed.put_nowait(None)
            assert await told() == Driven(STREAM, elsewhere=False)
            await two.adopt(STREAM)
            await two.release(STREAM)
            await one.adopt(STREAM)
            changed.put_nowait(None)
            assert await told() == Driven(STREAM, elsewhere=True)
        await near.close()


async def test_nobody_waits_for_a_hung_owner_to_learn_who_is_here(tmp_path: Path) -> None:
    asked = asyncio.Event()

    class Hung:
        async def submit(self, intent: Intent) -> int:
            asked.set()
            return await asyncio.Future[int]()

    async with engine(Fakes(tmp_path, [])) as one:
        near = one.neighbours
        near._relays[STREAM] = Hung()  # type: ignore[assignment]
        async with asyncio.timeout(LIMIT):
            await near.show(ShowPresence(STREAM, "c", "somebody", HERE))
            await asked.wait()
        await near.close()
        assert not near._telling
