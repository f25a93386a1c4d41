"""Which servers there are: a person's own, and those of a repository whose file is trusted."""

import contextlib
import hashlib
import os
import re
import shlex
import stat
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from tuiagent.config import KEEP
from tuiagent.config_file import ServerTable
from tuiagent.kernel.errors import ConfigError, ToolError
from tuiagent.kernel.standing import MCP
from tuiagent.named import named
from tuiagent.ports import Offer

FILE = ".mcp.json"
"""What a repository's file with servers is called."""
LARGEST = 1 << 20
"""Bytes of that file."""
WHOLE = 64 << 20
"""Bytes of a file that a command names which are looked at; a longer one is known by its time."""
CONFIG = "config"
NEEDED = frozenset("USER LOGNAME SHELL TERM".split()) | KEEP
"""Names of the environment that servers get; everything else only where a person names it."""
VARIABLE = re.compile(r"\$\{(?:(key):)?([A-Za-z_][A-Za-z0-9_.:-]*?)(?::-([^}]*))?\}")
MODELS = frozenset(
    f"{name}_API_KEY" for name in "OPENAI ANTHROPIC GEMINI GOOGLE OPENROUTER XAI MISTRAL".split()
)
"""Variables that hold keys of models: a repository's servers never get them."""
LOCAL = ("localhost", "127.0.0.1", "::1")


class Server(Struct, frozen=True):
    """A server as it was named."""

    name: str
    source: str
    """`config`, or the path of the file."""
    table: ServerTable
    folder: str = ""
    """The repository of that file."""
    sha256: str = ""
    """What of it was trusted; "" for a person's own."""

    @property
    def key(self) -> str:
        """What tells it from all others, here and later."""
        return f"{self.source}#{self.name}"

    @property
    def where(self) -> str:
        """The command that runs it, or its address, as it was written."""
        return self.table.url or " ".join((self.table.command, *self.table.args))


Stamp = tuple[int, ...]
"""By what a file is known to have been left as it was; () where there is none."""


class Repository(Struct, frozen=True):
    """What a repository's file says."""

    path: str
    sha256: str = ""
    """Over the file, and the files of the repository that its commands name."""
    servers: tuple[Server, ...] = ()
    problem: str = ""
    files: tuple[str, ...] = ()
    """The files that its commands name."""
    stamps: tuple[tuple[str, Stamp], ...] = ()
    """Of all that was looked at, as it was then."""

    @property
    def fresh(self) -> bool:
        """Whether nothing of it has changed since."""
        return all(_stamp(path) == stamp for path, stamp in self.stamps)


def configured(tables: Mapping[str, ServerTable]) -> list[Server]:
    """The servers of a person's own file."""
    return [Server(name, CONFIG, table) for name, table in tables.items()]


def repository(folder: str) -> Repository | None:
    """What the file in this folder says; None where there is none."""
    path = os.path.join(folder, FILE)
    stamp = ((path, _stamp(path)),)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        body = file.read(LARGEST + 1)
    mark = hashlib.sha256(body)
    try:
        if len(body) > LARGEST:
            raise ValueError(f"it is longer than {LARGEST} bytes")
        servers = _servers(path, body)
    except (ValueError, RecursionError) as error:
        problem = f"it cannot be read: {error}"
        return Repository(path, mark.hexdigest(), problem=problem, stamps=stamp)
    names = sorted({name for server in servers for name in _named(server)})
    stamps = (*stamp, *((name, _stamp(name)) for name in names))
    files = tuple(name for name in names if _marked(name, mark))
    sha256 = mark.hexdigest()
    servers = [msgspec.structs.replace(server, sha256=sha256) for server in servers]
    return Repository(path, sha256, tuple(servers), files=files, stamps=stamps)


def _named(server: Server) -> list[str]:
    """The paths in the repository that the server's command names."""
    folder = os.path.join(server.folder, server.table.cwd)
    words: list[str] = []
    for text in (server.table.command, *server.table.args):
        text = VARIABLE.sub(lambda match: match[3] or match[0], text)
        words.append(text)
        with contextlib.suppress(ValueError):
            words += shlex.split(text)
    return [*named(words, folder, server.folder)]


def _marked(path: str, mark: "hashlib._Hash") -> bool:
    """Has the mark cover a file and its content; whether it is a regular file."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return False
    with open(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            return False
        mark.update(f"\0{path}\0{found.st_size}\0".encode("utf-8", "surrogateescape"))
        if found.st_size > WHOLE:
            mark.update(f"{found.st_ctime_ns} {found.st_ino}".encode())
            return True
        while piece := file.read(LARGEST):
            mark.update(piece)
        return True


def _stamp(path: str) -> Stamp:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return ()
    return (found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino, found.st_dev)


def offers(folder: str) -> list[Offer]:
    """What a person has to trust before the servers of this folder's file are reached."""
    found = repository(os.path.realpath(folder))
    if found is None or not (found.servers or found.problem):
        return []
    shown = [f"{server.name}: {_shown(server)}" for server in found.servers]
    shown += [f"with {path} as it is now" for path in found.files]
    return [Offer(found.path, MCP, found.sha256, tuple(shown), found.problem)]


