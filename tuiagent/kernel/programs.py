"""Programs whose plain words are known: which only read and print, which run other programs."""

import re

from msgspec import Struct

MANY = 1 << 30


class Program(Struct, frozen=True):
    """The options with which a program only reads and prints; with any other it is asked about."""

    flags: str = ""
    """Letters of options without a value; they may be joined."""
    valued: str = ""
    """Letters of options with a value."""
    names: str = ""
    """Long options without a value, or with one after `=`."""
    valued_names: str = ""
    """Long options whose value may be the next word."""
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


COMPARE = "ignore-case ignore-all-space ignore-space-change ignore-blank-lines brief recursive"
SUMS = Program("btz", names="tag binary text zero")
PROGRAMS: dict[str, Program] = {
    "basename": Program("az", "s", "multiple zero", "suffix", files="none"),
    "base64": Program("di", "w", "decode ignore-garbage", "wrap"),
    "b2sum": SUMS,
    "cd": Program(most=1),
    "cat": Program("AbeEnstTuv", names="show-all number number-nonblank squeeze-blank show-ends"),
    "cksum": SUMS,
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
        "minimal strip-trailing-cr suppress-common-lines",
        "label width",
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
        "initial-tab include exclude exclude-dir binary-files",
        "regexp max-count after-context before-context context",
        files="rest",
        numbers=True,
    ),
    "groups": Program(files="none", most=0),
    "head": Program("qvz", "cn", "quiet silent verbose", "bytes lines", numbers=True),
    "hexdump": Program("bcCdovx", "ns", "canonical no-squeezing", "length skip"),
    "hostname": Program("dfiIs", files="none", most=0),
    "id": Program("GagnruzZ", names="user group groups name real", files="none", most=0),
    "ls": Program(
        "aAbBcCdfFgGhHiklLmnNopqQrRsStuUvxXZ1",
        "ITw",
        "all almost-all author color classify directory file-type format full-time "
        "group-directories-first no-group human-readable si inode indicator-style literal "
        "numeric-uid-gid recursive reverse size sort time time-style zero",
        "ignore hide width tabsize block-size",
    ),
    "md5sum": SUMS,
    "nl": Program("p", "bdfhilnsvw", "no-renumber", "body-numbering number-width"),
    "nproc": Program(names="all", files="none", most=0),
    "od": Program("abcdfilosvx", "AjNStw", "output-duplicates", "address-radix format read-bytes"),
    "paste": Program("sz", "d", "serial zero-terminated", "delimiters"),
    "printf": Program(files="none"),
    "pwd": Program("LP", files="none", most=0),
    "readlink": Program("efmnqsvz", names="canonicalize no-newline"),
    "realpath": Program("emLPqsz", names="strip no-symlinks canonicalize-existing"),
    "rev": Program(),
    "rg": Program(
        "aciFHhIlnNoPpqSsUuvwx0",
        "ABCEegjMmrTt",
        "files hidden no-ignore no-ignore-vcs count count-matches color heading no-heading "
        "line-number no-line-number column trim vimgrep json stats sort sortr multiline "
        "multiline-dotall pcre2 fixed-strings ignore-case smart-case case-sensitive invert-match "
        "word-regexp line-regexp files-with-matches files-without-match only-matching "
        "with-filename no-filename text unrestricted no-messages null type-list "
        "no-config quiet passthru pretty",
        "glob iglob type type-not max-count max-depth after-context before-context context regexp "
        "replace max-columns max-filesize encoding threads",
        files="rest",
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
    "strings": Program("afw", "ents", "all print-file-name", "bytes radix encoding"),
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
        "-H -L -P -a -and -o -or -not -daystart -depth -empty -executable -false -ls -mount "
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

_ADDRESS = r"(?:\d+|\$|/[^/\\\[\n]+/)"
_COMMAND = r"(?:[pdq=]|s/(?:[^/\\\[\n]|\\[^\n])*/(?:[^/\\\n]|\\[^\n])*/[gpIi0-9]*)"
SED = re.compile(
    rf"\s*{_ADDRESS}?(?:,{_ADDRESS})?!?{_COMMAND}(?:\s*;\s*{_ADDRESS}?(?:,{_ADDRESS})?!?{_COMMAND})*\s*;?"
)
"""Scripts of `sed` that only print, delete and replace: no w, e, r, F, no other delimiter."""

TRANSPARENT = {
    "command": r"--",
    "env": r"",
    "nice": r"-n|--adjustment=-?\d+|-\d+",
    "nohup": r"",
    "stdbuf": r"-[ioe](?:L|\d+[KMG]?)",
    "time": r"-p",
    "timeout": r"--foreground|--preserve-status|-v|-[sk]|--signal=\w+|--kill-after=[\d.]+[smhd]?",
}
"""Programs that run the rest of their words as it is, and the options they may have for that."""
VALUED = frozenset({"nice -n", "timeout -s", "timeout -k"})

OPAQUE = frozenset(
    "busybox builtin chroot chrt doas entr exec fakeroot firejail flock ionice ltrace nsenter "
    "parallel pkexec proxychains run-parts rustup script setarch setpriv setsid ssh strace su sudo "
    "systemd-run taskset toybox unbuffer unshare valgrind watch xargs xvfb-run find fd".split()
)
"""Programs that run something that stands among their words: refusals look at it, nothing else."""

DANGEROUS = frozenset(
    "chgrp chmod chown chroot crontab curl dd dig doas docker eval exec ftp halt host init insmod "
    "iptables kill killall kubectl launchctl mkfs mkswap modprobe mount nc ncat netcat nft "
    "nslookup ping pkexec pkill podman poweroff reboot rm rmmod rsync scp sftp shred "
    "shutdown ssh su sudo swapoff sysctl systemctl telnet terraform truncate umount unlink "
    "useradd userdel wget wipefs".split()
)
"""Programs that destroy, reach the network, or change the machine."""

LOOPHOLES: dict[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "awk": r".*(system|getline|[|>]).*|-[ifEvl].*",
        "curl": r"-[a-zA-Z]*[oOKTFd].*|--(output|remote|config|upload|form|data).*",
        "docker": r"-v.*|--(volume|privileged|mount|pid|net|device|cap-add).*",
        "fd": r"-[a-zA-Z]*[xX].*|--exec.*",
        "git": r"-c|-[Oox].*|--(exec|config-env|output|open-files|ext-diff|textconv|upload-pack"
        r"|receive-pack|git-dir|work-tree|template|separate-git-dir|editor).*",
        "jq": r"-[Lf].*|--(from-file|rawfile|slurpfile|library).*|.*(env|ENV|import|include).*",
        "less": r"\+.*|-[a-zA-Z]*[oOkK].*|--(log-file|LOG-FILE|lesskey).*",
        "man": r"-[PHprC].*|--(pager|html|preprocessor|config-file).*",
        "rsync": r"-[a-zA-Z]*e.*|--(rsh|rsync-path|files-from|log-file|write-batch).*",
        "scp": r"-[oSF].*",
        "sftp": r"-[oSFb].*",
        "ssh": r"-[oFiWLRDE].*",
        "tar": r"-[a-zA-Z]*[IF].*|--(checkpoint|to-command|use-compress|info-script|new-vol|rsh).*",
        "wget": r"-[a-zA-Z]*[OPiae].*|--(output|post|body|use-askpass|execute|config|input|dir).*",
        "zip": r"-[a-zA-Z]*T.*|--unzip-command.*",
    }.items()
}
"""Options that make a program run, write or send more than a rule such as `PROGRAM *` means; only
a rule without `*` lets them through."""


