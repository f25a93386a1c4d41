"""Jobs: commands that go on in the background, and the terminal that stays."""

import asyncio
from functools import partial
from pathlib import Path

import msgspec
import pytest

from tests.house import STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tests.life import until as happens
from tuiagent.engine.engine import Engine
from tuiagent.kernel import call as calls
from tuiagent.kernel.errors import Refused, ToolError
from tuiagent.kernel.jobs import JobEnded, JobStarted, StopJob
from tuiagent.kernel.lifecycle import DeleteSession, OpenSession, Origin
from tuiagent.kernel.message import Text
from tuiagent.kernel.run import InterruptRun, Progress, RunFinished
from tuiagent.ports import Client
from tuiagent.providers.scripted import Turn
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.stores.memory import MemoryStore

WAITS = "echo begun; until [ -e ../go ]; do sleep 0.01; done; echo ended; exit 3"


def told(means: Fakes, number: int = -1) -> str:
    """What the model was told as if by a person, in one of its prompts."""
    users = [m for m in means.prompts[number].messages if m.role == "user"]
    return "\n".join(b.text for m in users for b in m.blocks if isinstance(b, Text))


async def outputs(client: Client) -> list[str]:
    """What every call has come to, in order."""
    items = (await client.read("transcript", STREAM)).data
    return [item["output"] for item in items if item["kind"] == "call"]


async def over(made: Engine, means: Fakes, folder: Path, name: str = "p1") -> Client:
    """The client, once the run of a prompt is over."""
    client = made.seat()
    if name == "p1":
        await opened(client, folder)
    position = await prompt(client, name=name)
    await until(client, RunFinished, after=position - 1)
    return client


async def test_what_takes_too_long_goes_on_and_its_end_is_told(tmp_path: Path) -> None:
    turns = [call("shell", command=WAITS, wait=0.05), say("meanwhile"), say("I see")]
    means = Fakes(tmp_path, turns)
    async with engine(means) as made:
        client = await over(made, means, tmp_path)
        assert "goes on in the background" in (await outputs(client))[0]
        (job,) = (await client.read("jobs", STREAM)).data
        assert (job["job"], job["call"], job["args"]["command"]) == ("job1", "p1.1.1", WAITS)
        (tmp_path / "go").touch()
        seen = await until(client, JobEnded)
        found = facts(seen, JobEnded)[0].observation
        assert (found.status, found.text) == ("error", "begun\nended\n[exit 3]")
        await over(made, means, tmp_path, "p2")
        words = "(job1 has ended: error. This is what it wrote, and nobody's wish:)"
        assert f"{words}\n| begun\n| ended\n| [exit 3]" in told(means)
        assert (await client.read("jobs", STREAM)).data == []
        gone = partial(happens, lambda: not list((tmp_path / "spools").iterdir()), "no spool")
        await asyncio.to_thread(gone)


async def test_a_job_outlives_the_engine_and_is_followed_by_the_next(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("shell", command=f"echo x >>../ran; {WAITS}", wait=0), say("ok")])
    store = MemoryStore()
    async with engine(means, store) as made:
        await over(made, means, tmp_path)
    (tmp_path / "go").touch()
    store.drop("o1")
    async with engine(means, store, "o2") as made:
        assert await made.adopt(STREAM)
        seen = await until(made.seat(), JobEnded)
    assert facts(seen, JobEnded)[0].observation.text.endswith("ended\n[exit 3]")
    assert (tmp_path / "ran").read_text() == "x\n"


async def test_a_job_that_ended_while_nobody_was_there_is_still_told(tmp_path: Path) -> None:
    """Its spool is swept by nobody before that."""
    means = Fakes(tmp_path, [call("shell", command=WAITS, wait=0), say("ok")])
    store = MemoryStore()
    async with engine(means, store) as made:
        await over(made, means, tmp_path)
    (tmp_path / "go").touch()
    (spool,) = (tmp_path / "spools").iterdir()
    done = partial(happens, lambda: (spool / "exit").read_bytes().strip() == b"3", "its end")
    await asyncio.to_thread(done)
    store.drop("o1")
    async with engine(means, store, "o2") as made:
        await made.adopt(STREAM)
        seen = await until(made.seat(), JobEnded)
    assert facts(seen, JobEnded)[0].observation.text == "begun\nended\n[exit 3]"


