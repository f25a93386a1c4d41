"""Tools of people's own: of functions, of files that they trust, of packages."""

import asyncio
import json
import os
import sys
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

import tuiagent
from tests.flows.test_cli import Cli
from tests.flows.test_jobs import outputs, over
from tests.house import Fakes, call, engine, say
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation
from tuiagent.ports import Again, Kit, Note, OutcomeUnknown
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.threads import in_thread
from tuiagent.tools.own import digest, from_files, from_packages

FILE = '''\
import tuiagent


@tuiagent.tool(effect="read")
def weather(city: str, days: int = 1) -> str:
    """The weather of a city, for so many `days`."""
    return f"sunny in {city} for {days} days"
'''
FUTURE = """\
from __future__ import annotations
from dataclasses import dataclass
from unittest.mock import MagicMock
import tuiagent

@dataclass
class Thing:
    size: int
"""


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    work = tmp_path / "work"
    work.mkdir()
    runtime: Any = LocalRuntime(str(work), {}, str(tmp_path / "spools"))
    return Kit("s.p.1.1", runtime, None, lambda text: None, None)  # type: ignore[arg-type]


def written(folder: Path, text: str, name: str = "mine.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


async def test_a_function_is_a_tool(kit: Kit) -> None:
    @tuiagent.tool(effect="write", paths=["path"])
    async def stamp(path: str, tags: list[str], kit: Kit, deep: bool = False) -> dict[str, Any]:
        """Write tags into a file."""
        await kit.runtime.write(path, ",".join(tags).encode())
        return {"deep": deep}

    assert (stamp.name, stamp.description) == ("stamp", "Write tags into a file.")
    assert stamp.parameters == {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "deep": {"type": "boolean"},
        },
        "required": ["path", "tags"],
        "additionalProperties": False,
    }
    args: dict[str, Any] = {"path": "f", "tags": ["a", "b"]}
    claims = await stamp.claims(args, kit.runtime)
    assert claims.writes == (f"{kit.runtime.folder}/f",)
    assert await stamp.run(args, kit, Note()) == Observation("ok", '{"deep":false}')
    assert Path(kit.runtime.folder, "f").read_text() == "a,b"
    for wrong in ({}, {"path": 1, "tags": []}, {**args, "more": 1}):
        with pytest.raises(ToolError, match="arguments do not fit"):
            await stamp.claims(wrong, kit.runtime)


async def test_only_what_may_be_done_twice_is_done_again(kit: Kit) -> None:
    async def settled(**how: Any) -> object:
        def body() -> None:
            """Does something."""

        return await tuiagent.tool(**how)(body).settle({}, kit, Note())

    assert isinstance(await settled(effect="read"), Again)
    assert isinstance(await settled(effect="network", again=True), Again)
    assert isinstance(await settled(effect="network"), OutcomeUnknown)
    assert isinstance(await settled(), OutcomeUnknown)


def test_what_cannot_be_a_tool_says_why() -> None:
    def bare(city) -> None:  # type: ignore[no-untyped-def]
        """Words."""

    def silent(city: str) -> None: ...

    def many(*cities: str) -> None:
        """Words."""

    for body, why in ((bare, "city: give"), (silent, "docstring"), (many, "cities: give")):
        with pytest.raises(TypeError, match=why):
            tuiagent.tool()(body)
    with pytest.raises(TypeError, match="effect must be one of"):
        tuiagent.tool(effect="magic")(bare)


