"""The frames of the owner's socket: a length of four bytes, then JSON.

A request is {id, op, ...} with op submit, watch, read, more or cancel, and on a socket of the same
user adopt, release or lend; an answer is {id, ...} with one of `done` (a position; of adopt 1 or
0), `snapshot`, `items` (of a watch), `error` or `end`.

A watch with `credit` is sent so many items and then waits for `more` of them, under its own id;
what comes meanwhile waits in the engine, which drops signals and reads facts from the journal. So a
watch that nobody reads holds up nothing else on its connection. Without `credit` all is sent at
once.
"""

import asyncio
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from tuiagent.kernel.codec import Codec
from tuiagent.kernel.errors import Conflict, Fenced, Refused, StoreError, TuiagentError
from tuiagent.kernel.event import CaughtUp, Event, Lagged, Seen, Signal
from tuiagent.kernel.presence import Driven, Presence
from tuiagent.kernel.run import Delta, Halted, Progress
from tuiagent.ports import Loan, Snapshot, Window

LARGEST = 64 * 1024 * 1024
"""Bytes of a frame."""
FRAME = 8 * 1024 * 1024
"""Bytes of a frame that a server takes over the network: an image with it, in base64."""
SIGNALS: dict[str, type[Signal]] = {
    kind.__name__: kind for kind in (Delta, Progress, Halted, Presence, Driven)
}
ERRORS: dict[str, type[TuiagentError]] = {
    kind.__name__: kind for kind in (Refused, Conflict, Fenced, StoreError)
}


Number = Annotated[int, msgspec.Meta(ge=0, lt=1 << 62)]
"""A position or an id, as a journal can hold it."""


class Ask(Struct, omit_defaults=True):
    """A request."""

    id: Number
    op: str
    intent: msgspec.Raw = msgspec.Raw(b"null")
    once: str = ""
    select: str = ""
    after: Number = 0
    view: str = ""
    key: str = ""
    window: Window | None = None
    take: str = ""
    loans: list[Loan] = []
    credit: Annotated[int, Meta(ge=0, le=1 << 31)] | None = None
    """Items that a watch may send; of `more`, how many beside."""


class Item(Struct, omit_defaults=True):
    """Something seen: an event, a signal, or a mark of the watch."""

    kind: str
    body: msgspec.Raw
    event: tuple[int, str, int, float, str, int] | None = None
    """Position, stream, version, time, actor and shape, where it is an event."""


class Answer(Struct, omit_defaults=True):
    """An answer; a watch gets many."""

    id: int
    done: int | None = None
    snapshot: Snapshot | None = None
    items: list[Item] = []
    error: tuple[str, str] | None = None
    """The class of the error and its text."""
    end: bool = False


def pack(seen: Seen, codec: Codec) -> Item:
    """Something seen, for the wire."""
    if isinstance(seen, Event):
        kind, shape, body = codec.body(seen.fact)
        place = (seen.position, seen.stream, seen.version, seen.at, seen.actor, shape)
        return Item(kind, msgspec.Raw(body), place)
    return Item(type(seen).__name__, msgspec.Raw(msgspec.json.encode(seen)))


def unpack(item: Item, codec: Codec) -> Seen:
    """What was seen, from the wire. Raises TuiagentError for a kind that is not known."""
    body = bytes(item.body)
    if item.event is not None:
        position, stream, version, at, actor, shape = item.event
        fact = codec.fact(item.kind, shape, body)
        return Event(position, stream, version, at, actor, fact)
    if item.kind == "CaughtUp":
        return msgspec.json.decode(body, type=CaughtUp)
    if item.kind == "Lagged":
        return msgspec.json.decode(body, type=Lagged)
    if item.kind not in SIGNALS:
        raise TuiagentError(f"a signal of kind {item.kind!r} is not known")
    return msgspec.json.decode(body, type=SIGNALS[item.kind])


def failure(error: TuiagentError) -> tuple[str, str]:
    """An error, for the wire."""
    return (type(error).__name__, str(error))


def raised(error: tuple[str, str]) -> TuiagentError:
    """The error that crossed the wire, of its own class."""
    return ERRORS.get(error[0], TuiagentError)(error[1])


async def receive(reader: asyncio.StreamReader, kind: type[Any]) -> Any:
    """The next frame, None at the end. Raises TuiagentError for what cannot be read."""
    try:
        size = int.from_bytes(await reader.readexactly(4), "big")
        if size > LARGEST:
            raise TuiagentError(f"a frame of {size} bytes is too large")
        return msgspec.json.decode(await reader.readexactly(size), type=kind)
    except asyncio.IncompleteReadError:
        return None
    except msgspec.MsgspecError as error:
        raise TuiagentError(f"a frame cannot be read: {error}") from error


def send(writer: asyncio.StreamWriter, value: Ask | Answer) -> None:
    """Queues a frame."""
    data = msgspec.json.encode(value)
    writer.write(len(data).to_bytes(4, "big") + data)
