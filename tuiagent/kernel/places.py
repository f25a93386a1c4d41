"""Places that are more than files: keys, our own settings, and what makes other programs run."""

import re

from tuiagent.kernel.claims import Claims

SECRETS = (
    r"(?i)"
    r"/\.(ssh|aws|gnupg|azure|password-store|vault-token|terraform\.d)(/|$)"
    r"|/\.docker/config\.json$|/\.kube/config$|/\.m2/settings(-security)?\.xml$"
    r"|/\.config/(gh|gcloud|op|rclone|sops|github-copilot)(/|$)|/\.local/share/keyrings(/|$)"
    r"|/\.claude/\.credentials\.json$|/\.codex/auth\.json$|/\.gemini/oauth_creds\.json$"
    r"|/opencode/auth\.json$|/\.huggingface(/|$)|/\.cache/huggingface/token$"
    r"|/\.cargo/credentials(\.toml)?$|/library/keychains(/|$)|^/(var/)?run/secrets(/|$)"
    r"|^/etc/(shadow|gshadow|passwd|sudoers|sudoers\.d|ssl/private|krb5\.keytab)(-|/|$)"
    r"|^/etc/ssh/ssh_host_[^/]*key$|^/dev/(mem|kmem|port)$|^/proc/kcore$"
    r"|^/proc/([^/]+|\d+/task/[^/]+)/(environ|mem|root|fd|cwd|maps)(/|$)"
)
"""Key material and system secrets: refused unless a rule names them.

Text, like the others here: a start that judges nothing does not pay for compiling them.
"""
KEYS = (
    r"(?i)"
    r"/\.(netrc|npmrc|pypirc|pgpass|my\.cnf|s3cfg|boto|htpasswd|git-credentials|env(\.[^/]+)?)$"
    r"|/(id_(rsa|dsa|ecdsa|ed25519)(_sk)?|kubeconfig|credentials)$"
    r"|\.(pem|p12|pfx|key|keystore|jks|kdbx)$"
)
"""Files that often hold keys: asked about inside the session's folder, refused outside of it."""
HARMLESS = r"(?i)\.env\.(example|sample|template|dist)$"
OWN = r"(?i)/\.tuiagent(/|$)"
"""Our own settings in a project: what is written there would change the policy."""
PROTECTED = (
    r"(?i)"
    r"/(\.git|\.hg|\.vscode|\.idea|\.husky|\.claude|\.cursor|\.codex|\.gemini|\.zed"
    r"|\.devcontainer|\.agents)(/|$)"
    r"|/(\.mcp\.json|\.envrc|\.bashrc|\.bash_(profile|login|logout)|\.profile"
    r"|\.z(shrc|shenv|profile|login|logout)|\.gitmodules|\.gitconfig|\.gitattributes)$"
    r"|/HEAD$|/refs/"
)
"""Files by which other programs are made to run things."""


def holds_keys(path: str) -> bool:
    """Whether files of this name often hold keys."""
    return bool(re.search(KEYS, path)) and not re.search(HARMLESS, path)


def keyed(path: str) -> bool:
    """Whether it is key material, or a file whose name says that it may hold keys."""
    return bool(re.search(SECRETS, path)) or holds_keys(path)


def touches_keys(claims: Claims) -> bool:
    """Whether a call touches a file whose name says that it may hold keys."""
    return any(holds_keys(path) for path in (*claims.reads, *claims.writes, *claims.mentions))


def secrets(claims: Claims) -> tuple[str, str]:
    """A path that is key material, and one in the folder that may hold some; "" for none."""
    touched = (*claims.reads, *claims.writes, *claims.mentions, *claims.folders)
    keys = [path for path in touched if holds_keys(path)]
    real = (p for p in touched if re.search(SECRETS, p) or (p in keys and not inside(p, claims)))
    return next(real, ""), next(iter(keys), "")


def inside(path: str, claims: Claims) -> bool:
    """Whether a path is the session's folder or lies in it."""
    return path == claims.folder or path.startswith(claims.folder.rstrip("/") + "/")


def outside(claims: Claims) -> list[str]:
    """The paths read or written that lie outside the session's folder."""
    return [path for path in (*claims.reads, *claims.writes) if not inside(path, claims)]
