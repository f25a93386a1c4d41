"""`tuiagent.ask`: words as they come, approvals by a function, and ends that are told."""

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.house import Fakes, call, engine, facts, say, until
from tests.web import served
from tuiagent import ask, connect
from tuiagent.clients.ask import Wish
from tuiagent.engine.engine import Engine
from tuiagent.kernel.call import AnswerApproval, ApprovalAnswered, CallFinished
from tuiagent.kernel.errors import ConfigError, Refused, TuiagentError
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.limits import Limits
from tuiagent.kernel.run import Delta, RunFinished
from tuiagent.ports import Client, Usual
from tuiagent.providers.scripted import ScriptedError, Turn

WRITE = call("write", path="f", content="new")


@asynccontextmanager
async def house(folder: Path, *turns: Turn, model: str = "scripted/x") -> AsyncGenerator[Engine]:
    """An engine that says how sessions are opened."""
    work = folder / "work"
    work.mkdir()
    async with engine(Fakes(folder, turns)) as made:
        environment = {"PATH": os.environ["PATH"]}
        opened = SessionOpened(str(work), model, "ask", environment)
        made.reports["usual"] = lambda folder: Usual(opened, Limits(turns=3))
        yield made


async def answered(
    client: Client, folder: Path, on_approval: Callable[[Wish], Any] | None = None, **more: Any
) -> list[str]:
    """The pieces of an answer."""
    asked = ask(client, "go", on_approval, folder=str(folder / "work"), **more)
    return [words async for words in asked]


async def test_words_come_as_they_are_written(tmp_path: Path) -> None:
    async with house(tmp_path, say("one ", "two ", "three")) as made:
        assert "".join(await answered(made.seat(), tmp_path)) == "one two three"


async def test_each_word_is_given_once_whatever_comes_twice(tmp_path: Path) -> None:
    class Stutter:
        """A client that tells every piece twice, and then all of them from the start."""

        def __init__(self, client: Client) -> None:
            self.actor, self.submit, self.read = client.actor, client.submit, client.read
            self._client = client

        async def watch(self, select: str, after: int = 0) -> AsyncGenerator[Any]:
            """See ports.Client."""
            async for seen in self._client.watch(select, after):
                yield seen
                if isinstance(seen, Delta):
                    yield seen
                    yield msgspec.structs.replace(seen, offset=seen.offset + 100)

    async with house(tmp_path, say("one ", "two ", "three")) as made:
        assert "".join(await answered(Stutter(made.seat()), tmp_path)) == "one two three"


async def test_what_is_asked_is_answered_by_the_function(tmp_path: Path) -> None:
    wishes: list[Wish] = []

    async def allows(wish: Wish) -> bool:
        wishes.append(wish)
        return len(wishes) == 1

    turns = (Turn("I write.", calls=WRITE.calls), WRITE, say("Done."))
    async with house(tmp_path, *turns) as made:
        words = await answered(made.seat(), tmp_path, allows, session="mine")
        assert "".join(words) == "I write.\nDone."
        seen = await until(made.seat(), RunFinished, "session/mine")
        assert [fact.allow for fact in facts(seen, ApprovalAnswered)] == [True, False]
    assert [(w.session, w.tool, w.args) for w in wishes] == [
        ("mine", "write", {"path": "f", "content": "new"})
    ] * 2
    assert wishes[0].rule == f"write({tmp_path}/work/f)"
    assert wishes[0].reason
    assert (tmp_path / "work" / "f").read_text() == "new"


async def test_over_the_web_it_is_the_same(tmp_path: Path) -> None:
    turns = [msgspec.to_builtins(turn) for turn in (WRITE, say("Done."))]
    async with served(tmp_path, turns) as server, connect(server.url, "all") as client:
        asked = ask(client, "go", lambda wish: True, folder=str(tmp_path / "work"))
        assert "".join([words async for words in asked]) == "Done."
    assert (tmp_path / "work" / "f").read_text() == "new"


