"""Programs whose plain words are known: with these options they only read and print."""

import re

from msgspec import Struct

from tuiagent.kernel.wrappers import innermost

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


COMPARE = "ignore-case ignore-all-space ignore-space-change ignore-blank-lines brief recursive"
SUMS = Program("btz", names="tag binary text zero")
PROGRAMS: dict[str, Program] = {
    "basename": Program("az", "s", "multiple zero", "suffix", files="none"),
    "base64": Program("di", "w", "decode ignore-garbage", "wrap"),
    "b2sum": SUMS,
    "cd": Program(most=1),
    "cat": Program("AbeEnstTuv", names="show-all number number-nonblank squeeze-blank show-ends"),
    "cksum": Program("z", names="tag untagged zero"),
    "cmp": Program("bls", "in", "verbose quiet silent print-bytes", "bytes ignore-initial"),
    "column": Program("tx", "csN", "table", "separator output-width"),
    "comm": Program("123z", names="check-order nocheck-order total zero-terminated"),
    "cut": Program("snz", "bcdf", "complement only-delimited", "bytes characters delimiter fields"),
    "date": Program("uR", "d", "utc universal rfc-email iso-8601", "date", "none", 1, r"\+.*"),
    "df": Program("ahiklTP", names="all human-readable inodes local print-type total"),
    "diff": Program(
        "abBcdeEinNpqrstTuwyZ",
        "CUW",
        COMPARE + " color unified context side-by-side report-identical-files new-file text "
        "minimal strip-trailing-cr suppress-common-lines no-dereference",
        "label width",
        deep="*",
        flat="no-dereference",
        links=True,
    ),
    "dirname": Program("z", names="zero", files="none"),
    "du": Program(
        "0abchkmsSx", "d", "all apparent-size human-readable summarize total", "max-depth"
    ),
    "echo": Program("neE", files="none"),
    "expand": Program("i", "t", "initial", "tabs"),
    "false": Program(files="none", most=0),
    "file": Program("bikLNr0", names="brief mime mime-type mime-encoding dereference"),
    "fold": Program("bs", "w", "bytes spaces", "width"),
    "grep": Program(
        "aEFGPcHhiLlnoqrsTUvwxyZz",
        "ABCem",
        "color colour count extended-regexp fixed-strings perl-regexp ignore-case no-ignore-case "
        "invert-match word-regexp line-regexp files-with-matches files-without-match line-number "
        "no-filename with-filename no-messages only-matching quiet silent recursive text null "
        "initial-tab",
        "regexp max-count after-context before-context context include exclude exclude-dir "
        "binary-files",
        files="rest",
        numbers=True,
        deep="r recursive",
    ),
    "groups": Program(files="none", most=0),
    "head": Program("qvz", "cn", "quiet silent verbose", "bytes lines", numbers=True),
    "hexdump": Program("bcCdovx", "ns", "canonical no-squeezing", "length skip"),
    "hostname": Program("dfiIs", files="none", most=0),
    "id": Program("GagnruzZ", names="user group groups name real", files="none", most=0),
    "ls": Program(
        "aAbBcCdfFgGhHiklmnNopqQrRsStuUvxXZ1",
        "",
        "all almost-all author color classify directory file-type full-time "
        "group-directories-first no-group human-readable si inode literal "
        "numeric-uid-gid recursive reverse size zero",
        "ignore hide width tabsize block-size format indicator-style sort time time-style",
    ),
    "md5sum": SUMS,
    "nl": Program("p", "bdfhilnsvw", "no-renumber", "body-numbering number-width"),
    "nproc": Program(names="all", files="none", most=0),
    "od": Program("abcdfilosvx", "AjNSt", "output-duplicates", "address-radix format read-bytes"),
    "paste": Program("sz", "d", "serial zero-terminated", "delimiters"),
    "pwd": Program("LP", files="none", most=0),
    "readlink": Program("efmnqsvz", names="canonicalize no-newline"),
    "realpath": Program("emLPqsz", names="strip no-symlinks canonicalize-existing"),
    "rev": Program(),
    "rg": Program(
        "aciFHhIlnNoPpqSsUuvwx0",
        "ABCEegjMmrTt",
        "files hidden no-ignore no-ignore-vcs count count-matches heading no-heading "
        "line-number no-line-number column trim vimgrep json stats multiline "
        "multiline-dotall pcre2 fixed-strings ignore-case smart-case case-sensitive invert-match "
        "word-regexp line-regexp files-with-matches files-without-match only-matching "
        "with-filename no-filename text unrestricted no-messages null type-list "
        "no-config quiet passthru pretty",
        "glob iglob type type-not max-count max-depth after-context before-context context regexp "
        "replace max-columns max-filesize encoding threads color sort sortr",
        files="rest",
        deep="*",
        flat="files type-list",
        hidden="u g glob hidden iglob unrestricted",
    ),
    "seq": Program("w", "fs", "equal-width", "format separator", files="none"),
    "sha1sum": SUMS,
    "sha224sum": SUMS,
    "sha256sum": SUMS,
    "sha384sum": SUMS,
    "sha512sum": SUMS,
    "sleep": Program(files="none", operand=r"[0-9.]+[smhd]?"),
    "sort": Program(
        "bcCdfghiMnrRsuVz",
        "kt",
        "reverse unique numeric-sort human-numeric-sort version-sort ignore-case "
        "ignore-leading-blanks dictionary-order stable check month-sort zero-terminated",
        "key field-separator",
    ),
    "stat": Program("fLt", "c", "dereference file-system terse", "format printf"),
    "strings": Program("afw", "ents", "all print-file-name", "bytes radix encoding", odd="@.*"),
    "tac": Program("br", "s", "before regex", "separator"),
    "tail": Program("qvz", "cn", "quiet silent verbose", "bytes lines", numbers=True),
    "tr": Program("cCdst", names="complement delete squeeze-repeats truncate-set1", files="none"),
    "tree": Program(
        "aACdDfFghinpqrstuvxQ", "ILP", "noreport dirsfirst gitignore prune", joined=False
    ),
    "true": Program(files="none", most=0),
    "type": Program("afptP", files="none"),
    "uname": Program("aimnoprsv", names="all", files="none", most=0),
    "uniq": Program("cdDiuz", "fsw", "count repeated unique ignore-case", most=1),
    "wc": Program("cmlLw", names="bytes chars lines words max-line-length"),
    "which": Program("a", names="all", files="none"),
    "whoami": Program(files="none", most=0),
}
PROGRAMS.update(egrep=PROGRAMS["grep"], fgrep=PROGRAMS["grep"])
"""Programs that only read and print when they are called with these options and no others."""

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
FIND_FILES = frozenset({"-newer", "-anewer", "-cnewer", "-samefile"})

