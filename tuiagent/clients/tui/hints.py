"""Keys that a line of help names: who clicks on one has it pressed."""

import re
from collections.abc import Iterator

HINT = re.compile(r"\S+(?: \S+)*")
"""One or more keys and what they do; two spaces part it from the next one."""
KEY = re.compile(
    r"(\^\S|⇧\S|Alt\+\S|F\d{1,2}|Esc|Enter|Tab|Home|End|[←→↑↓A-Za-z]|/(?= ))(?=[ /↓]|$)[ /]?"
)
NAMES = {"←": "left", "→": "right", "↑": "up", "↓": "down", "Esc": "escape", "/": "slash"}
"""What Textual calls keys that it does not call by what stands here, in small letters."""
HELD = {"^": "ctrl+", "⇧": "shift+", "Alt+": "alt+"}


def parts(text: str) -> Iterator[tuple[str, str]]:
    """The text in parts, each with the key that it stands for; "" for none.

    What is said of several keys stands for the first.
    """
    done = 0
    for hint in HINT.finditer(text):
        yield text[done : hint.start()], ""
        first, done = "", hint.start()
        while found := KEY.match(text, done, hint.end()):
            key = pressed(found[1])
            first, done = first or key, found.end()
            yield found[0], key
        yield text[done : hint.end()], first
        done = hint.end()
    yield text[done:], ""


def pressed(key: str) -> str:
    """Textual's name of a key as people write it."""
    for mark, held in HELD.items():
        if key.startswith(mark):
            rest = key.removeprefix(mark)
            return held + NAMES.get(rest, rest.lower())
    return NAMES.get(key, key if len(key) == 1 else key.lower())