def _shown(server: Server) -> str:
    """All that counts of it, as it was written."""
    table, usual = msgspec.structs.asdict(server.table), msgspec.structs.asdict(ServerTable())
    words = (table.pop("command"), *table.pop("args"))
    rest = [f"{key}={one}" for key, one in table.items() if one != usual[key]]
    return " ".join((*words, *rest)).strip()


def _servers(path: str, body: bytes) -> list[Server]:
    whole: Any = msgspec.json.decode(body)
    tables: Any = whole.get("mcpServers", {}) if isinstance(whole, dict) else None
    if not isinstance(tables, dict):
        raise ValueError("mcpServers is no table")
    known = {field.name for field in msgspec.structs.fields(ServerTable)} - {"trusted", "enabled"}
    found: list[Server] = []
    for name, table in cast(dict[str, Any], tables).items():
        if not isinstance(table, dict) or not name.isprintable() or len(name) > 64:
            raise ValueError(f"{name[:64]!r} is no server")
        kept = {key: one for key, one in cast(dict[str, Any], table).items() if key in known}
        server = msgspec.convert(kept, ServerTable)
        found.append(Server(name, path, server, os.path.dirname(path)))
    return found


def found(tables: Mapping[str, ServerTable], folder: str, name: str) -> Server:
    """The server of this name, which is reached by an address. Raises ConfigError."""
    file = repository(folder)
    every = [*configured(tables), *(file.servers if file else ())]
    server = next((one for one in every if one.name == name), None)
    if server is None or not server.table.url:
        what = "has no url: nobody signs in to it" if server else "is not there"
        raise ConfigError(f"the MCP server {name!r} {what}")
    return server


def checked(server: Server) -> ServerTable:
    """Its table, where that can be used. Raises ToolError."""
    table = server.table
    if bool(table.command) == bool(table.url):
        raise ToolError("say either its command or its url")
    if not table.url:
        return table
    parts = urlsplit(table.url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ToolError(f"{table.url!r} is no address of the form https://…")
    if parts.scheme == "http" and table.headers and parts.hostname not in LOCAL:
        raise ToolError("headers go only to https addresses, or to this machine")
    return table


def unchanged(server: Server) -> None:
    """Raises ToolError where a repository's server is not any more what was trusted."""
    if not server.folder:
        return
    found = repository(server.folder)
    if found is None or found.sha256 != server.sha256:
        raise ToolError(f"{server.source}, or a file that it names, has changed: trust it anew")


class Filling:
    """Puts variables and kept keys into what was written."""

    def __init__(
        self,
        environ: Mapping[str, str],
        key: Callable[[str], str | None],
        models: frozenset[str],
        foreign: bool,
    ) -> None:
        self._environ = environ
        self._key = key
        self._never = models | MODELS if foreign else frozenset[str]()
        self._foreign = foreign
        """Whether a repository says what is asked for."""

    def all(self, table: ServerTable) -> ServerTable:
        """The table with every value as it counts; `env` is the whole environment then.

        Slow: a person may be asked to unlock a key. Raises ToolError for what is not there.
        """
        kept = {n: v for n, v in self._environ.items() if n in NEEDED or n.startswith("LC_")}
        return msgspec.structs.replace(
            table,
            command=self.filled(table.command),
            args=tuple(map(self.filled, table.args)),
            env=kept | {name: self.filled(value) for name, value in table.env.items()},
            cwd=os.path.expanduser(self.filled(table.cwd)),
            url=self.filled(table.url),
            client_secret=self.filled(table.client_secret),
            headers={name: self.filled(value) for name, value in table.headers.items()},
        )

    def filled(self, text: str) -> str:
        """The text, its variables replaced. Raises ToolError for one that is not there."""
        return VARIABLE.sub(self._value, text)

    def _value(self, match: re.Match[str]) -> str:
        kind, name, usual = match.groups()
        if kind and self._foreign:
            raise ToolError(f"key {name} is kept for you, and no repository gets it")
        if kind:
            key = self._key(name)
            if key is None:
                raise ToolError(f"needs key {name}: tuiagent keys set {name}")
            return key
        if name in self._never:
            raise ToolError(f"${name} holds the key of a model, which no repository gets")
        value = self._environ.get(name, usual)
        if value is None:
            raise ToolError(f"needs ${name}, which is not set")
        return value
