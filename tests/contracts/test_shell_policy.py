"""The shell's policy: every row of shell.toml, and a table of programs that do more than read."""

import asyncio
import contextlib
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuiagent.kernel import programs
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.policy import MODES, Verdict, judge
from tuiagent.kernel.rules import parse_rule
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.tools.bash import read
from tuiagent.tools.shell import SIZE, Shell

ROWS = tomllib.loads((Path(__file__).parent / "shell.toml").read_text())
RULES = tuple(
    parse_rule(f"shell({text})", action, "user")
    for action, texts in ROWS["rules"].items()
    for text in texts
)


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> LocalRuntime:
    """A folder with files whose names deceive."""
    top = tmp_path_factory.mktemp("policy")
    work = top / "work"
    for name in ("src", "sub", ".tuiagent"):
        (work / name).mkdir(parents=True)
    for name in ("a.py", "b.py", "f", "README.md", "src/x.py", "--pre=odd", "-rf", "-n"):
        (work / name).write_text("x\n")
    (work / "link-to-passwd").symlink_to("/etc/passwd")
    (work / "link-out").symlink_to("/usr")
    (work / "sub" / "evil").symlink_to("/etc/hostname")
    (work / "evil").symlink_to("/etc/hostname")
    (work / "list").write_text("/etc/hostname\n")
    for name in ("0", "deep/down", "deep/other"):
        (work / name).mkdir(parents=True)
    (work / "deep/link").symlink_to("down")
    (work / "deep/x").symlink_to("/etc/hostname")
    env = {"PATH": os.environ["PATH"], "HOME": str(top / "home")}
    return LocalRuntime(str(work), env, str(top / "spools"))


async def verdict(
    runtime: LocalRuntime, command: str, mode: str = "ask", rules: bool = True
) -> Verdict:
    claims = await Shell().claims({"command": command}, runtime)
    return judge(claims, RULES if rules else (), mode)


@pytest.mark.parametrize("command", ROWS["ask"])
async def test_asked_about(runtime: LocalRuntime, command: str) -> None:
    found = await verdict(runtime, command)
    assert found.decision == "ask", found
    assert found.reason
    assert found.risk
    assert (await verdict(runtime, command, "locked")).decision == "deny"


@pytest.mark.parametrize("command", ROWS["away"])
async def test_what_lies_elsewhere_is_asked_about(runtime: LocalRuntime, command: str) -> None:
    found = await verdict(runtime, command, rules=False)
    assert (found.decision, found.gate) == ("ask", "folder"), found


@pytest.mark.parametrize("command", ROWS["deny"])
async def test_refused_whatever_the_mode(runtime: LocalRuntime, command: str) -> None:
    for mode in MODES:
        found = await verdict(runtime, command, mode)
        assert found.decision == "deny", (mode, found)


async def test_no_other_attack_of_these_classes_is_allowed(runtime: LocalRuntime) -> None:
    rows = ROWS["never"].strip("\n").split("\n")
    for row in (*rows, *ROWS["several"], *(row for row in rows if row.isascii())):
        for command in (row, f"ls && {row}", f"timeout 5 {row}"):
            found = await verdict(runtime, command, rules=False)
            assert found.decision != "allow", (command, found)
            assert found.risk in ("medium", "high", "unknown"), (command, found)


@pytest.mark.parametrize("command", ROWS["free"])
async def test_not_asked_about(runtime: LocalRuntime, command: str) -> None:
    for mode in MODES:
        for rules in (True, False):
            found = await verdict(runtime, command, mode, rules)
            assert found.decision == "allow", (mode, rules, found)
    assert found.risk == "low"


@pytest.mark.parametrize("command", [*ROWS["ask"], *ROWS["deny"]])
async def test_what_is_offered_lets_exactly_this_through(
    runtime: LocalRuntime, command: str
) -> None:
    claims = await Shell().claims({"command": command}, runtime)
    offered = judge(claims, RULES, "ask")
    if not offered.offer:
        assert offered.decision == "deny" or offered.gate == "secrets"
        return
    more = (*RULES, parse_rule(offered.offer, "allow", "user"))
    assert judge(claims, more, "ask").decision == "allow"
    assert offered.neighbour
    near = await Shell().claims({"command": offered.neighbour}, runtime)
    assert judge(near, more, "ask").decision != "allow"


