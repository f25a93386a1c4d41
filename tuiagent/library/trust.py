"""What a folder's files would have this program run: all of it waits until a person trusts it."""

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from tuiagent.kernel.standing import Standing
from tuiagent.library import commands, hooks, places
from tuiagent.ports.library import Offer

TRUSTED, REFUSED, CHANGED, NEW, BROKEN = "trusted", "refused", "changed", "new", "broken"
ASKED = (NEW, CHANGED)
"""What a person is asked about."""
More = Callable[[str], Iterable[Offer]]
"""What else is found in a folder, such as MCP servers."""


class Row(Struct, frozen=True):
    """Something that would be run, and whether it may be."""

    offer: Offer
    state: str
    """trusted, refused, changed (since it was one of these), new, or broken."""


def brought(
    folder: str, home: str, user: str, standing: Standing, more: Iterable[More] = ()
) -> list[Row]:
    """What would be run in a session of this folder, and was not written for this program."""
    where = places.places(folder, home, user)
    found = [*hooks.offers(where, folder), *commands.offers(where)]
    for one in more:
        found += one(folder)
    return [Row(offer, _state(offer, standing)) for offer in found]


def _state(offer: Offer, standing: Standing) -> str:
    if offer.problem:
        return BROKEN
    if standing.trusts(offer.use, offer.path, offer.sha256):
        return TRUSTED
    refused = standing.refused.get(offer.use, {}).get(offer.path)
    if refused == offer.sha256:
        return REFUSED
    before: Any = standing.trusted.get(offer.use, {}).get(offer.path) or refused
    return CHANGED if before else NEW
