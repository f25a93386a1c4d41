"""What may stand in config.toml: every key with its meaning; its JSON Schema is made from this."""

import os
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.lifecycle import check_opening
from tuiagent.kernel.rules import parse_rule

LARGEST = 1 << 20


def _means(text: str) -> Meta:
    return Meta(description=text)


class RuleTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A permission rule with examples, which are checked when the file is read."""

    action: Annotated[str, _means("allow, ask or deny; a project's rules may only ask or deny")]
    tool: Annotated[str, _means("the tool's name, such as shell or edit; * for all")]
    pattern: Annotated[str, _means("a command or path; * stands for anything")] = ""
    admits: Annotated[tuple[str, ...], _means("commands or paths that the rule must cover")] = ()
    refuses: Annotated[tuple[str, ...], _means("commands or paths that it must not cover")] = ()


class ProviderTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A server of models."""

    kind: Annotated[
        str,
        _means(
            "how it speaks: openai_compatible, responses, anthropic, google, or the cloud that "
            "rents its models out: bedrock, vertex, anthropic_vertex, azure"
        ),
    ] = ""
    api_base: Annotated[str, _means("the base URL")] = ""
    default_model: Annotated[str, _means("its model when none is named")] = ""
    models: Annotated[tuple[str, ...], _means("its models, if no others may be used")] = ()
    env_var: Annotated[str, _means("the name of the environment variable that holds its key")] = ""
    api_key: Annotated[str, _means("the key itself; better kept in the environment")] = ""
    input_price: Annotated[
        float, _means("US dollars for a million tokens in, in place of the price known")
    ] = 0.0
    output_price: Annotated[
        float, _means("US dollars for a million tokens out, in place of the price known")
    ] = 0.0
    timeout_secs: Annotated[float, _means("longest silence while it answers")] = 120.0
    max_tokens: Annotated[int, _means("longest answer")] = 0
    context_window: Annotated[int, _means("tokens that fit into one request")] = 0
    takes: Annotated[
        tuple[Literal["image", "document"], ...] | None,
        _means("what its models are shown beside text, in place of what is known"),
    ] = None
    thinking: Annotated[
        str, _means("how much its models think: off, adaptive, low, medium, high, max")
    ] = ""
    transport: Annotated[
        Literal["wire", "sdk"], _means("sdk: through the official client, which must be installed")
    ] = "wire"
    region: Annotated[str, _means("of a cloud")] = ""
    project: Annotated[str, _means("of a cloud")] = ""
    json_calls: Annotated[
        tuple[str, ...],
        _means("models that call tools as JSON that a schema forces, * for all of this server"),
    ] = ()


class ServerTable(Struct, frozen=True, forbid_unknown_fields=True):
    """A Model Context Protocol server."""

    command: Annotated[str, _means("the program that is started")] = ""
    args: Annotated[tuple[str, ...], _means("its arguments")] = ()
    env: Annotated[
        dict[str, str], _means("more for its environment; ${NAME} is a variable of yours")
    ] = {}
    cwd: Annotated[str, _means("the folder it is started in; your home else")] = ""
    url: Annotated[str, _means("its address, in place of a program")] = ""
    headers: Annotated[
        dict[str, str],
        _means("sent with every request to it; ${NAME} is a variable, ${key:NAME} a kept key"),
    ] = {}
    client_id: Annotated[
        str, _means("what it knows us by when you sign in; or a document's address that says so")
    ] = ""
    client_secret: Annotated[str, _means("likewise; ${key:NAME} is a kept key")] = ""
    tools: Annotated[tuple[str, ...], _means("only these of its tools; all without one")] = ()
    deny: Annotated[tuple[str, ...], _means("none of these of its tools")] = ()
    timeout: Annotated[float, _means("seconds to begin in, and of silence in a call")] = 60.0
    trusted: Annotated[
        bool, _means("believe it when it says that a tool only reads: that is not asked about")
    ] = False
    enabled: Annotated[bool, _means("false leaves it alone")] = True


class ScreenTable(Struct, frozen=True, forbid_unknown_fields=True):
    """How the screen looks and what its keys do."""

    theme: Annotated[str, _means("the name of a theme")] = ""
    theme_color: Annotated[str, _means("an accent colour in place of the theme's")] = ""
    vim: Annotated[bool, _means("vim's keys in the prompt")] = False
    keys: Annotated[
        dict[str, str], _means("other keys for a binding, such as prompt.queue = 'alt+w'")
    ] = {}
    reduced_motion: Annotated[bool, _means("nothing moves by itself")] = False
    images: Annotated[
        Literal["auto", "blocks", "none"],
        _means("pictures as sharp as the terminal can, of coloured blocks, or as a line alone"),
    ] = "auto"
    screen_reader: Annotated[
        bool, _means("line by line in place of the full screen, to be read aloud")
    ] = False
    notify: Annotated[bool, _means("tell when a run ends or needs you and nobody looks")] = True


