"""What the tests of providers share: a prompt, and what comes of it."""

from tuiagent.config_file import ProviderTable
from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import Message, Prompt, Reply, Text, ToolSpec
from tuiagent.kernel.reply import Assembly, Part
from tuiagent.ports import Provider
from tuiagent.providers import DIALECTS
from tuiagent.providers.limits import Limits
from tuiagent.providers.remote import Remote, Usual, plain
from tuiagent.providers.sdk import sdk
from tuiagent.registry import load

KEY = "sk-test/0123456789abcdef"
TOOL = ToolSpec("shell", "Runs a command.", {"type": "object", "properties": {}})


def asks(
    url: str,
    key: str | None = KEY,
    name: str = "openai",
    limits: Limits | None = None,
    form: str = "compatible",
    usual: Usual = Usual(),  # noqa: B008 - frozen
) -> Remote:
    """A model behind a plain address, spoken to in this format."""
    return plain(url, key, name, load(DIALECTS[form])(), limits, usual)


def asks_by_sdk(
    url: str, limits: Limits | None = None, form: str = "compatible", key: str = KEY
) -> Remote:
    """The same by the official client."""
    table, dialect = ProviderTable(transport="sdk"), load(DIALECTS[form])()
    return sdk(url, key, "openai", table, dialect, limits or Limits(), Usual())


TRANSPORTS = {"wire": asks, "sdk": asks_by_sdk}


def prompt(text: str = "hello", *more: Message) -> Prompt:
    return Prompt("m-asked", "Be brief.", (TOOL,), (Message("user", (Text(text),)), *more))


async def collect(provider: Provider, asked: Prompt | None = None) -> list[Part]:
    """All parts; a failure carries those before it."""
    parts: list[Part] = []
    try:
        async for part in provider.stream(asked or prompt()):
            parts.append(part)
    except ProviderError as error:
        error.__dict__["parts"] = parts
        raise
    return parts


def reply(parts: list[Part]) -> Reply:
    assembly = Assembly("a1")
    for part in parts:
        assembly.add(part)
    return assembly.reply()