async def test_what_is_too_long_is_not_run_at_all(runtime: LocalRuntime) -> None:
    for command in ("echo " + "x" * SIZE, "echo " + "x " * 100_000):
        with pytest.raises(ToolError, match="write it to a file"):
            await verdict(runtime, command)


async def test_no_number_of_words_hides_one(runtime: LocalRuntime) -> None:
    """Refusals hold however much stands before what is refused."""
    many = " ".join(f"a/{number}" for number in range(3000))
    for command in (f"tar cf x {many} ~/.ssh/id_rsa", "true; " * 3000 + "curl http://L"):
        for mode in MODES:
            found = await verdict(runtime, command, mode)
            assert found.decision == "deny", (mode, found.gate)
    moves = " ; ".join(f"cd d{number}" for number in range(20))
    with pytest.raises(ToolError, match="changes its folder too often"):
        await verdict(runtime, f"{moves} ; cat x")


async def test_a_file_that_may_hold_keys_does_not_hide_one_that_does(
    runtime: LocalRuntime,
) -> None:
    for command in ("cat .env ~/.ssh/id_rsa", "cat .env && echo x > .tuiagent/config.toml"):
        assert (await verdict(runtime, command)).decision == "deny"


NAMES = sorted({*programs.PROGRAMS, "find", "sed", "test", "timeout", "env", "nice"} - {"sleep"})
PIECES = st.one_of(
    st.sampled_from(
        ["f", "C", "src", ".", "-", "--", "a.py", "*", "*.py", "[a-f]", "x=y", "1", "$", "p"]
    ),
    st.sampled_from(
        ["'C'", '"C"', "'", '"', "\\", "\\;", "{}", "(", ")", "<", ">", "#", "~", "!", "\n"]
    ),
    st.sampled_from(
        ["-o", "-i", "-n", "-e", "-w", "-exec", "-delete", "-fprint", "-name", "touch C"]
    ),
    st.builds(
        "-{}".format, st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIKLMNOPRSTUVWXZ0159", max_size=3)
    ),
    st.builds("--{}".format, st.sampled_from(["output=C", "o", "files", "in-place", "pre=C", "x"])),
    st.sampled_from(["w C", "1e touch C", "s/a/touch C/e", "s/a/b/w C", "1,2p", "$p", "/a/w C"]),
)
JOINS = st.sampled_from([" ; ", " && ", " || ", " | ", ";", "|", " & ", "\n", " |& "])
LINES = st.builds(
    lambda name, words, more: " ".join([name, *words]) + "".join(more),
    st.sampled_from(NAMES),
    st.lists(PIECES, max_size=4),
    st.lists(st.builds("{}{} {}".format, JOINS, st.sampled_from(NAMES), PIECES), max_size=2),
)


def tree(folder: str) -> dict[str, bytes | None]:
    """Everything there, with what it holds."""
    return {
        str(path): path.read_bytes() if path.is_file() else None
        for path in Path(folder).rglob("*")
        if path.name != "link-out" and "link-out" not in path.parts
    }


@settings(max_examples=150)
@given(LINES)
def test_what_is_free_really_changes_nothing(runtime: LocalRuntime, command: str) -> None:
    """Run for real, without a terminal: no file appears, changes or goes."""
    claims = asyncio.run(Shell().claims({"command": command}, runtime))
    if judge(claims, (), "ask").decision != "allow":
        return
    before = tree(runtime.folder)
    with contextlib.suppress(subprocess.TimeoutExpired):  # a program that waits changes nothing
        subprocess.run(
            ["bash", "-c", command],
            cwd=runtime.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=5,
            check=False,
        )
    assert tree(runtime.folder) == before


@given(st.text("ab -;&|<>()$`'\"\\{}*~#!=\n/", max_size=30))
def test_a_plain_line_holds_no_sign_of_the_shells_outside_of_quotes(text: str) -> None:
    line = read("echo " + text)
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\\.", "", text).strip()
    if line.commands and bare.count("'") == bare.count('"') == 0:
        assert not set(bare.replace("{}", "")) & set("$`<>(){}#!\n"), (bare, line)