class WebTable(Struct, frozen=True, forbid_unknown_fields=True):
    """What tools may do with the web."""

    search: Annotated[
        Literal["", "searxng", "brave", "ddgs"],
        _means("the engine of web_search, which is there only with one; brave needs a key"),
    ] = ""
    searxng_url: Annotated[str, _means("the address of your SearXNG, its format json on")] = ""
    private: Annotated[
        tuple[str, ...],
        _means("hosts in your own network that fetch may reach, as HOST or HOST:PORT"),
    ] = ()


class SandboxTable(Struct, frozen=True, forbid_unknown_fields=True):
    """What the sandbox lets commands do beside what it always does."""

    write: Annotated[
        tuple[str, ...], _means("folders and files that commands may write, such as ~/.cache/pip")
    ] = ()
    hide: Annotated[tuple[str, ...], _means("folders and files that they must not see")] = ()
    hosts: Annotated[
        tuple[str, ...], _means("hosts that they may reach unasked, each named exactly")
    ] = ()


class MemoryTable(Struct, frozen=True, forbid_unknown_fields=True):
    """What is remembered across sessions."""

    embedding_provider: str = ""
    embedding_model: str = ""
    db_path: str = ""
    top_k: int = 5


class ConfigFile(Struct, frozen=True, forbid_unknown_fields=True):
    """tuiagent's config.toml: the user's, or a project's in .tuiagent/."""

    model: Annotated[str, _means("the model, as PROVIDER/MODEL")] = ""
    fallback: Annotated[
        tuple[str, ...],
        _means("models, as PROVIDER/MODEL, that take over when one does not answer"),
    ] = ()
    effort: Annotated[
        Literal["", "off", "low", "medium", "high", "max"], _means("how much the model thinks")
    ] = ""
    mode: Annotated[
        str, _means("ask, accept-edits, plan, auto or locked; or never, always or risky")
    ] = ""
    allow: Annotated[tuple[str, ...], _means("rules such as shell(pytest *) that allow")] = ()
    ask: Annotated[tuple[str, ...], _means("rules that ask a person")] = ()
    deny: Annotated[tuple[str, ...], _means("rules that refuse")] = ()
    rules: Annotated[tuple[RuleTable, ...], _means("rules with examples")] = ()
    max_iterations: Annotated[int, _means("model replies in one run")] = 0
    max_cost: Annotated[float, _means("US dollars that one run may cost")] = 0.0
    max_time: Annotated[float, _means("seconds that one run may take")] = 0.0
    retention_days: Annotated[int, _means("days that a deleted session can be brought back")] = 30
    default_provider: Annotated[str, _means("the provider of the model when none is named")] = ""
    default_skills: Annotated[tuple[str, ...], _means("skills of every session")] = ()
    work_dir: Annotated[
        str,
        _means("the folder of what is begun over HTTP without one; commands work where they are"),
    ] = ""
    data_dir: Annotated[str, _means("the state root, where the journal is")] = ""
    allow_shell: Annotated[bool, _means("false refuses every command")] = True
    providers: Annotated[dict[str, ProviderTable], _means("servers of models by name")] = {}
    mcp: Annotated[dict[str, ServerTable], _means("MCP servers by name")] = {}
    mcp_servers: Annotated[
        dict[str, ServerTable], _means("the same, as other programs call it")
    ] = {}
    tui: Annotated[ScreenTable, _means("how the screen looks")] = ScreenTable()
    web: Annotated[WebTable, _means("what tools may do with the web")] = WebTable()
    sandbox: Annotated[SandboxTable, _means("what the sandbox lets commands do")] = SandboxTable()
    memory: Annotated[MemoryTable, _means("what is remembered")] = MemoryTable()


PROJECT = frozenset({"ask", "deny", "rules", "default_skills"})
"""The keys that count in a project's file: a repository may only tighten."""


LATER = ("memory",)
"""Keys that are understood, so that other programs' files are valid, and do nothing yet."""


