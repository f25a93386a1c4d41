"""One contract for every tool in the table; and what each does."""

import hashlib
import subprocess
from collections.abc import AsyncGenerator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuiagent import tools
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.jobs import Job
from tuiagent.kernel.message import Command, Diff, Observation
from tuiagent.kernel.policy import judge
from tuiagent.ports import Again, Background, Deferred, Found, Kit, Note, OutcomeUnknown, Tool
from tuiagent.registry import load
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.tools.edit import replaced
from tuiagent.tools.patch import applied, parse
from tuiagent.tools.searchers import Canned
from tuiagent.tools.web_search import WebSearch

NAMES = sorted([*tools.TABLE, *tools.SEARCH])
GOOD: dict[str, dict[str, Any]] = {
    "read": {"path": "a.txt"},
    "write": {"path": "new/b.txt", "content": "b\n"},
    "edit": {"path": "a.txt", "old": "two", "new": "2"},
    "patch": {
        "patch": "*** Begin Patch\n*** Update File: a.txt\n@@\n one\n-two\n+2\n*** End Patch"
    },
    "delete": {"path": "a.txt"},
    "notebook": {"path": "a.ipynb", "do": "replace", "cell": "1", "source": "two"},
    "move": {"path": "a.txt", "to": "new/a.txt"},
    "list": {},
    "glob": {"pattern": "*.txt"},
    "search": {"pattern": "t.o"},
    "fetch": {"url": "https://127.0.0.1:1/"},
    "web_search": {"query": "one"},
    "shell": {"command": "echo ran >> log; cat log"},
    "terminal": {"command": "echo ran >> log; cat log"},
    "jobs": {"do": "list"},
    "git_status": {},
    "git_diff": {},
    "git_log": {},
    "git_commit": {"message": "new\n\nmore", "paths": ["a.txt"]},
    "todo": {"items": [{"text": "one", "state": "open"}]},
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


class NoJobs:
    """Nothing goes on in the background."""

    def all(self) -> list[Job]:
        """See ports.Jobs."""
        return []

    async def wait(self, job: str, seconds: float) -> bool:
        """See ports.Jobs."""
        return True


def git(folder: Path, *words: str) -> str:
    """What git says, as a person would run it here."""
    done = subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@pytest.fixture
def work(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    (folder / "a.txt").write_text("one\ntwo\nthree\n")
    if "notebook" in request.node.name:
        (folder / "a.ipynb").write_text('{"cells": [{"cell_type": "code", "source": "one"}]}')
    if "git" in request.node.name:
        git(folder, "init", "-q", "-b", "main")
        git(folder, "config", "user.name", "p")
        git(folder, "config", "user.email", "p@q")
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "-m", "first")
        (folder / "a.txt").write_text("one\ntwo\nthree\n4\n")
    return folder


@pytest.fixture
async def kit(work: Path) -> AsyncGenerator[Kit]:
    runtime = LocalRuntime(str(work), {"PATH": "/usr/bin:/bin"}, str(work.parent / "spools"))
    yield Kit("s1.p1.1.1", runtime, Blobs(), lambda text: None, NoJobs())
    for spool in (work.parent / "spools").glob("*"):
        await runtime.kill(str(spool))


def tool(name: str) -> Tool:
    if name == "web_search":
        return WebSearch(Canned([Found("one", "https://one.test/", "two")]))
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
    with suppress(ToolError) if name == "fetch" else nullcontext():  # no such server
        outcome = await tool(name).run(GOOD[name], kit, note)
    before = tree(work)
    settled = await tool(name).settle(GOOD[name], kit, note)
    assert tree(work) == before
    if tool(name).effect in ("write", "execute"):
        assert type(settled) is type(outcome)
        assert _text(settled) == _text(outcome)
    assert not isinstance(settled, OutcomeUnknown)


def _text(outcome: object) -> str:
    seen = outcome.observation if isinstance(outcome, Background) else outcome
    assert isinstance(seen, Observation)
    return seen.text


CHANGING = ["write", "edit", "patch", "delete", "move", "notebook"]


@pytest.mark.parametrize("name", CHANGING)
async def test_what_somebody_else_changed_is_not_overwritten(
    name: str, kit: Kit, work: Path
) -> None:
    args = GOOD[name]
    note = await tool(name).note(args, kit)
    target = work / args.get("path", "a.txt")
    target.parent.mkdir(exist_ok=True)
    target.write_text("somebody else's")
    with pytest.raises(ToolError):
        await tool(name).run(args, kit, note)
    settled = await tool(name).settle(args, kit, note)
    assert isinstance(settled, Observation)
    assert settled.status == "error"
    assert target.read_text() == "somebody else's"


async def test_the_state_that_was_judged_is_part_of_the_claims(kit: Kit, work: Path) -> None:
    for name in CHANGING[:-1]:
        args = GOOD[name] if name == "patch" else {**GOOD[name], "path": "a.txt"}
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
    after = replaced({"path": "f", "old": "<<old>>", "new": "NEW"}, body)
    before, _, rest = body.partition(b"<<old>>")
    assert after == before + b"NEW" + rest


def test_an_edit_of_several_lines_takes_the_files_own_line_ends() -> None:
    body = b"one\r\ntwo\r\nthree\r\n"
    args = {"path": "f", "old": "one\ntwo", "new": "1\n2"}
    assert replaced(args, body) == b"1\r\n2\r\nthree\r\n"


async def test_list_and_search(kit: Kit, work: Path) -> None:
    (work / "sub").mkdir()
    (work / "sub/c.py").write_text("two\n")
    (work / ".git").mkdir()
    (work / ".git/config").write_text("two\n")
    assert (await do("list", kit)).text == "a.txt  14\nsub/"
    assert (await do("list", kit, depth=2)).text == "a.txt  14\nsub/\nsub/c.py  4"
    assert (await do("search", kit, pattern="^t.o$")).text == "a.txt:2: two\nsub/c.py:1: two"
    assert (await do("search", kit, pattern="two", glob="*.py")).text == "sub/c.py:1: two"
    assert (
        await do("search", kit, pattern="two", path="a.txt", glob="*.py")
    ).text == "a.txt:2: two"
    assert (await do("search", kit, pattern="nowhere")).text == "no match"
    with pytest.raises(ToolError, match="not a regular expression"):
        await do("search", kit, pattern="(")
    (work / "many").write_text("two\n" * 500)
    assert (await do("search", kit, pattern="two")).text.endswith("(more matches are not shown)")


async def test_shell(kit: Kit) -> None:
    found = await do("shell", kit, command="echo out; echo err >&2; exit 3")
    assert (found.status, found.text) == ("error", "out\nerr\n[exit 3]")
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


# ---------------------------------------------------------------- several files at once


def patch(*parts: str) -> str:
    return "\n".join(("*** Begin Patch", *parts, "*** End Patch"))


async def test_a_patch_changes_several_files(kit: Kit, work: Path) -> None:
    (work / "b.py").write_bytes(b"def f():\r\n    return 1\r\n\r\ndef g():\r\n    return 1\r\n")
    (work / "old.sh").write_text("x\n")
    (work / "old.sh").chmod(0o755)
    (work / "gone").write_text("")
    text = patch(
        "*** Update File: b.py",
        "@@ def g():",
        "-    return 1",
        "+    return 2",
        "*** Update File: old.sh",
        "*** Move to: n/new.sh",
        "@@",
        "-x",
        "+y",
        "*** Delete File: gone",
        "*** Add File: made.txt",
        "+one",
        "+two",
    )
    found = await do("patch", kit, patch=text)
    assert found.status == "ok"
    now = {path: body for path, body in tree(work).items() if path != "a.txt"}
    assert now == {
        "b.py": b"def f():\r\n    return 1\r\n\r\ndef g():\r\n    return 2\r\n",
        "n/new.sh": b"y\n",
        "made.txt": b"one\ntwo\n",
    }
    assert (work / "n/new.sh").stat().st_mode & 0o777 == 0o755
    assert len(found.blocks) == 5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (patch("*** Update File: a.txt", "@@", "-one", "+1", "@@", "-nowhere", "+x"), "hunk 2"),
        (patch("*** Update File: a.txt", "@@ class X:", "-one", "+1"), "does not occur"),
        (patch("*** Update File: missing", "@@", "-one", "+1"), "no file missing"),
        (patch("*** Add File: a.txt", "+one"), "already"),
        (patch("*** Delete File: missing"), "no file missing"),
        (patch("*** Update File: a.txt", "@@", "?one"), "begins with none of"),
        (patch("*** Update File: a.txt", "*** Move to: twice.txt"), "already"),
        (patch("*** Update File: twice.txt", "@@", "-x", "+y"), "fits in 2 places"),
        (patch("*** Update File: a.txt"), "changes nothing"),
        ("", "names no file"),
    ],
)
async def test_a_patch_that_does_not_fit_changes_nothing(
    text: str, said: str, kit: Kit, work: Path
) -> None:
    (work / "twice.txt").write_text("x\nx\n")
    (work / "other").write_text("x\n")
    before = tree(work)
    with pytest.raises(ToolError, match=said):
        await do("patch", kit, patch=text)
    assert tree(work) == before


