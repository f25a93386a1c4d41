"""Keys that are known by a mark alone: whoever has not unlocked one still knows it when it is read.

A mark is a salted hash of the whole key. It tells nothing of a key that is long and random, which
those of models are; a shorter one gets none, as it could be guessed.
"""

import hashlib
import re
from collections.abc import Callable

from msgspec import Struct

SHORTEST, LONGEST = 20, 512
"""Characters of a key that gets a mark."""
WORD = re.compile(rf"[A-Za-z0-9_+/=.:~-]{{{SHORTEST},}}")
PARTS = re.compile(r"[=:/.]")
"""Where a word may be made of a name and a key."""


class Mark(Struct, frozen=True):
    """What is kept of a key."""

    length: int
    hash: str
    """Hexadecimal, 128 bits."""


def mark(key: str, salt: bytes) -> Mark | None:
    """The mark of a key; None for one that gets none."""
    if not SHORTEST <= len(key) <= LONGEST or not WORD.fullmatch(key):
        return None
    return Mark(len(key), hashlib.blake2b(key.encode(), key=salt, digest_size=16).hexdigest())


class Marks(Struct, frozen=True):
    """The marks of all keys that are kept here."""

    salt: bytes = b""
    known: frozenset[Mark] = frozenset()

    def masked(self, text: str, sign: str) -> str:
        """The text with this sign in place of keys that stand in it as words, or parts of them."""
        if not self.known:
            return text
        return WORD.sub(self._judge(sign), text)

    def _judge(self, sign: str) -> Callable[[re.Match[str]], str]:
        lengths = {one.length for one in self.known}

        def judged(match: re.Match[str]) -> str:
            word = match[0]
            ends = [piece for n in lengths for piece in (word[:n], word[-n:])]
            for piece in (*ends, *PARTS.split(word)):
                if len(piece) in lengths and mark(piece, self.salt) in self.known:
                    word = word.replace(piece, sign)
            return word

        return judged


NONE = Marks()
