"""Checks the chains, the seals over them, and the copy of the seals outside the database."""

import os
from itertools import chain

import msgspec

from tuiagent.engine.journal import Journal
from tuiagent.kernel import audit
from tuiagent.kernel.audit import CheckSignature, Problem, Sealed


class Verdict(msgspec.Struct):
    """What verifying found: how much there is, the first problem, and what no seal covers yet."""

    streams: int
    events: int
    seals: int
    problem: Problem | None
    unsealed: list[str]


def verify(journal: Journal, stream: str, check: CheckSignature, copy: str) -> Verdict:
    """Checks one stream, or all of them with ""."""
    heads = [head for head in journal.store.heads(0) if not stream or head.stream == stream]
    events, problem = 0, None
    hashes: dict[tuple[str, int], str] = {}
    for head in heads:
        records = journal.records(head.stream)
        events += len(records)
        problem = problem or audit.verify(head.stream, records)
        if problem is None and (not records or records[-1].hash != head.hash):
            problem = Problem(head.stream, head.version, "the end of the stream is missing")
        hashes.update({(r.stream, r.version): r.hash.hex() for r in records})
    seals = [e.fact for e in journal.events(audit.STREAM) if isinstance(e.fact, Sealed)]
    problem = (
        problem
        or audit.verify_seals(seals, lambda s, v: hashes.get((s, v)), check, stream)
        or _copied(copy, seals)
    )
    marks = chain.from_iterable(seal.heads for seal in seals)
    sealed = {(name, version) for name, version, _ in marks}
    unsealed = [h.stream for h in heads if (h.stream, h.version) not in sealed]
    rest = [name for name in unsealed if name != audit.STREAM]
    return Verdict(len(heads), events, len(seals), problem, rest)


def _copied(copy: str, seals: list[Sealed]) -> Problem | None:
    """Every whole line of the copy must be among the seals: a journal cut short shows here."""
    if not os.path.exists(copy):
        return None
    with open(copy, "rb") as file:
        lines = file.read().split(b"\n")[:-1]
    signatures = {seal.signature for seal in seals}
    for number, line in enumerate(lines, 1):
        try:
            _, _, signature = msgspec.json.decode(line, type=tuple[list[object], str, str])
        except msgspec.MsgspecError:
            return Problem(audit.STREAM, number, "the copy of this seal cannot be read")
        if signature not in signatures:
            return Problem(audit.STREAM, number, "this seal was copied but is not in the journal")
    return None
