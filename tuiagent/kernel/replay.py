"""A session in a bundle that plays it again, without model, network or journal.

The first line says what the bundle is; then comes one line for each fact. A bundle is made to be
given away: it holds what is shown of a session, with placeholders for secrets and private places.
It is no export: nothing in it is chained, and it cannot be imported.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tuiagent.kernel.call import CallStarted
from tuiagent.kernel.codec import Codec, shape_of
from tuiagent.kernel.effort import ProvidersMoved
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Erased, Event, Fact, Unknown
from tuiagent.kernel.jobs import JobStarted
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.mask import GENERAL, Mask
from tuiagent.kernel.message import Reasoning
from tuiagent.kernel.prompts import PromptRebased
from tuiagent.kernel.run import ReplyReceived
from tuiagent.kernel.transfer import SessionImported

L = TypeVar("L")
FORMAT, SHAPE = "tuiagent replay", 1
LONGEST, LARGEST = 8 * 1024 * 1024, 64 * 1024 * 1024
"""Bytes of one line, and of a bundle."""
PACE = "the pace of the text is not the original's: tokens are not kept; facts are as far apart"
HASH, HASHED = re.compile(r"[0-9a-f]{64}"), "<hash>"
NOT_KNOWN = "its kind is not known to the version that made the bundle, so it cannot be masked"
NOT_MASKED = "with its secrets masked it is no such fact any more"


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line."""

    format: str
    shape: int
    version: str
    """The tuiagent that made the bundle."""
    made: float
    """Seconds since 1970, UTC."""
    stream: str
    """The session that is played."""
    begun: float
    """When its first fact happened."""
    frames: int
    left_out: int
    """Frames without their facts."""
    masked: dict[str, int]
    """See mask.Mask.found."""
    pace: str = PACE


