"""Who asks: the one place where a key becomes an actor with scopes."""

from typing import Any, Protocol

from msgspec import Struct


class Principal(Struct, frozen=True):
    """Whoever holds a key that is live."""

    actor: str
    key: str
    """The key's id, never the key; "" where none was needed (`--auth none`)."""
    scopes: frozenset[str]
    expires: float | None = None
    """Seconds since 1970."""


class Gate(Protocol):
    """Knows the keys."""

    async def identify(self, token: str) -> Principal | None:
        """Whose key this is; None for anything else, always in the same time."""
        ...

    async def ended(self, principal: Principal) -> str:
        """Waits until the key is revoked or expires; says which."""
        ...


PRINCIPAL = "tuiagent.principal"
"""Where a scope keeps who asks, once that was found out."""


async def identified(gate: Gate, scope: Any) -> Principal | None:
    """Who asks in this ASGI scope, found out once; None without a key that is live."""
    if PRINCIPAL not in scope:
        scope[PRINCIPAL] = await gate.identify(token_of(scope))
    return scope[PRINCIPAL]


def token_of(scope: Any) -> str:
    """The key that a request came with, "" for none."""
    headers = dict(scope["headers"])
    word, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if word.lower() == "bearer" else ""
