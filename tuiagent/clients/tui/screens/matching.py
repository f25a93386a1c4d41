"""Finds by a few letters: every word of what was typed, in order or scattered."""

from collections.abc import Sequence

Found = tuple[int, tuple[int, ...]]
"""How well it fits, 0 is best, and where the letters stand."""


def words(typed: str) -> list[str]:
    """The words of what was typed."""
    return typed.lower().split()


def match(wanted: Sequence[str], text: str) -> Found | None:
    """How a text holds every word: at a word's start, inside, or letter by letter; None if not."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(char if len(char.lower()) > 1 else char.lower() for char in text)
    worst, places = 0, []
    for word in wanted:
        found = _whole(word, low) or _scattered(word, low)
        if found is None:
            return None
        worst = max(worst, found[0])
        places += found[1]
    return worst, tuple(sorted(set(places)))


def _whole(word: str, low: str) -> Found | None:
    first = low.find(word)
    if first < 0:
        return None
    place = first
    while place >= 0 and place and low[place - 1].isalnum():
        place = low.find(word, place + 1)
    begins = place >= 0
    at = place if begins else first
    return 0 if begins else 1, tuple(range(at, at + len(word)))


def _scattered(word: str, low: str) -> Found | None:
    place, places = -1, []
    for char in word:
        place = low.find(char, place + 1)
        if place < 0:
            return None
        places.append(place)
    return 2, tuple(places)
