"""Which line of a list belongs to which entry, against the list written out."""

from hypothesis import given
from hypothesis import strategies as st

from tuiagent.clients.tui.folds import Folds
from tuiagent.clients.tui.wrap import shortened, worded, wrapped

heights = st.lists(st.integers(0, 4), min_size=1, max_size=30)


@given(heights)
def test_every_line_is_found(heights: list[int]) -> None:
    folds = Folds()
    folds.count = len(heights)
    for entry, height in reversed(list(enumerate(heights))):
        folds.unfold(entry, 9)
        folds.unfold(entry, height)
    lines = [(entry, n) for entry, height in enumerate(heights) for n in range(height + 1)]
    assert folds.lines == len(lines)
    assert [folds.at(line) for line in range(len(lines))] == lines
    assert [lines[folds.top(entry)] for entry in range(len(heights))] == [
        (entry, 0) for entry in range(len(heights))
    ]


@given(heights, st.integers(1, 12), st.integers(0, 200), st.data())
def test_what_is_revealed_is_seen(
    heights: list[int], view: int, y: int, data: st.DataObject
) -> None:
    folds = Folds()
    folds.count = len(heights)
    for entry, height in enumerate(heights):
        folds.unfold(entry, height)
    entry = data.draw(st.integers(0, len(heights) - 1))
    found = folds.reveal(entry, view, y)
    first, last = folds.top(entry), folds.top(entry) + heights[entry]
    seen = set(range(found, found + view)) & set(range(first, last + 1))
    assert len(seen) == min(view, last - first + 1)
    assert folds.reveal(entry, view, found) == found


@given(st.text(st.sampled_from("ab 宽\n.")), st.integers(2, 20))
def test_nothing_is_lost_by_wrapping(text: str, width: int) -> None:
    assert "".join(wrapped(text, width)) == text.replace("\n", "")
    assert "".join(worded(text, width)).replace(" ", "") == text.replace("\n", "").replace(" ", "")


@given(st.integers(0, 60), st.integers(0, 20))
def test_what_is_shortened_keeps_its_ends(count: int, room: int) -> None:
    lines = [str(n) for n in range(count)]
    found = shortened(lines, room, lambda hidden: f"{hidden} more")
    assert len(found) <= max(3, room)
    if count:
        assert (found[0], found[-1]) == (lines[0], lines[-1])
