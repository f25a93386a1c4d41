"""Undo: any call, file or hunk, by three-way merge, itself undoable; nothing else is touched."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.house import STREAM, Fakes, call, engine, facts, opened, prompt, say, until
from tuiagent.engine.engine import Engine
from tuiagent.kernel.call import CallFinished
from tuiagent.kernel.errors import Refused, ToolError
from tuiagent.kernel.message import Observation
from tuiagent.kernel.run import RunFinished
from tuiagent.kernel.undo import UndoCall
from tuiagent.ports import Client
from tuiagent.tools.changing import unified
from tuiagent.tools.undo import merged, reversed_hunk

TEXT = "".join(f"line {n}\n" for n in range(20))


def tree(work: Path) -> dict[str, bytes]:
    return {str(p.relative_to(work)): p.read_bytes() for p in work.rglob("*") if p.is_file()}


async def worked(made: Engine, folder: Path) -> Client:
    """A session in which the script was done, in mode auto."""
    client = made.seat()
    await opened(client, folder)
    await prompt(client)
    await until(client, RunFinished)
    return client


async def undo(client: Client, name: str, path: str = "", hunk: int = 0) -> Observation:
    """What came of an undo."""
    position = (await client.read("sessions")).position
    await client.submit(UndoCall(STREAM, name, path, hunk))
    seen = await until(client, CallFinished, after=position)
    return facts(seen, CallFinished)[0].observation


async def test_an_undo_keeps_what_was_done_since_and_can_be_undone(tmp_path: Path) -> None:
    turns = [
        call("write", path="f", content=TEXT),
        call("edit", path="f", old="line 3\n", new="line three\n"),
        call("edit", path="f", old="line 15\n", new="line fifteen\n"),
        say("done"),
    ]
    async with engine(Fakes(tmp_path, turns)) as made:
        client = await worked(made, tmp_path)
        file = tmp_path / "work/f"
        file.write_text(file.read_text() + "a person's line\n")
        assert (await undo(client, "p1.2.1")).status == "ok"
        assert file.read_text() == TEXT.replace("15", "fifteen") + "a person's line\n"
        assert (await undo(client, "undo1")).status == "ok"
        want = TEXT.replace("line 3", "line three").replace("15", "fifteen") + "a person's line\n"
        assert file.read_text() == want


async def test_the_changes_of_a_session_say_what_was_undone_since(tmp_path: Path) -> None:
    turns = [
        call("write", path="f", content=TEXT),
        call("edit", path="f", old="line 3\n", new="line three\n"),
        call("read", path="f"),
        call("edit", path="nowhere", old="a", new="b"),
        say("done"),
    ]
    async with engine(Fakes(tmp_path, turns)) as made:
        client = await worked(made, tmp_path)
        await undo(client, "p1.2.1", "f", 1)
        await undo(client, "p1.2.1")
        await undo(client, "undo1")
        found = (await client.read("changes", STREAM)).data
        changes = [(c["call"], c["tool"], c["of"]) for c in found]
        undos = [
            [(u["undo"], u["path"], u["hunk"], u["status"]) for u in c["undos"]] for c in found
        ]
    assert changes == [
        ("p1.1.1", "write", ""),
        ("p1.2.1", "edit", ""),
        ("undo1", "undo", "p1.2.1"),
        ("undo3", "undo", "undo1"),
    ]
    first, second = ("undo1", "f", 1, "ok"), ("undo2", "", 0, "error")
    assert undos == [[], [first, second], [("undo3", "", 0, "ok")], []]
    assert "changed since" in found[1]["undos"][1]["text"]
    assert found[1]["diffs"][0]["path"] == "f"


async def test_an_undo_that_touches_later_changes_changes_nothing(tmp_path: Path) -> None:
    turns = [
        call("write", path="f", content=TEXT),
        call("edit", path="f", old="line 3\n", new="line three\n"),
        say("done"),
    ]
    async with engine(Fakes(tmp_path, turns)) as made:
        client = await worked(made, tmp_path)
        file = tmp_path / "work/f"
        file.write_text(file.read_text().replace("line three", "line 3.0"))
        before = file.read_text()
        found = await undo(client, "p1.2.1")
        assert (found.status, "changed since" in found.text) == ("error", True)
        assert (await undo(client, "p1.1.1")).status == "error"
        assert (await undo(client, "nothing")).text == "call nothing changed no file"
        assert file.read_text() == before


async def test_one_file_or_one_hunk_of_a_patch_is_undone(tmp_path: Path) -> None:
    patch = (
        "*** Begin Patch\n*** Update File: f\n@@\n-line 3\n+line three\n@@\n-line 15\n+line 15.0\n"
        "*** Add File: g\n+new\n*** Delete File: gone\n*** End Patch"
    )
    work = tmp_path / "work"
    work.mkdir()
    (work / "f").write_text(TEXT)
    (work / "gone").write_text("it was here\n")
    (work / "gone").chmod(0o755)
    async with engine(Fakes(tmp_path, [call("patch", patch=patch), say("done")])) as made:
        client = await worked(made, tmp_path)
        assert (await undo(client, "p1.1.1", "f", 2)).status == "ok"
        assert (work / "f").read_text() == TEXT.replace("line 3\n", "line three\n")
        assert (await undo(client, "p1.1.1", "gone")).status == "ok"
        assert (work / "gone").read_text() == "it was here\n"
        assert (await undo(client, "p1.1.1", "g")).status == "ok"
        assert not (work / "g").exists()
        assert "2 separate changes" in (await undo(client, "p1.1.1", "f", 7)).text


async def test_the_model_is_told_and_no_agent_undoes(tmp_path: Path) -> None:
    turns = [call("write", path="f", content="x\n"), say("done"), call("undo", files=[]), say("x")]
    fakes = Fakes(tmp_path, turns)
    async with engine(fakes) as made:
        client = await worked(made, tmp_path)
        with pytest.raises(Refused):
            await made.seat("agent").submit(UndoCall(STREAM, "p1.1.1"))
        await undo(client, "p1.1.1")
        await prompt(client, "again", "p2")
        seen = await until(client, RunFinished, count=2)
        assert "The person undid what call p1.1.1 did" in str(fakes.prompts[2].messages[-2:])
        (called,) = [f for f in facts(seen, CallFinished) if f.call.startswith("p2.")]
        assert "no tool 'undo'" in called.observation.text


@st.composite
def edits(draw: st.DrawFn) -> list[tuple[str, dict[str, Any]]]:
    """Calls that change a few files in a few ways."""
    found: list[tuple[str, dict[str, Any]]] = []
    for _ in range(draw(st.integers(1, 5))):
        path = draw(st.sampled_from(["a", "b", "sub/c"]))
        kind = draw(st.sampled_from(["write", "edit", "delete", "move"]))
        args: dict[str, Any] = {"path": path}
        if kind == "write":
            args["content"] = draw(st.text("xy\n", max_size=12))
        elif kind == "edit":
            args |= {"old": draw(st.text("xy\n", min_size=1, max_size=2)), "new": "z", "all": True}
        elif kind == "move":
            args["to"] = draw(st.sampled_from(["a", "b", "d"]))
        found.append((kind, args))
    return found


@settings(max_examples=40)
@given(edits(), st.data())
def test_all_undone_in_reverse_everything_is_as_it_was(
    tmp_path_factory: pytest.TempPathFactory,
    wanted: list[tuple[str, dict[str, Any]]],
    data: st.DataObject,
) -> None:
    folder = tmp_path_factory.mktemp("undo")
    work = folder / "work"
    work.mkdir()
    (work / "a").write_bytes(b"x\r\ny\r\n")
    (work / "b").write_bytes(b"\xff\xfey")
    (work / "other").write_bytes(b"never touched\n")
    before = tree(work)
    turns = [*(call(kind, **args) for kind, args in wanted), say("done")]
    again = data.draw(st.booleans())

    async def live() -> None:
        async with engine(Fakes(folder, turns)) as made:
            client = await worked(made, folder)
            after = tree(work)
            ended = facts(await until(client, RunFinished), CallFinished)
            done = [fact.call for fact in ended if fact.observation.status == "ok"]
            for name in reversed(done):
                assert (await undo(client, name)).status == "ok"
            assert tree(work) == before
            if again:
                for number in range(len(done), 0, -1):
                    assert (await undo(client, f"undo{number}")).status == "ok"
                assert tree(work) == after

    asyncio.run(live())


lines = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "d\n"]), unique=True, max_size=4)


@given(lines, lines, lines)
def test_a_merge_takes_both_changes_or_none(
    base: list[str], ours: list[str], theirs: list[str]
) -> None:
    old, now, wanted = ("".join(part).encode() for part in (base, ours, theirs))
    assert merged(old, now, old) == now
    assert merged(old, old, wanted) == wanted
    found = merged(old, now, wanted)
    if found is None:
        return
    result = found.decode().splitlines(keepends=True)
    for line in base:
        assert (line in result) <= (line in ours or line in theirs)
        if line in ours and line in theirs:
            assert line in result
    for line in (*ours, *theirs):
        assert line in base or line in result


def without(unified_text: str, after: bytes, number: int) -> bytes:
    """`after` without the change that stands at this place in its unified diff, counted from 1."""
    rows = unified_text.replace("\n\\ No newline at end of file\n", "").split("\n")[2:]
    new = [line for line in re.split(rb"(?<=\n)", after) if line]
    at, seen, inside = 0, 0, False
    for row in rows:
        if row.startswith("@@"):
            start, _, count = row.split()[2][1:].partition(",")
            at, inside = int(start) - (count != "0"), False
            continue
        change = row[:1] in ("+", "-")
        seen += change and not inside
        inside = change
        if change and seen == number:
            if row[0] == "+":
                new[at : at + 1] = []
                continue
            new.insert(at, (row[1:] + "\n").encode())
        at += row[:1] in (" ", "+") or (change and seen == number)
    return b"".join(new)


blocks = st.lists(st.sampled_from(["a\n", "b\n", "c\n", "\x0c\n", "\r\n", "d\re\n"]), max_size=9)


@given(blocks, blocks, blocks, st.integers(0, 300))
def test_a_hunk_is_undone_as_it_was_shown(
    first: list[str], second: list[str], third: list[str], middle: int
) -> None:
    same = [f"{n % 3}\n" for n in range(middle)]
    before = "".join([*first, *same, *second]).encode()
    after = "".join([*second, *same, *third]).encode()
    shown = unified("f", before, after)
    with pytest.raises(ToolError, match="separate changes") as told:
        reversed_hunk(before, after, 999)
    count = int(str(told.value).split()[3])
    for number in range(1, count + 1):
        assert reversed_hunk(before, after, number) == without(shown, after, number)


def test_a_line_that_nothing_ends_is_shown_apart() -> None:
    tail = "\n\\ No newline at end of file\n"
    shown = unified("f", b"a\nb", b"a\nc").partition("@@\n")[2]
    assert shown == f" a\n-b{tail}+c{tail}"
