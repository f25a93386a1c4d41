"""A scripted model: a real provider without any intelligence, for tours, tests and offline work.

Its models are named `scripted/tour`, the shipped script, and `scripted/FILE.toml` (or `.json`). A
script is a list of turns. Which turn is next follows from the prompt alone, by the number of
answers that it holds, so a script goes on in another process as if nothing had happened.
"""

import asyncio
import errno
import os
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import msgspec
from msgspec import Struct

from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import Prompt, Text, Usage
from tuiagent.kernel.reply import CallPart, Part, ReasoningPart, StopPart, TextPart, UsagePart

SHIPPED = ("tour",)
LONGEST = 16 << 20
"""Bytes of a script."""
WORD = re.compile(r"\s*\S+\s*")


class ScriptedCall(Struct, frozen=True, forbid_unknown_fields=True):
    """A tool call; `raw` stands for arguments that are not a JSON object."""

    tool: str
    args: dict[str, Any] = {}
    raw: str = ""


class ScriptedError(Struct, frozen=True, forbid_unknown_fields=True):
    """A failure, as in ProviderError."""

    kind: str
    message: str = "the script says so"
    retry_after: float | None = None


class Turn(Struct, frozen=True, forbid_unknown_fields=True):
    """One answer."""

    text: str | list[str] = ""
    """Words, or the pieces in which they come."""
    reasoning: str = ""
    delay: float = 0.0
    """Seconds before each piece of text."""
    calls: list[ScriptedCall] = []
    error: ScriptedError | None = None
    """Raised where the final event would come."""
    expect: str = ""
    """What the last message must hold; if it does not, the turn fails and says so."""
    stop: str = ""
    """calls or end, as it is, unless something else is said."""
    usage: Usage | None = None


class Script(Struct, frozen=True, forbid_unknown_fields=True):
    """Turns, and what to say when they are used up."""

    turns: list[Turn]
    label: str = ""
    """Put before each turn's text."""
    over: str = "The script is over."

    def __call__(self, prompt: Prompt) -> Turn:
        """The turn that answers this prompt."""
        number = sum(message.role == "assistant" for message in prompt.messages)
        turn = self.turns[number] if number < len(self.turns) else Turn(self.over)
        if self.label and turn.text:
            text = turn.text if isinstance(turn.text, str) else "".join(turn.text)
            turn = msgspec.structs.replace(turn, text=self.label + text)
        return turn


class Scripted:
    """Plays a script: the name of one, or a function from the prompt to the turn."""

    def __init__(
        self,
        script: str | Callable[[Prompt], Turn],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raises ProviderError for a script that cannot be read."""
        self._name = script if isinstance(script, str) else "function"
        self._script = load(script) if isinstance(script, str) else script
        self._sleep = sleep

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Part]:
        """See ports.Provider."""
        turn = self._script(prompt)
        _expect(turn, prompt)
        yield UsagePart(turn.usage, f"scripted/{self._name}")
        if turn.reasoning:
            yield ReasoningPart(turn.reasoning)
        for piece in WORD.findall(turn.text) if isinstance(turn.text, str) else turn.text:
            if turn.delay:
                await self._sleep(turn.delay)
            yield TextPart(piece)
        for index, call in enumerate(turn.calls):
            yield CallPart(index, f"scripted_{len(prompt.messages)}_{index}", call.tool)
            yield CallPart(index, arguments=call.raw or msgspec.json.encode(call.args).decode())
        if turn.error is not None:
            raise ProviderError(turn.error.kind, turn.error.message, turn.error.retry_after)
        yield StopPart(turn.stop or ("calls" if turn.calls else "end"))

    async def close(self) -> None:
        """See ports.Provider; there is nothing to end."""


def load(name: str) -> Script:
    """The script of this name, shipped or in a file. Raises ProviderError."""
    here = os.path.dirname(__file__)
    path = os.path.join(here, f"{name}.toml") if name in SHIPPED else os.path.expanduser(name)
    try:
        if os.path.exists(path) and not os.path.isfile(path):
            raise OSError(errno.EINVAL, "it is no regular file")
        with open(path, "rb") as file:
            text = file.read(LONGEST + 1)
        if len(text) > LONGEST:
            raise OSError(errno.EFBIG, f"it has more than {LONGEST >> 20} MiB")
        decode = msgspec.json.decode if path.endswith(".json") else msgspec.toml.decode
        return decode(text, type=Script)
    except OSError as error:
        what = f"the script {name!r} cannot be read: {error.strerror}"
        raise ProviderError(
            "bad_request", f"{what}; use scripted/tour or scripted/FILE.toml"
        ) from error
    except (ValueError, RecursionError) as error:
        what = f"the script {name!r} is not a list of turns: {error}"
        raise ProviderError("bad_request", f"{what}; correct the file") from error


def _expect(turn: Turn, prompt: Prompt) -> None:
    """Raises ProviderError when the last message does not hold what the turn expects."""
    last = prompt.messages[-1] if prompt.messages else None
    text = "".join(b.text for b in last.blocks if isinstance(b, Text)) if last else ""
    if turn.expect not in text:
        what = f"the script expected {turn.expect!r} in the last message, which is {text[:200]!r}"
        raise ProviderError("bad_request", what)
