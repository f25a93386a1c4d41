"""Sessions on their way out of this journal, and a look at those that want to come in."""

import hashlib

import msgspec

from tuiagent import __version__
from tuiagent.engine.journal import Journal
from tuiagent.engine.veil import Veil
from tuiagent.kernel import audit, transfer
from tuiagent.kernel.aggregates import SESSION
from tuiagent.kernel.codec import Record
from tuiagent.kernel.errors import Refused, StoreError
from tuiagent.kernel.event import At, Event, Past
from tuiagent.kernel.replay import bundle
from tuiagent.kernel.run import AttemptStarted
from tuiagent.kernel.session import Session, fold
from tuiagent.kernel.transfer import Blob, Header, ImportSession, Line
from tuiagent.views.files import FilesView
from tuiagent.views.prompt import PromptView, check
from tuiagent.views.sessions import SessionsView
from tuiagent.views.transcript import TranscriptView


def exported(journal: Journal, stream: str, veil: Veil) -> list[str]:
    """The lines of a file that holds all of a session but keys. Raises Refused, StoreError.

    A fork's file begins with what its origin said, so that it stands alone.
    """
    records = [record for record in journal.lineage(stream) if record.body is not None]
    if not records:
        raise Refused(f"nothing is left of {stream}")
    blobs, others = _without_keys(_blobs(journal, records), veil)
    lines: list[bytes] = []
    state, link = Session(), audit.root(stream)
    for version, record in enumerate(records, 1):
        place = (stream, version, record.at, record.actor, record.kind, record.shape)
        body = veil.body(record.body or b"")
        for key, other in others.items():
            body = body.replace(key.encode(), other.encode())
        link = audit.link(link, *place, hashlib.sha256(body).digest())
        lines.append(msgspec.json.encode(Line(*place[1:], msgspec.Raw(body), link.hex())))
        state = fold(state, journal.codec.event(record).fact)
    header = Header(
        transfer.FORMAT,
        transfer.SHAPE,
        __version__,
        stream,
        state.label.name,
        len(lines),
        len(blobs),
        link.hex(),
    )
    whole = [msgspec.json.encode(header), *lines, *map(msgspec.json.encode, blobs)]
    return [line.decode() for line in whole]


def replayable(journal: Journal, stream: str, veil: Veil) -> list[str]:
    """The lines of a bundle that plays a session again. Raises Refused."""
    events = [veil.event(event) for event in journal.history(stream)]
    return bundle(stream, events, __version__, journal.world.now())


def _without_keys(blobs: list[Blob], veil: Veil) -> tuple[list[Blob], dict[str, str]]:
    """The blobs with keys masked, and what those are called then that held some."""
    found: list[Blob] = []
    others: dict[str, str] = {}
    for blob in blobs:
        body = veil.blob(blob.data)
        if body is not blob.data:
            others[blob.blob] = hashlib.sha256(body).hexdigest()
        found.append(Blob(others.get(blob.blob, blob.blob), body))
    return found, others


def _blobs(journal: Journal, records: list[Record]) -> list[Blob]:
    """What these records need beside their bodies, by its hash. Raises StoreError."""
    ends = {record.stream: record.version for record in records}
    bodies = {record.body_hash.hex() for record in records}
    needed = {
        key
        for stream, end in ends.items()
        for key, version in journal.store.refs(stream)
        if version <= end
    }
    found: list[Blob] = []
    for key in sorted(needed - bodies):
        body = journal.store.blob(key)
        if body is None or hashlib.sha256(body).hexdigest() != key:
            raise StoreError(f"blob {key} is missing or damaged, so the session is not whole")
        found.append(Blob(key, body))
    return found


def checked(intent: ImportSession, now: float, actor: str) -> dict[str, bytes]:
    """The blobs of a session that wants to come in, once every view can read it. Raises Refused."""
    carried = transfer.blobs(intent.lines)
    decided = SESSION.decide(Session(), intent, At(now, actor))
    views = [kind(intent.stream) for kind in (TranscriptView, PromptView, FilesView)]
    rows = SessionsView()
    asked = AttemptStarted("", 1)  # as if it were gone on with
    for number, fact in enumerate((*decided, asked), 1):
        told = fact.fact if isinstance(fact, Past) else fact
        event = Event(number, intent.stream, number, now, actor, told)
        try:
            for view in (*views, rows):
                view.apply(event)
        except Exception as error:
            raise Refused(f"line {number + 1} cannot be told ({error!r:.200})") from error
    try:
        for view in (*views, rows):
            msgspec.json.encode(view.snapshot())
        rows.load(rows.save())
        check(
            [message for view in views if isinstance(view, PromptView) for message in view.messages]
        )
    except Exception as error:
        raise Refused(f"the file does not hold a conversation ({error!r:.200})") from error
    return carried
