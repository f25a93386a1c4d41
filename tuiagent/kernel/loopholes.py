"""Words with which a program does more than a rule such as `PROGRAM *` means."""

import re

from msgspec import Struct

from tuiagent.kernel.programs import known, reads
from tuiagent.kernel.wrappers import TRANSPARENT, base, unwrapped


class Loophole(Struct, frozen=True):
    """What makes a program run, write, send or read something else than its rule is about."""

    letters: str = ""
    """Short options, alone or joined with others."""
    names: str = ""
    """Beginnings of long options; whoever abbreviates them means them too."""
    line: str = ""
    """A regular expression for the words together, a blank before each."""


CODE = Loophole(line=r" -[a-z]*[ceEpriM]| -$| --(eval|exec|print|require|import|loader)")
SQL = Loophole("oL", "output log command execute init pager", r" -c| -e|\\!|\\[oewgs]|\|| \.")
COMPILER = Loophole("oBI", "specs wrapper plugin output", r" -(wrapper|fplugin|specs|load|X)| @")
LINTER = Loophole(
    "ocfr", "output config rulesdir resolve-plugins plugin format fix write cache-location"
)
BUILD = Loophole("fIC", "file makefile eval directory include", r" [A-Z_]*(SHELL|CC|CXX|LD)=")
PACKAGES = Loophole(
    "iftc",
    "index extra-index find-links proxy target prefix root log cache config cert registry "
    "script-shell node-options userconfig globalconfig",
    r" (config|exec|x|dlx|explore|edit|set|login|token|pkg) | git\+| https?:",
)
FETCH = Loophole(
    "oOKTFdPiaecEQXwDb",
    "output remote config upload form data json post body use-askpass execute input dir append "
    "request cert key cookie-jar dump-header trace stderr libcurl hsts quote next proxy url-query "
    "header warc save load private-key method mirror recursive",
    r" (file|scp|sftp|ftp|dict|gopher|telnet|smb|ldap)://| @",
)
CLUSTER = Loophole(
    "fv",
    "kubeconfig server token as raw filename volume privileged mount pid net network device "
    "cap-add security-opt env-file userns ipc uts output-watch-events",
    r" (exec|cp|port-forward|proxy|attach|debug|edit|config|plugin|context|build|buildx|login) ",
)
LOOPHOLES: dict[str, Loophole] = {
    name: loophole
    for names, loophole in {
        "awk gawk mawk nawk": Loophole("ifEveldpo", "", r"system|getline|[|>@]|ARGV|SYMTAB"),
        "ack ag": Loophole("", "pager output ackrc", ""),
        "bash dash fish ksh lua node perl php python python3 ruby sh zsh deno bun": CODE,
        "bat batcat delta": Loophole("", "pager paging config generate diff-so", ""),
        "cargo": Loophole(
            "CZ", "config target-dir manifest-path", r" (install|publish|login|run) "
        ),
        "cc clang clang++ g++ gcc ld rustc tcc": COMPILER,
        "curl wget http https xh aria2c": FETCH,
        "docker kubectl nerdctl oc podman": CLUSTER,
        "eslint prettier black ruff mypy pylint flake8 stylelint biome tsc isort": LINTER,
        "fd fdfind": Loophole("xX", "exec list-details search-path base-directory", ""),
        "gh glab": Loophole(
            "",
            "hostname token output",
            r" (api|alias|extension|secret|auth|config|ssh-key|gpg-key|codespace|workflow|gist|"
            r"variable) ",
        ),
        "git": Loophole(
            "",
            "exec config-env output open-files ext-diff textconv upload-pack receive-pack git-dir "
            "work-tree template separate-git-dir editor extcmd tool-help no-index config "
            "contents unsafe-paths super-prefix filter-command tree-filter",
            r" -c( |$)| -[Oox]| clone( .*)? -u| [^- ][^ ]*::|"
            r" (config|bisect|difftool|mergetool|filter-branch|foreach|credential\S*|daemon|hook|"
            r"instaweb|shell|send-email|upload-pack|receive-pack|http-backend|web--browse|archive|"
            r"remote-\S+|gui|citool|update-index|update-server-info)( |$)",
        ),
        "go": Loophole(
            "", "", r" -(-?)(exec|toolexec|vettool|overlay|o|modfile|C|ldflags|gcflags)"
        ),
        "jq yq": Loophole(
            "Lfi", "from-file rawfile slurpfile library inplace", r"env|ENV|import|include"
        ),
        "less more most": Loophole("oOkKPtT", "log-file lesskey prompt tag", r" \+"),
        "make gmake ninja just task rake cmake meson": BUILD,
        "man": Loophole("PHprCMl", "pager html preprocessor config-file manpath local-file", ""),
        "npm npx pnpm yarn pip pip3 uv uvx poetry gem bundle composer mvn gradle": PACKAGES,
        "ps": Loophole("", "", r" [a-z]*e"),
        "psql mysql mariadb sqlite3 duckdb mongosh redis-cli": SQL,
        "pytest": Loophole(
            "poc",
            "basetemp rootdir junit log-file pastebin debug confcutdir override-ini config-file "
            "import-mode result-log report",
            "",
        ),
        "rsync scp sftp ssh": Loophole(
            "eoSFbiWLRDEI", "rsh rsync-path files-from log-file write-batch remove delete", ""
        ),
        "shuf split csplit": Loophole("o", "output filter random-source", ""),
        "tar bsdtar unzip zip 7z cpio": Loophole(
            "IFTCPd",
            "checkpoint to-command use-compress info-script new-vol rsh rmt unzip-command "
            "absolute-names remove-files directory one-top-level files-from",
            "",
        ),
    }.items()
    for name in names.split()
}
"""Only a rule without `*` lets these through."""


def loophole(argv: tuple[str, ...], meant: int = 1) -> str:
    """The words that make this more than a rule such as `PROGRAM *` means, "" for none; those
    that the rule itself writes out, `meant` in number, are not looked at."""
    inner = unwrapped(argv)
    argv = inner or (argv[0], *argv[max(1, meant) :])
    name = base(argv[0])
    line = " ".join(argv[1:])
    if name in TRANSPARENT:
        return line or name
    if known(name):
        return "" if reads((name, *argv[1:])) is not None else line or name
    found = LOOPHOLES.get(name)
    if found is None:
        return ""
    odd = next((word for word in argv[1:] if word[:1] == "-" and _means(found, word)), "")
    return odd or (line if found.line and re.search(found.line, f" {line} ") else "")


def _means(found: Loophole, word: str) -> bool:
    """Whether an option, abbreviated or joined with others, is one of these."""
    if not word.startswith("--"):
        return any(letter in word for letter in found.letters)
    name = word[2:].partition("=")[0].lower()
    return bool(name) and any(
        one.startswith(name) or name.startswith(one) for one in found.names.split()
    )
