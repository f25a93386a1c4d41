"""What the prompt is made of: matching, files, symbols, skills, drafts, the person's own editor."""

import os
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual._xterm_parser import XTermParser
from textual.events import Key

from tests.kernel.test_runs_view import told
from tests.kernel.world import OPENED, STREAM
from tuiagent.clients.tui import fuzzy, outside
from tuiagent.clients.tui.prompt import complete, files, keys, symbols
from tuiagent.clients.tui.prompt.files import FileIndex
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.lifecycle import SessionDeleted, SessionErased, SessionRestored
from tuiagent.kernel.prompts import PromptSubmitted
from tuiagent.views import history
from tuiagent.views.history import HistoryView

TEXTS = st.text(alphabet="abAB/_-. zé", max_size=30)
QUERIES = st.text(alphabet="abAB/_.é", min_size=1, max_size=6)
SEVERAL = st.lists(QUERIES, min_size=1, max_size=3).map(" ".join)


def holds(query: str, text: str) -> bool:
    """Whether the letters are there in order, told the plain way."""
    if query == query.lower():
        text = text.lower()
    rest = iter(text)
    return all(char in rest for char in query)


@given(QUERIES, TEXTS)
def test_a_match_is_what_holds_the_letters_in_order(query: str, text: str) -> None:
    hit = fuzzy.match(query, text)
    assert (hit is not None) == holds(query, text)
    if hit is not None:
        assert list(hit.positions) == sorted(set(hit.positions))
        letters = "".join(text[place] for place in hit.positions)
        assert letters == query or letters.lower() == query


@given(st.text(alphabet="ab c", max_size=30), st.integers(0, 30), st.integers(1, 5))
def test_every_part_of_a_text_finds_it_word_by_word(text: str, start: int, size: int) -> None:
    words = text[start : start + size].split()
    hit = fuzzy.match(" ".join(reversed(words)), text)
    assert hit is not None
    assert {text[place] for place in hit.positions} == set("".join(words))


@given(SEVERAL, st.lists(TEXTS.filter(bool), min_size=1, max_size=20))
def test_the_quick_look_finds_the_same(query: str, texts: list[str]) -> None:
    found = fuzzy.lines(query, "\n".join(texts))
    assert found == [text for text in texts if fuzzy.match(query, text)]


@given(SEVERAL, st.lists(TEXTS, max_size=20), st.integers(1, 5))
def test_the_best_of_some_are_the_first_of_all(query: str, texts: list[str], limit: int) -> None:
    every = fuzzy.rank(query, texts, len(texts) + 1)
    assert fuzzy.rank(query, reversed(texts), limit) == every[:limit]
    assert [hit.score for hit in every] == sorted((hit.score for hit in every), reverse=True)


@pytest.mark.parametrize(
    ("query", "better", "worse"),
    [
        ("app", "src/app.py", "a/p/package.py"),
        ("app", "src/app.py", "src/application.py"),
        ("tapp", "tests/test_app.py", "src/stapper/x.py"),
        ("src/app", "src/app.py", "lib/src/old/app.py"),
        ("FB", "src/FooBar.py", "src/FileBrowser/old.py"),
        ("readme", "README.md", "docs/readme/other.txt"),
    ],
)
def test_what_is_meant_comes_first(query: str, better: str, worse: str) -> None:
    assert fuzzy.rank(query, [worse, better], 2)[0].text == better


def test_capitals_matter_to_who_writes_one() -> None:
    assert fuzzy.match("app", "APP")
    assert not fuzzy.match("App", "app")


def test_a_long_name_costs_no_more_than_its_length() -> None:
    """Steps that went back would take ages here."""
    assert fuzzy.lines("a" * 30 + "!", "a" * 100_000) == []