PATTERNS = frozenset({"e", "regexp", "files"})
"""The options by which `grep` and `rg` are given a pattern; else their first operand is one."""

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
    r"(?:[^>|@\\\n]|\\[nrt\"/.])*"
)
"""Programs of `awk` that write to nothing, read nothing but their files and run nothing."""

JQ = re.compile(r"(?![\s\S]*(?:env|ENV|import|include|input_filename|modulemeta|library))[^\n]*")
"""Filters of `jq` that read nothing but its files."""


class Use(Struct, frozen=True):
    """What known words do: they read these files and print."""

    files: tuple[str, ...] = ()
    deep: bool = False
    """Whether of folders, the current one where no file is named, everything below is read."""
    links: bool = False
    """Whether links in them are followed."""
    hidden: bool = True
    """Whether what begins with a dot is read there."""


def known(name: str) -> bool:
    """Whether the program only reads and prints, with some words at least."""
    return name in PROGRAMS or name in SPECIAL


def reads(argv: tuple[str, ...]) -> Use | None:
    """What the words read, None unless it is known that they do nothing but read and print."""
    if argv[0] == "command" and argv[1:2] in (("-v",), ("-V",)):
        return Use()
    argv = innermost(argv)
    name, words = argv[0], argv[1:]
    if name in SPECIAL:
        return SPECIAL[name](words)
    program = PROGRAMS.get(name)
    split = _split(program, words) if program else None
    if program is None or split is None:
        return None
    operands, options = split
    if len(operands) > program.most:
        return None
    if program.operand and not all(re.fullmatch(program.operand, word) for word in operands):
        return None
    if program.odd and any(re.fullmatch(program.odd, word) for word in operands):
        return None
    if program.files == "none":
        return Use()
    if program.files == "rest" and not options & PATTERNS:
        operands = operands[1:]
    deep = _any(program.deep, options) and not _any(program.flat, options)
    return Use(operands, deep, deep and program.links, _any(program.hidden, options))


def _any(wanted: str, options: frozenset[str]) -> bool:
    """Whether one of these options is there; `*` needs none."""
    return wanted == "*" or bool(options & {*wanted.split()})


def _split(
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


def _find(words: tuple[str, ...]) -> Use | None:
    files: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word in FIND_FILES and left:
            files.append(left.pop(0))
        elif word in FIND:
            if len(left) < FIND[word]:
                return None
            del left[: FIND[word]]
        elif word.startswith("-"):
            return None
        else:
            files.append(word)
    return Use(tuple(files))


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
    split = _split(program, words)
    if split is None:
        return None
    operands, options = split
    scripts, files = list(operands[:1]), operands[1:]
    if given in options:
        scripts, files = _values(program, words, given), operands
    if not scripts or not all(harmless.fullmatch(script) for script in scripts):
        return None
    return Use(files)


def _values(program: Program, words: tuple[str, ...], letter: str) -> list[str]:
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


def _test(words: tuple[str, ...]) -> Use | None:
    """`test` that looks at files and strings."""
    safe = all(word in TESTS or not word.startswith("-") for word in words)
    files = tuple(word for word in words if "/" in word and not word.startswith("-"))
    return Use(files) if safe else None


def _printf(words: tuple[str, ...]) -> Use | None:
    """`printf` with a format that only prints."""
    words = words[1:] if words[:1] == ("--",) else words
    safe = words and words[0][:1] != "-" and FORMAT.fullmatch(words[0])
    return Use() if safe else None


SPECIAL = {
    "awk": _awk,
    "find": _find,
    "gawk": _awk,
    "jq": _jq,
    "printf": _printf,
    "sed": _sed,
    "test": _test,
}
"""Programs whose words are more than options and files."""
