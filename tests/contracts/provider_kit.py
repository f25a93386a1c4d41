"""What the tests of providers share: a prompt, and what comes of it."""

from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import Message, Prompt, Reply, Text, ToolSpec
from tuiagent.kernel.reply import Assembly, Part
from tuiagent.ports import Provider

KEY = "sk-test/0123456789abcdef"
TOOL = ToolSpec("shell", "Runs a command.", {"type": "object", "properties": {}})


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