async def test_what_somebody_else_answered_first_stays_so(tmp_path: Path) -> None:
    async with house(tmp_path, WRITE, say("Refused.")) as made:
        client = made.seat()

        async def late(wish: Wish) -> bool:
            (row,) = (await client.read("inbox")).data
            answer = AnswerApproval(row["stream"], row["call"], row["digest"], False)
            await client.submit(answer)
            return True

        assert await answered(client, tmp_path, late) == ["Refused."]
    assert not (tmp_path / "work" / "f").exists()


async def test_without_a_function_it_goes_on_waiting_and_that_is_said(tmp_path: Path) -> None:
    async with house(tmp_path, WRITE, say("Done.")) as made:
        client = made.seat()
        with pytest.raises(TuiagentError, match="/f' has to be allowed; tuiagent attach mine"):
            await answered(client, tmp_path, session="mine")
        (row,) = (await client.read("inbox")).data
        await client.submit(AnswerApproval(row["stream"], row["call"], row["digest"], True))
        (finished,) = facts(await until(client, RunFinished, "session/mine"), CallFinished)
        assert finished.observation.status == "ok"


async def test_a_question_is_said_as_well(tmp_path: Path) -> None:
    async with house(tmp_path, call("ask", question="Which one?")) as made:
        with pytest.raises(TuiagentError, match="it asks 'Which one"):
            await answered(made.seat(), tmp_path, lambda wish: True)


async def test_a_session_is_gone_on_with_by_its_id(tmp_path: Path) -> None:
    async with house(tmp_path, say("First."), say("Second.")) as made:
        assert await answered(made.seat(), tmp_path, session="mine", mode="plan") == ["First."]
        assert await answered(made.seat(), tmp_path, session="mine") == ["Second."]
        (row,) = (await made.seat().read("sessions")).data
        assert (row["stream"], row["status"]) == ("session/mine", "done")
        opened = made.journal.events("session/mine")[0].fact
        assert isinstance(opened, SessionOpened)
        assert (opened.mode, opened.folder) == ("plan", str(tmp_path / "work"))


async def test_an_attempt_that_fails_is_followed_by_the_next(tmp_path: Path) -> None:
    prompts: list[object] = []

    def turns(prompt: object) -> Turn:
        prompts.append(prompt)
        broken = Turn("Half", error=ScriptedError("overloaded"))
        return broken if len(prompts) == 1 else say("Whole.")

    async with engine(Fakes(tmp_path, turns)) as made:
        (tmp_path / "work").mkdir()
        opened = SessionOpened(str(tmp_path / "work"), "scripted/x", "ask")
        made.reports["usual"] = lambda folder: Usual(opened, Limits())
        assert "".join(await answered(made.seat(), tmp_path)) == "Half\nWhole."


async def test_the_usual_limits_hold(tmp_path: Path) -> None:
    async with house(tmp_path, *[call("todo", items=[])] * 4) as made:
        with pytest.raises(TuiagentError, match=r"limit: .*3"):
            await answered(made.seat(), tmp_path)


async def test_a_bad_end_is_an_error(tmp_path: Path) -> None:
    broken = Turn(error=ScriptedError("auth", "the key is wrong"))
    async with house(tmp_path, broken) as made:
        with pytest.raises(TuiagentError, match=r"error: .*the key is wrong"):
            await answered(made.seat(), tmp_path)
        with pytest.raises(Refused, match="mode"):
            await answered(made.seat(), tmp_path, mode="strange")


async def test_without_a_model_it_says_so(tmp_path: Path) -> None:
    async with house(tmp_path, say("Never."), model="") as made:
        with pytest.raises(ConfigError, match="name one, PROVIDER/MODEL"):
            await answered(made.seat(), tmp_path)


async def test_who_leaves_early_ends_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, say("one ", "two")) as made:
        asked = ask(made.seat(), "go", session="mine", folder=str(tmp_path / "work"))
        assert (await anext(asked)).startswith("one")
        await asked.aclose()
        (finished,) = facts(await until(made.seat(), RunFinished, "session/mine"), RunFinished)
        assert finished.status == "done"
