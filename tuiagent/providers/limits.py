"""How long, and how much of it, a provider's answer is waited for."""

from msgspec import Struct


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """Seconds and bytes."""

    connect: float = 10.0
    """Name look-up, TCP and TLS together."""
    first_byte: float = 120.0
    """From the request to the head of the answer."""
    idle: float = 120.0
    """Between two pieces of the body."""
    total: float = 1800.0
    """For a whole answer, whatever keeps it alive."""
    rest: float = 1.0
    """For what only serves to use the connection again: the rest of a body, an error's text."""
    kept: float = 300.0
    """How old an unused connection may be."""
    line: int = 16 << 20
    """Bytes of one line of an event stream."""
    body: int = 64 << 20
    """Bytes of a body after decoding."""
    error: int = 64 << 10
    """Bytes of a body that is read for its error message alone."""
    head: int = 256 << 10
    """Bytes of the status line and the headers."""