def test_a_file_is_used_only_as_it_was_trusted(tmp_path: Path) -> None:
    path = written(tmp_path, FILE)
    trusted = {path: digest(path)}
    tools, (told,) = from_files(trusted)
    assert (list(tools), told.tools, told.problem) == (["weather"], ("weather",), "")
    Path(path).write_text(FILE + f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    tools, (told,) = from_files(trusted)
    assert tools == {}
    assert "changed since it was trusted" in told.problem
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1 +", "SyntaxError"),
        ("raise RuntimeError('no')", "RuntimeError: no"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        (FILE.replace("weather", "größe"), "größe: call it with"),
        (FILE.replace("weather", "getWeather"), "getWeather: call it with"),
        (FILE.replace('"read"', '"read", paths=["days"]'), "days: give"),
        ("class Lazy:\n def __getattr__(self, name): raise OSError('lazy')\nx = Lazy()", "lazy"),
        ("x = 1", "holds no tool"),
        (FILE.replace("weather", "shell"), "there is a shell already"),
        (FILE.replace("weather", "undo"), "there is a undo already"),
        (FILE.replace('    """The weather', '    # """The').replace('days`."""', ""), "docstring"),
    ],
)
def test_a_file_that_does_not_work_harms_nothing(tmp_path: Path, text: str, problem: str) -> None:
    good = written(tmp_path, FILE, "good.py")
    bad = written(tmp_path, text, "bad.py")
    gone = str(tmp_path / "gone.py")
    tools, told = from_files({bad: digest(bad), gone: "0", good: digest(good)})
    assert list(tools) == ["weather"]
    assert problem in told[0].problem
    assert "FileNotFoundError" in told[1].problem


def test_a_file_is_a_module_like_others(tmp_path: Path) -> None:
    """Also one whose name is that of another, with types that are written as text."""
    text = FILE.replace("import tuiagent\n", FUTURE, 1) + "m = MagicMock()\nthing = Thing(2)\n"
    path = written(tmp_path, text, "json.py")
    tools, (told,) = from_files({path: digest(path)})
    assert (list(tools), told.problem) == (["weather"], "")


def test_packages_offer_tools_by_entry_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    info = site / "mine-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[tuiagent.tools]\nweather = mine_of_test:weather\nbroken = mine_of_test:nothing\n"
    )
    (site / "mine_of_test.py").write_text(FILE)
    monkeypatch.setattr(sys, "path", [str(site), *sys.path])
    tools, told = from_packages()
    assert list(tools) == ["weather"]
    assert [bool(one.problem) for one in told] == [False, True]
    (info / "entry_points.txt").unlink()
    assert from_packages() == ({}, [])


async def test_open_engine_takes_tools(tmp_path: Path) -> None:
    from tests.house import until
    from tuiagent.kernel.run import RunFinished
    from tuiagent.kernel.session import (
        OpenSession,
        SessionOpened,
        SubmitPrompt,
    )

    @tuiagent.tool(effect="read")
    def weather(city: str) -> str:
        """The weather of a city."""
        return f"rain in {city}"

    script = tmp_path / "s.toml"
    script.write_text(
        '[[turns]]\ncalls = [{tool="weather", args={city="Rom"}}]\n'
        '[[turns]]\nexpect = "rain in Rom"\ntext = "wet"\n'
    )
    async with tuiagent.open_engine(str(tmp_path / "root"), tools=[weather]) as client:
        begin = SessionOpened(str(tmp_path), f"scripted/{script}", "ask")
        await client.submit(OpenSession("session/s1", begin))
        await client.submit(SubmitPrompt("session/s1", "p1", "go"))
        seen = await until(client, RunFinished)
    assert seen[-1].fact.status == "done"  # type: ignore[union-attr]


async def test_a_function_gets_its_files_as_they_were_judged(kit: Kit, tmp_path: Path) -> None:
    """Not relative to where this process happens to be."""
    (tmp_path / "work" / "link").symlink_to("..")

    @tuiagent.tool(effect="read", paths=["path", "more", "none"])
    def shown(path: str, more: list[str], none: str | None = None) -> list[Any]:
        """Shows what it gets."""
        return [path, more, none]

    args = {"path": "a", "more": ["link/b", "/c"]}
    claims = await shown.claims(args, kit.runtime)
    assert claims.reads == (f"{tmp_path}/work/a", f"{tmp_path}/b", "/c")
    told = await shown.run(args, kit, Note())
    assert msgspec.json.decode(told.text) == [f"{tmp_path}/work/a", [f"{tmp_path}/b", "/c"], ""]


