"""Runs the groups of checks, and says what each took against its budget."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
STATIC = (
    ("ruff format", [BIN / "ruff", "format", "--check", "--quiet", "."]),
    ("ruff check", [BIN / "ruff", "check", "--quiet", "."]),
    ("import contracts", [BIN / "lint-imports", "--no-logo"]),
    ("types", [BIN / "pyright"]),
)
GROUPS: dict[str, tuple[int, list[str]]] = {
    "static": (60, []),
    "kernel": (60, ["tests/kernel", "tests/test_house.py", "tests/test_imports.py"]),
    "contracts": (120, ["tests/contracts"]),
    "seeds": (120, ["tests/seeds"]),
    "kills": (120, ["tests/crash"]),
    "screens": (180, ["tests/screens"]),
    "rest": (120, ["tests/flows", "tests/scripts"]),
}
"""Budget in seconds, and what pytest is given."""
WRONG = frozenset({"failure", "error"})
UNSTEADY = 3
"""Tests that may fail beside all others if they pass alone: real processes die. Each is named."""


class Group(NamedTuple):
    """What a group came to."""

    took: float
    """Seconds: of checks that ran side by side, or of its tests, shared by all workers."""
    passed: int
    failed: int
    skipped: int = 0
    unsteady: int = 0
    """Failed, and then passed alone."""


def static() -> Group:
    """Runs the four static checks side by side."""
    began = time.monotonic()
    pipe, told = subprocess.PIPE, subprocess.STDOUT
    running = [
        (
            name,
            subprocess.Popen([str(part) for part in command], cwd=ROOT, stdout=pipe, stderr=told),
        )
        for name, command in STATIC
    ]
    failed = 0
    for name, process in running:
        said, _ = process.communicate()
        wrong = process.returncode != 0
        failed += wrong
        print(
            f"{said.decode() if wrong else ''}  {name}: {'FAILED' if wrong else 'ok'}", flush=True
        )
    return Group(time.monotonic() - began, len(STATIC) - failed, failed)


def tests(names: Sequence[str], more: list[str]) -> dict[str, Group]:
    """Runs all tests of these groups at once, so that no worker waits for the end of a group."""
    workers = 1 + (os.cpu_count() or 1)  # many tests wait for processes of their own
    paths = [path for name in names for path in GROUPS[name][1]]
    with tempfile.NamedTemporaryFile(suffix=".xml") as file:
        spread = ["--cache-clear", "-n", str(workers), "--dist", "worksteal"]
        command = [sys.executable, "-m", "pytest", "-q", *spread, *paths, *more]
        command.append(f"--junitxml={file.name}")
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        cases = list(ElementTree.parse(file.name).iter("testcase")) if code in (0, 1) else []
    wrong = [case for case in cases if kinds(case) & WRONG]
    if 0 < len(wrong) <= UNSTEADY and passes_alone([*paths, *more]):
        code = 0
        for case in wrong:
            print(f"UNSTEADY: {case.get('classname')}::{case.get('name')}", flush=True)
            case.append(ElementTree.Element("unsteady"))
    found = {name: [case for case in cases if group_of(case) == name] for name in names}
    groups = {name: counted(cases, workers) for name, cases in found.items()}
    if code not in (0, 5) and not any(group.failed for group in groups.values()):
        groups["pytest"] = Group(0.0, 0, 1)
    return groups


def passes_alone(given: Sequence[str]) -> bool:
    """Runs what has failed once more, one test after the other."""
    print("once more, alone:", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--last-failed", *given]
    return subprocess.run([*command, "--last-failed-no-failures", "none"], cwd=ROOT).returncode == 0


def kinds(case: ElementTree.Element) -> set[str]:
    """What is told of a test."""
    return {child.tag for child in case} & {*WRONG, "skipped", "unsteady"}


def group_of(case: ElementTree.Element) -> str:
    """The group to whose paths a test belongs."""
    module = case.get("classname", "") or case.get("name", "")
    for name, (_, paths) in GROUPS.items():
        for path in paths:
            place = path.removesuffix(".py").replace("/", ".")
            if module == place or module.startswith(f"{place}."):
                return name
    return ""


def counted(cases: Sequence[ElementTree.Element], workers: int) -> Group:
    """How the tests of a group ended."""
    told = [kinds(case) for case in cases]
    unsteady = sum("unsteady" in one for one in told)
    failed = sum(bool(one & WRONG) for one in told) - unsteady
    skipped = sum(one == {"skipped"} for one in told)
    took = sum(float(case.get("time", 0)) for case in cases) / workers
    return Group(took, len(cases) - failed - skipped - unsteady, failed, skipped, unsteady)


def row(name: str, group: Group) -> str:
    """A group's line."""
    budget = GROUPS[name][0] if name in GROUPS else 0
    over = "  OVER ITS BUDGET" if group.took > budget else ""
    return (
        f"{name:10} {group.took:6.1f} s of {budget:3} s{over}  "
        f"{group.passed} passed, {group.failed} failed, {group.skipped} skipped"
        + (f", {group.unsteady} UNSTEADY" if group.unsteady else "")
    )


def main() -> int:
    """Runs the groups that are named, or all; 1 when anything failed."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    argv = sys.argv[1:]
    more = argv[argv.index("--") + 1 :] if "--" in argv else []
    names = argv[: argv.index("--")] if "--" in argv else argv
    unknown = [name for name in names if name not in GROUPS]
    if unknown:
        print(f"no group {unknown[0]}; there are: {', '.join(GROUPS)}", file=sys.stderr)
        return 2
    names = names or list(GROUPS)
    began = time.monotonic()
    ended = {"static": static()} if "static" in names else {}
    if tested := [name for name in names if name != "static"]:
        ended |= tests(tested, more)
    passed, failed, skipped, unsteady = (
        sum(column) for column in zip(*(g[1:] for g in ended.values()), strict=True)
    )
    print("\n".join(["", *(row(name, group) for name, group in ended.items())]))
    took = time.monotonic() - began
    print(f"{took:.0f} s: {passed} passed, {failed} failed, {skipped} skipped, {unsteady} unsteady")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
