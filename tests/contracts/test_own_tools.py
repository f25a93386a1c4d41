"""Tools of people's own: of functions, of files that they trust, of packages."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

import tuiagent
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation
from tuiagent.ports import Again, Kit, Note, OutcomeUnknown
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.tools.own import digest, from_files, from_packages

FILE = '''\
import tuiagent


@tuiagent.tool(effect="read")
def weather(city: str, days: int = 1) -> str:
    """The weather of a city, for so many `days`."""
    return f"sunny in {city} for {days} days"
'''


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
    args = {"path": "f", "tags": ["a", "b"]}
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
    cache = tmp_path / "cache" / "packages.json"
    for _ in range(2):
        tools, told = from_packages(str(cache))
        assert list(tools) == ["weather"]
        assert [bool(one.problem) for one in told] == [False, True]
    before = cache.read_bytes()
    (info / "entry_points.txt").unlink()
    os.utime(site, (1, 1))
    assert from_packages(str(cache)) == ({}, [])
    assert cache.read_bytes() != before
    cache.write_text("{torn")
    assert from_packages(str(cache)) == ({}, [])


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


def test_the_shortest_tool_fits_on_a_card() -> None:
    """At most 15 lines each, as the README shows them."""
    assert len(FILE.strip().splitlines()) <= 15
