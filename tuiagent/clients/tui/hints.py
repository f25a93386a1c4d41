"""Keys that a line of help names: who clicks on one has it pressed."""

from collections.abc import Iterator

# no regular expressions: compiling two of them is 2 ms of every start
NAMED = {"Esc": "escape", "Enter": "enter", "Tab": "tab", "Home": "home", "End": "end"}
SIGNS = {"←": "left", "→": "right", "↑": "up", "↓": "down", "/": "slash"}
HELD = {"^": "ctrl+", "⇧": "shift+"}


def parts(text: str) -> Iterator[tuple[str, str]]:
    """The text in parts, each with the key that it stands for; "" for none.

    Two spaces part hints: each is one or more keys and what they do, which stands for the first.
    """
    for number, hint in enumerate(text.split("  ")):
        words = hint.lstrip(" ").split(" ")
        yield "  " * bool(number) + " " * hint.startswith(" "), ""
        first = ""
        for at, word in enumerate(words):
            gap = " " if at else ""
            keys = [(unit, pressed(unit)) for unit in units(word)]
            if not all(key for _, key in keys):
                told = " ".join(words[at:])
                yield gap + told, first if told.strip() else ""
                break
            for unit, key in keys:
                first = first or key
                yield gap + unit, key
                gap = ""


def units(word: str) -> list[str]:
    """What may be keys in a word: signs, and what slashes part, which stay with it."""
    if len(word) < 2:
        return [word]
    *whole, last = (
        list(part) if all(sign in SIGNS for sign in part) else [part] for part in word.split("/")
    )
    return [unit for part in whole for unit in (*part[:-1], f"{part[-1]}/" if part else "/")] + last


def pressed(key: str) -> str:
    """Textual's name of a key as people write it, "" for what is none."""
    key = key.removesuffix("/") or key
    if key[:1] in HELD and len(key) == 2:
        return HELD[key[0]] + SIGNS.get(key[1], key[1].lower())
    if key.startswith("Alt+"):
        return "alt+" + SIGNS.get(key[4:], key[4:].lower())
    if key[:1] == "F" and key[1:].isdigit():
        return key.lower()
    return NAMED.get(key) or SIGNS.get(key, key if len(key) == 1 and key.isalpha() else "")
