"""What a folder's files would have us run: read from the engine, shown, and answered."""

import msgspec
from msgspec import Struct

from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import Intent
from tuiagent.kernel.standing import STREAM, DistrustFile, TrustFile
from tuiagent.ports import Client, Offer

ASKED = ("new", "changed")
"""States in which a person has to be asked."""


class Brought(Struct, frozen=True):
    """Something that would be run, and whether it may be."""

    offer: Offer
    state: str
    """trusted, refused, changed, new, or broken."""


async def brought(client: Client, folder: str) -> list[Brought]:
    """What the files of this folder would have us run."""
    try:
        return msgspec.convert((await client.read("trust", folder)).data, list[Brought])
    except Refused:
        return []  # an engine that runs nothing of the kind


def lines(row: Brought) -> list[str]:
    """What is shown of it: everything that would be run."""
    offer = row.offer
    head = f"{offer.path} ({offer.use}, {row.state})"
    return [
        head,
        *(f"  {one}" for one in offer.runs),
        *([f"  {offer.problem}"] * bool(offer.problem)),
    ]


def answer(row: Brought, yes: bool) -> Intent:
    """A person's word on just this content."""
    offer = row.offer
    kind = TrustFile if yes else DistrustFile
    return kind(STREAM, offer.path, sha256=offer.sha256, use=offer.use)
