"""An Ed25519 key in a private file: signs seals, and checks them."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from tuiagent.kernel.errors import StoreError
from tuiagent.vaults import private


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


def _make() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes_raw()


def _load(path: str) -> bytes:
    key, _ = private.kept(path, _make)
    if len(key) != 32:
        raise StoreError(f"{path} does not hold a key; remove it to have a new one made")
    return key