def read(path: str) -> ConfigFile:
    """The file as it says, defaults where it is silent. Raises ConfigError naming what is wrong."""
    import tomllib  # noqa: PLC0415 - only where there is a file

    try:
        if not os.path.isfile(path) or os.path.getsize(path) > LARGEST:
            raise ConfigError(f"it is not a regular file of at most {LARGEST} bytes")
        with open(path, "rb") as file:
            return convert(tomllib.load(file))
    except (OSError, tomllib.TOMLDecodeError, ConfigError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def convert(table: dict[str, Any]) -> ConfigFile:
    """The table with its types checked. Raises ConfigError, for an unknown key with the nearest."""
    try:
        return msgspec.convert(_keyed(table), ConfigFile)
    except msgspec.ValidationError as error:
        text = str(error)
        if "unknown field" not in text:
            raise ConfigError(text.replace("$.", "").replace("`", "'")) from error
        unknown = text.split("`")[1]
        place = text.partition(" - at `$.")[2].rstrip("`")
        raise ConfigError(_unknown(unknown, place)) from error


def _keyed(table: dict[str, Any]) -> dict[str, Any]:
    """The table with the names of actions whole: TOML parts them at dots that are not quoted."""
    screen = table.get("tui")
    if not (isinstance(screen, dict) and isinstance(keys := screen.get("keys"), dict)):
        return table
    return table | {"tui": screen | {"keys": dict(_whole(keys))}}


def _whole(keys: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for name, key in keys.items():
        if isinstance(key, dict):
            yield from _whole(key, f"{above}{name}.")
        else:
            yield f"{above}{name}", key


def _unknown(name: str, place: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    tables = {
        "rules": RuleTable,
        "providers": ProviderTable,
        "mcp": ServerTable,
        "mcp_servers": ServerTable,
        "tui": ScreenTable,
        "web": WebTable,
        "sandbox": SandboxTable,
        "memory": MemoryTable,
    }
    table = tables.get(place.partition(".")[0].partition("[")[0], ConfigFile)
    known = [field.name for field in msgspec.structs.fields(table)]
    near = get_close_matches(name, known, 1)
    where = f" in {place}" if place else ""
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
    return f"there is no key {name!r}{where}; {hint}"


def schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    return msgspec.json.schema(ConfigFile)


def path(home: str) -> str:
    """Where the user's file lies, in the folder of the user's own files."""
    return os.path.join(home, "config.toml")


def put(home: str, key: str, text: str) -> None:
    """Changes one key of the user's file. Raises ConfigError."""
    change(path(home), key, text)


def change(path: str, key: str, text: str) -> None:
    """Changes one key; comments and order stay. Raises ConfigError, and then nothing changed."""
    import tomlkit  # noqa: PLC0415 - only here is a file changed
    import tomlkit.exceptions  # noqa: PLC0415

    try:
        document = tomlkit.parse(_body(path))
    except (OSError, tomlkit.exceptions.TOMLKitError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    try:
        value = tomlkit.parse(f"x = {text}")["x"]
    except tomlkit.exceptions.TOMLKitError:
        value = text
    table: Any = document
    names = key.split(".")
    for name in names[:-1]:
        table = table.setdefault(name, tomlkit.table())
    table[names[-1]] = value
    _write(path, document)


def put_server(home: str, name: str, table: dict[str, Any] | None) -> bool:
    """Has this table for an MCP server in the user's file, or none; whether there was one.

    Raises ConfigError, and then nothing changed.
    """
    import tomlkit  # noqa: PLC0415 - only here is a file changed
    import tomlkit.exceptions  # noqa: PLC0415

    file = path(home)
    try:
        document: Any = tomlkit.parse(_body(file))
    except (OSError, tomlkit.exceptions.TOMLKitError) as error:
        raise ConfigError(f"{file} cannot be read: {error}") from error
    there = [kind for kind in ("mcp", "mcp_servers") if name in document.get(kind, {})]
    for kind in there:
        del document[kind][name]
    if table is not None:
        document.setdefault("mcp", tomlkit.table(is_super_table=True))[name] = table
    _write(file, document)
    return bool(there)


def _write(path: str, document: Any) -> None:
    """Puts the file in place of the one before, once it is proved to be valid."""
    import tomlkit  # noqa: PLC0415 - only here is a file changed

    _sound(convert(document.unwrap()))
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    scratch = f"{path}.new"
    with open(scratch, "w", encoding="utf-8", opener=_private) as out:
        out.write(tomlkit.dumps(document))
    os.replace(scratch, path)


def _sound(file: ConfigFile) -> None:
    """Raises ConfigError for what no start would take."""
    for model in (file.model, *file.fallback):
        check_opening(model, file.mode)
    for action in ("allow", "ask", "deny"):
        for text in getattr(file, action):
            parse_rule(text, action, "user")


def _body(path: str) -> str:
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
