"""Settings: defaults < user's file < environment < flags."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.policy import MODES, Rule, parse_rule
from tuiagent.kernel.session import SessionOpened

KEEP = frozenset(
    (
        "PATH HOME USER LOGNAME SHELL LANG LANGUAGE TZ TERM COLORTERM TMPDIR VIRTUAL_ENV "
        "CONDA_PREFIX PYENV_ROOT PYENV_VERSION NVM_DIR NODE_PATH JAVA_HOME GOPATH GOROOT "
        "CARGO_HOME RUSTUP_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_STATE_HOME XDG_CACHE_HOME "
        "XDG_RUNTIME_DIR"
    ).split()
)
"""Names of the environment that a session records for its commands, beside LC_*."""
OPENAI_MODEL = "gpt-5.5"
OPENAI_URL = "https://api.openai.com/v1"
ENVIRONMENT = {
    "TUIAGENT_HOME": "the state root, where the journal is",
    "TUIAGENT_MODEL": "the model, as PROVIDER/MODEL",
    "TUIAGENT_MODE": "the permission mode",
    "OPENAI_API_KEY": "the key of openai/… models",
    "OPENAI_BASE_URL": "another server for openai/… models; a key is optional there",
    "OPENAI_MODEL": "the model of that server",
}
"""Every name that is read, and what it sets."""


class Settings(Struct, frozen=True):
    """What holds for this process."""

    root: str
    """The state root."""
    home: str
    """Where the user's own files lie: config.toml, the seal's key."""
    mode: str
    model: str = ""
    """PROVIDER/MODEL; "" when none is known."""
    rules: tuple[Rule, ...] = ()


def load(
    environ: Mapping[str, str],
    model: str = "",
    mode: str = "",
    allow: Sequence[str] = (),
    deny: Sequence[str] = (),
    unset: str = "ask",
) -> Settings:
    """The settings from the user's file, this environment and these flags. Raises ConfigError.

    `unset` is the mode when nothing says another.
    """
    user = environ.get("HOME") or os.path.expanduser("~")
    root = environ.get("TUIAGENT_HOME") or _below(environ, "XDG_STATE_HOME", user, ".local/state")
    home = _below(environ, "XDG_CONFIG_HOME", user, ".config")
    table = _read(os.path.join(home, "config.toml"))
    model = model or environ.get("TUIAGENT_MODEL") or table.get("model", "")
    if not model and (environ.get("OPENAI_API_KEY") or environ.get("OPENAI_BASE_URL")):
        model = "openai/" + (environ.get("OPENAI_MODEL") or OPENAI_MODEL)
    if model and not all(model.partition("/")):
        raise ConfigError(f"the model {model!r} does not name its provider: write PROVIDER/MODEL")
    mode = mode or environ.get("TUIAGENT_MODE") or table.get("mode") or unset
    if mode not in MODES:
        raise ConfigError(f"unknown mode {mode!r}: use one of {', '.join(MODES)}")
    rules = [parse_rule(text, "allow", "user") for text in table.get("allow", ())]
    rules += [parse_rule(text, "deny", "user") for text in table.get("deny", ())]
    rules += [parse_rule(text, "allow", "flag") for text in allow]
    rules += [parse_rule(text, "deny", "flag") for text in deny]
    return Settings(os.path.abspath(root), home, mode, model, tuple(rules))


def opening(settings: Settings, folder: str, environ: Mapping[str, str]) -> SessionOpened:
    """How a session in this folder is opened: everything that its commands and models need."""
    return SessionOpened(
        folder=os.path.realpath(folder),
        model=settings.model,
        mode=settings.mode,
        environment={n: v for n, v in environ.items() if n in KEEP or n.startswith("LC_")},
        credentials={"openai": "env:OPENAI_API_KEY"} if environ.get("OPENAI_API_KEY") else {},
        endpoints={"openai": environ["OPENAI_BASE_URL"]} if environ.get("OPENAI_BASE_URL") else {},
        rules=settings.rules,
    )


def _below(environ: Mapping[str, str], name: str, user: str, usual: str) -> str:
    return os.path.join(environ.get(name) or os.path.join(user, usual), "tuiagent")


def _read(path: str) -> dict[str, Any]:
    """The user's file, if there is one; the module that reads it is loaded only then."""
    if not os.path.exists(path):
        return {}
    import tomllib  # noqa: PLC0415

    known = {"model": str, "mode": str, "allow": list, "deny": list}
    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{path}: unknown key {key!r}; there are: {', '.join(known)}")
        if not isinstance(value, known[key]):
            raise ConfigError(f"{path}: {key} must be a {known[key].__name__}")
    return table