class Frame(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One fact."""

    after: float
    """Seconds since the first one."""
    version: int
    actor: str
    kind: str
    shape: int = 1
    body: msgspec.Raw = msgspec.Raw(b"null")
    """null when it was erased or left out."""
    left_out: str = ""
    """Why it is not here."""
    stream: str = ""
    """Where it is not the header's: what the session was forked from."""


def bundle(stream: str, events: Sequence[Event], version: str, made: float) -> list[str]:
    """The lines of a bundle that plays these events. Raises Refused when there are none.

    `version` is ours, `made` the time; secrets are looked for in all of it before the first line
    is written, so that they are masked also where they came before what gave them away.
    """
    if all(isinstance(event.fact, Erased) for event in events):
        raise Refused(f"nothing is left of {stream}")
    mask = Mask(_private(events), places=True)
    bodies = [_body(event.fact) for event in events]
    mask.learn(bodies)
    bodies = [mask.value(body) for body in bodies]
    if mask.found:
        bodies = [_unhashed(body) for body in bodies]
    begun = events[0].at
    frames = [
        _frame(event, body, mask.text(event.actor), begun, stream)
        for event, body in zip(events, bodies, strict=True)
    ]
    left_out = sum(bool(frame.left_out) for frame in frames)
    counts = (len(frames), left_out, mask.found)
    header = Header(FORMAT, SHAPE, version, made, stream, begun, *counts)
    return [msgspec.json.encode(line).decode() for line in (header, *frames)]


def header(lines: Sequence[bytes]) -> Header:
    """What the bundle says it is. Raises Refused."""
    if sum(map(len, lines)) > LARGEST:
        raise Refused(f"the bundle is larger than {LARGEST >> 20} MiB")
    found = _line(1, lines[0] if lines else b"", Header)
    if found.format != FORMAT:
        raise Refused(f"line 1: this is no {FORMAT}: make one with `sessions export --replay`")
    if found.shape != SHAPE:
        raise Refused(f"line 1: a bundle of shape {found.shape} is not known: update tuiagent")
    if len(lines) != 1 + found.frames:
        left = len(lines) - 1
        raise Refused(f"line 1 tells of {found.frames} frames, but {left} follow: it was cut")
    return found


def events(lines: Sequence[bytes], codec: Codec) -> list[Event]:
    """What the bundle tells, in order; positions are the numbers of frames. Raises Refused."""
    told = header(lines)
    found: list[Event] = []
    for number, line in enumerate(lines[1:], 1):
        frame = _line(number + 1, line, Frame)
        body = bytes(frame.body)
        if frame.left_out:
            fact: Fact = Unknown(frame.kind, body)
        else:
            fact = codec.fact(frame.kind, frame.shape, None if body == b"null" else body)
        place = (number, frame.stream or told.stream, frame.version)
        found.append(Event(*place, told.begun + frame.after, frame.actor, fact))
    return found


def _frame(event: Event, body: Any, actor: str, begun: float, stream: str) -> Frame:
    fact, kind, shape, raw, left_out = event.fact, event.kind, 1, b"null", ""
    if isinstance(fact, Unknown):
        left_out = NOT_KNOWN
    elif not isinstance(fact, Erased):
        shape, raw = shape_of(type(fact)), msgspec.json.encode(body)
        try:
            msgspec.json.decode(raw, type=type(fact))
        except msgspec.MsgspecError:
            raw, left_out = b"null", NOT_MASKED
    origin = event.stream if event.stream != stream else ""
    place = (event.at - begun, event.version, actor)
    return Frame(*place, kind, shape, msgspec.Raw(raw), left_out, origin)


def _body(fact: Fact) -> Any:
    """The fact as plain data, without what no screen shows."""
    return None if isinstance(fact, Unknown | Erased) else msgspec.to_builtins(_bare(fact))


def _bare(fact: Fact) -> Fact:
    """Values of the environment become names; what only models and tools read goes."""
    if isinstance(fact, SessionOpened | ProvidersMoved):
        fact = replace(fact, endpoints={name: f"<endpoint-{name}>" for name in fact.endpoints})
    if isinstance(fact, SessionOpened):
        return replace(fact, environment={name: f"<{name}>" for name in fact.environment})
    if isinstance(fact, SessionImported):
        return replace(fact, opened=_bare(fact.opened))
    if isinstance(fact, PromptRebased):
        return replace(fact, system="", tools=())
    if isinstance(fact, CallStarted | JobStarted):
        return replace(fact, note={})
    if isinstance(fact, ReplyReceived):
        bare = (
            replace(b, details={}) if isinstance(b, Reasoning) else b for b in fact.reply.blocks
        )
        return replace(fact, reply=replace(fact.reply, blocks=tuple(bare)))
    return fact


def _unhashed(value: Any) -> Any:
    """The data without hashes: by trial, they would tell what stood where a placeholder is."""
    if isinstance(value, str):
        return HASHED if HASH.fullmatch(value) else value
    if isinstance(value, dict):
        return {key: _unhashed(more) for key, more in cast(dict[str, Any], value).items()}
    if isinstance(value, list):
        return [_unhashed(more) for more in cast(list[Any], value)]
    return value


def _private(events: Iterable[Event]) -> dict[str, str]:
    """What the session itself records of its person and machine, with the placeholders for it."""
    found: dict[str, str] = {}
    for event in events:
        opened = event.fact.opened if isinstance(event.fact, SessionImported) else event.fact
        if isinstance(opened, SessionOpened | ProvidersMoved):
            for name, url in opened.endpoints.items():
                found[url] = f"<endpoint-{name}>"
                found[url.partition("://")[2].partition("/")[0]] = f"<endpoint-{name}>"
        if not isinstance(opened, SessionOpened):
            continue
        home = opened.environment.get("HOME", "").rstrip("/")
        if len(home) > 1:
            found[home] = "<home>"
        for name in ("USER", "LOGNAME"):
            user = opened.environment.get(name, "")
            if len(user) > 2 and user.lower() not in GENERAL:
                found[user] = "<user>"
    found.pop("", None)
    return found


def _line(number: int, line: bytes, shape: type[L]) -> L:
    if len(line) > LONGEST:
        raise Refused(f"line {number} is longer than {LONGEST >> 20} MiB")
    try:
        return msgspec.json.decode(line, type=shape)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Refused(f"line {number} cannot be read: {error}") from error
