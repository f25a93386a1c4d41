"""The options of programs: which words are options, which are values, which are operands."""

from msgspec import Struct

MANY = 1 << 30


class Program(Struct, frozen=True):
    """The options with which a program only reads and prints; with any other it is asked about."""

    flags: str = ""
    """Letters of options without a value; they may be joined."""
    valued: str = ""
    """Letters of options with a value."""
    names: str = ""
    """Long options that never take the next word as their value."""
    valued_names: str = ""
    """Long options whose value is the next word, where it does not follow a `=`."""
    files: str = "all"
    """Which operands are files: all, rest (all but the first, a pattern), or none."""
    most: int = MANY
    """Operands at most: where a second one would be written."""
    operand: str = ""
    """What each operand that is no file must look like."""
    numbers: bool = False
    """Whether -5 means five lines."""
    joined: bool = True
    """Whether a value may follow its letter in the same word."""
    odd: str = ""
    """What no operand may look like."""
    deep: str = ""
    """Options, `*` for none, with which folders are read with all that is in them."""
    flat: str = ""
    """Options with which they are not after all."""
    links: bool = False
    """Whether links in these folders are followed."""
    hidden: str = "*"
    """Options, `*` for none, with which what begins with a dot is read there."""


class Use(Struct, frozen=True):
    """What known words do: they read these files and print."""

    files: tuple[str, ...] = ()
    deep: bool = False
    """Whether of folders, the current one where no file is named, everything below is read."""
    links: bool = False
    """Whether links in them are followed."""
    hidden: bool = True
    """Whether what begins with a dot is read there."""
    runs: tuple[tuple[str, ...], ...] = ()
    """Commands that are run on these files; whether they only read is for the caller to see."""


def among(wanted: str, options: frozenset[str]) -> bool:
    """Whether one of these options is there; `*` needs none."""
    return wanted == "*" or bool(options & {*wanted.split()})


def split(
    program: Program, words: tuple[str, ...]
) -> tuple[tuple[str, ...], frozenset[str]] | None:
    """The operands, and the options; None when there is an unknown one."""
    operands: list[str] = []
    options: set[str] = set()
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            operands += left
            break
        if word == "-" or not word.startswith("-"):
            operands.append(word)
        elif program.numbers and word[1:].isdecimal():
            continue
        else:
            option = _option(program, word)
            if option is None or (option.endswith("=") and not left):
                return None
            options.update(option.rstrip("=").split())
            if option.endswith("="):
                left.pop(0)
    return tuple(operands), frozenset(options)


def _option(program: Program, word: str) -> str | None:
    """The names of the options in a word, with `=` in the end when the next word is a value;
    None for an unknown one."""
    if word.startswith("--"):
        name, equals, _ = word[2:].partition("=")
        if name in program.valued_names.split():
            return name if equals else f"{name}="
        return name if name in program.names.split() else None
    found = ""
    for place, letter in enumerate(word[1:], 2):
        found = f"{found} {letter}"
        if letter in program.valued:
            if place == len(word):
                return f"{found}="
            return found if program.joined else None
        if letter not in program.flags:
            return None
    return found


def values(program: Program, words: tuple[str, ...], letter: str) -> list[str]:
    """The values of a short option, of words that were split already."""
    found: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "--":
            break
        option = _option(program, word) if word[:1] == "-" and word != "-" else ""
        if option and letter in option.rstrip("=").split():
            found.append(left.pop(0) if option.endswith("=") else word.partition(letter)[2])
    return found