class Use(Struct, frozen=True):
    """What known words do: they read these files and print."""

    files: tuple[str, ...] = ()


def reads(argv: tuple[str, ...]) -> Use | None:
    """What the words read, None unless it is known that they do nothing but read and print."""
    name, words = argv[0], argv[1:]
    if name == "find":
        return _find(words)
    if name == "sed":
        return _sed(words)
    if name == "test":
        files = tuple(word for word in words if not word.startswith("-") and "/" in word)
        known = all(word in TESTS or not word.startswith("-") for word in words)
        return Use(files) if known else None
    if name == "command" and words[:1] in (("-v",), ("-V",)):
        return Use()
    program = PROGRAMS.get(name)
    if program is None:
        inner = unwrapped(argv)
        return reads(inner) if inner else None
    split = _split(program, words)
    if split is None:
        return None
    operands, options = split
    if len(operands) > program.most:
        return None
    if program.operand and not all(re.fullmatch(program.operand, word) for word in operands):
        return None
    if program.files == "none":
        return Use()
    pattern = program.files == "rest" and not options & PATTERNS
    return Use(operands[1:] if pattern else operands)


def unwrapped(argv: tuple[str, ...]) -> tuple[str, ...]:
    """The command that a transparent wrapper runs, () when it is none or has other options."""
    name = argv[0]
    options = TRANSPARENT.get(name)
    if options is None:
        return ()
    words = list(argv[1:])
    while words and words[0].startswith("-") and re.fullmatch(options, words[0]):
        if f"{name} {words.pop(0)}" in VALUED and words:
            words.pop(0)
    if name == "timeout" and words and re.fullmatch(r"[\d.]+[smhd]?", words[0]):
        words.pop(0)
    elif name == "timeout":
        return ()
    if not words or words[0].startswith("-") or "=" in words[0]:
        return ()
    return tuple(words)


