"""What a sandbox has to hold: which folders may be written, what in them may not, what is hidden.

It is looked up before each command, as the files are then. What does not exist yet is held too, by
a placeholder (see runtimes.placeholders): a command must not be the one that makes it.
"""

import os
import re
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, field

from tuiagent.kernel.errors import ToolError

FOLDERS = (".git", ".hg", ".vscode", ".idea", ".tuiagent", ".claude", ".cursor")
"""Folders of the session's folder from which other programs take what they run."""
FILES = (
    ".husky .envrc .mcp.json .gitconfig .bashrc .bash_profile .bash_login .bash_logout .profile "
    ".zshrc .zshenv .zprofile .zlogin .zlogout .agents .codex .gemini .zed .devcontainer"
).split()
"""The same, where they are there; a shell takes its own from the home folder, held whole."""
REPOSITORY = ("refs", "objects", "HEAD")
"""What makes a folder a repository to git, though it has no `.git`."""
KEYS = (
    ".ssh .aws .gnupg .azure .password-store .kube .docker/config.json .docker/run .netrc .npmrc "
    ".pypirc .pgpass .my.cnf .s3cfg .boto .git-credentials .vault-token .terraform.d .mozilla "
    ".cargo/credentials .cargo/credentials.toml .m2/settings.xml .m2/settings-security.xml "
    ".gem/credentials .colima .lima .orbstack .1password .config/gcloud .config/gh .config/op "
    ".config/rclone .config/sops .config/git/credentials .config/containers/auth.json "
    ".config/google-chrome .config/chromium .config/BraveSoftware .config/microsoft-edge "
    ".config/Bitwarden .config/1Password .config/keybase .local/share/keyrings "
    ".local/share/kwalletd Library/Keychains Library/Cookies .claude/.credentials.json "
    ".claude.json .codex/auth.json .gemini/oauth_creds.json .local/share/opencode/auth.json "
    ".config/github-copilot .huggingface .cache/huggingface/token .kaggle .oci .aliyun "
    ".config/doctl .config/hcloud .config/glab-cli .config/hub .config/solana .config/Signal "
    ".config/vivaldi .config/opera .thunderbird .var/app snap/firefox .terraformrc .rclone.conf"
).split()
"""Keys, keyrings, browser profiles and sockets of agents, in the home folder."""
SYSTEM = (
    "/etc/shadow /etc/shadow- /etc/gshadow /etc/gshadow- /etc/sudoers /etc/sudoers.d "
    "/etc/krb5.keytab /etc/ssl/private /var/run/secrets /var/lib/docker /var/lib/containerd"
).split()
"""The same of the machine."""
ITSELF = b".\n"
"""What a repository's `commondir` says when it is its own: to git as if there were none."""
RUNS = re.compile(r"^[ \t]*(?:hookspath|path)[ \t]*=[ \t]*(.+?)[ \t]*$", re.I | re.M)
"""Where git's settings say that hooks, or more settings, lie."""
AGE = 2.0
"""Seconds from which on a socket counts as one that stays."""
SEEN, DEEP = 2000, 8
"""Folders that are looked into for what lies within, and how deep."""
SKIPPED = frozenset({"node_modules", "__pycache__", ".venv", ".tox", "venv", "target", "dist"})


class Walls(Struct):
    """What holds for one command; every path is absolute, links resolved."""

    folder: str
    scratch: str
    """The folder that commands see as /tmp."""
    writable: list[str] = []
    """Folders and files elsewhere that may be written."""
    named: list[str] = []
    """What a person lets commands write, in the folder or elsewhere: there nothing is held."""
    pinned: list[str] = []
    """Folders in these that may not be moved away."""
    frozen: list[str] = []
    """What in these may not be changed."""
    missing: dict[str, bytes | None] = field(default_factory=dict)
    """What of it has to be made first: a file with this content, or a folder."""
    hidden: list[str] = []
    """What nobody sees."""
    shown: list[str] = []
    """What of the hidden is shown all the same, to be read."""


def hidden(homes: Iterable[str], more: Iterable[str]) -> list[str]:
    """What is to be hidden and is there, links resolved."""
    paths = [os.path.join(home, name) for home in homes for name in KEYS]
    keys = [f"/etc/ssh/{name}" for name in _names("/etc/ssh") if name.endswith("_key")]
    found = (path for path in (*paths, *SYSTEM, *keys, *more) if os.path.exists(path))
    return sorted({os.path.realpath(path) for path in found})


def sockets() -> list[str]:
    """The files of the Unix sockets that somebody listens at here: a read-only folder holds none.

    Those that are opened while a command runs are not known, nor are the youngest, which come and
    go: where one to be hidden has just gone, the command could not begin.
    """
    try:
        with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as file:
            paths = {line.rstrip("\n").partition(" /")[2] for line in file}
    except OSError:
        return []
    return sorted("/" + name for name in paths if name and _age("/" + name) >= AGE)


def _age(path: str) -> float:
    """Seconds since it was made or changed; -1 where it is not there."""
    try:
        return max(0.0, time.time() - os.stat(path).st_mtime)
    except OSError:
        return -1.0


def misfit(folder: str, homes: Iterable[str]) -> str:
    """Why no sandbox can hold what works in this folder; "" when one can."""
    for home in homes:
        if _below(os.path.realpath(home), folder):
            return (
                f"{folder} holds the home folder {home}, and whatever may write there can have "
                "itself run: work in a folder of its own"
            )
    return ""


