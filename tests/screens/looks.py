"""How a screen looks, as files that a person can read: words, and under them their colours.

Each file shows one state in one size. Below the words every cell that is not simply `foreground on
background` has a letter, and the legend says what the letter stands for: colours by their name in
the theme, the same in both THEMES, or as two numbers where no name fits. Bold is a capital letter.
"""

import re
import time
from collections.abc import Callable, Iterable, Sequence
from difflib import unified_diff
from functools import lru_cache
from pathlib import Path
from string import ascii_letters, digits, punctuation
from typing import Any, NamedTuple

from rich.cells import cell_len
from rich.style import Style
from textual.color import Color
from textual.strip import Strip
from textual.widgets._toast import ToastRack

from tests.screens.kit import GOLDEN, NEW, SIZES, Screen
from tuiagent.clients.tui import app, themes
from tuiagent.clients.tui.transcript import palette

THEMES = ("tuiagent-dark", "contrast-light")
LEAST = 3.0
"""Contrast of letters and digits to what is behind them, by WCAG 2."""
PATIENCE = 30.0
"""Seconds that a screen gets until it looks as it did."""
GROUNDS = ("background", "surface", "panel")
NAMES = (
    *("foreground", *GROUNDS, "primary", "secondary", "accent", "warning", "error", "success"),
    *(f"text-{name}" for name in ("primary", "secondary", "accent", "warning", "error", "success")),
    *(f"{name}-muted" for name in ("primary", "secondary", "accent", "warning", "error")),
    *("block-cursor-background", "block-cursor-foreground", "boost", "scrollbar"),
)
AUTO = {"text": 0.87, "text-muted": 0.60, "text-disabled": 0.38}
"""Black or white, whichever can be read, and partly what is behind."""
BLEND = re.compile(r"\$([a-z-]+) (\d+)%")
ATTRIBUTES = ("bold", "dim", "italic", "underline", "reverse", "strike")


class Ink(NamedTuple):
    """How one cell is drawn."""

    color: str
    """"" where nothing is seen of it."""
    ground: str
    attributes: str


Look = tuple[list[str], list[list[Ink]]]
"""The lines, and how each cell of them is drawn."""


async def check_looks(
    it: Screen,
    name: str,
    part: str = "",
    told: Callable[[str], str] = str,
    sizes: Iterable[str] = tuple(SIZES),
) -> None:
    """Compares the screen, or a widget of it, with what it looked like before.

    TUIAGENT_SHOWN=new takes this instead: look at every difference as a person would before. `told`
    makes the words the same whenever they are said.
    """
    files = {one: GOLDEN / f"{name}-{one}.txt" for one in sizes}
    before = {one: file.read_text() for one, file in files.items() if file.exists()}
    found: dict[str, str] = {}
    patient, until = NEW, time.monotonic() + PATIENCE
    while time.monotonic() < until:
        looks = await _everywhere(it, part, files, patient)
        found = {one: _written(it, seen, told) for one, seen in looks.items()}
        if "" not in found.values() and (NEW or found == before):
            break
        patient = True
    assert "" not in found.values(), "the words are the same in every theme"
    for one, file in files.items():
        if NEW:
            file.write_text(found[one])
        else:
            assert one in before, f"{file.name} is not there: TUIAGENT_SHOWN=new writes it"
            lines = (before[one].splitlines(), found[one].splitlines())
            changed = "\n".join(unified_diff(*lines, "before", "now", n=0, lineterm=""))
            assert found[one] == before[one], f"{file.name}:\n{changed}"


async def _everywhere(
    it: Screen, part: str, sizes: Iterable[str], patient: bool
) -> dict[str, list[Look]]:
    """The look in each size, in each of THEMES; the patient look until it changes no more.

    There and back again, so that little has to change: it ends in the size in which it began.
    """
    looks: dict[str, list[Look]] = {size: [] for size in sizes}
    order, forth = list(looks), it.app.theme != THEMES[1]
    for theme in THEMES if forth else reversed(THEMES):
        if it.app.theme != theme:
            it.app.dress(theme)
        for size in order:
            if it.app.size != SIZES[size]:
                it.resize(*SIZES[size])
                await it.until(lambda size=size: it.app.screen.size == SIZES[size])
            await it.settle()
            look = looked(it, part)
            if patient:
                await it.pilot.pause()
                while look != (look := looked(it, part)):
                    await it.pilot.pause()
            looks[size].insert(len(looks[size]) if forth else 0, look)
        order.reverse()
    return looks


def looked(it: Screen, part: str) -> Look:
    """The screen, or a widget of it, or a dialog without what it stands before, as it is now."""
    screen = it.app.screen
    strips = screen._compositor.render_strips()
    if part or screen.is_modal:
        boxes = [one for one in screen.children if one.region and not isinstance(one, ToastRack)]
        place = (screen.query_one(part) if part else boxes[0]).region
        place = place.intersection(screen.region)
        strips = [strip.crop(place.x, place.right) for strip in strips[place.y : place.bottom]]
    return [strip.text for strip in strips], [_inks(strip) for strip in strips]


def _inks(strip: Strip) -> list[Ink]:
    """One for each cell."""
    return [
        ink
        for text, style, _ in strip
        for char in text
        for ink in [_ink(char, style or Style())] * cell_len(char)
    ]


@lru_cache(1 << 16)
def _ink(char: str, style: Style) -> Ink:
    kept = [name for name in ATTRIBUTES if getattr(style, name)]
    if char == " ":
        kept = [name for name in kept if name in ("underline", "reverse", "strike")]
    seen = char != " " or kept
    return Ink(_hex(style.color) if seen else "", _hex(style.bgcolor), " ".join(kept))


