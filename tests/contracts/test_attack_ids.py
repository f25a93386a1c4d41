"""Every row of the groups of attacks is named in some table, and what a table names is there."""

import ast
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


def read(name: str) -> Any:
    return tomllib.loads((HERE / name).read_text())


TABLE = read("attack_ids.toml")
IDS = TABLE["ids"].split()
GROUPS = {name: read(f"group_{name}.toml") for name in "dfijl"}
ROWS = [
    row
    for table in (*GROUPS.values(), read("web_attacks.toml"))
    for of in table.values()
    for row in of
]
BY = [test for row in ROWS for test in row.get("tests", ())]
NAMED = sorted({*BY, *(test for tests in TABLE["tests"].values() for test in tests)})


@pytest.mark.parametrize("ident", IDS)
def test_every_row_is_named_in_some_table(ident: str) -> None:
    named = {row["id"][:3] for row in ROWS}
    assert ident in {*named, *TABLE["shell"], *TABLE["tests"]}


def test_no_table_names_a_row_that_there_is_not() -> None:
    named = {*TABLE["shell"], *TABLE["tests"], *(row["id"][:3] for row in ROWS)}
    assert {ident for ident in named if ident[0] in TABLE["groups"]} <= {*IDS}
    assert {ident[0] for ident in IDS} == {*TABLE["groups"]}
    every = [row["id"] for row in ROWS]
    assert len(every) == len({*every})


@pytest.mark.parametrize("ident", TABLE["shell"])
def test_its_commands_are_judged(ident: str) -> None:
    judged = read("shell.toml")
    every = {*judged["ask"], *judged["deny"], *judged["never"].split("\n")}
    assert [text for text in TABLE["shell"][ident] if text not in every] == []


@pytest.mark.parametrize("said", NAMED)
def test_what_is_said_to_show_a_row_is_a_test(said: str) -> None:
    file, _, name = said.partition("::")
    assert name in written_in((HERE / file).resolve())


@cache
def written_in(path: Path) -> frozenset[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = (node for node in ast.parse(path.read_text()).body if isinstance(node, kinds))
    return frozenset(node.name for node in found if node.name.startswith("test_"))
