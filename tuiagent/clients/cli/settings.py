"""The user's config.toml: read a setting, change it, make the file, say where it lies."""

import argparse
import os
from typing import Any

import msgspec

from tuiagent import config, config_file
from tuiagent.clients.clean import plain
from tuiagent.clients.cli import DONE, ERROR, schemas
from tuiagent.clients.cli.printers import say
from tuiagent.kernel.errors import ConfigError


def run(args: argparse.Namespace) -> int:
    """`config path`, `config schema`, `config get [KEY]`, `config set KEY VALUE`."""
    path = config.paths(os.environ, args.cwd)[0]
    if args.what == "path":
        say(path + "\n")
    elif args.what == "schema":
        return schemas.run(argparse.Namespace(what="config"))
    elif args.what == "get":
        found = config_file.read(path) if os.path.exists(path) else config_file.ConfigFile()
        value = _pick(msgspec.to_builtins(found), args.key)
        say((value if isinstance(value, str) else _toml(value)) + "\n")
    else:
        if not args.key or args.value is None:
            raise ConfigError("say what to set: tuiagent config set KEY VALUE")
        config_file.change(path, args.key, args.value)
        say(f"{args.key} is set in {path}\n")
    return DONE


def init(args: argparse.Namespace) -> int:
    """Writes a config.toml in which every key is explained; never over one that is there."""
    path = config.paths(os.environ, args.cwd)[0]
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        say(f"{path} is there already; it stays as it is\n")
        return ERROR
    with open(file, "w", encoding="utf-8") as out:
        out.write(template())
    say(path + "\n")
    return DONE


def template() -> str:
    """A file in which every key stands behind a #, with its meaning and its usual value."""
    lines = ["# tuiagent's settings. Every key is optional; `tuiagent config schema` has them all."]
    tables: list[str] = []
    for name, part in config_file.schema()["$defs"]["ConfigFile"]["properties"].items():
        usual = part.get("default")
        if name in ("providers", "mcp_servers", "tui", "memory", "rules"):
            tables.append(name)
            continue
        lines += ["", f"# {part.get('description', name)}", f"# {name} = {_toml(usual)}"]
    lines += [
        "",
        "# [providers.local]          # a model of it is named local/NAME",
        '# api_base = "http://127.0.0.1:8080/v1"',
        "",
        "# [[rules]]                  # with examples, which are checked when this file is read",
        '# action = "allow"',
        '# tool = "shell"',
        '# pattern = "pytest *"',
        '# admits = ["pytest -q tests"]',
        '# refuses = ["pytest; rm x"]',
    ]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    return plain(msgspec.json.encode(value).decode())


def _pick(table: dict[str, Any], key: str) -> Any:
    """The value at a dotted key, everything for "". Raises ConfigError."""
    found: Any = table
    for name in key.split(".") if key else []:
        if not isinstance(found, dict) or name not in found:
            raise ConfigError(f"there is no key {key!r}; `tuiagent config schema` lists them")
        found = found[name]
    return found
