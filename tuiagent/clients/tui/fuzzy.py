"""What a few letters find: each word's letters in order, smart about case, folders and beginnings.

No library does this: rapidfuzz measures how alike texts are, finds what lacks letters and does not
say where they stand; Textual's own search takes five times as long.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import islice

from msgspec import Struct

CONSECUTIVE, BOUNDARY, EXACT, IN_NAME, GAP = 12, 16, 60, 30, 2
"""Points: a letter beside the last one, at a word's start, the whole name, all in the name, and
what is taken away for each letter skipped."""


BLOCK = 500
"""Texts that are searched or taken in one go, less than 1 ms."""
BREATH = 0.0005
"""Seconds between two of these, in which the screen has its turn."""
SCORED = 4000
"""Matches that are compared, the first ones."""


class Hit(Struct, frozen=True):
    """A text that holds every word of a query, letter by letter."""

    score: int
    text: str
    positions: tuple[int, ...]
    """Where the letters are."""


def sensitive(query: str) -> bool:
    """Whether capitals matter: only to who writes one."""
    return query != query.lower()


@lru_cache(32)
def _pattern(query: str) -> re.Pattern[str]:
    """Lines that hold these letters in order; it never looks at a letter twice."""
    steps = "".join(f"[^\\n{re.escape(char)}]*{re.escape(char)}" for char in query)
    flags = re.MULTILINE | (0 if sensitive(query) else re.IGNORECASE)
    return re.compile(f"^{steps}.*$", flags)


def lines(query: str, block: str) -> list[str]:
    """The lines of a block of text that match."""
    words = query.split()
    found = _pattern(words[0]).findall(block) if words else block.split("\n")
    for word in words[1:]:
        found = _pattern(word).findall("\n".join(found))
    return found


def joined(texts: Sequence[str]) -> Iterator[str]:
    """The texts in blocks of lines; none of them has more than one."""
    for start in range(0, len(texts), BLOCK):
        yield "\n".join(texts[start : start + BLOCK])


def sifted(query: str, blocks: Iterable[str], stopped: Callable[[], bool]) -> list[str]:
    """The lines of all blocks that match, or some of them once it is to stop. Blocks."""
    found: list[str] = []
    for block in blocks:
        if stopped():
            break
        found += lines(query, block)
        time.sleep(BREATH)
    return found


def scored(query: str, texts: Sequence[str], limit: int, stopped: Callable[[], bool]) -> list[Hit]:
    """The best of the first SCORED texts; none once it is to stop. Blocks."""
    hits: list[Hit] = []
    for start in range(0, min(len(texts), SCORED), 200):
        if stopped():
            return []
        more = [*hits, *rank(query, texts[start : start + 200], limit)]
        hits = best(more, limit) if query else more[:limit]
        time.sleep(BREATH)
    return hits


def match(query: str, text: str) -> Hit | None:
    """How well this text matches; None when it does not hold every word."""
    hits: list[Hit] = []
    for word in query.split():
        hit = _match(word, text)
        if hit is None:
            return None
        hits.append(hit)
    if len(hits) == 1:
        return hits[0]
    places = {place for hit in hits for place in hit.positions}
    return Hit(sum(hit.score for hit in hits), text, tuple(sorted(places)))


def _match(query: str, text: str) -> Hit | None:
    plain = text if sensitive(query) else _lower(text)
    wanted = query if sensitive(query) else _lower(query)
    name = plain.rfind("/", 0, len(plain) - 1) + 1
    inside = _places(wanted, plain, name) if "/" not in wanted else None
    found = inside if inside is not None else _places(wanted, plain, 0)
    if found is None:
        return None
    score = IN_NAME if inside else 0
    before = None
    for place in found:
        score += BOUNDARY if _begins(text, place) else 0
        if before is not None:
            score += CONSECUTIVE if place == before + 1 else -GAP * min(8, place - before)
        before = place
    stem = plain[name:].rstrip("/")
    score += EXACT if wanted in (stem, stem.rpartition(".")[0]) and wanted else 0
    return Hit(score, text, tuple(found))


def rank(query: str, texts: Iterable[str], limit: int) -> list[Hit]:
    """The best matches first; of equals the shorter one, then by the alphabet.

    Where nothing is asked for, they stay in their order.
    """
    if not query:
        return [Hit(0, text, ()) for text in islice(texts, limit)]
    hits = [hit for text in texts if (hit := match(query, text))]
    return best(hits, limit)


def best(hits: Iterable[Hit], limit: int) -> list[Hit]:
    """The best of them, in the order in which they are offered."""
    return sorted(hits, key=lambda hit: (-hit.score, len(hit.text), hit.text))[:limit]


def _lower(text: str) -> str:
    """Small letters, each in its place."""
    low = text.lower()
    if len(low) == len(text):
        return low
    return "".join(char if len(char.lower()) > 1 else char.lower() for char in text)


def _places(wanted: str, text: str, start: int) -> list[int] | None:
    """Where the letters are, in the tightest run that ends where they are first all there."""
    place = start - 1
    for char in wanted:
        place = text.find(char, place + 1)
        if place < 0:
            return None
    found: list[int] = []
    place += 1
    for char in reversed(wanted):
        place = text.rfind(char, start, place)
        found.append(place)
    return found[::-1]


def _begins(text: str, place: int) -> bool:
    """Whether a word begins here."""
    if place == 0:
        return True
    before, here = text[place - 1], text[place]
    return not before.isalnum() or (here.isupper() and not before.isupper())
