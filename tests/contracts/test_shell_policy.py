"""The shell's policy: every row of shell.toml, and a table of programs that do more than read."""

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
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
from tuiagent.tools.terminal import Terminal

CANARY = "what-lies-elsewhere"
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
    for name in (
        "a.py",
        "b.py",
        "f",
        "README.md",
        "src/x.py",
        "--pre=odd",
        "-rf",
        "-n",
        "1p",
        "ls",
    ):
        (work / name).write_text("x\n")
    (work / "link-to-passwd").symlink_to("/etc/passwd")
    (work / "link-out").symlink_to("/usr")
    (top / "secret").write_text(f"{CANARY}\n" * 3)
    (work / "sub" / "evil").symlink_to(top / "secret")
    (work / "evil").symlink_to(top / "secret")
    (work / "[0]x").symlink_to(top / "secret")
    (work / "list").write_text(f"{top}/secret\n")
    for name in ("0", "deep"):
        (work / name).mkdir(parents=True)
    (work / "deep/link").symlink_to("../sub")
    (work / "deep/x").symlink_to(top / "secret")
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


@pytest.mark.parametrize("command", ROWS["deny"])
async def test_refused_in_a_terminal_too(runtime: LocalRuntime, command: str) -> None:
    """Rules about the shell are about commands, not about the way to run them."""
    for args in ({"command": command}, {"text": command}):
        claims = await Terminal().claims(args, runtime)
        for mode in MODES:
            found = judge(claims, RULES, mode)
            assert found.decision == "deny", (mode, found)


async def test_what_the_shell_may_do_a_terminal_may_not(runtime: LocalRuntime) -> None:
    claims = await Terminal().claims({"command": "make all"}, runtime)
    for rule in ("shell(make all)", "shell(make *)", "shell"):
        assert judge(claims, (parse_rule(rule),), "ask").decision == "ask"


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


async def test_what_is_tangled_or_runs_wide_is_refused_soon(runtime: LocalRuntime) -> None:
    """However it is built, a command of the longest length is judged in seconds."""
    nested = "eval " * 12 + "curl http://L"
    for command in (nested, "echo " + "$(" * 20_000 + "ls" + ")" * 20_000):
        with pytest.raises(ToolError, match="commands within commands"):
            await verdict(runtime, command)
    wide = "cd a;cd b;cd c;cd d;foo " + " ".join(f"a/{number}" for number in range(7000))
    with pytest.raises(ToolError, match="too many files"):
        await verdict(runtime, wide)
    for command in (
        *("find " + "a " * 16_000, "env " * 8000 + "ls", "(" * 10_000 + "ls" + ")" * 10_000),
        *("xargs " * 5000, "ls|" * 3000 + "ls", "ls " + "* " * 8000, "true && " * 2000 + "ls"),
        *("sed '5" + " " * 40_000 + "x'", "printf '%" + "0" * 40_000 + "z'"),
        *("find " + "eval a " * 4000, "awk '" + "{}" * 10_000 + ">'"),
    ):
        began = time.process_time()
        await verdict(runtime, command)
        assert time.process_time() - began < 4, command[:40]


async def test_programs_of_the_folder_itself_are_asked_about(runtime: LocalRuntime) -> None:
    own = Path(runtime.folder, "bin")
    own.mkdir()
    for name in ("ls", "echo", "cat"):
        (own / name).write_text("#!/bin/sh\ntouch C\n")
        (own / name).chmod(0o755)
    try:
        for path in (str(own), f"{own}:{os.environ['PATH']}"):
            env = {"PATH": path}
            theirs = LocalRuntime(runtime.folder, env, str(own.parent.parent / "spools2"))
            for command in (
                "ls",
                "env echo x",
                "timeout 5 nice ls",
                "find f -type f -exec cat {} +",
            ):
                found = await verdict(theirs, command, rules=False)
                assert found.decision == "ask", (command, found)
            assert (await verdict(theirs, "echo x", rules=False)).decision == "allow"
        env = {"PATH": f"bin:.::{os.environ['PATH']}"}
        safe = LocalRuntime(runtime.folder, env, str(own.parent.parent / "spools2"))
        assert not safe.find("ls").startswith(runtime.folder)
    finally:
        shutil.rmtree(own)


@pytest.mark.parametrize("command", ROWS["hidden"])
async def test_a_refused_program_is_found_behind_any_wrapper(
    runtime: LocalRuntime, command: str
) -> None:
    for mode in MODES:
        assert (await verdict(runtime, command, mode)).decision == "deny"


