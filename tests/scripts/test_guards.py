"""Each row of tests/guards names a guard that stands in the code, and tests that are there."""

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent

SPEC = importlib.util.spec_from_file_location("mutants", ROOT / "scripts" / "mutants.py")
assert SPEC is not None
assert SPEC.loader is not None
SCRIPT = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(SCRIPT)
MUTANTS = SCRIPT.mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_it_names_a_guard_and_its_tests(mutant: Any) -> None:
    assert (ROOT / mutant.file).read_text().count(mutant.old) == 1
    assert mutant.new != mutant.old
    named = [word for word in mutant.tests.split() if word.startswith("tests/")]
    assert named
    assert all((ROOT / word.partition("::")[0]).exists() for word in named)


def test_no_two_have_one_name() -> None:
    assert [name for name, n in Counter(m.name for m in MUTANTS).items() if n > 1] == []


@pytest.mark.parametrize(
    ("found", "names", "told", "code"),
    [
        ({"a": "red", "ab": "red"}, [], "2 of 2", 0),
        ({"a": "red", "ab": "GREEN"}, [], "1 of 2", 1),
        ({"a": "red", "b": "GREEN"}, ["a"], "1 of 1", 0),
        ({"a": "red"}, ["x"], "0 of 0", 1),
    ],
)
def test_what_is_told_of_them(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: dict[str, str],
    names: list[str],
    told: str,
    code: int,
) -> None:
    rows = [SCRIPT.Mutant(name, "", "", "", "") for name in found]
    monkeypatch.setattr(SCRIPT, "mutants", lambda: rows)
    monkeypatch.setattr(SCRIPT, "noticed", lambda mutant: found[mutant.name])
    monkeypatch.setattr("sys.argv", ["mutants", *names])
    assert SCRIPT.main() == code
    assert f"{told} guards taken away turned their tests red" in capsys.readouterr().out
