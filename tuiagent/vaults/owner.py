"""The owner's access key: made on a server's first start, kept in a private file of the root."""

import secrets
from collections.abc import Callable

from msgspec import Struct

from tuiagent.kernel import keys
from tuiagent.kernel.directory import ADMIN, OWNER, STREAM, IssueKey
from tuiagent.kernel.errors import Refused, StoreError
from tuiagent.ports import Client
from tuiagent.vaults import private

NAME = "owner.key"
"""What the file is called below the state root, and the key in the directory."""


class OwnerKey(Struct, frozen=True):
    """The key itself."""

    text: str
    new: bool
    """Whether it was made just now, so that nobody knows it yet."""


async def owner_key(client: Client, path: str, new_id: Callable[[], str]) -> OwnerKey:
    """The key in this file, which the directory knows from now on; made where there is none.

    A new one revokes the one before, whose file was lost; one that was revoked is replaced.
    Raises StoreError for a file that is not private, or holds something else.
    """
    body, new = private.kept(path, _make)
    try:
        await _known(client, _text(path, body), new_id())
    except Refused:
        new = private.put(path, _make(), replace=True)
        body = private.read(path)
        await _known(client, _text(path, body), new_id())
    return OwnerKey(_text(path, body), new)


def printed(path: str) -> str:
    """The key in this file, for its owner to see. Raises StoreError."""
    return _text(path, private.read(path))


async def _known(client: Client, text: str, name: str) -> None:
    issue = IssueKey(STREAM, name, OWNER, keys.mark(text), (ADMIN,), name=NAME, replaces=True)
    await client.submit(issue)


def _make() -> bytes:
    return keys.make(OWNER, secrets.token_bytes(keys.CHANCE)).encode() + b"\n"


def _text(path: str, body: bytes) -> str:
    text = body.decode("ascii", "replace").strip()
    try:
        if keys.parse(text) == OWNER:
            return text
    except Refused:
        pass  # said below, with what to do
    raise StoreError(f"{path} does not hold the owner's key: remove it to have a new one made")
