"""Whole flows through ports.Client: a prompt, an approval, an interruption, a takeover."""

import asyncio
import contextlib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.house import LIMIT, STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import Refused, StoreError
from tuiagent.kernel.event import Event
from tuiagent.kernel.message import Call, Message, Observation, Prompt
from tuiagent.kernel.reply import StopPart, TextPart
from tuiagent.kernel.run import InterruptRun, RunFinished
from tuiagent.kernel.session import ChangeMode, ChangeModel, PromptRebased, SubmitPrompt
from tuiagent.ports import Again, Note
from tuiagent.providers.scripted import Scripted, ScriptedCall, ScriptedError, Turn
from tuiagent.stores.memory import MemoryStore


def kinds(seen: list[object]) -> list[str]:
    return [item.kind for item in seen if isinstance(item, Event)]


async def test_an_edit_after_approval(tmp_path: Path) -> None:
    """Flow 1: prompt, reply, ask, answer, note, start, finish, reply, end; each a fact in order."""
    means = Fakes(tmp_path, [call("edit", path="f.txt", old="one", new="two"), say("done")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, mode="ask")
        (tmp_path / "work/f.txt").write_text("one\n")
        await prompt(client)
        asked = facts(await until(client, calls.CallJudged), calls.CallJudged)[0]
        assert asked.verdict.decision == "ask"
        assert (tmp_path / "work/f.txt").read_text() == "one\n"
        inbox = (await client.read("inbox")).data
        assert [(item["call"], item["digest"]) for item in inbox] == [("p1.1.1", asked.digest)]
        await client.submit(calls.AnswerApproval(STREAM, "p1.1.1", asked.digest, True))
        seen = await until(client, RunFinished)
        assert kinds(seen) == [
            "SessionOpened",
            "PromptSubmitted",
            "RunStarted",
            "PromptRebased",
            "AttemptStarted",
            "ReplyReceived",
            "CallJudged",
            "ApprovalAnswered",
            "CallStarted",
            "CallFinished",
            "AttemptStarted",
            "ReplyReceived",
            "RunFinished",
        ]
        assert (tmp_path / "work/f.txt").read_text() == "two\n"
        started = facts(seen, calls.CallStarted)[0]
        before = made.journal.store.blob(started.note["files"][0]["before"])
        assert before == b"one\n", "the before-image is kept"
        assert (await client.read("inbox")).data == []
        again = calls.AnswerApproval(STREAM, "p1.1.1", asked.digest, True)
        with pytest.raises(Refused):
            await client.submit(again)


async def test_what_the_model_is_told(tmp_path: Path) -> None:
    turns = [
        Turn(calls=[ScriptedCall("read", {"path": "f"}), ScriptedCall("nothing", {})]),
        Turn(calls=[ScriptedCall("shell", raw='{"command": "ls')]),
        say("ok"),
    ]
    means = Fakes(tmp_path, turns)
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        (tmp_path / "work/f").write_text("text\n")
        await prompt(client)
        await until(client, RunFinished)
    last = means.prompts[-1]
    assert [m.role for m in last.messages] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "tool",
    ]
    texts = [m.blocks[0].text for m in last.messages if m.role == "tool"]  # type: ignore[union-attr]
    assert texts[0] == "     1\ttext"
    assert "there is no tool 'nothing'" in texts[1]
    assert "not a JSON object" in texts[2]
    for first, later in zip(means.prompts, means.prompts[1:], strict=False):
        assert later.messages[: len(first.messages)] == first.messages
        assert (later.system, later.tools) == (first.system, first.tools)


