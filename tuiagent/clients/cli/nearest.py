"""Names what was probably meant."""

import re
from collections.abc import Sequence
from difflib import get_close_matches

UNKNOWN = re.compile(r"unrecognized arguments: (--?[\w-]+)|ambiguous option: (--?[\w-]+)")
CHOICE = re.compile(r"invalid choice: '([^']*)' \(choose from (.*)\)")


def nearest(word: str, known: Sequence[str], likeness: float = 0.6) -> str:
    """The known word that this one nearly is; "" for none that is so like it, of 1."""
    return next(iter(get_close_matches(word, known, 1, likeness)), "")


def hint(message: str, options: Sequence[str]) -> str:
    """What to add to a parser's complaint: what was probably meant, or ""."""
    unknown, choice = UNKNOWN.search(message), CHOICE.search(message)
    near = ""
    if unknown:
        near = nearest(unknown[1] or unknown[2], options)
    elif choice:
        near = nearest(choice[1], re.findall(r"[\w:-]+", choice[2]))
    return f"; did you mean {near!r}?" if near else ""
