"""Lines of a diff: what is shown is what the engine counts."""

from hypothesis import given
from hypothesis import strategies as st

from tuiagent.clients.tui.diff.hunks import LONG, counts, paired, parsed, plain, shown
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
        rows = (before if line.kind == "-" else after).split("\n")
        if line.kind in " +-":
            assert line.text == shown(rows[(line.old if line.kind == "-" else line.new) - 1])
        assert all(0 <= start < end <= len(line.text) for start, end in line.words)


@given(TEXTS, TEXTS)
def test_side_by_side_each_line_stands_once_and_on_its_side(before: str, after: str) -> None:
    found = parsed(unified("f", before.encode(), after.encode()))
    pairs = paired(found)
    left = [pair.left for pair in pairs if pair.left]
    right = [pair.right for pair in pairs if pair.right]
    assert [line for line in left if line.kind in " -"] == [x for x in found if x.kind in " -"]
    assert [line for line in right if line.kind in " +"] == [x for x in found if x.kind in " +"]


@given(st.text())
def test_any_text_is_a_diff_of_something(text: str) -> None:
    assert len(parsed("@@ -1 +1 @@\n" + text)) <= text.count("\n") + 2
    assert len(plain(text)) <= text.count("\n") + 1


def test_a_line_too_long_to_be_drawn_is_cut() -> None:
    assert len(shown("x" * LONG * 2)) == LONG + 1
    assert shown("\tx\x1b[31m") == "    x"


def test_the_words_that_differ_are_marked() -> None:
    found = parsed(unified("f", b"one two three\n", b"one 2 three\n"))
    assert [line.words for line in found] == [((4, 7),), ((4, 5),)]
