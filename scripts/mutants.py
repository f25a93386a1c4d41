"""Takes each guard away, in a copy of the tree: a test must notice."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Mutant(NamedTuple):
    """One guard, as it stands in a file, what is put in its place, and the tests that miss it."""

    name: str
    file: str
    old: str
    new: str
    tests: str


def mutants() -> list[Mutant]:
    """All of tests/guards/*.toml."""
    tables = sorted((ROOT / "tests" / "guards").glob("*.toml"))
    return [Mutant(**row) for table in tables for row in tomllib.loads(table.read_text())["guard"]]


def noticed(mutant: Mutant) -> str:
    """red, GREEN, or why there is no answer."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        copy = Path(folder) / "copy"
        skip = shutil.ignore_patterns(".venv", ".git", "__pycache__", ".*_cache", ".hypothesis")
        shutil.copytree(ROOT, copy, ignore=skip)
        path = copy / mutant.file
        text = path.read_text()
        if text.count(mutant.old) != 1:
            return f"STALE: its text is there {text.count(mutant.old)} times"
        path.write_text(text.replace(mutant.old, mutant.new))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider"]
        env = {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [*command, *mutant.tests.split()],
            cwd=copy,
            env=env,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=600,
        )
        if done.returncode == 1 and " failed" in done.stdout:
            return "red"
        if done.returncode == 0:
            return "GREEN: no test noticed"
        return f"BROKEN: {done.stdout[-300:]}{done.stderr[-300:]}"


def main() -> int:
    """Tries the guards whose names begin so, or all; 1 when no test notices that one is gone."""
    wanted = tuple(sys.argv[1:]) or ("",)
    found: list[str] = []
    for mutant in mutants():
        if not mutant.name.startswith(wanted):
            continue
        began = time.monotonic()
        found.append(noticed(mutant))
        print(f"{mutant.name:42} {found[-1]}  ({time.monotonic() - began:.0f} s)", flush=True)
    red = found.count("red")
    print(f"{red} of {len(found)} guards taken away turned their tests red, as they should")
    return 0 if found and red == len(found) else 1


if __name__ == "__main__":
    sys.exit(main())