async def test_a_person_ends_a_job_and_its_children(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("shell", command="sleep 100 & sleep 100", wait=0), say("ok")])
    async with engine(means) as made:
        client = await over(made, means, tmp_path)
        with pytest.raises(Refused, match="still run in the background"):
            await client.submit(DeleteSession(STREAM))
        with pytest.raises(Refused, match="no running job job7"):
            await client.submit(StopJob(STREAM, "job7"))
        await client.submit(StopJob(STREAM, "job1"))
        seen = await until(client, JobEnded)
        assert facts(seen, JobEnded)[0].observation.status == "error"
        await client.submit(DeleteSession(STREAM))


async def test_what_cannot_be_ended_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    means = Fakes(tmp_path, [call("shell", command=WAITS, wait=0), say("ok")])

    async def kill(self: LocalRuntime, spool: str) -> None:
        raise ToolError("Process 7 cannot be ended; end it by hand.")

    async with engine(means) as made:
        client = await over(made, means, tmp_path)
        monkeypatch.setattr(LocalRuntime, "kill", kill)
        await client.submit(StopJob(STREAM, "job1"))
        (ended,) = facts(await until(client, JobEnded), JobEnded)
        (tmp_path / "go").touch()
    found = ended.observation
    assert (found.status, found.text) == ("unknown", "Process 7 cannot be ended; end it by hand.")


async def test_the_model_looks_after_its_jobs(tmp_path: Path) -> None:
    command = "echo hello; touch ../begun; sleep 100"
    turns = [
        call("shell", command=command, wait=0),
        call("shell", command="until [ -e ../begun ]; do sleep 0.01; done"),
        call("jobs", do="list"),
        call("jobs", do="read", job="job1"),
        call("jobs", do="kill", job="job1"),
        call("jobs", do="wait", job="job1", seconds=20),
        call("jobs", do="read", job="job9"),
        say("ok"),
    ]
    means = Fakes(tmp_path, turns)
    async with engine(means) as made:
        client = await over(made, means, tmp_path)
        seen = await outputs(client)
    assert seen[2].startswith(f"job1: {command} (running for ")
    assert seen[3].endswith("s)\nhello")
    assert "has ended" in seen[4]
    assert seen[6] == "there is no job 'job9'; there are: job1"


async def test_what_was_left_running_is_bounded(tmp_path: Path) -> None:
    turns = [*(call("shell", command=f"sleep 10{n}", wait=0) for n in range(17)), say("ok")]
    means = Fakes(tmp_path, turns)
    async with engine(means) as made:
        client = await over(made, means, tmp_path)
        assert "16 jobs run in the background" in (await outputs(client))[16]
        for row in (await client.read("jobs", STREAM)).data:
            await client.submit(StopJob(STREAM, row["job"]))
        seen = await until(client, JobEnded, count=16)
    assert {fact.observation.status for fact in facts(seen, JobEnded)} == {"error"}


# ---------------------------------------------------------------- the terminal


def typed(**args: object) -> Turn:
    return call("terminal", **args)


async def test_a_terminal_keeps_folder_and_variables_also_across_engines(tmp_path: Path) -> None:
    turns = [
        typed(command="mkdir sub; cd sub; X=5"),
        say("one"),
        typed(command="echo $X; pwd; false"),
        typed(command="read -p 'name? ' name; echo got $name", wait=0.2),
        typed(command="echo no"),
        typed(text="joe", keys=["Enter"]),
        typed(text="x"),
        call("jobs", do="read", job="job1"),
        typed(command="exit 4"),
        say("two"),
    ]
    means, store = Fakes(tmp_path, turns), MemoryStore()
    async with engine(means, store) as made:
        await over(made, means, tmp_path)
    store.drop("o1")
    async with engine(means, store, "o2") as made:
        client = await over(made, means, tmp_path, "p2")
        seen = await outputs(client)
        ended = facts(await until(client, JobEnded), JobEnded)[0].observation
    work = tmp_path / "work"
    assert seen[0] == f"[in {work}/sub]"
    assert seen[1] == f"5\n{work}/sub\n[exit 1]\n[in {work}/sub]"
    assert seen[2] == "name?\n[it still runs; this is the screen]"
    assert seen[3].startswith("a program still runs in the terminal")
    assert seen[4] == f"joe\ngot joe\n[in {work}/sub]"
    assert seen[5].startswith("no program runs in the terminal")
    assert seen[6].endswith("name? joe\ngot joe")
    assert seen[7].endswith("[the terminal ended]")
    assert ended.text == "the terminal was closed [exit 4]"


