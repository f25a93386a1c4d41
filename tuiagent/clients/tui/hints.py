"""Keys that a line of help names: those in force are shown, and a click on one presses it."""

from collections.abc import Iterator, Mapping

from textual.keys import format_key
from textual.widget import Widget

# no regular expressions: compiling two of them is 2 ms of every start
NAMED = {"Esc": "escape", "Enter": "enter", "Tab": "tab", "Home": "home", "End": "end"}
SIGNS = {"←": "left", "→": "right", "↑": "up", "↓": "down", "/": "slash"}
HELD = {"^": "ctrl+", "⇧": "shift+"}
AS_USUAL: Mapping[str, str] = {}


def in_force(widget: Widget) -> Mapping[str, str]:
    """The keys that do here what other keys usually do, by those: as `[tui.keys]` has them."""
    app = widget.app
    if not app._keymap or not widget.is_attached:
        return AS_USUAL
    near = [node for node in widget.ancestors_with_self if node is not app]
    found: dict[str, str] = {}
    for node in (*near, *(node for node, _ in widget.screen._binding_chain)):
        usual = type(node)._merged_bindings
        for key, bound in usual.key_to_bindings.items() if usual else ():
            wished = app._keymap.get(bound[0].id or "", key).split(",")
            found.setdefault(key, key if key in wished else wished[0])
    return found


def keyed(widget: Widget, text: str) -> str:
    """A line of help as it is for the keys in force."""
    return "".join(part for part, _ in parts(text, in_force(widget)))


def parts(text: str, now: Mapping[str, str] = AS_USUAL) -> Iterator[tuple[str, str]]:
    """The text in parts, each with the key that it stands for; "" for none.

    Two spaces part hints: each is one or more keys and what they do, which stands for the first.
    `now` are keys to be named in place of those that are written.
    """
    for number, hint in enumerate(text.split("  ")):
        words = hint.lstrip(" ").split(" ")
        yield "  " * bool(number) + " " * hint.startswith(" "), ""
        first = ""
        for at, word in enumerate(words):
            gap = " " if at else ""
            keys = [_named(unit, now) for unit in units(word)]
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


def _named(unit: str, now: Mapping[str, str]) -> tuple[str, str]:
    """A key as it is to be written, and Textual's name of it; "" for what is none."""
    usual = pressed(unit)
    key = now.get(usual, usual)
    slash = unit[1:] and unit[-1] == "/"
    return (unit if key == usual else written(key) + "/" * bool(slash)), key


def written(key: str) -> str:
    """A key of Textual's as people write it: `pressed` the other way round."""
    short = {name: sign for sign, name in (*NAMED.items(), *SIGNS.items())}
    held, _, last = key.rpartition("+")
    last = short.get(last) or (last if len(last) == 1 else format_key(last).capitalize())
    if not held:
        return last
    last = last.upper() if len(last) == 1 else last
    sign = next((sign for sign, name in HELD.items() if name == f"{held}+"), "")
    return f"{sign or held.title() + '+'}{last}"
