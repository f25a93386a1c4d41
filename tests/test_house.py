"""The house rules that no linter knows."""

import ast
import tomllib
from importlib import import_module
from pathlib import Path

import msgspec
import pytest

import tuiagent
from tuiagent.ports import Kit
from tuiagent.registry import load

ROOT = Path(__file__).parent.parent
FILES = sorted((ROOT / "tuiagent").rglob("*.py"))
PURE = {
    "__future__",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "functools",
    "hashlib",
    "itertools",
    "json",
    "math",
    "msgspec",
    "re",
    "tuiagent",
    "typing",
    "unicodedata",
    "zlib",
}
TABLES = ("clients", "connectors", "library", "providers", "runtimes", "stores", "tools", "vaults")


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_sizes_and_docstrings(path: Path) -> None:
    tree = parsed(path)
    assert path.read_text().count("\n") <= 400
    assert ast.get_docstring(tree), "a module says what it is"
    for node in ast.walk(tree):
        if isinstance(node, FUNCTIONS):
            assert (node.end_lineno or 0) - node.lineno < 60, node.name
        if isinstance(node, ast.ClassDef):
            assert sum(isinstance(n, FUNCTIONS) for n in node.body) <= 30, node.name
    for node in [
        *tree.body,
        *(n for c in tree.body if isinstance(c, ast.ClassDef) for n in c.body),
    ]:
        if isinstance(node, (*FUNCTIONS, ast.ClassDef)) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{node.name} says what it is"


@pytest.mark.parametrize("folder", ["kernel", "views"])
def test_the_pure_rooms_import_only_what_is_pure(folder: str) -> None:
    for path in (ROOT / "tuiagent" / folder).glob("*.py"):
        for node in ast.walk(parsed(path)):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in PURE, f"{path.name}: {name}"
                if name.startswith("tuiagent."):
                    allowed = ("kernel",) if folder == "kernel" else ("kernel", "views")
                    assert name.split(".")[1] in allowed, f"{path.name}: {name}"


@pytest.mark.parametrize("name", TABLES)
def test_every_name_in_every_table_resolves(name: str) -> None:
    for path in import_module(f"tuiagent.{name}").TABLE.values():
        assert callable(load(path)), path


def test_every_name_that_is_loaded_resolves() -> None:
    """What is named by a string is missed by no type checker once it has moved."""
    for path in FILES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                named = node.args[0] if node.func.id == "load" and node.args else None
                if isinstance(named, ast.Constant) and str(named.value).startswith("tuiagent."):
                    assert load(str(named.value)) is not None, path


def test_only_the_assembly_names_concrete_classes() -> None:
    rooms = {"providers", "tools", "runtimes", "stores", "vaults", "library", "connectors"}
    for path in FILES:
        room = path.relative_to(ROOT / "tuiagent").parts[0]
        if room in ("assembly.py", "means.py", "lending.py", "__init__.py", *rooms):
            continue
        for node in ast.walk(parsed(path)):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            assert not module or module.split(".")[1:2] not in [[r] for r in rooms], path


def test_a_kit_holds_little() -> None:
    assert len(msgspec.structs.fields(Kit)) <= 6


def test_the_readme_names_every_package_and_the_versions_agree() -> None:
    readme = (ROOT / "README.md").read_text()
    for path in (ROOT / "tuiagent").iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            assert f"`tuiagent/{path.name}`" in readme
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == tuiagent.__version__


def test_themes_and_skills_can_be_read() -> None:
    for path in (ROOT / "themes").glob("*.toml"):
        theme = tomllib.loads(path.read_text())
        assert theme["name"] == path.stem
        assert theme["primary"]
    for path in (ROOT / "skills").glob("*/SKILL.md"):
        head = path.read_text().split("---\n")[1]
        assert f"name: {path.parent.name}\n" in head
        assert "description: " in head
