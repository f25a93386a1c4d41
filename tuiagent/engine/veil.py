"""What clients are shown of the journal: keys that this process knows stand in none of it.

A prompt and a reply are kept as they were said, since hashes and signatures depend on it.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, cast

import msgspec
from msgspec.structs import replace

from tuiagent.kernel.codec import Codec
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.event import Event, Seen

if TYPE_CHECKING:
    from tuiagent.engine.secrecy import Secrecy


class Veil:
    """Puts placeholders in place of keys; what holds none stays the very same."""

    def __init__(self, keys: Callable[[], Iterable[str]], codec: Codec) -> None:
        self._keys = keys
        self._codec = codec

    @property
    def secrecy(self) -> "Secrecy":
        """What is masked now: a key may be unlocked at any time."""
        from tuiagent.engine.secrecy import secrecy_of  # noqa: PLC0415 - once something is shown

        return secrecy_of(frozenset(self._keys()))

    def seen(self, seen: Seen) -> Seen:
        """What a watch yields; signals are masked where they are made, as they come in pieces."""
        return self.event(seen) if isinstance(seen, Event) else seen

    def event(self, event: Event) -> Event:
        """A fact in its place."""
        kind, shape, body = self._codec.body(event.fact)
        masked = self.body(body)
        if masked is body:
            return event
        return replace(event, fact=self._codec.fact(kind, shape, masked))

    def body(self, body: bytes) -> bytes:
        """The JSON of a fact."""
        secrecy = self.secrecy
        if not secrecy.may_hold(body):
            return body
        data = msgspec.json.decode(body)
        masked = _walked(data, secrecy.known)
        return body if masked == data else msgspec.json.encode(masked)

    def data(self, data: Any) -> Any:
        """Plain data, as of JSON."""
        secrecy = self.secrecy
        return _walked(data, secrecy.known) if secrecy.may_hold(msgspec.json.encode(data)) else data

    def blob(self, body: bytes) -> bytes:
        """The bytes of a file, or of what a command wrote."""
        text = body.decode("utf-8", "surrogateescape")
        masked = self.secrecy.known(text)
        return body if masked == text else masked.encode("utf-8", "surrogateescape")

    def clear(self, error: TuiagentError) -> None:
        """Takes keys out of an error's words."""
        error.args = tuple(_walked(error.args, self.secrecy.known))


def _walked(data: Any, masked: Callable[[str], str]) -> Any:
    if isinstance(data, str):
        return masked(data)
    if isinstance(data, dict):
        items = cast(dict[Any, Any], data).items()
        return {_walked(name, masked): _walked(value, masked) for name, value in items}
    if isinstance(data, list | tuple):
        return [_walked(value, masked) for value in cast(list[Any], data)]
    return data