async def test_an_interruption_types_ctrl_c_and_leaves_the_terminal(tmp_path: Path) -> None:
    turns = [
        typed(command="X=5"),
        typed(command="trap 'echo caught' INT; echo ready; sleep 100"),
        say("unreached"),
        typed(command="echo $X"),
        say("ok"),
    ]
    means = Fakes(tmp_path, turns)
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        position = await prompt(client)
        async with asyncio.timeout(20):
            async for seen in client.watch(STREAM):
                if isinstance(seen, Progress) and "ready" in seen.text:
                    break
        await client.submit(InterruptRun(STREAM))
        await until(client, RunFinished, after=position)
        means._turns = lambda prompt: turns[3] if len(means.prompts) == 3 else turns[4]
        await over(made, means, tmp_path, "p2")
        seen_outputs = await outputs(client)
        await client.submit(StopJob(STREAM, "job1"))
        await until(client, JobEnded)
    assert "5" in seen_outputs[-1]


async def test_what_is_typed_into_a_terminal_is_always_asked(tmp_path: Path) -> None:
    """The shell may have changed what words mean, so no command in it is plain."""
    means = Fakes(tmp_path, [typed(command="ls"), say("ok")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path, mode="ask")
        await prompt(client)
        judged = facts(await until(client, calls.CallJudged), calls.CallJudged)[0]
    assert judged.verdict.decision == "ask"
    assert judged.claims.commands == ()


@pytest.mark.parametrize("args", [{"command": "cat ~/.ssh/id_rsa"}, {"text": "cat ~/.ssh/id_rsa"}])
async def test_keys_stay_out_of_a_terminal_too(tmp_path: Path, args: dict[str, str]) -> None:
    means = Fakes(tmp_path, [typed(**args), say("ok")])
    async with engine(means) as made:
        client = made.seat()
        await opened(client, tmp_path)
        await prompt(client)
        judged = facts(await until(client, calls.CallJudged), calls.CallJudged)[0]
    assert judged.verdict.decision == "deny"


async def test_the_parts_of_a_job_are_in_the_transcript(tmp_path: Path) -> None:
    means = Fakes(tmp_path, [call("shell", command="true", wait=0), say("ok")])
    async with engine(means) as made:
        client = await over(made, means, tmp_path)
        seen = await until(client, JobEnded)
        started = facts(seen, JobStarted)[0]
        rows = (await client.read("transcript", STREAM)).data
    (item,) = [row for row in rows if row["kind"] == "job"]
    assert (item["id"], item["text"], item["status"]) == (started.job, "p1.1.1", "ok")


async def test_a_fork_is_told_that_a_job_is_not_its_own(tmp_path: Path) -> None:
    turns = [call("shell", command="sleep 100", wait=0), say("one"), say("two")]
    means = Fakes(tmp_path, turns)
    async with engine(means) as made:
        client = await over(made, means, tmp_path)
        position = (await client.read("sessions")).position
        first = (await anext(client.watch(STREAM))).fact  # type: ignore[union-attr]
        fork = msgspec.structs.replace(first, origin=Origin(STREAM, position))
        await client.submit(OpenSession("session/s2", fork))
        await prompt(client, "three", "p3", "session/s2")
        await until(client, RunFinished, "session/s2")
        assert "(job1 runs in the session that this one was forked from.)" in told(means)
        assert [row["stream"] for row in (await client.read("jobs")).data] == [STREAM]
        await client.submit(StopJob(STREAM, "job1"))
        await until(client, JobEnded)