@pytest.mark.parametrize(
    ("before", "first", "kind", "query"),
    [
        ("/mo", True, "command", "mo"),
        ("/mo", False, "", ""),
        ("x /mo", True, "", ""),
        ("/mode pl", True, "value", "pl"),
        ("see @a/b", False, "file", "a/b"),
        ('see @"a b', False, "file", "a b"),
        ("(@x", False, "file", "x"),
        ("mail me@home", False, "", ""),
        ("@a b", False, "", ""),
        ("use #re", False, "skill", "re"),
        ("# Title", False, "", ""),
        ("issue #12", False, "", ""),
    ],
)
def test_what_is_asked_for_at_the_cursor(before: str, first: bool, kind: str, query: str) -> None:
    wanted = complete.wanted(before, first)
    assert (wanted.kind if wanted else "", wanted.query if wanted else "") == (kind, query)


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        ("\x1b\r", ["alt+enter"]),
        ("\x1bqs", ["alt+q", "s"]),
        ("\r", ["enter"]),
        ("\n", ["ctrl+j"]),
        ("\x1b[13;2u", ["shift+enter"]),
        ("\x1b[27;2;13~", ["shift+enter"]),
        ("\x1bOA", ["up"]),
    ],
)
def test_keys_of_old_and_new_terminals(sent: str, names: list[str]) -> None:
    keys.teach()
    parser = XTermParser()
    events = [*parser.feed(sent), *parser.tick()]
    assert [keys.meant(event.key) for event in events if isinstance(event, Key)] == names


# ---------------------------------------------------------------- files


def found(index: FileIndex, query: str) -> list[str]:
    index.refresh()
    return [hit.text for hit in index.search(query, 50, threading.Event())]


