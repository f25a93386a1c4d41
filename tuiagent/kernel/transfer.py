"""A session in a file: what its lines are, and how it comes to life again somewhere else.

The first line says what the file is; then comes one line for each fact, chained like a stream (see
kernel.audit), and one for each blob that they need. A file is anybody's word. What it tells is
history: its actors are marked, what they had opened is closed, and nothing that they allowed, set
or recorded about their machine counts here. `SessionImported`, the last fact of an import, is
where that is settled: folding it leaves nothing of the state before.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tuiagent.kernel import audit
from tuiagent.kernel.call import CallFinished
from tuiagent.kernel.codec import Codec
from tuiagent.kernel.errors import Conflict, Refused
from tuiagent.kernel.event import At, Fact, Intent, Past, Unknown
from tuiagent.kernel.grants import named_mode
from tuiagent.kernel.jobs import JobEnded
from tuiagent.kernel.lifecycle import (
    NAME,
    Origin,
    SessionErased,
    SessionNamed,
    SessionOpened,
    check_name,
)
from tuiagent.kernel.message import Observation
from tuiagent.kernel.prompts import PromptWithdrawn
from tuiagent.kernel.run import ReplyInterrupted, RunFinished

if TYPE_CHECKING:
    from tuiagent.kernel.session import Session

L = TypeVar("L")
FORMAT, SHAPE = "tuiagent session", 1
STREAM = re.compile(r"session/[0-9A-Za-z_-]{1,64}")
RESERVED = "session/once"
"""Ids that follow from a `once`: whoever repeats one must find what was made here."""
FOREIGN = "imported/"
"""What the actors of a file are called by, so that they are never taken for those here."""
LONGEST, LARGEST = 32 * 1024 * 1024, 128 * 1024 * 1024
"""Bytes of one line, and of a file: 10,000 turns have 95 MB; nobody else writes for 3 s then."""
ENDED = "not known: the session was exported before it ended"

# ---------------------------------------------------------------- the file


class Header(Struct, frozen=True, forbid_unknown_fields=True):
    """The first line."""

    format: str
    shape: int
    version: str
    """The tuiagent that wrote the file."""
    stream: str
    name: str
    facts: int
    blobs: int
    head: str
    """The hash of the last fact, hexadecimal."""


class Line(Struct, frozen=True, forbid_unknown_fields=True):
    """One fact."""

    version: int
    at: float
    actor: str
    kind: str
    shape: int
    body: msgspec.Raw
    hash: str
    """The chain up to here, hexadecimal."""


class Blob(Struct, frozen=True, forbid_unknown_fields=True):
    """Bytes that a fact needs, in base64."""

    blob: str
    """Their SHA-256, hexadecimal."""
    data: bytes


# ---------------------------------------------------------------- fact and intent


class SessionImported(Fact, frozen=True):
    """What stands before came from a file and is history; from here on this holds."""

    opened: SessionOpened
    """As a session would be opened here and now."""
    stream: str
    """What it was called where it came from."""
    head: str
    facts: int
    version: str
    """The tuiagent that wrote the file."""


class ImportSession(Intent, frozen=True):
    """Bring in the session that is in a file."""

    opened: SessionOpened
    """How sessions are opened here."""
    lines: tuple[bytes, ...]
    """The file's lines, without their ends."""


# ---------------------------------------------------------------- decide


def foreign(actor: str) -> bool:
    """Whether what this actor did was done elsewhere, and is only told here."""
    return actor.startswith(FOREIGN)


def header(lines: Sequence[bytes]) -> Header:
    """What the file says it is. Raises Refused."""
    if sum(map(len, lines)) > LARGEST:
        raise Refused(f"the file is larger than {LARGEST >> 20} MiB")
    found = _line(1, lines[0] if lines else b"", Header)
    if found.format != FORMAT:
        raise Refused(f"line 1: this is no {FORMAT}: make one with `sessions export`")
    if found.shape != SHAPE:
        raise _newer(1, f"a file of shape {found.shape}")
    if not STREAM.fullmatch(found.stream):
        raise Refused(f"line 1: {found.stream[:80]!r} is not the id of a session")
    if found.facts < 1 or len(lines) != 1 + found.facts + found.blobs:
        told = f"{found.facts} facts and {found.blobs} blobs"
        raise Refused(f"line 1 tells of {told}, but {len(lines) - 1} lines follow: it was cut")
    return found


def blobs(lines: Sequence[bytes]) -> dict[str, bytes]:
    """What the file carries beside its facts, by its SHA-256. Raises Refused."""
    start = 1 + header(lines).facts
    found: dict[str, bytes] = {}
    for number, line in enumerate(lines[start:], start + 1):
        blob = _line(number, line, Blob)
        if hashlib.sha256(blob.data).hexdigest() != blob.blob:
            raise Refused(f"line {number}: the bytes do not have the hash that is given for them")
        found[blob.blob] = blob.data
    return found


