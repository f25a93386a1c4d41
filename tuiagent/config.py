"""Settings: defaults < user's file < project's file < environment < flags."""

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from tuiagent.environment import ADDRESSES, KEEP, KEYS
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.lifecycle import check_opening
from tuiagent.kernel.limits import TURNS, Limits
from tuiagent.kernel.message import Usage
from tuiagent.kernel.policy import mode_of
from tuiagent.kernel.rules import Rule, exactly, parse_rule
from tuiagent.kernel.session import SessionOpened

if TYPE_CHECKING:
    from tuiagent.config_file import (
        ConfigFile,
        ProviderTable,
        RuleTable,
        SandboxTable,
        ScreenTable,
        ServerTable,
        WebTable,
    )

OPENAI_MODEL = "gpt-5.5"
OPENAI_URL = "https://api.openai.com/v1"
OPENAI_KEY = "env:OPENAI_API_KEY"
FIRST = {
    "openai": OPENAI_MODEL,
    "anthropic": "claude-sonnet-5-5",
    "google": "gemini-3.8-flash",
    "xai": "grok-4.7",
    "deepseek": "deepseek-v4-pro",
    "mistral": "mistral-medium-latest",
}
"""The model that is asked where only a provider's key is there."""
KEPT = "keys.toml"
"""The table of the keys that are kept, in the user's folder: no key is in it."""


class Example(Struct, frozen=True):
    """What a rule must cover, or must not."""

    rule: Rule
    subject: str
    covered: bool
    file: str


class Settings(Struct, frozen=True):
    """What holds for this process, in one folder."""

    root: str
    """The state root."""
    home: str
    """Where the user's own files lie: config.toml, the seal's key."""
    mode: str
    model: str = ""
    """PROVIDER/MODEL; "" when none is known."""
    rules: tuple[Rule, ...] = ()
    examples: tuple[Example, ...] = ()
    """To be checked before the rules count."""
    limits: Limits = Limits()
    """Of one run."""
    providers: "dict[str, ProviderTable]" = {}
    retention_days: int = 30
    """Days in which a deleted session can be brought back."""
    without_effect: tuple[str, ...] = ()
    """Keys of the user's file that are understood but do nothing yet."""
    ignored: tuple[str, ...] = ()
    """What the project's file says and may not say."""
    folder: str = ""
    """Whose project's file was read."""
    kept: tuple[str, ...] = ()
    """The providers that a key is kept for."""
    flags: "Flags | None" = None
    """What the command line said."""
    tui: "ScreenTable | None" = None
    """How the screen is to be, as the user's file says."""
    servers: "dict[str, ServerTable]" = {}
    """MCP servers of the user's, by name."""
    skills: tuple[str, ...] = ()
    """Those that new sessions are told whole."""
    web: "WebTable | None" = None
    """What tools may do with the web, as the user's file says."""
    sandbox: "SandboxTable | None" = None
    """What the sandbox lets commands do, as the user's file says."""
    fallback: tuple[str, ...] = ()
    """Models that take over, one after the other, when one does not answer."""
    effort: str = ""
    """How much the model thinks; "" for what is usual."""
    work_dir: str = ""
    """The folder of what is begun over HTTP without one; "" where it has to be said."""
    said: dict[str, tuple[Any, str]] = {}
    """Of each key that not only the user's file decides: what holds, and from where that is: flag,
    environment, file, project or default, with more behind a colon."""


class Flags(Struct, frozen=True):
    """What the command line says."""

    folder: str = "."
    model: str = ""
    mode: str = ""
    allow: Sequence[str] = ()
    deny: Sequence[str] = ()
    turns: int = 0
    cost: float = 0.0
    seconds: float = 0.0
    unset: str = "ask"
    """The mode when nothing says another."""
    skills: Sequence[str] = ()
    no_sandbox: bool = False
    """Said openly: commands run without one."""
    effort: str = ""


def load(environ: Mapping[str, str], flags: Flags = Flags()) -> Settings:  # noqa: B008 - frozen
    """The settings from the files, this environment and these flags. Raises ConfigError."""
    home = home_of(environ)
    user_file, project_file = paths(environ, flags.folder)
    user, project = _read(user_file), _read(project_file)
    providers = user.providers if user else {}
    kept = tuple(kept_keys(home))
    said = _said(environ, user, project, kept, flags)
    root, model, mode = (said[key][0] for key in ("data_dir", "model", "mode"))
    check_opening(model, mode)
    rules = [Rule("deny", "*", f"{exactly(own)}/**", "house") for own in (root, home)]
    examples: list[Example] = []
    for file, source, table in ((user_file, "user", user), (project_file, "project", project)):
        if table is not None:
            rules += _rules(file, source, table, examples)
    rules += [parse_rule(text, "allow", "flag") for text in flags.allow]
    rules += [parse_rule(text, "deny", "flag") for text in flags.deny]
    return Settings(
        root,
        home,
        mode_of(mode),
        model,
        tuple(rules),
        tuple(examples),
        Limits(said["max_iterations"][0], said["max_cost"][0] or 0.0, said["max_time"][0] or 0.0),
        providers,
        user.retention_days if user else 30,
        _without_effect(user),
        _ignored(project),
        os.path.realpath(flags.folder),
        kept,
        flags,
        user.tui if user else None,
        {**user.mcp_servers, **user.mcp} if user else {},
        said["default_skills"][0],
        user.web if user else None,
        user.sandbox if user else None,
        user.fallback if user else (),
        said["effort"][0],
        os.path.abspath(os.path.expanduser(user.work_dir)) if user and user.work_dir else "",
        said,
    )


