"""One contract for every tool in the table; and what each does."""

import asyncio
import hashlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuiagent import tools
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Command, Diff, Observation
from tuiagent.ports import Again, Deferred, Kit, Note, OutcomeUnknown, Tool
from tuiagent.registry import load
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.tools.edit import Edit

NAMES = sorted(tools.TABLE)
GOOD: dict[str, dict[str, Any]] = {
    "read": {"path": "a.txt"},
    "write": {"path": "new/b.txt", "content": "b\n"},
    "edit": {"path": "a.txt", "old": "two", "new": "2"},
    "list": {},
    "search": {"pattern": "t.o"},
    "shell": {"command": "echo ran >> log; cat log"},
    "ask": {"question": "which?", "choices": ["a", "b"]},
}


class Blobs:
    """Blobs in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def put(self, body: bytes) -> str:
        """See ports.Blobs."""
        key = hashlib.sha256(body).hexdigest()
        self.kept[key] = body
        return key

    async def get(self, key: str) -> bytes | None:
        """See ports.Blobs."""
        return self.kept.get(key)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("one\ntwo\nthree\n")
    return folder


@pytest.fixture
def kit(work: Path) -> Kit:
    runtime = LocalRuntime(str(work), {"PATH": "/usr/bin:/bin"}, str(work.parent / "spools"))
    return Kit("s1.p1.1.1", runtime, Blobs(), lambda text: None)


def tool(name: str) -> Tool:
    return load(tools.TABLE[name])()


def tree(folder: Path) -> dict[str, bytes]:
    """Every file and what it holds."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


async def do(name: str, kit: Kit, **args: Any) -> Observation:
    """A whole call."""
    made = tool(name)
    await made.claims(args, kit.runtime)
    outcome = await made.run(args, kit, await made.note(args, kit))
    assert isinstance(outcome, Observation)
    return outcome


# ---------------------------------------------------------------- for all


@pytest.mark.parametrize("name", NAMES)
async def test_claims_and_note_have_no_effect(name: str, kit: Kit, work: Path) -> None:
    before = tree(work)
    claims = await tool(name).claims(GOOD[name], kit.runtime)
    await tool(name).note(GOOD[name], kit)
    assert tree(work) == before
    assert (claims.tool, claims.effect, claims.folder) == (name, tool(name).effect, str(work))
    assert claims.subject


@pytest.mark.parametrize("name", NAMES)
async def test_wrong_arguments_are_said(name: str, kit: Kit) -> None:
    for wrong in ({**GOOD[name], "paht": 1}, dict.fromkeys(GOOD[name], 7.5) or {"depth": "x"}):
        with pytest.raises(ToolError, match=r"argument"):
            await tool(name).claims(wrong, kit.runtime)


@pytest.mark.parametrize("name", NAMES)
async def test_settled_before_it_ran_it_is_done_again(name: str, kit: Kit, work: Path) -> None:
    note = await tool(name).note(GOOD[name], kit)
    before = tree(work)
    outcome = await tool(name).settle(GOOD[name], kit, note)
    assert isinstance(outcome, Deferred if name == "ask" else Again)
    assert tree(work) == before


@pytest.mark.parametrize("name", NAMES)
async def test_settled_after_it_ran_nothing_happens_twice(name: str, kit: Kit, work: Path) -> None:
    note = await tool(name).note(GOOD[name], kit)
    outcome = await tool(name).run(GOOD[name], kit, note)
    before = tree(work)
    settled = await tool(name).settle(GOOD[name], kit, note)
    assert tree(work) == before
    if tool(name).effect in ("write", "execute"):
        assert isinstance(settled, Observation)
        assert isinstance(outcome, Observation)
        assert settled.text == outcome.text
    assert not isinstance(settled, OutcomeUnknown)


@pytest.mark.parametrize("name", ["write", "edit"])
async def test_what_somebody_else_changed_is_not_overwritten(
    name: str, kit: Kit, work: Path
) -> None:
    args = GOOD[name]
    note = await tool(name).note(args, kit)
    target = work / args["path"]
    target.parent.mkdir(exist_ok=True)
    target.write_text("somebody else's")
    with pytest.raises(ToolError):
        await tool(name).run(args, kit, note)
    settled = await tool(name).settle(args, kit, note)
    assert isinstance(settled, Observation)
    assert settled.status == "error"
    assert target.read_text() == "somebody else's"


async def test_the_state_that_was_judged_is_part_of_the_claims(kit: Kit, work: Path) -> None:
    for name in ("write", "edit"):
        args = {**GOOD[name], "path": "a.txt"}
        first = await tool(name).claims(args, kit.runtime)
        (work / "a.txt").write_text(f"two {name}")
        assert (await tool(name).claims(args, kit.runtime)).state != first.state


# ---------------------------------------------------------------- one by one


async def test_read(kit: Kit, work: Path) -> None:
    assert (await do("read", kit, path="a.txt")).text == "     1\tone\n     2\ttwo\n     3\tthree"
    part = await do("read", kit, path="a.txt", offset=2, limit=1)
    assert part.text == "     2\ttwo\n(1 more lines; go on with offset=3)"
    (work / "long").write_text("x" * 5000 + "\n" + "y\n" * 3000)
    text = (await do("read", kit, path="long")).text
    assert "… (cut)" in text
    assert "go on with offset=2001" in text
    (work / "binary").write_bytes(b"\0\1")
    for path in ("binary", "missing", "."):
        with pytest.raises(ToolError):
            await do("read", kit, path=path)
    with pytest.raises(ToolError, match="only 3 lines"):
        await do("read", kit, path="a.txt", offset=9)


