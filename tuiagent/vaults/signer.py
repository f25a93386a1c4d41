"""An Ed25519 key in a private file: signs seals, and checks them."""

import contextlib
import os

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from tuiagent.kernel.errors import StoreError


class Signer:
    """Signs with the key in a file that only its owner can read; makes it when there is none."""

    def __init__(self, path: str) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(_load(path))
        self.public = self._key.public_key().public_bytes_raw().hex()

    def sign(self, payload: bytes) -> str:
        """The signature, hexadecimal."""
        return self._key.sign(payload).hex()


def check(public: str, payload: bytes, signature: str) -> bool:
    """Whether the signature of this payload was made with the key."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        key.verify(bytes.fromhex(signature), payload)
    except (InvalidSignature, ValueError):
        return False
    return True


def _load(path: str) -> bytes:
    os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
    if not os.path.lexists(path):
        _make(path)
    return _read(path)


def _make(path: str) -> None:
    """Puts a new key there, whole or not at all; another process may be faster."""
    scratch = f"{path}.{os.urandom(6).hex()}"
    file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as out:
            out.write(Ed25519PrivateKey.generate().private_bytes_raw())
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(scratch, path)
    finally:
        os.unlink(scratch)


def _read(path: str) -> bytes:
    file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as source:
        stat = os.fstat(source.fileno())
        if stat.st_mode & 0o077 or stat.st_uid != os.getuid():
            raise StoreError(
                f"{path} can be read by others, so it proves nothing: chmod 600 it, or remove it "
                "to have a new key made"
            )
        key = source.read(33)
    if len(key) != 32:
        raise StoreError(f"{path} does not hold a key; remove it to have a new one made")
    return key