def rules_in(settings: Settings, folder: str) -> tuple[Rule, ...]:
    """The rules that hold in this folder: its own project's, not those of where we are.

    Raises ConfigError.
    """
    if os.path.realpath(folder) == settings.folder:
        return settings.rules
    file = _project(folder)
    table = _read(file)
    theirs = _rules(file, "project", table, []) if table else []
    ours = [rule for rule in settings.rules if rule.source != "project"]
    return (*ours, *theirs)


def home_of(environ: Mapping[str, str]) -> str:
    """The folder of the user's own files. Raises ConfigError where nobody knows it."""
    return _below(environ, "XDG_CONFIG_HOME", ".config")


def paths(environ: Mapping[str, str], folder: str) -> tuple[str, str]:
    """Where the user's and the project's config.toml lie, or would lie. Raises as `home_of`."""
    user = os.path.join(home_of(environ), "config.toml")
    return user, _project(folder)


def kept_keys(home: str) -> dict[str, str]:
    """Each provider that a key is kept for, and where: `keyring`, or a command that prints it.

    Raises ConfigError.
    """
    path = os.path.join(home, KEPT)
    if not os.path.exists(path):
        return {}
    import tomllib  # noqa: PLC0415 - only where there is a file

    try:
        with open(path, "rb") as file:
            table = tomllib.load(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return {name: place for name, place in table.items() if isinstance(place, str)}


def _project(folder: str) -> str:
    return os.path.join(os.path.realpath(folder), ".tuiagent", "config.toml")


def opening(settings: Settings, folder: str, environ: Mapping[str, str]) -> SessionOpened:
    """How a session in this folder is opened: everything that its commands and models need.

    A key in the environment comes before one that is kept.
    """
    credentials = {name: f"kept:{name}" for name in settings.kept}
    for variable in reversed(KEYS):
        if environ.get(variable):
            credentials[KEYS[variable]] = f"env:{variable}"
    endpoints = addresses(settings, environ)
    for name, table in settings.providers.items():
        if table.env_var and environ.get(table.env_var):
            credentials[name] = f"env:{table.env_var}"
        elif table.api_key:
            credentials[name] = f"config:{name}"
        elif table.env_var and name not in credentials:
            credentials[name] = f"env:{table.env_var}"  # it is needed, and may come later
    if "openai" not in endpoints:
        credentials.setdefault("openai", OPENAI_KEY)  # that server takes nobody without one
    return SessionOpened(
        folder=os.path.realpath(folder),
        model=settings.model,
        mode=settings.mode,
        environment={n: v for n, v in environ.items() if n in KEEP or n.startswith("LC_")},
        credentials=credentials,
        endpoints=endpoints,
        rules=settings.rules,
        skills=settings.skills,
        effort=settings.effort,
    )


def addresses(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """The base URL of each provider, where this environment or the user's file says one."""
    tables = settings.providers.items()
    found = {name: table.api_base for name, table in tables if table.api_base}
    return found | {name: environ[n] for n, name in ADDRESSES.items() if environ.get(n)}


def price(settings: Settings, model: str, usage: Usage) -> float | None:
    """US dollars for these tokens as the user's file says; None where it says nothing."""
    name = model.partition("/")[0]
    table = settings.providers.get(name)
    if name == "scripted":
        return 0.0
    if table is None or not (table.input_price or table.output_price):
        return None
    return (usage.input * table.input_price + usage.output * table.output_price) / 1e6


Way = tuple[str, Any]  # from where something is said, and what is


def _said(
    environ: Mapping[str, str],
    user: "ConfigFile | None",
    project: "ConfigFile | None",
    kept: Sequence[str],
    flags: Flags,
) -> dict[str, tuple[Any, str]]:
    """See Settings. Raises ConfigError."""

    def variable(name: str) -> Way:
        return f"environment: {name}", environ.get(name)

    def file(key: str) -> Way:
        return "file", getattr(user, key, None)

    def ours(key: str) -> Way:
        return "project", getattr(project, key, None)

    named = _first(("flag", flags.model), variable("TUIAGENT_MODEL"), file("model"))
    root, where = _first(variable("TUIAGENT_HOME"), file("data_dir"))
    root = os.path.expanduser(root) or _below(environ, "XDG_STATE_HOME", ".local/state")
    unset = ("default", flags.unset)
    skills = (file("default_skills"), ours("default_skills"))
    return {
        "model": named if named[0] else _model(environ, user, kept),
        "mode": _first(("flag", flags.mode), variable("TUIAGENT_MODE"), file("mode"), unset),
        "effort": _first(("flag", flags.effort), file("effort")),
        "max_iterations": _first(("flag", flags.turns), file("max_iterations"), ("default", TURNS)),
        "max_cost": _first(("flag", flags.cost), file("max_cost")),
        "max_time": _first(("flag", flags.seconds), file("max_time")),
        "data_dir": (os.path.abspath(root), where),
        "allow": _all(file("allow"), ("flag", flags.allow)),
        "ask": _all(file("ask"), ours("ask")),
        "deny": _all(file("deny"), ours("deny"), ("flag", flags.deny)),
        "default_skills": _all(*skills, ("flag", flags.skills)),
    }


def _first(*ways: Way) -> tuple[Any, str]:
    """What the first says that says anything, and where that is."""
    return next(((value, where) for where, value in ways if value), ("", "default"))


def _all(*ways: Way) -> tuple[tuple[str, ...], str]:
    """What all of them say, each thing once, and where that is."""
    found = dict.fromkeys(one for _, values in ways for one in values or ())
    return tuple(found), ", ".join(where for where, values in ways if values) or "default"


def _model(
    environ: Mapping[str, str], user: "ConfigFile | None", kept: Sequence[str]
) -> tuple[str, str]:
    """The model where none is named: of the file's usual provider, or of one with a key."""
    if user and user.default_provider:
        table = user.providers.get(user.default_provider)
        if table is None:
            name = user.default_provider
            raise ConfigError(f"default_provider is {name!r}, but there is no [providers.{name}]")
        if table.default_model:
            return f"{user.default_provider}/{table.default_model}", "file: default_provider"
    for name, usual in FIRST.items():
        there = (n for n, of in (*KEYS.items(), *ADDRESSES.items()) if of == name)
        named = next((n for n in there if environ.get(n)), "")
        if named or name in kept:
            given = environ.get("OPENAI_MODEL") if name == "openai" else ""
            place = f"environment: {named}" if named else "default: a key is kept"
            return f"{name}/{given or usual}", place
    return "", "default"


def _rules(file: str, source: str, table: "ConfigFile", examples: list[Example]) -> list[Rule]:
    """The rules of one file; a project's never allow. Raises ConfigError."""
    lists = (("allow", table.allow), ("ask", table.ask), ("deny", table.deny))
    found = [
        parse_rule(text, action, source)
        for action, texts in lists
        for text in texts
        if source == "user" or action != "allow"
    ]
    if not table.allow_shell and source == "user":
        found.append(Rule("deny", "shell", "", source))
    for row in table.rules:
        rule = _rule(file, source, row)
        if source == "user" or rule.action != "allow":
            found.append(rule)
            examples += [Example(rule, text, True, file) for text in row.admits]
            examples += [Example(rule, text, False, file) for text in row.refuses]
    return found


def _rule(file: str, source: str, row: "RuleTable") -> Rule:
    text = f"{row.tool}({row.pattern})" if row.pattern else row.tool
    try:
        return parse_rule(text, row.action, source)
    except ConfigError as error:
        raise ConfigError(f"{file}: {error}") from error


def _without_effect(user: "ConfigFile | None") -> tuple[str, ...]:
    """The keys that other programs' files have and that nothing here reads yet."""
    if user is None:
        return ()
    from tuiagent import config_file as known  # noqa: PLC0415 - only where there is a file

    usual = known.ConfigFile()
    return tuple(name for name in known.LATER if getattr(user, name) != getattr(usual, name))


def _ignored(project: "ConfigFile | None") -> tuple[str, ...]:
    """The keys of a project's file that do not count, as a repository may only tighten."""
    if project is None:
        return ()
    from tuiagent.config_file import PROJECT, ConfigFile  # noqa: PLC0415

    usual = ConfigFile()
    names = [name for name in project.__struct_fields__ if name not in PROJECT]
    found = [name for name in names if getattr(project, name) != getattr(usual, name)]
    allows = any(row.action == "allow" for row in project.rules)
    return (*found, *(("rules that allow",) if allows else ()))


def _below(environ: Mapping[str, str], name: str, usual: str) -> str:
    user = environ.get("HOME") or os.path.expanduser("~")
    if not environ.get(name) and user == "~":  # else it would be a folder of whatever we are in
        raise ConfigError("nobody knows your home folder, where things are kept: set HOME")
    return os.path.join(environ.get(name) or os.path.join(user, usual), "tuiagent")


def _read(path: str) -> "ConfigFile | None":
    """The file, if there is one; the module that reads it is loaded only then."""
    if not os.path.exists(path):
        return None
    from tuiagent.config_file import read  # noqa: PLC0415

    return read(path)
