"""The shell's policy: every row of shell.toml, and a table of programs that do more than read."""

import os
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuiagent.kernel import programs
from tuiagent.kernel.policy import MODES, Verdict, judge
from tuiagent.kernel.rules import parse_rule
from tuiagent.runtimes.local import LocalRuntime
from tuiagent.tools.bash import LONGEST, read
from tuiagent.tools.shell import Shell

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
        assert offered.decision == "deny"
        return
    more = (*RULES, parse_rule(offered.offer, "allow", "user"))
    assert judge(claims, more, "ask").decision == "allow"
    assert offered.neighbour
    near = await Shell().claims({"command": offered.neighbour}, runtime)
    assert judge(near, more, "ask").decision != "allow"


async def test_what_is_too_long_is_asked_about(runtime: LocalRuntime) -> None:
    for command in ("echo " + "x" * LONGEST, "echo " + "x " * 100_000):
        assert (await verdict(runtime, command)).decision == "ask"


@given(st.text("ab -;&|<>()$`'\"\\{}*~#!=\n/", max_size=30))
def test_what_is_free_holds_nothing_that_the_shell_computes(text: str) -> None:
    line = read("echo " + text)
    for words in line.commands:
        if any(sign in text for sign in "$`"):
            # they can only have come from single quotes, or stood behind a backslash
            assert "'" in text or "\\" in text
        assert programs.reads(tuple(w.text for w in words)) is None or words[0].text
    if any(sign in text.replace("'", "").replace('"', "") for sign in "<>") and line.commands:
        assert "'" in text or '"' in text or "\\" in text
