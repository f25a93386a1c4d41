"""What a git repository can make git run when it is only looked at, and what keeps git from it.

Hooks, the file system monitor, external diff and text conversion, clean and smudge filters, a
pager, an editor, aliases, signing programs, credential helpers. See git-config(1), gitattributes(5)
and githooks(5).
"""

import re
from collections.abc import Iterable

ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_PAGER": "cat",
    "GIT_EDITOR": "true",
    "GIT_ATTR_NOSYSTEM": "1",
    "LC_ALL": "C.UTF-8",
}
NAMES = ("config", "--list", "--name-only", "--null", "--includes")
"""What git is told so that it lists the names of all settings."""
FIXED = (
    "core.fsmonitor=",
    "core.hooksPath=/dev/null",
    "core.untrackedCache=false",
    "core.pager=cat",
    "core.editor=true",
    "core.sshCommand=false",
    "core.gitProxy=",
    "core.askPass=",
    "credential.helper=",
    "protocol.allow=never",
    "safe.bareRepository=explicit",
    "commit.gpgSign=false",
    "tag.gpgSign=false",
    "log.showSignature=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "submodule.recurse=false",
    "diff.ignoreSubmodules=all",
    "color.ui=false",
)
RUNS = (
    rb"(?i)(filter\..*\.(clean|smudge|process|required)|diff\..*\.(command|textconv)|diff\.external"
    rb"|merge\..*\.driver|gpg\..*program|gpg\.program|pager\..*|interactive\.difffilter)"
)
"""Names of settings that make git run something, beside those above."""


def settings(names: Iterable[bytes]) -> list[str]:
    """The words that git is given first, for a repository that has settings of these names."""
    running = sorted({name for name in names if re.fullmatch(RUNS, name)})
    fixed = [*FIXED, *(f"{name.decode('utf-8', 'surrogateescape')}=" for name in running)]
    return ["--no-pager", *(word for item in fixed for word in ("-c", item))]
