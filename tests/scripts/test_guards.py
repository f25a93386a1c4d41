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
