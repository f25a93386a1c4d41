"""What fills a session's context window, what of it was cached, and why a cache was missed."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from tuiagent.kernel import prompts
from tuiagent.kernel import run as runs
from tuiagent.kernel.compact import size
from tuiagent.kernel.event import Event, Seen
from tuiagent.kernel.message import Message
from tuiagent.views.prompt import PromptView

KEPT = 50
"""Model calls that are listed."""
NOTED = 0.1
"""Part of what the call before had sent that may be read anew before a reason is looked for."""
LIFE = 300.0
"""Seconds that providers keep a cache, as most of them say."""


class Part(Struct, frozen=True):
    """Something that fills the window."""

    name: str
    count: int
    tokens: int
    """About: a quarter of the letters."""


class Asked(Struct, frozen=True):
    """A call of the model that was answered."""

    at: float
    model: str
    input: int
    cached: int
    """Of the input, what was read from a cache."""
    missed: int = 0
    """Of what the call before had sent, what was not."""
    why: str = ""
    """Why it was missed, as far as the journal tells."""


class Breakdown(Struct):
    """The context of a session as of its newest event."""

    model: str = ""
    window: int = 0
    """Tokens that fit into one request; 0 when that is not known."""
    context: int = 0
    """Tokens of the conversation, as the provider said with its newest answer."""
    parts: list[Part] = []
    asked: list[Asked] = []
    """The newest last."""


class ContextView:
    """Follows one session; the parts are counted when it is read."""

    kinds: frozenset[str] | None = None

    def __init__(self, stream: str) -> None:
        self._prompt = PromptView(stream)
        self._found = Breakdown()
        self._last = Asked(0.0, "", 0, 0)
        self._epoch = ""
        """Why a new epoch has begun since the call before."""
        self._cached = False
        """Whether this session's provider has ever cached anything."""

    def snapshot(self) -> list[Any]:
        """The breakdown, alone."""
        self._found.parts = list(self._parts())
        return [self._found]

    def apply(self, seen: Seen) -> bool:
        """Takes the next event; whether anything changed."""
        changed = self._prompt.apply(seen)
        if not isinstance(seen, Event):
            return changed
        fact = seen.fact
        if isinstance(fact, prompts.PromptRebased):
            self._epoch = fact.reason
            self._found.model, self._found.window = fact.model, fact.window
        elif isinstance(fact, runs.ReplyReceived):
            self._answered(seen, fact)
        else:
            return changed
        return True

    def _answered(self, event: Event, fact: runs.ReplyReceived) -> None:
        self._found.context = fact.context
        usage, model = fact.reply.usage, self._found.model
        if usage is None:
            return
        missed = max(0, self._last.input - usage.cache_read)
        if missed <= NOTED * self._last.input:
            missed = 0
        why = self._why(event.at, model) if missed else ""
        self._cached = self._cached or bool(usage.cache_read or usage.cache_write)
        self._last = Asked(event.at, model, usage.input, usage.cache_read, missed, why)
        self._found.asked = [*self._found.asked, self._last][-KEPT:]
        self._epoch = ""

    def _why(self, at: float, model: str) -> str:
        since = at - self._last.at
        if model != self._last.model:
            return f"another model answers: {model} after {self._last.model}"
        if self._epoch:
            return f"a new prompt was begun: {self._epoch}"
        if not self._cached:
            return "this provider has told of no cache in this session"
        if since > LIFE:
            return f"{since / 60:.0f} min after the call before; caches are kept for about 5"
        return "the provider does not say"

    def _parts(self) -> list[Part]:
        prompt = self._prompt
        tools = [len(msgspec.json.encode(tool)) // 4 for tool in prompt.tools]
        return [
            Part("system", 1 if prompt.system else 0, len(prompt.system) // 4),
            Part("tools", len(tools), sum(tools)),
            *(_part(name, fits, prompt.messages) for name, fits in KINDS.items()),
        ]


def _part(name: str, fits: Callable[[Message], bool], messages: list[Message]) -> Part:
    sizes = [size(message) for message in messages if fits(message)]
    return Part(name, len(sizes), sum(sizes))


KINDS: dict[str, Callable[[Message], bool]] = {
    "prompts and notes": lambda message: message.role == "user",
    "replies and calls": lambda message: message.role == "assistant",
    "tool results": lambda message: message.role == "tool",
}
