"""What is told of a server and of what it has; the published schemas are these."""

from typing import Annotated

from msgspec import Struct

from tuiagent.clients.web.shapes import RunLimits, means


class Model(Struct):
    """A model that is configured here."""

    id: Annotated[str, means("PROVIDER/MODEL")]
    default: bool
    priced: Annotated[bool, means("whether its price is known")]


class Tool(Struct):
    """What agents can do."""

    name: str
    effect: str
    description: str


class Skill(Struct):
    """A skill."""

    name: str
    description: str
    source: Annotated[str, means("shipped, user or project")]
    problem: Annotated[str, means("why it cannot be used; empty for one that can")] = ""


class Server(Struct):
    """An MCP server."""

    name: str
    source: Annotated[str, means("config, or the file of a repository that names it")]
    state: Annotated[
        str,
        means("off, known, starting, ready, waiting, login, untrusted or broken; see docs mcp"),
    ]
    problem: str
    tools: Annotated[list[str], means("as agents know them")]


class Provider(Struct):
    """A server of models, without its key."""

    api_base: str
    default_model: str
    models: list[str]
    key: Annotated[str, means("where its key comes from: env:NAME, config, or nowhere")]


class Config(Struct):
    """The settings that hold here; never a secret."""

    model: str
    mode: str
    rules: Annotated[list[str], means("ACTION TOOL(PATTERN)")]
    limits: RunLimits
    retention_days: int
    providers: dict[str, Provider]


class Me(Struct):
    """Whose key this is, and what it may."""

    actor: str
    key: str
    scopes: list[str]
    expires: float | None


class Login(Struct):
    """Who is logged in."""

    actor: str
    expires: Annotated[float | None, means("seconds since 1970; null where no key is asked for")]


class LoggedOut(Struct):
    """Nobody is."""

    actor: None = None


class Ticket(Struct):
    """Lets one browser log in, once."""

    ticket: str
    expires: Annotated[float, means("seconds since 1970")]


class Health(Struct):
    """Nothing but the state."""

    status: Annotated[str, means("ready or draining")]


class Status(Struct):
    """What goes on here."""

    status: Annotated[str, means("ready or draining")]
    version: str
    position: int
    sessions: int
    runs: Annotated[dict[str, int], means("how many runs are queued, running or waiting")]
    waiting: Annotated[int, means("how many things wait for a person")]


class Capabilities(Struct):
    """What can be asked of this server."""

    version: str
    dialects: list[str]
    scopes: list[str]
    modes: list[str]
    streams: list[str]
