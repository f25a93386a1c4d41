"""Which server a provider's name stands for, and how it is spoken to."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tuiagent.environment import ADDRESSES, KEYS
from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import EFFORTS
from tuiagent.providers import CLOUDS, DIALECTS, SDK
from tuiagent.providers.limits import Limits
from tuiagent.providers.remote import Usual, plain
from tuiagent.registry import load

if TYPE_CHECKING:
    from tuiagent.config_file import ProviderTable
    from tuiagent.ports import Provider
    from tuiagent.providers.abilities import Preset

KINDS = {
    "openai": "responses",
    "responses": "responses",
    "openai_compatible": "compatible",
    "anthropic": "anthropic",
    "gemini": "google",
    "google": "google",
}
"""What a provider's table may say that it is, and the dialect that this means."""
PATIENCE = 900.0
"""Seconds of silence that a server on this machine may need to load a model and to read."""


def url_of(name: str) -> str:
    """The usual base URL of a provider, "" for one that is not known."""
    known = _preset(name)
    return known.url if known else ""


def key_of(name: str) -> str:
    """Where the key of a provider is looked for in the environment; "" where it needs none."""
    known = _preset(name)
    return known.key if known else ""


def names() -> tuple[str, ...]:
    """The short names of all that are known."""
    from tuiagent.providers.abilities import presets  # noqa: PLC0415 - it reads a file

    return tuple(presets())


def connect(
    name: str, url: str, key: str | None, table: "ProviderTable | None" = None
) -> "Provider":
    """The server of this name at this address. Raises ProviderError."""
    known = None if name == "openai" and not _is_openai(url) else _preset(name)
    dialect = _dialect(name, url, table, known)
    made = load(DIALECTS[dialect])
    if dialect == "compatible" and known:
        speaks = made(known.thoughts, known.effort, known.ids)
    else:
        speaks = made()
    usual, limits = _usual(name, dialect, known, table), _limits(url, table)
    if table is not None and (table.transport == "sdk" or table.kind in CLOUDS):
        return load(SDK)(url, key, name, table, speaks, limits, usual)
    return plain(url, key, name, speaks, limits, usual)


def _host(url: str) -> str:
    place = url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2]
    host, colon, port = place.rpartition(":")
    return host if colon and port.isdecimal() else place


def _is_openai(url: str) -> bool:
    """Whether it is OpenAI itself, in any of its regions."""
    return url.startswith("https://") and f".{_host(url)}".endswith(".api.openai.com")


def _is_local(url: str) -> bool:
    """Whether it is on this machine."""
    host = _host(url)
    loopback = host.startswith("127.") and host.replace(".", "").isdecimal()
    return loopback or host in ("localhost", "[::1]")


def _preset(name: str) -> "Preset | None":
    from tuiagent.providers.abilities import preset  # noqa: PLC0415 - it reads a file

    return preset(name)


def _dialect(name: str, url: str, table: "ProviderTable | None", known: "Preset | None") -> str:
    kind = table.kind if table else ""
    if kind and kind not in KINDS and kind not in CLOUDS:
        kinds: Sequence[str] = (*KINDS, *CLOUDS)
        raise ProviderError(
            "bad_request",
            f"[providers.{name}] says kind = {kind!r}; use one of {', '.join(kinds)}",
        )
    dialect = CLOUDS.get(kind) or KINDS.get(kind) or (known.dialect if known else "")
    if kind != "responses" and dialect == "responses" and not (_is_openai(url) or kind in CLOUDS):
        return "compatible"  # what else speaks as OpenAI does speaks Chat Completions
    return dialect or "compatible"


def _usual(name: str, dialect: str, known: "Preset | None", table: "ProviderTable | None") -> Usual:
    variable = (table and table.env_var) or (known and known.key) or _usual_key(name)
    usual = (variable for variable, whose in ADDRESSES.items() if whose == name)
    place = next(usual, f"api_base in [providers.{name}] of config.toml")
    small = dialect == "compatible" and (known is None or known.local)
    if table is None:
        return Usual(names=(variable, place), rescues=small)
    return Usual(
        table.thinking if table.thinking in EFFORTS else "",
        table.max_tokens,
        (variable, place),
        small,
        table.json_calls,
    )


def _usual_key(name: str) -> str:
    """Where people set the key of a provider that nothing else is known of."""
    usual = (variable for variable, whose in KEYS.items() if whose == name)
    return next(usual, f"env_var or api_key in [providers.{name}] of config.toml")


def _limits(url: str, table: "ProviderTable | None") -> Limits:
    if table is not None and table.timeout_secs != 120.0:
        return Limits(first_byte=table.timeout_secs, idle=table.timeout_secs)
    if _is_local(url):
        return Limits(first_byte=PATIENCE, idle=PATIENCE)
    return Limits()