async def test_a_unified_diff_is_a_patch_too(kit: Kit, work: Path) -> None:
    (work / "n.txt").write_text("".join(f"{n % 3}\n" for n in range(30)))
    diff = (
        "diff --git a/n.txt b/n.txt\n--- a/n.txt\n+++ b/n.txt\n@@ -16,3 +16,3 @@ def f\n"
        " 0\n-1\n+x\n 2\n"
        "--- /dev/null\n+++ b/made\n@@ -0,0 +1 @@\n+new\n"
        "--- a/a.txt\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-one\n-two\n-three\n"
    )
    await do("patch", kit, patch=diff)
    assert (work / "n.txt").read_text().split("\n")[16] == "x"
    assert set(tree(work)) == {"n.txt", "made"}


@given(st.lists(st.text("ab", max_size=3), min_size=1, max_size=12), st.data())
def test_what_a_patch_does_not_name_stays(words: list[str], data: st.DataObject) -> None:
    end = data.draw(st.sampled_from(["\n", "\r\n"]))
    place = data.draw(st.integers(0, len(words)))
    text = [*words[:place], "<<old>>", *words[place:]]
    body = end.join(text).encode() + data.draw(st.sampled_from([b"", end.encode()]))
    (part,) = parse(patch("*** Update File: f", "@@", "-<<old>>", "+new"))
    assert applied(part, body) == body.replace(b"<<old>>", b"new")


