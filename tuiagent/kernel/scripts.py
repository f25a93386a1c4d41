"""Programs whose words are a language: of each, the part with which it only reads and prints."""

import re

from tuiagent.kernel.options import Program, Use, split, values

FIND: dict[str, int] = {
    **dict.fromkeys(
        "-H -P -a -and -o -or -not -daystart -depth -empty -executable -false -ls -mount "
        "-nogroup -noleaf -nouser -print -print0 -prune -quit -readable -true -writable "
        "-xdev ! ( ) ,".split(),
        0,
    ),
    **dict.fromkeys(
        "-amin -atime -cmin -ctime -group -iname -inum -ipath -iregex -links -maxdepth -mindepth "
        "-mmin -mtime -name -path -perm -printf -regex -regextype -size -type -user -wholename "
        "-xtype".split(),
        1,
    ),
}
"""The parts of a `find` expression that only test and print, and how many values each takes."""
PLACE = "{}"
"""Where `find` puts the names of files."""
EITHER = frozenset({"-o", "-or", ",", "!", "-not", "(", ")"})
"""What makes an earlier part of an expression no condition of a later one."""
FIND_FILES = frozenset({"-newer", "-anewer", "-cnewer", "-samefile"})

TESTS = frozenset("-a -d -e -f -h -L -n -nt -o -ot -r -s -w -x -z = == != ! -ef".split())
"""The words of `test` that look at files and strings; -v and numbers can run commands."""

FORMAT = re.compile(r"(?:[^%]|%%|%[-+ #0']*(?:[1-9]\d*)?(?:\.\d+)?[hlLjzt]*[sdiouxXcbqeEfgG])*")
"""Formats of `printf` that only print: no %n, which sets a variable, and no *."""

_SET = r"\[\^?[A-Za-z0-9_ .,+-]+\]"
_FIND = rf"(?:[^/\\\[\n]|\\[^\n]|{_SET})+"
_ADDRESS = rf"(?:\d+|\$|\d+~\d+|/{_FIND}/I?)"
_RANGE = rf"(?:{_ADDRESS}(?:,(?:{_ADDRESS}|[+~]\d+))?(?:\s*!)?\s*)?"
_COMMAND = rf"(?:[pdq=]|s/{_FIND}/(?:[^/\\\n]|\\[^\n])*/[gpIi0-9]*)"
SED = re.compile(rf"\s*{_RANGE}{_COMMAND}(?:\s*;\s*{_RANGE}{_COMMAND})*\s*(?:;\s*)?")
"""Scripts of `sed` that only print, delete and replace: no w, e, r, F, no other delimiter."""

AWK = re.compile(
    r"(?![\s\S]*(?:system|getline|close|fflush|ARG|SYMTAB|FUNCTAB|PROCINFO|ENVIRON))"
    r"(?:(?:[^>|@\\\n]|\\[nrt\"/.])*|(?:[^{}\"/@\\\n]|\{[^{}>|@\\\n]*\})*)"
)
"""Programs of `awk` that write to nothing, read nothing but their files and run nothing; > and |
stand at most outside of braces, where no string can hide one."""

JQ = re.compile(r"(?![\s\S]*(?:env|ENV|import|include|input_filename|modulemeta|library))[^\n]*")
"""Filters of `jq` that read nothing but its files."""


def _find(words: tuple[str, ...]) -> Use | None:
    """`find` that tests and prints, or runs what only reads on regular files."""
    files: list[str] = []
    runs: list[tuple[str, ...]] = []
    regular = False
    left = list(words)
    while left:
        word = left.pop(0)
        if word == "-exec":
            end = next((n for n, one in enumerate(left) if one in (";", "+")), 0)
            if not end or not regular:
                return None
            runs.append(tuple(left[:end]))
            del left[: end + 1]
            continue
        if word in FIND_FILES and left:
            files.append(left.pop(0))
        elif word in FIND:
            if len(left) < FIND[word]:
                return None
            regular = regular or (word == "-type" and left[0] == "f")
            del left[: FIND[word]]
        elif word.startswith("-"):
            return None
        else:
            files.append(word)
    if runs and EITHER & {*words}:
        return None
    if runs and not files:
        files = ["."]
    return Use(tuple(files), deep=bool(runs), runs=tuple(runs))


def _sed(words: tuple[str, ...]) -> Use | None:
    """`sed` with scripts that only print, delete and replace on the way."""
    program = Program("nErsuz", "e", "quiet silent regexp-extended sandbox separate posix")
    return _scripted(program, words, SED, "e")


def _awk(words: tuple[str, ...]) -> Use | None:
    """`awk` with a program that only prints."""
    found = _scripted(Program("", "Fv"), words, AWK, "")
    return found if found and not any("=" in file for file in found.files) else None


def _jq(words: tuple[str, ...]) -> Use | None:
    """`jq` with a filter."""
    names = "raw-output compact-output slurp sort-keys exit-status null-input raw-input tab"
    return _scripted(Program("acCeMnrRsSj", "", names, "indent"), words, JQ, "")


def _scripted(
    program: Program, words: tuple[str, ...], harmless: re.Pattern[str], given: str
) -> Use | None:
    """A program whose first operand is a script, unless an option has `given` one."""
    found = split(program, words)
    if found is None:
        return None
    operands, options = found
    scripts, files = list(operands[:1]), operands[1:]
    if given in options:
        scripts, files = values(program, words, given), operands
    if not scripts or not all(harmless.fullmatch(script) for script in scripts):
        return None
    return Use(files)


def _test(words: tuple[str, ...]) -> Use | None:
    """`test` that looks at files and strings."""
    safe = all(word in TESTS or not word.startswith("-") for word in words)
    files = tuple(word for word in words if "/" in word and not word.startswith("-"))
    return Use(files) if safe else None


def _echo(words: tuple[str, ...]) -> Use | None:
    """`echo` prints whatever it is given."""
    return Use()


def _bracket(words: tuple[str, ...]) -> Use | None:
    """`[` is `test` with a bracket in the end."""
    return _test(words[:-1]) if words[-1:] == ("]",) else None


def _printf(words: tuple[str, ...]) -> Use | None:
    """`printf` with a format that only prints."""
    words = words[1:] if words[:1] == ("--",) else words
    safe = words and words[0][:1] != "-" and FORMAT.fullmatch(words[0])
    return Use() if safe else None


SPECIAL = {
    "[": _bracket,
    "echo": _echo,
    "awk": _awk,
    "find": _find,
    "gawk": _awk,
    "jq": _jq,
    "printf": _printf,
    "sed": _sed,
    "test": _test,
}
"""Programs whose words are more than options and files."""
