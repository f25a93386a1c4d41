"""What the dialects of models' servers share: a pure translator of requests and of answers."""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import msgspec

from tuiagent.kernel.message import Prompt, Usage
from tuiagent.kernel.reply import Part, StopPart, UsagePart
from tuiagent.providers.faults import Faults

SKIPPED = 10
"""Unreadable events that one answer may hold."""
MOST = 10**9
"""Tokens; a provider that counts more is not believed."""
VERSION = r"/v\d\w*$"
ORIGIN = "origin"
"""The key in `details` under which PROVIDER/MODEL stands: to others they are not sent."""


class Dialect(Protocol):
    """How one kind of server is asked, and how its answers are read."""

    def base(self, url: str) -> str:
        """The base URL as people write it, with the version that requests need."""
        ...

    def headers(self, key: str) -> dict[str, str]:
        """What says who asks; `key` is "" where none is needed."""
        ...

    def path(self, prompt: Prompt) -> str:
        """Where the request goes, below the base URL."""
        ...

    def request(self, prompt: Prompt, origin: str) -> dict[str, Any]:
        """The body; `origin` is PROVIDER/MODEL, whose own thoughts are sent back."""
        ...

    def answer(self, faults: Faults, origin: str) -> "Answer":
        """Reads one answer."""
        ...


class Answer:
    """Turns the events of one answer into parts; a dialect says what an event holds (`take`)."""

    STOPS: ClassVar[Mapping[str, str]] = {}
    """The provider's words for why it stopped, and ours."""
    FINAL: ClassVar[str] = ""
    """Where the provider says why it stopped."""

    def __init__(self, faults: Faults, origin: str) -> None:
        self.faults = faults
        self.origin = origin
        self.stop: str | None = None
        """The provider's word, once it said why it stopped."""
        self.over = False
        """Whether nothing more is to come."""
        self.called = False
        """Whether a tool is called."""
        self.refused = False
        self._told = False
        self._skipped = 0
        self._usage: Usage | None = None
        self._model = ""

    def feed(self, data: bytes) -> list[Part]:
        """The parts that an event's data holds. Raises ProviderError."""
        event = self._decode(data)
        return self.hear(event) if isinstance(event, dict) else []

    def hear(self, event: dict[str, Any]) -> list[Part]:
        """The parts that an event holds. Raises ProviderError for one that reports a failure."""
        if event.get("error") or event.get("type") == "error" or event.get("object") == "error":
            raise self.faults.event(event)
        parts = self.take(event)
        return parts + self.end() if self.over else parts

    def take(self, event: dict[str, Any]) -> list[Part]:
        """The parts of an event that reports no failure."""
        raise NotImplementedError

    def end(self) -> list[Part]:
        """The final part, once. Raises ProviderError when the model did not say why it stopped."""
        if self._told:
            return []
        if self.stop is None:
            raise self.faults.error("cut", f"ended its answer without a reason ({self.FINAL})")
        self._told = True
        stop = self.STOPS.get(self.stop, self.stop)
        if stop == "end" and self.called:
            stop = "calls"
        return [StopPart("refusal" if stop == "end" and self.refused else stop)]

    def named(self, model: Any) -> list[Part]:
        """Tells the model's own name, once."""
        if self._model or not model or not isinstance(model, str):
            return []
        self._model = model
        return [UsagePart(model=model)]

    def used(self, usage: Usage | None) -> list[Part]:
        """Tells the usage when it has changed."""
        if usage is None or usage == self._usage:
            return []
        self._usage = usage
        return [UsagePart(usage, self._model)]

    def _decode(self, data: bytes) -> Any:
        """The event, None for one that is skipped."""
        if not data.strip():
            return None
        try:
            return msgspec.json.decode(data)
        except UnicodeDecodeError:
            return self._decode(data.decode("utf-8", "replace").encode())
        except (msgspec.DecodeError, RecursionError) as error:
            self._skipped += 1
            if self.called and self.stop is None:
                what = "sent a part of a tool call that cannot be read"
                raise self.faults.error("cut", what) from error
            if self._skipped > SKIPPED:
                what = f"sent more than {SKIPPED} events that cannot be read"
                raise self.faults.error("cut", what) from error
            return None


def tokens(value: Any) -> int | None:
    """A number of tokens, None for what cannot be one."""
    number = isinstance(value, int) and not isinstance(value, bool)
    return value if number and 0 <= value <= MOST else None


def table(value: Any) -> dict[str, Any]:
    """What must be an object, {} for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[dict[str, Any]]:
    """The objects in what must be a list of them."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def word(value: Any) -> str:
    """What must be text, "" for anything else."""
    return value if isinstance(value, str) else ""


def versioned(url: str, version: str) -> str:
    """A base URL with a version at the end of its path, where it has none yet."""
    place, mark, query = url.strip().partition("?")
    place = place.rstrip("/")
    if not re.search(VERSION, place):
        place += version
    return place + mark + query