def _hex(color: Any) -> str:
    return "default" if color is None or color.is_default else color.get_truecolor().hex


def _written(it: Screen, looks: Sequence[Look], told: Callable[[str], str]) -> str:
    """What stands in the file; "" where the words have changed with the theme."""
    (lines, rows), (others, other_rows) = looks
    if lines != others:
        return ""
    inked = [list(zip(*pair, strict=True)) for pair in zip(rows, other_rows, strict=True)]
    styles = {pair: named(*pair) for row in inked for pair in row}
    letters = lettered(set(styles.values()))
    for char, (one, other) in _letters_of(lines, inked):
        for ink in (one, other):
            assert contrast(ink) >= LEAST, f"{char!r} of {styles[one, other]} can hardly be read"
    drawn = ["".join(letters[styles[pair]] for pair in row).rstrip() for row in inked]
    legend = sorted(f"{letter} {style}" for style, letter in letters.items() if letter != " ")
    words = told("\n".join(line.rstrip() for line in lines))
    title = type(it.app.screen).__name__
    return "\n".join([words, f"--- colours of {title}", *drawn, "---", *legend, ""])


def _letters_of(lines: list[str], inked: list[list[Any]]) -> Iterable[tuple[str, Any]]:
    """The letters and digits with how they are drawn."""
    for line, row in zip(lines, inked, strict=True):
        chars = [char for char in line for _ in range(cell_len(char))]
        yield from ((char, pair) for char, pair in zip(chars, row, strict=True) if char.isalnum())


def contrast(ink: Ink) -> float:
    """From 1 to 21; https://www.w3.org/TR/WCAG21/#dfn-contrast-ratio."""
    light, dark = sorted((luminance(ink.color), luminance(ink.ground)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@lru_cache(1 << 12)
def luminance(color: str) -> float:
    parts = Color.parse(color).normalized
    red, green, blue = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


# ---------------------------------------------------------------- names and letters


@lru_cache(1 << 14)
def named(one: Ink, other: Ink) -> str:
    """How a cell is drawn in both themes, by the names that the style sheets use."""
    ground = Pair(one.ground, other.ground)
    words = [_fore(Pair(one.color, other.color), ground)] if one.color else []
    if (behind := _ground(ground)) != "background":
        words.append(f"on {behind}")
    same = one.attributes == other.attributes
    return " ".join([*words, one.attributes if same else f"{one.attributes}|{other.attributes}"])


class Pair(NamedTuple):
    """A colour in each of THEMES."""

    one: str
    other: str

    def over(self, ground: "Pair", part: float) -> "Pair":
        """Partly seen, over something."""
        return Pair(*(
            (Color.parse(under) + Color.parse(color).with_alpha(part)).hex.lower()
            for color, under in zip(self, ground, strict=True)
        ))  # fmt: skip

    def text(self, part: float) -> "Pair":
        """What can be read on this: black or white, partly seen."""
        grounds = map(Color.parse, self)
        return Pair(*((one + one.get_contrast_text(part)).hex.lower() for one in grounds))


@lru_cache(1)
def theme() -> dict[str, Pair]:
    """The colours of both themes by their names; those that are told rather come first."""
    worn = (themes.read(themes.files("")[name]) for name in THEMES)
    one, other = (theme.to_color_system().generate() for theme in worn)
    plain = [name for name in one if one[name].startswith("#") and other[name].startswith("#")]
    plain.sort(key=lambda name: (NAMES.index(name) if name in NAMES else 99, name))
    return {name: Pair(*(t[name][:7].lower() for t in (one, other))) for name in plain}


@lru_cache(1)
def blends() -> list[tuple[str, int]]:
    """What the style sheets have seen in part, such as `accent`, 30."""
    sheets = (Path(app.__file__).with_suffix(".tcss").read_text(), palette.CSS)
    found = {(name, int(part)) for sheet in sheets for name, part in BLEND.findall(sheet)}
    return sorted(one for one in found if one[0] in theme())


def _exact(color: Pair) -> str:
    return next((name for name, pair in theme().items() if pair == color), "")


def _fore(color: Pair, ground: Pair) -> str:
    for name, part in AUTO.items():
        if "default" not in ground and ground.text(part) == color:
            return name
    return _exact(color) or _blend(color, [ground]) or "/".join(dict.fromkeys(color))


def _ground(color: Pair) -> str:
    grounds = [theme()[name] for name in GROUNDS]
    return _exact(color) or _blend(color, grounds) or "/".join(dict.fromkeys(color))


def _blend(color: Pair, grounds: list[Pair]) -> str:
    for name, part in blends():
        for ground in grounds:
            if "default" not in ground and theme()[name].over(ground, part / 100) == color:
                return f"{name} {part}%"
    return ""


def lettered(styles: Iterable[str]) -> dict[str, str]:
    """A letter for each, which comes from its name where that one is free."""
    letters: dict[str, str] = {}
    for style in sorted(styles, key=lambda one: (len(one), one)):
        plain = re.sub(r"text-|on ", "", style)
        wished = plain.upper() if "bold" in style else plain
        wished = "".join(filter(str.isalpha, wished)) + ascii_letters + digits + punctuation
        usual = {"": " ", "foreground": ".", "on surface": ":", "on panel": "="}
        letters[style] = usual.get(style) or next(c for c in wished if c not in letters.values())
    return letters
