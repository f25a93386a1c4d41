"""Runs the groups of checks, and says what each took against its budget."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

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
COUNTS = re.compile(r"(\d+) (passed|failed|error|errors|skipped)\b")


def static() -> tuple[int, int]:
    """Runs the four static checks; how many passed and failed."""
    passed = failed = 0
    for name, command in STATIC:
        done = subprocess.run([str(part) for part in command], cwd=ROOT, check=False)
        print(f"  {name}: {'ok' if done.returncode == 0 else 'FAILED'}", flush=True)
        passed += done.returncode == 0
        failed += done.returncode != 0
    return passed, failed


def tests(paths: list[str], more: list[str]) -> tuple[int, int, int] | None:
    """Runs pytest on what exists of these paths; passed, failed, skipped, or None for nothing."""
    there = [path for path in paths if (ROOT / path).exists()]
    if not there:
        return None
    command = [sys.executable, "-m", "pytest", "-q", "-n", str(os.cpu_count() or 1), *there, *more]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    last = ""
    for line in process.stdout:
        print(line, end="", flush=True)
        last = line if COUNTS.search(line) else last
    code = process.wait()
    found = {word.rstrip("s"): int(number) for number, word in COUNTS.findall(last)}
    failed = found.get("failed", 0) + found.get("error", 0)
    return found.get("passed", 0), failed or int(code not in (0, 5)), found.get("skipped", 0)


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
    rows: list[str] = []
    total = [0, 0, 0]
    for name in names or GROUPS:
        budget, paths = GROUPS[name]
        print(f"== {name}", flush=True)
        began = time.monotonic()
        counts = (*static(), 0) if name == "static" else tests(paths, more)
        took = time.monotonic() - began
        over = "  OVER ITS BUDGET" if took > budget else ""
        if counts is None:
            rows.append(f"{name:10} no tests yet")
            continue
        total = [a + b for a, b in zip(total, counts, strict=True)]
        passed, failed, skipped = counts
        rows.append(
            f"{name:10} {took:6.1f} s of {budget:3} s{over}  "
            f"{passed} passed, {failed} failed, {skipped} skipped"
        )
    print("\n".join(["", *rows, f"{total[0]} passed, {total[1]} failed, {total[2]} skipped"]))
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
