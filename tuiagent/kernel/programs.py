"""Programs whose plain words are known: with these options they only read and print."""

import re

from tuiagent.kernel.options import Program, Use, among, split
from tuiagent.kernel.scripts import PLACE, SPECIAL
from tuiagent.kernel.wrappers import innermost

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

PATTERNS = frozenset({"e", "regexp", "files"})
"""The options by which `grep` and `rg` are given a pattern; else their first operand is one."""


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
        use = SPECIAL[name](words)
        return _with_runs(use) if use else None
    program = PROGRAMS.get(name)
    found = split(program, words) if program else None
    if program is None or found is None:
        return None
    operands, options = found
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
    deep = among(program.deep, options) and not among(program.flat, options)
    return Use(operands, deep, deep and program.links, among(program.hidden, options))


def _with_runs(use: Use) -> Use | None:
    """What it reads together with the commands that it runs on the files it finds."""
    files = list(use.files)
    for argv in use.runs:
        ran = reads(argv)
        if ran is None or not 0 < argv.count(PLACE) == ran.files.count(PLACE):
            return None
        files += (file for file in ran.files if file != PLACE)
    return Use(tuple(files), use.deep, use.links, use.hidden)
