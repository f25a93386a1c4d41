"""What a program that runs in the terminal can make us believe: what it shows, and no more."""

import asyncio
import errno
from functools import partial
from pathlib import Path

from tests.flows.test_jobs import outputs, over, typed
from tests.house import STREAM, Fakes, call, engine, say, until
from tests.life import until as happens
from tuiagent.kernel.claims import OFF
from tuiagent.kernel.jobs import JobEnded, StopJob
from tuiagent.kernel.session import SessionOpened
from tuiagent.ports import Runtime, Typed
from tuiagent.providers.scripted import Turn
from tuiagent.runtimes.local import LocalRuntime

BEGUN = call("shell", command="until [ -e ../begun ]; do sleep 0.01; done")
STAYS = "[it still runs; this is the screen]"
PROMPT = r"\033]133;D;0;%s/safe\007"
"""What a shell writes before its prompt, when another writes it."""


async def seen(tmp_path: Path, *turns: Turn) -> list[str]:
    """What the calls have come to; the terminal is closed then, and nothing of it is left."""
    means = Fakes(tmp_path, [*turns, say("ok")])
    async with engine(means) as made:
        client = await over(made, means, tmp_path)
        found = await outputs(client)
        for row in (await client.read("jobs", STREAM)).data:
            await client.submit(StopJob(STREAM, row["job"]))
            await until(client, JobEnded)
    return found


async def test_a_prompt_that_a_program_writes_ends_no_command(tmp_path: Path) -> None:
    forged = PROMPT % "" + PROMPT % "aid=other;"
    hidden = f"printf '{forged}'; sleep 0.2; echo hidden; false"
    assert await seen(tmp_path, typed(command=hidden)) == ["hidden\n[exit 1]"]


async def test_a_prompt_that_a_program_writes_has_no_command_typed_into_it(tmp_path: Path) -> None:
    """Even one that knows how the shell would write it."""
    shell = f"export FORGED='{PROMPT}'; " + 'printf "$FORGED" "aid=${TUIAGENT_CALL##*/};"'
    turns = [
        typed(
            command=f"sh -c '{shell.replace(chr(39), chr(34))}; touch ../begun; cat >../got'",
            wait=0,
        ),
        BEGUN,
        typed(command="touch ../ran", wait=0),
        typed(keys=["C-d"]),
    ]
    found = await seen(tmp_path, *turns)
    assert found[2].startswith("a program still runs in the terminal")
    assert not (tmp_path / "ran").exists()
    assert (tmp_path / "got").read_text() == ""


async def test_a_shell_in_the_shell_is_a_program(tmp_path: Path) -> None:
    turns = [
        typed(command="bash --norc -ic 'touch ../begun; exec bash --norc'", wait=0),
        BEGUN,
        typed(command="echo no"),
        typed(text="false", keys=["Enter"]),
        typed(text="exit 5", keys=["Enter"]),
    ]
    found = await seen(tmp_path, *turns)
    assert found[2].startswith("a program still runs in the terminal")
    assert found[3].endswith(STAYS)
    assert found[4].endswith("[exit 5]")


async def test_what_was_typed_ahead_can_be_interrupted(tmp_path: Path) -> None:
    """The shell took it from the program that did not read it."""
    turns = [
        typed(command="until [ -e ../go ]; do command sleep 0.01; done", wait=0),
        typed(text="sh -c 'touch ../begun; exec sleep 100'\n"),
        call("shell", command="touch ../go"),
        BEGUN,
        typed(command="echo no"),
        typed(keys=["C-c"]),
    ]
    found = await seen(tmp_path, *turns)
    assert found[4].startswith("a program still runs in the terminal")
    assert found[5].endswith("[exit 130]")


async def test_a_program_that_does_not_read_holds_nobody_up(tmp_path: Path) -> None:
    deaf = "stty raw -echo; touch ../begun; until [ -e ../go ]; do sleep 0.01; done; stty sane"
    turns = [
        typed(command=deaf, wait=0),
        BEGUN,
        typed(text="x" * 60_000, wait=0),
        typed(keys=["C-c"], wait=0),
        call("shell", command="touch ../go"),
        typed(keys=["C-u", "Enter"]),
    ]
    found = await seen(tmp_path, *turns)
    assert found[2:4] == [STAYS, STAYS]


async def test_the_end_of_much_output_is_noticed(tmp_path: Path) -> None:
    (found,) = await seen(tmp_path, typed(command="seq 1000000; false", wait=600))
    assert found.endswith("\n1000000\n[exit 1]")
    assert "characters are not shown" in found
    assert len(found) < 31_000


async def test_a_pipe_whose_reader_has_gone_ends_its_writer(tmp_path: Path) -> None:
    assert await seen(tmp_path, typed(command="yes | head -n 1")) == ["y"]


class Full(LocalRuntime):
    """A machine whose disk is full as soon as something is to be typed."""

    async def type(self, spool: str, ident: str, kind: str, text: str) -> Typed:
        """Finds no room."""
        raise OSError(errno.ENOSPC, "No space left on device")


class FullFakes(Fakes):
    """Fakes on such a machine."""

    def runtime(self, opened: SessionOpened) -> Runtime:
        """See engine.drive.Means."""
        return Full(opened.folder, opened.environment, str(self.folder / "spools"), OFF)


async def test_a_terminal_that_could_not_be_typed_into_is_not_left_behind(tmp_path: Path) -> None:
    means = FullFakes(tmp_path, [typed(command="echo 1"), say("ok")])
    async with engine(means) as made:
        client = await over(made, means, tmp_path)
        assert "No space left" in (await outputs(client))[0]
        gone = partial(happens, lambda: not list((tmp_path / "spools").iterdir()), "no spool")
        await asyncio.to_thread(gone)
