"""Text of others on its way to a terminal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tuiagent.clients.clean import clean

STEERING = [
    "\x1b",
    "\x1b[",
    "\x1b]",
    "\x9b",
    "\x9d",
    "\x90",
    "\x07",
    "\x1b\\",
    "\x9c",
    "\x08",
    "\x7f",
]
TEXT = ["31m", "0;title", "a", "\u202e", "\u200b", "\r\n", "\r", "\n", "\t", "wörd", "$q", ";"]
PIECES = st.sampled_from([*STEERING, *TEXT])


@given(st.one_of(st.text(), st.lists(PIECES).map("".join)))
def test_nothing_that_steers_a_terminal_is_left(text: str) -> None:
    found = clean(text)
    assert not [c for c in found if unicodedata.category(c) in ("Cc", "Cf") and c not in "\n\t"]
    assert clean(found) == found


@given(st.text(st.characters(categories=["L", "N", "P", "S", "Zs"], include_characters="\n\t")))
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07rest", "rest"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1bP1$r\x1b\\rest", "rest"),
        ("a\rb", "ab"),
        ("a\r\nb", "a\nb"),
        ("evil\u202etxt.exe", "evil\\u202etxt.exe"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert clean(text) == shown