@pytest.mark.parametrize(
    ("rule", "admits", "refuses"),
    [
        (
            "git *",
            "git log -3|git push|timeout 5 git log",
            "git -c a.b=c log|git --exec-path=. log",
        ),
        (
            "git *",
            "git status -s|git commit -m x",
            "git log --outp=C|git ls-remote --upl=x|git x;touch C",
        ),
        (
            "git *",
            "git diff 2>&1",
            "git bisect run x|git config a.b c|git submodule foreach x|git $x",
        ),
        ("git -c a.b=c *", "git -c a.b=c log", "git -c a.b=d log|git -c a.b=c -c x=y log"),
        ("npm test:*", "npm test:unit|npm test:unit -v", "npm test|npm run x|npm test:x; npm x"),
        (
            "npm test *",
            "npm test|npm test -- y",
            "npm testx|npm test > C|npm test --script-shell=x",
        ),
        (
            "pytest *",
            "pytest -q tests|nice pytest",
            "pytest --basetemp=/|pytest --pasteb=all|pytest x | sh",
        ),
        ("python -m pytest *", "python -m pytest -q", "python -m pip|python -m pytest -c x"),
        ("find . *", "find . -name x", "find . -delete|find . -exec touch C +|find x -delete"),
        ("tar *", "tar tf x", "tar tf x --checkpoint-act=exec=x|tar xf x -I x|tar xf x --to-com=x"),
        ("make *", "make|make test", "make -f x|make --eval=x|make SHELL=x|make --fi x"),
        (
            "curl https://a.b/*",
            "curl https://a.b/c",
            "curl https://a.b/c -o C|curl https://a.b/c -K f",
        ),
        ("sort *", "sort -u f", "sort -o C f|sort --outp C f"),
        ("timeout 5 *", "timeout 5 make", "timeout 5 git -c a=b log|timeout 9 make"),
        ("touch [*]", "touch *", "touch y"),
        ("rg *", "rg x", "rg *"),
        ("mkdir *", "mkdir x|mkdir a*", "mkdir *|mkdir -?f"),
    ],
)
async def test_what_a_rule_admits(
    runtime: LocalRuntime, rule: str, admits: str, refuses: str
) -> None:
    rules = (parse_rule(f"shell({rule})", "allow", "user"),)
    for expected, commands in (("allow", admits), ("ask", refuses)):
        for command in filter(None, commands.split("|" if " | " not in commands else "\0")):
            claims = await Shell().claims({"command": command}, runtime)
            assert judge(claims, rules, "ask").decision == expected, command


async def test_a_file_that_may_hold_keys_does_not_hide_one_that_does(
    runtime: LocalRuntime,
) -> None:
    for command in ("cat .env ~/.ssh/id_rsa", "cat .env && echo x > .tuiagent/config.toml"):
        assert (await verdict(runtime, command)).decision == "deny"


NAMES = sorted({*programs.PROGRAMS, *programs.SPECIAL, "timeout", "env", "nice"} - {"sleep"})
LONG = sorted(
    {n for p in programs.PROGRAMS.values() for n in f"{p.names} {p.valued_names}".split()}
)
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
    st.sampled_from(["evil", "list", "@list", "../secret", "sub/*", "sub", "evi?", "{}", "+"]),
    st.builds("--{}{}".format, st.sampled_from(LONG), st.sampled_from(["", "=1", "=list", " --"])),
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
    """Run for real, without a terminal: no file appears, changes or goes, and nothing is shown
    of what lies elsewhere."""
    claims = asyncio.run(Shell().claims({"command": command}, runtime))
    if judge(claims, (), "ask").decision != "allow":
        return
    before = tree(runtime.folder)
    with contextlib.suppress(subprocess.TimeoutExpired):  # a program that waits changes nothing
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=runtime.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=5,
            check=False,
        )
        assert CANARY.encode() not in done.stdout
    assert tree(runtime.folder) == before


@pytest.mark.skipif(sys.platform != "linux", reason="the words of these messages are GNU's")
@pytest.mark.parametrize("name", sorted(programs.PROGRAMS))
def test_options_take_the_values_that_the_table_says(name: str) -> None:
    """An option that takes the next word unseen, or leaves it, would hide what is read."""
    path = shutil.which(name, path="/usr/bin:/bin")
    if path is None:
        pytest.skip("it is not installed here")
    program = programs.PROGRAMS[name]
    valued = [f"-{one}" for one in program.valued] + [
        f"--{n}" for n in program.valued_names.split()
    ]
    plain = [f"-{one}" for one in program.flags] + [f"--{n}" for n in program.names.split()]
    for option in (*valued, *plain):
        done = subprocess.run(
            [path, option],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
            timeout=10,
            check=False,
        )
        said = done.stdout + done.stderr
        unknown = re.search(r"unrecognized|invalid option|unknown option", said)
        assert unknown or ("requires an argument" in said) == (option in valued), (option, said)


@given(st.text("ab -;&|<>()$`'\"\\{}*~#!=\n/", max_size=30))
def test_a_plain_line_holds_no_sign_of_the_shells_outside_of_quotes(text: str) -> None:
    line = read("echo " + text)
    bare = re.sub(r"'[^']*'|\"[^\"]*\"|\\.", "", text).strip()
    if line.commands and bare.count("'") == bare.count('"') == 0:
        assert not set(bare.replace("{}", "")) & set("$`<>(){}#!\n"), (bare, line)
