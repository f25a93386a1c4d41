"""Lines of a diff: what is shown is what the engine counts."""

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tuiagent.clients.tui.transcript.diff import (
    LONG,
    Line,
    counts,
    gutter,
    hunks,
    looks,
    pairs,
    parsed,
    rows,
    unchanged,
)
from tuiagent.clients.tui.transcript.rows import plain
from tuiagent.tools.changing import lines, separate, unified

TEXTS = st.lists(
    st.sampled_from(
        ["a\n", "b b\n", "b c\n", "--- x\n", "+++ y\n", "@@ -1 +1 @@\n", "\x0c\n", "z"]
    ),
    max_size=30,
).map("".join)


@given(TEXTS, TEXTS)
def test_changes_are_numbered_as_the_engine_undoes_them(before: str, after: str) -> None:
    found = parsed(unified("f", before.encode(), after.encode()))
    changes = separate(lines(before.encode()), lines(after.encode()))
    assert counts(found)[2] == len(changes)
    for number, (i1, i2, j1, j2) in enumerate(changes, 1):
        mine = [line for line in found if line.change == number]
        assert [line.old for line in mine if line.kind == "-"] == list(range(i1 + 1, i2 + 1))
        assert [line.new for line in mine if line.kind == "+"] == list(range(j1 + 1, j2 + 1))
    for line in found:
        whole = (before if line.kind == "-" else after).split("\n")
        if line.kind in " +-":
            assert line.text == whole[(line.old if line.kind == "-" else line.new) - 1]
    assert [line for hunk in hunks(found) for line in hunk] == found


@given(TEXTS, TEXTS)
def test_side_by_side_each_line_stands_once_and_on_its_side(before: str, after: str) -> None:
    found = parsed(unified("f", before.encode(), after.encode()))
    left = [found[old] for old, _ in pairs(found) if old is not None]
    right = [found[new] for _, new in pairs(found) if new is not None]
    assert [line for line in left if line.kind in " -"] == [x for x in found if x.kind in " -"]
    assert [line for line in right if line.kind in " +"] == [x for x in found if x.kind in " +"]


@given(TEXTS, TEXTS, st.integers(10, 60), st.booleans())
def test_every_word_is_drawn_whatever_the_width(
    before: str, after: str, width: int, sides: bool
) -> None:
    found = parsed(unified("f", before.encode(), after.encode()))
    drawn = list(rows(found, looks(found, "f.py"), width, gutter(found), sides))
    assert all(sum(map(cell_len, row.text)) <= max(width, 24) for _, row in drawn)
    if not sides:
        said = [row.words.strip() for _, row in drawn]
        assert "".join(said).replace(" ", "") == "".join(
            "".join(plain(line.text).split()) for line in found
        )


@given(st.text())
def test_any_text_is_a_diff_of_something(text: str) -> None:
    assert len(parsed("@@ -1 +1 @@\n" + text)) <= text.count("\n") + 2
    assert len(unchanged(text)) <= text.count("\n") + 1


def words(text: str) -> str:
    """What is drawn of a line."""
    return "".join(part for part, _ in looks([Line(" ", text)], "")[0])


def test_a_line_too_long_to_be_drawn_is_cut_and_none_steers_the_terminal() -> None:
    assert len(words("x" * LONG * 2)) == LONG + 1
    assert words("\tx\x1b[31m") == "        x"


def test_the_words_that_differ_are_marked() -> None:
    found = parsed(unified("f", b"one two three\n", b"one 2 three\n"))
    marked = [[text for text, look in spans if "word" in look] for spans in looks(found, "")]
    assert marked == [["two"], ["2"]]