def planted(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    return folder


@pytest.mark.parametrize("git", [True, False])
def test_ignored_files_are_not_offered(tmp_path: Path, git: bool) -> None:
    planted(tmp_path, "src/a.py", "b.log", "node_modules/a.js", "new\nline")
    (tmp_path / ".gitignore").write_text("*.log\nnode_modules\n")
    if git:
        subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    names = found(FileIndex(str(tmp_path)), "")
    assert {"src/", "src/a.py"} <= set(names)
    assert not {"node_modules/a.js", "new\nline"} & set(names)
    assert ("b.log" in names) is not git
    assert found(FileIndex(str(tmp_path / "src")), "") == ["a.py"]
    planted(tmp_path, "src/__pycache__/a.pyc")  # nobody has told git to ignore it
    assert not found(FileIndex(str(tmp_path)), "a.pyc")


def test_a_repository_runs_nothing_when_its_files_are_listed(tmp_path: Path) -> None:
    planted(tmp_path, "a")
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    monitor.chmod(0o755)
    for key, value in (("core.fsmonitor", str(monitor)), ("core.fsmonitorHookVersion", "1")):
        subprocess.run(["git", "-C", str(tmp_path), "config", key, value], check=True)
    assert "a" in found(FileIndex(str(tmp_path)), "")
    assert not (tmp_path / "ran").exists()


def test_there_may_be_more_files_than_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted(tmp_path, *(f"d{n}/f{n}" for n in range(20)))
    monkeypatch.setattr(files, "MOST", 10)
    index = FileIndex(str(tmp_path))
    assert 10 <= len(found(index, "")) <= 20
    assert index.cut
    assert found(index, "./d19/") == ["./d19/f19"]


def test_a_longer_query_looks_only_among_what_matched(tmp_path: Path) -> None:
    planted(tmp_path, "alpha", "beta")
    index = FileIndex(str(tmp_path))
    assert found(index, "a") == ["beta", "alpha"] or found(index, "a") == ["alpha", "beta"]
    assert found(index, "al") == ["alpha"]
    assert found(index, "b") == ["beta"]
    assert found(index, "") != []


def test_a_search_stops_when_it_is_to(tmp_path: Path) -> None:
    planted(tmp_path, "alpha")
    index = FileIndex(str(tmp_path))
    index.refresh()
    stop = threading.Event()
    stop.set()
    assert index.search("a", 5, stop) == []
    assert found(index, "al") == ["alpha"]


def test_a_folder_that_is_gone_has_no_files(tmp_path: Path) -> None:
    assert found(FileIndex(str(tmp_path / "gone")), "") == []
    assert found(FileIndex(str(tmp_path / "gone")), "../x/") == []


# ---------------------------------------------------------------- symbols


@pytest.mark.parametrize(
    ("path", "text", "names"),
    [
        ("a.py", "class A:\n    async def b(self): pass\nc = 1\n", ["A", "b"]),
        ("a.ts", "export class A {}\nexport const f = async (x) => 1\nfunction g() {}", "A f g"),
        ("a.go", "func (s *S) Do() {}\ntype T struct {}\nfunc main() {}", ["Do", "T", "main"]),
        ("a.rs", "pub(crate) async fn f() {}\nstruct S;\nimpl S {}", ["f", "S"]),
        ("a.c", "#define MAX 1\nstatic int add(int a,\nint b)\nstruct s {\nadd(1);", "MAX add s"),
        ("a.sh", "function f() {\ng() {\n", ["f", "g"]),
        ("a.md", "# One\ntext\n## Two words\n", ["One", "Two words"]),
        ("a.bin", "class A: pass", []),
    ],
)
def test_symbols_are_what_a_file_defines(path: str, text: str, names: str | list[str]) -> None:
    assert symbols.names(text, path) == (names.split() if isinstance(names, str) else names)


def test_lines_that_programs_made_are_not_looked_at() -> None:
    """The pattern for C would go over such a line a million million times."""
    assert symbols.names("a " * 500_000 + "(\nint f(void)\n", "a.c") == ["f"]


def test_a_changed_file_is_looked_at_again(tmp_path: Path) -> None:
    known = symbols.Symbols(str(tmp_path))
    (tmp_path / "a.py").write_text("def one(): pass")
    assert known.of("a.py") == ["one"]
    (tmp_path / "a.py").write_text("def two(): pass")
    os.utime(tmp_path / "a.py", (1, 1))
    assert known.of("a.py") == ["two"]
    hits = known.search(["a.py", "gone.py", "b.txt"], "tw", 5, threading.Event())
    assert [(hit.name, hit.path) for hit in hits] == [("two", "a.py")]


# ---------------------------------------------------------------- the person's own editor


def editing(tmp_path: Path, script: str) -> dict[str, str]:
    path = tmp_path / "my editor"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return {"EDITOR": f"'{path}' --flag", "VISUAL": ""}


def test_the_editors_text_is_taken(tmp_path: Path) -> None:
    environ = editing(tmp_path, f'stat -c %a "$2" > {tmp_path}/mode; printf "b\\033[1m" >> "$2"')
    assert outside.edited("a\n", environ) == "a\nb"
    assert (tmp_path / "mode").read_text() == "600\n"


@pytest.mark.parametrize("script", ["exit 3", 'rm "$2"', "kill -9 $$"])
def test_an_editor_that_fails_changes_nothing(tmp_path: Path, script: str) -> None:
    with pytest.raises(TuiagentError, match="your text is as it was"):
        outside.edited("a", editing(tmp_path, script))


def test_an_editor_that_is_not_there_is_said() -> None:
    with pytest.raises(TuiagentError, match=r"set \$EDITOR"):
        outside.edited("a", {"EDITOR": "/no/such/editor"})
    with pytest.raises(TuiagentError, match="cannot be read"):
        outside.edited("a", {"EDITOR": "vi '"})


# ---------------------------------------------------------------- the view


def said(*facts: object) -> list[str]:
    view = HistoryView()
    for event in told(*facts):  # type: ignore[arg-type]
        view.apply(event)
    other = HistoryView()
    other.load(view.save())
    assert other.snapshot() == view.snapshot()
    return [row.text for row in view.snapshot()]


def test_the_history_is_what_was_said_and_not_erased() -> None:
    one, two = PromptSubmitted("p1", "one"), PromptSubmitted("p2", "two", steer=True)
    assert said(OPENED, one, two) == ["one", "two"]
    assert said(OPENED, one, SessionDeleted(1.0)) == []
    assert said(OPENED, one, SessionDeleted(1.0), SessionRestored()) == ["one"]
    assert said(OPENED, one, SessionDeleted(1.0), SessionErased()) == []
    assert said(one) == []
    assert said(OPENED, PromptSubmitted("p1", "x" * 20_001)) == []
    many = [PromptSubmitted(f"p{n}", str(n)) for n in range(history.KEPT + 5)]
    assert said(OPENED, *many) == [str(n) for n in range(5, history.KEPT + 5)]


def test_others_prompts_and_what_was_imported_are_told_apart() -> None:
    view = HistoryView()
    for event in told(OPENED, PromptSubmitted("p1", "one"), actor="anna"):
        view.apply(event)
    (row,) = view.snapshot()
    assert (row.actor, row.folder, row.stream) == ("anna", OPENED.folder, STREAM)
