"""What ends a run that would not end by itself."""

from hypothesis import given
from hypothesis import strategies as st

from tuiagent.kernel.limits import repeated


def test_the_same_step_in_a_row_is_counted() -> None:
    assert repeated(["a"])[0] == 1
    assert repeated(["b", "a", "a", "a"]) == (3, "the same step, with the same result, 3 times")


def test_alternating_pairs_are_counted() -> None:
    assert repeated(["a", "b"] * 3) == (3, "the same two steps, in turn, 3 times")
    assert repeated(["x", "a", "b", "a", "b"])[0] == 2
    assert repeated(["a", "b", "c", "a", "b"])[0] == 1


@given(st.lists(st.sampled_from("ab"), min_size=1, max_size=12))
def test_never_more_repetitions_than_turns(turns: list[str]) -> None:
    times, words = repeated(turns)
    assert 1 <= times <= len(turns)
    if "in turn" in words:
        assert turns[-2 * times :] == turns[-2:] * times
    else:
        assert turns[-times:] == turns[-1:] * times
