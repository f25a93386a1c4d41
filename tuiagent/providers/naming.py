"""The names that calls and tools have in a request, where servers take only some."""

import hashlib
import re
from collections.abc import Mapping

from tuiagent.kernel.message import Call, Message

ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")
USUAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")


def ids(
    messages: tuple[Message, ...], legal: re.Pattern[str] = USUAL, own: int = 0
) -> Mapping[str, str]:
    """Of each call by our id the one that pairs it with its result, different for all.

    It is the provider's, or one of ours where that is doubled or not `legal`; `own` letters and
    digits of a hash where ours would not be either. Each depends on what is before it alone.
    """
    found: dict[str, str] = {}
    used: set[str] = set()
    for message in messages:
        for block in message.blocks:
            if isinstance(block, Call):
                theirs = block.provider_id
                if not legal.fullmatch(theirs) or theirs in used:
                    theirs = _own(block.id, own)
                used.add(theirs)
                found[block.id] = theirs
    return found


def _own(ident: str, length: int) -> str:
    if length:
        return hashlib.sha256(ident.encode()).hexdigest()[:length]
    return ILLEGAL.sub("_", ident)


def tool(name: str) -> str:
    """A tool's name as servers accept it: many refuse a history with a bad one."""
    return ILLEGAL.sub("_", name)[:64] or "unknown"