class Halfway(LocalRuntime):
    """Changes one file, and then no more."""

    left = 1

    async def write(self, *args: Any, **kwargs: Any) -> None:
        """See LocalRuntime."""
        self._count()
        await super().write(*args, **kwargs)

    async def remove(self, *args: Any, **kwargs: Any) -> None:
        """See LocalRuntime."""
        self._count()
        await super().remove(*args, **kwargs)

    def _count(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt  # as if the process had died here


async def test_a_move_that_died_halfway_is_brought_to_its_end(kit: Kit, work: Path) -> None:
    dying = Halfway(str(work), {}, str(work.parent / "spools"))
    note = await tool("move").note(GOOD["move"], kit)
    half = Kit(kit.call, dying, kit.blobs, kit.progress, kit.jobs)
    with pytest.raises(KeyboardInterrupt):
        await tool("move").run(GOOD["move"], half, note)
    assert set(tree(work)) == {"a.txt", "new/a.txt"}
    settled = await tool("move").settle(GOOD["move"], kit, note)
    assert isinstance(settled, Observation)
    assert settled.status == "ok"
    assert set(tree(work)) == {"new/a.txt"}


async def test_a_change_that_cannot_be_finished_is_taken_back(kit: Kit, work: Path) -> None:
    (work / "b.txt").write_text("b\n")
    text = patch(
        "*** Update File: a.txt", "@@", "-one", "+1", "*** Update File: b.txt", "@@", "-b", "+c"
    )
    note = await tool("patch").note({"patch": text}, kit)
    (work / "b.txt").write_text("somebody else's\n")
    before = tree(work)
    with pytest.raises(ToolError, match="not what it was"):
        await tool("patch").run({"patch": text}, kit, note)
    assert tree(work) == before


async def test_glob(kit: Kit, work: Path) -> None:
    for name in ("src/a/test_x.py", "src/test_y.py", "src/z.py", ".git/x.py"):
        (work / name).parent.mkdir(parents=True, exist_ok=True)
        (work / name).write_text("")
    assert (
        await do("glob", kit, pattern="*.py")
    ).text == "src/a/test_x.py\nsrc/test_y.py\nsrc/z.py"
    assert (
        await do("glob", kit, pattern="src/**/test_*.py")
    ).text == "src/a/test_x.py\nsrc/test_y.py"
    assert (await do("glob", kit, pattern="*.rs")).text == "no file fits"


# ---------------------------------------------------------------- git


async def test_git(kit: Kit, work: Path) -> None:
    assert (await do("git_status", kit)).text == "## main\n M a.txt"
    assert "+4" in (await do("git_diff", kit)).text
    assert (await do("git_diff", kit, staged=True)).text == "(nothing)"
    (work / "new.py").write_text("x\n")
    done = await do("git_commit", kit, message="$(touch C) `touch C`", paths=["a.txt", "new.py"])
    assert done.text.startswith("committed ")
    assert "2 files changed" in done.text
    assert git(work, "log", "-1", "--format=%s") == "$(touch C) `touch C`\n"
    assert "p: $(touch C)" in (await do("git_log", kit, limit=1)).text
    assert "+4" in (await do("git_diff", kit, ref="HEAD~1")).text
    assert (await do("git_commit", kit, message="again", paths=["a.txt"])).status == "error"
    for wrong in ("--output=C", "-O", "x y", "$(x)"):
        with pytest.raises(ToolError, match="does not name a commit"):
            await do("git_diff", kit, ref=wrong)


async def test_git_tells_no_keys_that_nobody_was_asked_about(kit: Kit, work: Path) -> None:
    for text in ("one", "two"):
        (work / ".env").write_text(f"KEY={text}-secret\n")
        git(work, "add", "-f", ".env")
        git(work, "commit", "-qm", text)
    (work / ".env").write_text("KEY=three-secret\n")
    for args in ({}, {"ref": "HEAD~1"}, {"ref": "HEAD~2..HEAD"}, {"path": "."}):
        found = (await do("git_diff", kit, **args)).text
        assert "secret" not in found
        assert "[left out, as they may hold keys: .env;" in found
    assert "+4" in (await do("git_diff", kit, path=".")).text
    assert "three-secret" in (await do("git_diff", kit, path=".env")).text
    claims = await tool("git_diff").claims({"path": ".env"}, kit.runtime)
    assert judge(claims, (), "ask").gate == "secrets"


async def test_git_reads_and_commits_no_files_that_were_not_judged(kit: Kit, work: Path) -> None:
    """Names of files in commits, names of contents, and patterns where paths are meant."""
    (work / ".env").write_text("KEY=secret\n")
    git(work, "add", "-f", ".env")
    git(work, "commit", "-qm", "key")
    blob = git(work, "rev-parse", "HEAD:.env").strip()
    for name in ("HEAD:.env", ":.env", ":0:.env"):
        with pytest.raises(ToolError, match="does not name a commit"):
            await do("git_diff", kit, ref=name, path="a.txt")
    for name in (blob, f"{blob}..HEAD"):
        assert "secret" not in (await do("git_diff", kit, ref=name, path="a.txt")).text
    (work / ".env").write_text("KEY=secret2\n")
    for pattern in (":(glob)**/.e*", ".e*", ":/"):
        assert "secret" not in (await do("git_diff", kit, path=pattern)).text
        await do("git_commit", kit, message="m", paths=[pattern])
    assert git(work, "status", "--short", ".env") == " M .env\n"


async def test_git_runs_nothing_that_the_repository_configures(kit: Kit, work: Path) -> None:
    canary = work.parent / "canary"
    evil = work.parent / "evil.sh"
    evil.write_text(f"#!/bin/sh\ntouch {canary}\ncat\n")
    evil.chmod(0o755)
    hooks = work / ".git/hooks"
    for name in (
        "pre-commit",
        "post-commit",
        "commit-msg",
        "prepare-commit-msg",
        "post-index-change",
    ):
        hooks.mkdir(exist_ok=True)
        (hooks / name).write_text(evil.read_text())
        (hooks / name).chmod(0o755)
    for key in (
        "core.fsmonitor core.hooksPath core.pager core.editor core.sshCommand diff.external "
        "diff.x.command diff.x.textconv filter.x.clean filter.x.smudge filter.x.process "
        "pager.log pager.diff pager.status gpg.program alias.status credential.helper "
        "merge.x.driver interactive.diffFilter sequence.editor"
    ).split():
        git(work, "config", key, str(evil))
    git(work, "config", "filter.x.required", "true")
    git(work, "config", "commit.gpgSign", "true")
    git(work, "config", "log.showSignature", "true")
    (work / ".gitattributes").write_text("* filter=x diff=x merge=x\n")
    (work / "b.txt").write_text("b\n")
    for name in ("git_status", "git_diff", "git_log"):
        assert (await do(name, kit)).status == "ok"
    done = await do("git_commit", kit, message="m", paths=["."])
    assert done.status == "ok", done.text
    assert (await do("git_diff", kit, ref="HEAD~1")).status == "ok"
    assert not canary.exists()


async def test_a_git_of_the_repository_itself_is_not_run(kit: Kit, work: Path) -> None:
    (work / "git").write_text("#!/bin/sh\ntouch canary\n")
    (work / "git").chmod(0o755)
    spools = str(work.parent / "spools")
    runtime = LocalRuntime(str(work), {"PATH": f"{work}:/usr/bin:/bin"}, spools)
    with pytest.raises(ToolError, match="is not run"):
        await do("git_status", Kit(kit.call, runtime, kit.blobs, kit.progress, kit.jobs))
    assert not (work / "canary").exists()


async def test_keys_that_would_be_committed_are_named_in_the_claims(kit: Kit, work: Path) -> None:
    (work / "deep/er").mkdir(parents=True)
    (work / "deep/er/.env").write_text("KEY=1\n")
    claims = await tool("git_commit").claims({"message": "m", "paths": ["."]}, kit.runtime)
    assert str(work / "deep/er/.env") in claims.mentions
    assert judge(claims, (), "auto").decision == "deny"
    assert judge(claims, (), "ask").gate == "secrets"


async def test_todo(kit: Kit) -> None:
    items = [{"text": "read\nall", "state": "done"}, {"text": "write", "state": "open"}]
    found = await do("todo", kit, items=items)
    assert found.text == "[x] read all\n[ ] write"
    for wrong in ([{"text": "x"}], [{"text": "x", "state": "later"}], ["x"]):
        with pytest.raises(ToolError, match="item 1 needs"):
            await do("todo", kit, items=wrong)


@pytest.mark.parametrize("name", ["read", "edit", "delete", "move"])
async def test_a_missing_file_is_looked_for_by_its_name(name: str, kit: Kit, work: Path) -> None:
    (work / "src").mkdir()
    (work / "src/calc.py").write_text("x\n")
    args = {**GOOD[name], "path": "wrong/calc.py"}
    with pytest.raises(ToolError, match=r"no file wrong/calc\.py; did you mean src/calc\.py\?"):
        await do(name, kit, **args)
    with pytest.raises(ToolError, match=r"no file nowhere$"):
        await do(name, kit, **{**args, "path": "nowhere"})
