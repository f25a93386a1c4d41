"""Access keys as they are written: `tua_KIND_CHANCE_CHECKSUM`, so that programs know one."""

import hashlib
import re
import zlib

from tuiagent.kernel.errors import Refused

KINDS = ("owner", "person", "agent", "service")
"""The kinds of actors that hold keys."""
CHANCE = 24
"""Bytes."""
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
FORM = re.compile(rf"tua_({'|'.join(KINDS)})_[0-9A-Za-z]{{33}}_[0-9A-Za-z]{{6}}")


def make(kind: str, chance: bytes) -> str:
    """The key of an actor of this kind; `chance` is CHANCE random bytes, brought in."""
    assert kind in KINDS
    assert len(chance) == CHANCE
    body = f"tua_{kind}_{_base62(int.from_bytes(chance), 33)}"
    return f"{body}_{_checksum(body)}"


def parse(text: str) -> str:
    """The kind of the key that this is. Raises Refused, which never repeats the text."""
    found = FORM.fullmatch(text)
    if found is None:
        raise Refused("this is no access key: one looks like tua_person_…, 50 to 52 characters")
    if _checksum(text[:-7]) != text[-6:]:
        raise Refused("this access key has a typing error: its checksum does not fit")
    return found[1]


def mark(text: str) -> str:
    """The SHA-256 (hexadecimal) by which a key is known; the key itself is kept nowhere."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _checksum(body: str) -> str:
    """The CRC-32 of what stands before it: each change of one character changes it."""
    return _base62(zlib.crc32(body.encode()), 6)


def _base62(number: int, width: int) -> str:
    out = ""
    for _ in range(width):
        number, digit = divmod(number, 62)
        out = DIGITS[digit] + out
    return out