def inside(argv: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The command itself and every command that may stand among its words."""
    found = [argv]
    if unwrapped(argv):
        found += inside(unwrapped(argv))
    elif argv[0].rpartition("/")[2] in OPAQUE or argv[0] in TRANSPARENT:
        found += [argv[n:] for n in range(1, len(argv)) if not argv[n].startswith("-")]
    return found


def loophole(argv: tuple[str, ...]) -> str:
    """The word that makes this more than a rule such as `PROGRAM *` means, "" for none."""
    inner = unwrapped(argv)
    if inner:
        return loophole(inner)
    name = argv[0].rpartition("/")[2]
    if name in PROGRAMS or name in ("find", "sed", "test"):
        return "" if reads((name, *argv[1:])) is not None else " ".join(argv[1:]) or name
    pattern = LOOPHOLES.get(name)
    return next((word for word in argv[1:] if pattern and pattern.fullmatch(word)), "")


def _split(
    program: Program, words: tuple[str, ...]
) -> tuple[tuple[str, ...], frozenset[str]] | None:
    """The operands, and the options with a value; None when there is an unknown option."""
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
            options.add(option.rstrip("="))
            if option.endswith("="):
                left.pop(0)
    return tuple(operands), frozenset(options)


def _option(program: Program, word: str) -> str | None:
    """The name of the option (of the last of joined ones), with `=` when the next word is its
    value; None for an unknown one."""
    if word.startswith("--"):
        name, equals, _ = word[2:].partition("=")
        if name in program.valued_names.split():
            return name if equals else f"{name}="
        return name if name in program.names.split() else None
    for place, letter in enumerate(word[1:], 2):
        if letter in program.valued:
            if place == len(word):
                return f"{letter}="
            return letter if program.joined else None
        if letter not in program.flags:
            return None
    return ""


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
    program = Program("nErsuz", "", "quiet silent regexp-extended sandbox separate posix")
    scripts: list[str] = []
    rest: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if word in ("-e", "--expression") and left:
            scripts.append(left.pop(0))
        else:
            rest.append(word)
    split = _split(program, tuple(rest))
    if split is None:
        return None
    operands = split[0]
    if not scripts:
        scripts, operands = list(operands[:1]), operands[1:]
    if not scripts or not all(SED.fullmatch(script) for script in scripts):
        return None
    return Use(operands)