def hold(walls: Walls, inner: Sequence[str], homes: Iterable[str]) -> None:
    """Adds what in the session's folder may not be changed. Raises ToolError where it cannot hold.

    `inner` are the repositories within, as `repositories` finds them.
    """
    for name in FOLDERS:
        path = os.path.join(walls.folder, name)
        if not _exempt(path, walls):
            _whole(path, walls)
    for name in FILES:
        path = os.path.join(walls.folder, name)
        if os.path.lexists(path) and not _exempt(path, walls):
            _whole(path, walls)
    own = os.path.join(walls.folder, ".git")
    for path in (own, *inner):
        if not _exempt(path, walls) and not os.path.islink(path):
            _repository(path, walls, path not in inner)
    there = os.path.isfile(own) or os.path.exists(os.path.join(own, "HEAD"))
    if not there and not _exempt(own, walls):
        _bare(walls)
    for home in homes:
        for file in (".gitconfig", ".config/git/config"):
            _pointed(os.path.join(home, file), walls.folder, walls)


def _whole(path: str, walls: Walls) -> None:
    """A file or folder that is held as it is."""
    if os.path.islink(path):
        raise ToolError(
            f"the sandbox cannot hold {path}, as it is a symbolic link: replace it by what it "
            f"leads to, or let commands write it: write = [{path!r}] under [sandbox] in config.toml"
        )
    if not os.path.lexists(path):
        walls.missing[path] = None
    if os.path.basename(path) != ".git" or not os.path.isdir(path):
        walls.frozen.append(path)


def _repository(path: str, walls: Walls, own: bool) -> None:
    """What in a repository makes git run things; a repository within is held as far as it is."""
    if not os.path.isdir(path):
        if os.path.lexists(path) and path not in walls.frozen:
            walls.frozen.append(path)  # it says where the repository lies
        return
    config, hooks = os.path.join(path, "config"), os.path.join(path, "hooks")
    if os.path.islink(config) or os.path.islink(hooks):
        walls.frozen.append(path)
        return
    walls.pinned.append(path)
    parts: dict[str, bytes | None] = {config: b"", hooks: None}
    if own:
        names = {"commondir": ITSELF, "modules": None, "worktrees": None, "config.worktree": b""}
        parts |= {os.path.join(path, name): body for name, body in names.items()}
    for part, body in parts.items():
        if _exempt(part, walls):
            continue
        if not os.path.lexists(part):
            if not own:
                continue
            walls.missing[part] = body
        walls.frozen.append(part)
    _pointed(config, os.path.dirname(path), walls)


def _bare(walls: Walls) -> None:
    """The folder itself, to which git comes where there is no `.git`: it may become none."""
    parts = [os.path.join(walls.folder, name) for name in REPOSITORY]
    absent = [path for path in parts if not os.path.lexists(path)]
    if not absent:
        _repository(walls.folder, walls, own=True)
    elif not _exempt(absent[0], walls):
        walls.missing[absent[0]] = b""
        walls.frozen.append(absent[0])


def _pointed(config: str, top: str, walls: Walls) -> None:
    """The hooks and further settings in the folder that git's settings point to."""
    try:
        with open(config, encoding="utf-8", errors="surrogateescape", opener=_at_once) as file:
            regular = stat.S_ISREG(os.fstat(file.fileno()).st_mode)
            text = file.read(1 << 16) if regular else ""
    except OSError:
        return
    for said in RUNS.findall(text):
        for base in (top, os.path.dirname(config)):
            path = os.path.normpath(os.path.join(base, said.strip('"')))
            inside = _below(path, walls.folder) and path != walls.folder
            if not inside or path in walls.frozen or _exempt(path, walls):
                continue
            if os.path.realpath(path) != path or not os.path.isdir(os.path.dirname(path)):
                continue
            if not os.path.exists(path):
                walls.missing[path] = None
            walls.frozen.append(path)


def repositories(folder: str) -> list[str]:
    """The `.git` of every repository within the folder that is found soon."""
    own = os.path.join(folder, ".git")
    found = within([folder], lambda entry: entry.name not in SKIPPED and entry.name[0] != ".")
    return sorted(path for path in found if os.path.basename(path) == ".git" and path != own)


def within(tops: Iterable[str], enters: Callable[[os.DirEntry[str]], bool]) -> Iterator[str]:
    """What lies in these folders, and in those within that are to be entered, as far as is soon
    found; links are not followed."""
    left = deque((top, 0) for top in tops)
    for _ in range(SEEN):
        if not left:
            break
        top, depth = left.popleft()
        try:
            with os.scandir(top) as entries:
                for entry in entries:
                    yield entry.path
                    if depth < DEEP and enters(entry) and entry.is_dir(follow_symlinks=False):
                        left.append((entry.path, depth + 1))
        except OSError:
            continue  # it may not be read, or it has just gone


def homes_of(env: Mapping[str, str]) -> tuple[str, ...]:
    """The home folders: the recorded one, and that of who runs this."""
    found = dict.fromkeys((env.get("HOME", ""), os.path.expanduser("~")))
    return tuple(home for home in found if home.startswith("/") and home != "/")


def _exempt(path: str, walls: Walls) -> bool:
    """Whether it lies in what a person lets commands write by name."""
    return any(_below(path, one) for one in walls.named)


def _below(path: str, top: str) -> bool:
    return path == top or path.startswith(top.rstrip("/") + "/")


def _at_once(path: str, flags: int) -> int:
    """Opened without waiting for whoever may write to a pipe of that name."""
    return os.open(path, flags | os.O_NONBLOCK)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