async def test_what_a_function_returns_is_bounded_and_can_be_written(kit: Kit) -> None:
    @tuiagent.tool()
    def much() -> str:
        """Returns much, and half a character."""
        return "\ud800" + "x" * 1_000_000

    @tuiagent.tool()
    def later() -> Any:
        """Hands on an async function's result."""

        async def found() -> str:
            return "found"

        return found()

    told = await much.run({}, kit, Note())
    assert len(told.text.encode()) < 31_000
    assert (await later.run({}, kit, Note())).text == "found"


async def ended(tmp_path: Path, body: Any, **more: Any) -> list[str]:
    """What became of calls of a tool that is this function."""
    tmp_path.mkdir(exist_ok=True)
    made = tuiagent.tool(effect="read", **more)(body)
    means = Fakes(tmp_path, [call(made.name), call(made.name), say("ok")])
    means.more[made.name] = made
    async with engine(means) as found:
        client = await over(found, means, tmp_path)
        return await outputs(client)


async def test_a_function_that_fails_in_any_way_ends_its_call(tmp_path: Path) -> None:
    def quits() -> None:
        """Quits."""
        sys.exit(3)

    def stops() -> None:
        """Has no next."""
        raise StopIteration

    async def cancels() -> None:
        """Waits for what was cancelled."""
        task = asyncio.create_task(asyncio.sleep(10))
        task.cancel()
        await task

    def odd() -> object:
        """Returns what cannot be told."""
        return object()

    for body, why in ((quits, "SystemExit"), (stops, "StopIteration"), (cancels, "cancelled")):
        found = await ended(tmp_path / body.__name__, body)
        assert [why in text for text in found] == [True, True]
    assert "TypeError" in (await ended(tmp_path / "odd", odd))[0]


async def test_what_cannot_be_written_ends_its_call(tmp_path: Path) -> None:
    """Also of the first call of a reply, which begins along with it."""

    def half() -> Observation:
        """Tells half a character."""
        return Observation("ok", "\ud800")

    found = await ended(tmp_path, half)
    assert ["a defect in tuiagent: UnicodeEncodeError" in text for text in found] == [True, True]


async def test_functions_that_block_hold_nobody_else_up(tmp_path: Path) -> None:
    release, begun = threading.Event(), threading.Semaphore(0)

    def blocks() -> None:
        """Blocks."""
        begun.release()
        release.wait()

    many = tuiagent.tool(effect="read")(blocks)
    kit: Any = Kit("s.p.1.1", LocalRuntime(str(tmp_path), {}, ""), None, print, None)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(many.run({}, kit, Note())) for _ in range(40)]
    try:
        for _ in tasks:
            await in_thread(begun.acquire)
        async with asyncio.timeout(20):
            assert await asyncio.to_thread(lambda: "free") == "free"
    finally:
        release.set()
    await asyncio.gather(*tasks)


async def test_a_given_tool_takes_no_name_that_is_taken(tmp_path: Path) -> None:
    def shell() -> None:
        """Words."""

    with pytest.raises(tuiagent.TuiagentError, match="two tools of one name: shell"):
        async with tuiagent.open_engine(str(tmp_path), tools=[tuiagent.tool()(shell)]):
            pass


def test_only_files_that_end_are_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.py")
    (tmp_path / "long.py").write_bytes(b"#" * (1 << 21))
    paths = [str(tmp_path / name) for name in ("fifo.py", "long.py")]
    tools, told = from_files({path: "0" for path in [*paths, "/dev/zero"]})
    assert tools == {}
    assert "not a regular file" in told[0].problem
    assert "longer than" in told[1].problem
    assert "not a regular file" in told[2].problem


def test_what_a_tool_prints_is_not_taken_for_an_answer(tmp_path: Path) -> None:
    path = written(tmp_path, FILE.replace("    return", '    print("noise")\n    return'))
    turn = {"calls": [{"tool": "weather", "args": {"city": "Rom"}}]}
    cli = Cli(tmp_path, turn, {"text": "wet"})
    assert cli.run("tools", "add", path).returncode == 0
    done = cli.run("-p", "go", "--output", "json")
    assert json.loads(done.stdout)["answer"] == "wet"
    assert "noise" in done.stderr


def test_the_shortest_tool_fits_on_a_card() -> None:
    """At most 15 lines each, as the README shows them."""
    assert len(FILE.strip().splitlines()) <= 15