def decide(
    state: "Session",
    intent: ImportSession,
    at: At,
    fold: Callable[["Session", Fact], "Session"],
    kinds: Iterable[type[Fact]],
) -> list[Fact]:
    """The file's facts as history, what closes them, and where they came from. Raises Refused."""
    if state.opened or state.label.erased or intent.stream.startswith(RESERVED):
        raise Conflict(f"{intent.stream} cannot be had here: use a new id")
    if not STREAM.fullmatch(intent.stream) or at.fence:
        raise Refused("only a person brings in a session")
    mode = named_mode(intent.opened.mode)
    opened = replace(intent.opened, origin=None, mode=mode)
    if opened.name:
        check_name(opened.name)
    told = header(intent.lines)
    codec = Codec(kinds, ())
    past: list[Fact] = []
    then = type(state)()
    link = audit.root(told.stream)
    for number, text in enumerate(intent.lines[1 : 1 + told.facts], 2):
        line = _line(number, text, Line)
        link = _linked(number, line, link, told.stream)
        fact = _fact(number, line, codec, first=number == 2)
        try:
            then = fold(type(state)() if isinstance(fact, SessionOpened) else then, fact)
        except Exception as error:
            raise _nonsense(number, error) from error
        past.append(Past(fact, min(max(line.at, 0.0), at.now), _actor(number, line.actor)))
    if link.hex() != told.head:
        raise Refused("line 1: the facts do not end as it says")
    imported = SessionImported(opened, told.stream, told.head, told.facts, told.version)
    return [*past, *_closing(then), imported]


def cleared(state: "Session", fresh: "Session") -> "Session":
    """The state made fresh; only what was used up stays so: ids, and the policy's revision."""
    fresh.prompts, fresh.undone = state.prompts, state.undone
    fresh.commands = state.commands
    fresh.jobs.started = state.jobs.started
    fresh.revision = state.revision + 1
    for name in state.__struct_fields__:
        setattr(state, name, getattr(fresh, name))
    return state


def _line(number: int, line: bytes, shape: type[L]) -> L:
    if len(line) > LONGEST:
        raise Refused(f"line {number} is longer than {LONGEST >> 20} MiB")
    try:
        return msgspec.json.decode(line, type=shape)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise Refused(f"line {number} cannot be read: {error}") from error


def _linked(number: int, line: Line, link: bytes, stream: str) -> bytes:
    """The chain up to this line, which must be what the line says."""
    digest = hashlib.sha256(bytes(line.body)).digest()
    place = (stream, number - 1, line.at, line.actor, line.kind, line.shape)
    link = audit.link(link, *place, digest)
    if line.version != number - 1 or link.hex() != line.hash:
        raise Refused(f"line {number}: it was changed, or it does not follow the line before it")
    return link


def _fact(number: int, line: Line, codec: Codec, first: bool) -> Fact:
    """The line's fact, without anything that is about the machine it comes from."""
    try:
        fact = codec.fact(line.kind, line.shape, bytes(line.body))
    except (RecursionError, ValueError) as error:
        raise _nonsense(number, error) from error
    if isinstance(fact, Unknown):
        if not codec.knows(line.kind, line.shape):
            raise _newer(number, f"a fact of kind {line.kind[:80]!r}, shape {line.shape},")
        raise Refused(f"line {number} cannot be read as {line.kind}")
    opens = isinstance(fact, SessionOpened)
    forks = opens and fact.origin is not None
    if isinstance(fact, SessionErased) or (first != opens and not forks):
        raise Refused(f"line {number}: a {line.kind} cannot stand here")
    name = fact.name if isinstance(fact, SessionOpened | SessionNamed) else ""
    if name and not NAME.fullmatch(name):
        raise Refused(f"line {number}: {name[:80]!r} cannot be a session's name")
    if isinstance(fact, SessionOpened):
        return _bare(fact, origin=not first)
    if isinstance(fact, SessionImported):
        return replace(fact, opened=_bare(fact.opened, origin=False))
    return fact


def _bare(opened: SessionOpened, origin: bool) -> SessionOpened:
    """How a session was opened elsewhere, as far as it is told here."""
    told = SessionOpened(opened.folder, opened.model, opened.mode, name=opened.name)
    if not origin or opened.origin is None:
        return told
    # what is told of it is no session here, which would have to stay for this one
    name = FOREIGN + opened.origin.stream.rpartition("/")[2]
    return replace(told, origin=Origin(name, opened.origin.position))


def _actor(number: int, actor: str) -> str:
    if not NAME.fullmatch(actor):
        raise Refused(f"line {number}: {actor[:80]!r} cannot be an actor")
    return actor if foreign(actor) else FOREIGN + actor


def _closing(then: "Session") -> list[Fact]:
    """What ends everything that the file left open: nothing of it comes alive."""
    run = then.run
    ended = Observation("cancelled", ENDED)
    waiting = [prompt.prompt for prompt in then.queue]
    facts: list[Fact] = [JobEnded(job.id, ended) for job in then.jobs.running()]
    facts += [CallFinished(name, ended) for name in then.wishes]
    if run is None:
        return [*facts, *map(PromptWithdrawn, waiting)]
    if run.attempt is not None:
        facts.append(ReplyInterrupted(run.attempt.id, "", "exported"))
    facts += [CallFinished(state.call.id, ended) for state in run.open_calls()]
    late = (prompt for prompt in run.unseen if prompt != run.id)
    facts += map(PromptWithdrawn, (*late, *waiting))
    return [*facts, RunFinished(run.id, "interrupted")]


def _nonsense(number: int, error: Exception) -> Refused:
    return Refused(f"line {number} does not follow from what stands before it ({error!r:.200})")


def _newer(number: int, what: str) -> Refused:
    return Refused(
        f"line {number}: {what} is not known to this version: update tuiagent, then import again"
    )