async def test_steering_and_queued_prompts(tmp_path: Path) -> None:
    gate = asyncio.Event()

    class Slow(Fakes):
        def tool(self, name: str, opened: Any = None):
            """The list tool waits until the test lets it go on."""
            found = super().tool(name)
            assert found is not None
            run = found.run

            async def waiting(*args: object):
                await gate.wait()
                return await run(*args)  # type: ignore[arg-type]

            found.run = waiting  # type: ignore[method-assign, assignment]
            return found

    means = Slow(tmp_path, [call("list"), say("first"), say("second")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client, "go", "p1")
        await until(client, calls.CallStarted)
        await client.submit(SubmitPrompt(STREAM, "p2", "left!", steer=True))
        await client.submit(SubmitPrompt(STREAM, "p3", "and then"))
        gate.set()
        await until(client, RunFinished, count=2)

    def said(prompt: Prompt) -> list[str]:
        return [m.blocks[0].text for m in prompt.messages if m.role == "user"]  # type: ignore

    assert [said(p) for p in means.prompts] == [
        ["go"],
        ["go", "left!"],
        ["go", "left!", "and then"],
    ]


async def test_a_question_waits_for_its_answer(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("ask", question="which?"), say("blue it is")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, calls.CallDeferred)
        await client.submit(calls.AnswerQuestion(STREAM, "p1.1.1", "blue"))
        await until(client, RunFinished)
    assert means.prompts[-1].messages[-1].blocks[0].text == "blue"  # type: ignore[union-attr]


async def test_a_failing_model_is_asked_again_and_every_attempt_is_a_fact(tmp_path: Path) -> None:
    turns = iter(
        [
            Turn("par", error=ScriptedError("cut")),
            Turn(error=ScriptedError("overloaded")),
            say("whole"),
        ]
    )
    means = Fakes(tmp_path, lambda _: next(turns))
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    failed = facts(seen, runs.AttemptFailed)
    assert [(f.kind, f.partial) for f in failed] == [("cut", "par"), ("overloaded", "")]
    assert all(f.retry_at is not None for f in failed)
    assert facts(seen, RunFinished)[0].status == "done"
    assert means.prompts[0].messages == means.prompts[2].messages, "no text of two attempts mixed"


@pytest.mark.parametrize(("kind", "tries"), [("auth", 1), ("bad_request", 1), ("server", 5)])
async def test_a_model_that_keeps_failing_ends_the_run(
    tmp_path: Path, kind: str, tries: int
) -> None:
    means = Fakes(tmp_path, lambda _: Turn(error=ScriptedError(kind, "no luck")))
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
        (finished,) = facts(seen, RunFinished)
        assert (finished.status, "no luck" in finished.error) == ("error", True)
        assert len(facts(seen, runs.AttemptFailed)) == tries
        await prompt(client, "still there?", "p2")
        await until(client, RunFinished, count=2)


async def test_empty_answers_are_nudged_once_and_then_said(tmp_path: Path) -> None:
    means = Fakes(tmp_path, lambda _: Turn(" "))
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    assert len(means.prompts) == 2
    assert "empty" in facts(seen, RunFinished)[0].error


async def test_interrupting_a_command_ends_it_and_the_session_goes_on(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("shell", command="echo begun; sleep 60"), say("well")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, calls.CallStarted)
        await client.submit(InterruptRun(STREAM))
        seen = await until(client, RunFinished)
        assert facts(seen, RunFinished)[0].status == "interrupted"
        assert facts(seen, calls.CallFinished)[0].observation.status in ("error", "cancelled")
        await prompt(client, "go on", "p2")
        seen = await until(client, RunFinished, count=2)
        assert facts(seen, RunFinished)[1].status == "done"
    texts = [b.text for m in means.prompts[-1].messages for b in m.blocks if hasattr(b, "text")]
    assert any("interrupted" in text for text in texts)


async def test_interrupting_an_answer_keeps_what_was_said(tmp_path: Path) -> None:
    turn = Turn(["half ", "of it"], delay=0.0)
    hang = asyncio.Event()

    class Hanging(Fakes):
        def provider(self, model: str, opened: object):
            """Streams one word and then nothing."""
            inner = super().provider(model, opened)  # type: ignore[arg-type]

            class Half:
                async def stream(self, asked: Prompt):
                    """See ports.Provider."""
                    async for part in inner.stream(asked):
                        yield part
                        if isinstance(part, TextPart):
                            await hang.wait()

                async def close(self) -> None:
                    """See ports.Provider."""

            return Half()

    async with engine(Hanging(tmp_path, lambda _: turn)) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        async with asyncio.timeout(10):
            async for seen in client.watch(STREAM):
                if isinstance(seen, runs.Delta):
                    break
        await client.submit(InterruptRun(STREAM, cancel=True))
        events = await until(client, RunFinished)
    (kept,) = facts(events, runs.ReplyInterrupted)
    assert kept.partial == "half "
    assert facts(events, RunFinished)[0].status == "cancelled"
    assert not facts(events, runs.ReplyReceived)


async def test_another_model_goes_on_with_the_same_conversation(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [say("one"), say("two")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, RunFinished)
        await client.submit(ChangeModel(STREAM, "scripted/other"))
        await prompt(client, "more", "p2")
        seen = await until(client, RunFinished, count=2)
    assert [p.model for p in means.prompts] == ["x", "other"]
    assert means.prompts[1].messages[:1] == means.prompts[0].messages
    assert [f.reason for f in facts(seen, PromptRebased)] == ["first", "model changed"]


async def test_fifty_calls_of_one_reply_keep_their_order(tmp_path: Path) -> None:
    many = Turn(calls=[ScriptedCall("read", {"path": f"f{n}"}) for n in range(50)])
    means = Fakes(tmp_path, [many, say("read")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        for number in range(50):
            (tmp_path / f"work/f{number}").write_text(f"{number}")
        await prompt(client)
        await until(client, RunFinished)
    told: list[Message] = [m for m in means.prompts[-1].messages if m.role == "tool"]
    assert [m.blocks[0].text.split("\t")[1] for m in told] == [str(n) for n in range(50)]  # type: ignore
    asked = [b for m in means.prompts[-1].messages for b in m.blocks if isinstance(b, Call)]
    assert len({block.id for block in asked}) == 50


async def test_another_engine_takes_over_only_when_the_first_is_gone(tmp_path: Path) -> None:
    """Flow 2: killed in the middle of a command; the other settles it and goes on."""
    store = MemoryStore()
    turns = [call("shell", command="echo x >> ran; sleep 1; echo done"), say("so it is done")]
    first = Fakes(tmp_path, turns)
    second = Fakes(tmp_path, turns)
    async with engine(first, store, "o1") as one:
        await opened(one.seat(), tmp_path)
        await prompt(one.seat())
        await until(one.seat(), calls.CallStarted)
        async with engine(second, store, "o2") as two:
            assert not await two.adopt(STREAM), "the first one lives"
            store.drop("o1")
            assert await two.adopt(STREAM)
            seen = await until(two.seat(), RunFinished)
    (finished,) = facts(seen, calls.CallFinished)
    assert finished.settled
    assert finished.observation.text == "done"
    assert len(facts(seen, calls.CallStarted)) == 1
    assert (tmp_path / "work/ran").read_text() == "x\n"
    assert not first.prompts[1:], "the fenced engine asked the model nothing more"
    assert len(second.prompts) == 1


async def test_an_answer_in_mid_stream_is_asked_again_visibly_when_its_process_is_gone(
    tmp_path: Path,
) -> None:
    store = MemoryStore()
    hang = asyncio.Event()

    class Hanging(Fakes):
        def provider(self, model: str, opened: object):
            """Never answers."""

            class Never:
                async def stream(self, asked: Prompt):
                    """See ports.Provider."""
                    await hang.wait()
                    yield None

                async def close(self) -> None:
                    """See ports.Provider."""

            return Never()

    async with engine(Hanging(tmp_path, []), store, "o1") as one:
        await opened(one.seat(), tmp_path)
        await prompt(one.seat())
        await until(one.seat(), runs.AttemptStarted)
        store.drop("o1")
        async with engine(Fakes(tmp_path, [say("here")]), store, "o2") as two:
            await two.adopt(STREAM)
            seen = await until(two.seat(), RunFinished)
    (failed,) = facts(seen, runs.AttemptFailed)
    assert failed.kind == "killed"
    assert facts(seen, RunFinished)[0].status == "done"


async def test_what_changed_while_a_person_looked_is_shown_again(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("edit", path="f.txt", old="one", new="two"), say("done")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, mode="ask")
        path = tmp_path / "work/f.txt"
        path.write_text("one\n")
        await prompt(client)
        asked = facts(await until(client, calls.CallJudged), calls.CallJudged)[0]
        path.write_text("one and more\n")
        await client.submit(calls.AnswerApproval(STREAM, "p1.1.1", asked.digest, True))
        again = facts(await until(client, calls.CallJudged, count=2), calls.CallJudged)[1]
        assert again.verdict.decision == "ask"
        assert path.read_text() == "one and more\n", "nobody has allowed this"
        await client.submit(calls.AnswerApproval(STREAM, "p1.1.1", again.digest, True))
        await until(client, RunFinished)
        assert path.read_text() == "two and more\n"


async def test_a_call_that_never_began_is_not_begun_under_another_policy(tmp_path: Path) -> None:
    """Its engine died before the effect; meanwhile somebody forbade it."""
    store = MemoryStore()
    ran: list[str] = []

    class Slow:
        name, effect, description, parameters = "slow", "execute", "", {"type": "object"}

        async def claims(self, args: object, runtime: object) -> Claims:
            """See ports.Tool."""
            return Claims("slow", "execute", "slow", folder=str(tmp_path))

        async def note(self, args: object, kit: object) -> Note:
            """See ports.Tool."""
            return Note()

        async def run(self, args: object, kit: object, note: Note) -> Observation:
            """Dies before it does anything, the first time."""
            ran.append("")
            await asyncio.Event().wait()
            raise AssertionError

        async def settle(self, args: object, kit: object, note: Note) -> Again:
            """It never happened."""
            return Again()

    means = Fakes(tmp_path, [call("slow"), say("well")])
    means.more["slow"] = Slow()  # type: ignore[assignment]
    async with engine(means, store, "o1") as one:
        await opened(one.seat(), tmp_path)
        await prompt(one.seat())
        await until(one.seat(), calls.CallStarted)
        store.drop("o1")
        async with engine(means, store, "o2") as two:
            await two.seat().submit(ChangeMode(STREAM, "locked"))
            seen = await until(two.seat(), RunFinished)
    (finished,) = facts(seen, calls.CallFinished)
    assert finished.observation.status == "denied"
    assert len(ran) == 1


async def test_an_answer_without_an_end_is_a_failure(tmp_path: Path) -> None:
    class Cut(Fakes):
        def provider(self, model: str, opened: object):
            """Says half of it, the first time."""
            whole = Scripted(self._turn)

            class Half:
                async def stream(self, asked: Prompt):
                    """See ports.Provider."""
                    async for part in whole.stream(asked):
                        if not isinstance(part, StopPart) or tries:
                            yield part
                    tries.append(1)

                async def close(self) -> None:
                    """See ports.Provider."""

            return Half()

    tries: list[int] = []
    async with engine(Cut(tmp_path, [say("all of it")])) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    (failed,) = facts(seen, runs.AttemptFailed)
    assert (failed.kind, failed.partial) == ("cut", "all of it")
    assert facts(seen, RunFinished)[0].status == "done"


class FullStore(MemoryStore):
    """A store whose disk is full from time to time."""

    full = False

    @contextlib.contextmanager
    def transaction(self) -> Generator[Any]:
        """See ports.Store."""
        with super().transaction() as tx:
            yield tx
            if self.full:
                raise StoreError("the disk is full; nothing was lost: make room and go on")


async def test_a_full_disk_halts_a_session_until_there_is_room(tmp_path: Path) -> None:
    store = FullStore()
    command = "echo x >> ran; until [ -e go ]; do sleep 0.02; done; echo done"
    means = Fakes(tmp_path, [call("shell", command=command), say("well")])
    async with engine(means, store) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        await until(client, calls.CallStarted)
        store.full = True
        (tmp_path / "work/go").touch()
        async with asyncio.timeout(LIMIT):
            async for seen in client.watch(STREAM):
                if isinstance(seen, runs.Halted):
                    break
        assert "disk is full" in seen.why
        with pytest.raises(StoreError):
            await client.submit(ChangeMode(STREAM, "plan"))
        store.full = False
        seen = await until(client, RunFinished)
        assert (await client.read("sessions")).data[0]["status"] == "done"
        assert not made.worker.halted
    (finished,) = facts(seen, calls.CallFinished)
    assert (finished.observation.text, finished.settled) == ("done", True)
    assert (tmp_path / "work/ran").read_text() == "x\n"


async def test_a_tool_with_a_defect_ends_its_call_not_the_session(tmp_path: Path) -> None:
    class Broken:
        name, effect, description, parameters = "list", "read", "", {"type": "object"}

        async def claims(self, args: object, runtime: object) -> object:
            """See ports.Tool."""
            raise ZeroDivisionError("oops")

    means = Fakes(tmp_path, [call("list"), say("well")])
    means.more["list"] = Broken()  # type: ignore[assignment]
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        seen = await until(client, RunFinished)
    assert "oops" in facts(seen, calls.CallFinished)[0].observation.text
    assert facts(seen, RunFinished)[0].status == "done"