async def test_write_and_edit_show_a_difference_and_keep_before_and_after(
    kit: Kit, work: Path
) -> None:
    made = await do("write", kit, path="n/x.py", content="a\nb\n")
    assert made.text == "created n/x.py (+2 -0 lines)"
    changed = await do("edit", kit, path="n/x.py", old="b", new="c")
    assert changed.text == "changed n/x.py (+1 -1 lines)"
    (diff,) = changed.blocks
    assert isinstance(diff, Diff)
    assert "-b\n+c\n" in diff.unified
    assert await kit.blobs.get(diff.before) == b"a\nb\n"
    assert await kit.blobs.get(diff.after) == (work / "n/x.py").read_bytes() == b"a\nc\n"


async def test_an_edit_that_does_not_fit_says_why(kit: Kit, work: Path) -> None:
    (work / "b.py").write_text("def total(values):\n    return sum(values)\nx\nx\n")
    for old, said in (
        ("def totl(values):", "nearest lines, from line 1, are:\ndef total(values):"),
        ("x\n", "occurs 2 times"),
        ("", "is empty"),
        ("zzzz", "does not occur"),
    ):
        with pytest.raises(ToolError, match=said.replace("(", r"\(").replace(")", r"\)")):
            await do("edit", kit, path="b.py", old=old, new="y")
    await do("edit", kit, path="b.py", old="x", new="y", all=True)
    assert (work / "b.py").read_text().endswith("y\ny\n")


lines = st.lists(st.text("abcé \t", max_size=8), min_size=1, max_size=8)


@given(lines, st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans(), st.data())
def test_an_edit_touches_no_other_byte(
    words: list[str], end: str, bom: bool, latin: bool, data: st.DataObject
) -> None:
    encoding = "latin-1" if latin else "utf-8"
    place = data.draw(st.integers(0, len(words)))
    text = [*words[:place], "<<old>>", *words[place:]]
    body = (b"\xef\xbb\xbf" if bom and not latin else b"") + end.join(text).encode(encoding)
    after = asyncio.run(Edit().content({"path": "f", "old": "<<old>>", "new": "NEW"}, body))
    before, _, rest = body.partition(b"<<old>>")
    assert after == before + b"NEW" + rest


def test_an_edit_of_several_lines_takes_the_files_own_line_ends() -> None:
    body = b"one\r\ntwo\r\nthree\r\n"
    args = {"path": "f", "old": "one\ntwo", "new": "1\n2"}
    assert asyncio.run(Edit().content(args, body)) == b"1\r\n2\r\nthree\r\n"


async def test_list_and_search(kit: Kit, work: Path) -> None:
    (work / "sub").mkdir()
    (work / "sub/c.py").write_text("two\n")
    (work / ".git").mkdir()
    (work / ".git/config").write_text("two\n")
    assert (await do("list", kit)).text == "a.txt  14\nsub/"
    assert (await do("list", kit, depth=2)).text == "a.txt  14\nsub/\nsub/c.py  4"
    assert (await do("search", kit, pattern="^t.o$")).text == "a.txt:2: two\nsub/c.py:1: two"
    assert (await do("search", kit, pattern="two", glob="*.py")).text == "sub/c.py:1: two"
    assert (await do("search", kit, pattern="nowhere")).text == "no match"
    with pytest.raises(ToolError, match="not a regular expression"):
        await do("search", kit, pattern="(")
    (work / "many").write_text("two\n" * 500)
    assert (await do("search", kit, pattern="two")).text.endswith("(more matches are not shown)")


async def test_shell(kit: Kit) -> None:
    found = await do("shell", kit, command="echo out; echo err >&2; exit 3")
    assert (found.status, found.text) == ("error", "out\nerr\n\n[exit 3]")
    (block,) = found.blocks
    assert isinstance(block, Command)
    assert (block.command, block.exit) == ("echo out; echo err >&2; exit 3", 3)


async def test_shell_cuts_what_the_model_sees_and_keeps_the_whole(kit: Kit) -> None:
    found = await do("shell", kit, command="head -c 100000 /dev/zero | tr '\\0' x; echo end")
    assert len(found.text) < 31_000
    assert "70004 characters are not shown" in found.text
    assert found.text.endswith("end")
    assert any(len(body) == 100_004 for body in kit.blobs.kept.values())  # type: ignore[attr-defined]


async def test_shell_ends_what_takes_too_long(kit: Kit) -> None:
    found = await do("shell", kit, command="echo begun; sleep 60", timeout=0.3)
    assert found.status == "error"
    assert "time limit of 0.3 s" in found.text
    assert found.text.startswith("begun")


async def test_shell_whose_wrapper_was_killed_is_unknown(kit: Kit, work: Path) -> None:
    note = await tool("shell").note(GOOD["shell"], kit)
    spool = Path(note.data["spool"])
    (spool / "lock").touch()
    (spool / "started").write_text("1\n")
    settled = await tool("shell").settle(GOOD["shell"], kit, Note(note.data))
    assert isinstance(settled, OutcomeUnknown)
    assert "look at what it did" in settled.why
    assert "log" not in tree(work)
