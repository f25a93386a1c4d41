"""Keys in an encrypted file, for machines without a keyring; what opens it is a passphrase."""

import base64
import hashlib
import os
from typing import Any

import msgspec

from tuiagent.kernel.errors import StoreError
from tuiagent.vaults import private

COST = {"n": 1 << 15, "r": 8, "p": 1}
"""Of scrypt (RFC 7914): 32 MiB and about a tenth of a second for each guess."""
MEMORY = 64 << 20
NONCE = 12


class Sealed:
    """Each key in a box of its own (AES-256-GCM), under one passphrase."""

    def __init__(self, path: str, room: int = private.LARGEST) -> None:
        self.path = path
        self._room = room
        """Bytes that the file may have."""

    def has(self, name: str) -> bool:
        """Whether such a key is there, which takes no passphrase. Raises StoreError."""
        return os.path.lexists(self.path) and name in self._read()["keys"]

    def get(self, passphrase: str) -> dict[str, str]:
        """All keys. Raises StoreError for another passphrase, or a file that was changed."""
        table = self._table()
        cipher = _cipher(passphrase, table["salt"])
        return {name: self._opened(cipher, name, box) for name, box in table["keys"].items()}

    def put(self, passphrase: str, name: str, key: str) -> None:
        """Keeps a key beside the others. Raises StoreError for another passphrase than theirs."""
        if not passphrase:
            raise StoreError("an empty passphrase keeps nothing: say one")
        table = self._table()
        cipher = _cipher(passphrase, table["salt"])
        for known, box in table["keys"].items():
            self._opened(cipher, known, box)
        nonce = os.urandom(NONCE)
        table["keys"][name] = _text(nonce + cipher.encrypt(nonce, key.encode(), name.encode()))
        self._write(table)

    def delete(self, name: str) -> bool:
        """Forgets a key, which takes no passphrase; whether there was one."""
        if not os.path.lexists(self.path):
            return False
        table = self._read()
        there = table["keys"].pop(name, None) is not None
        if there:
            self._write(table)
        return there

    def _opened(self, cipher: Any, name: str, box: str) -> str:
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - 30 ms that few need

        body = base64.b64decode(box)
        try:
            return cipher.decrypt(body[:NONCE], body[NONCE:], name.encode()).decode()
        except (InvalidTag, ValueError) as error:
            text = f"{self.path} does not open: another passphrase, or the file was changed"
            raise StoreError(text) from error

    def _table(self) -> dict[str, Any]:
        """What the file holds, or a new one would."""
        there = os.path.lexists(self.path)
        return self._read() if there else {"salt": _text(os.urandom(16)), "keys": {}}

    def _read(self) -> dict[str, Any]:
        try:
            return msgspec.json.decode(private.read(self.path, self._room), type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise StoreError(f"{self.path} is damaged: {error}; remove it to begin anew") from error

    def _write(self, table: dict[str, Any]) -> None:
        body = msgspec.json.encode(table)
        if len(body) > self._room:
            raise StoreError(f"{self.path} has no room for another key: delete one first")
        os.makedirs(os.path.dirname(self.path), 0o700, exist_ok=True)
        private.put(self.path, body, replace=True)


def _cipher(passphrase: str, salt: str) -> Any:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - likewise

    body = passphrase.encode()
    key = hashlib.scrypt(body, salt=base64.b64decode(salt), maxmem=MEMORY, dklen=32, **COST)
    return AESGCM(key)


def _text(body: bytes) -> str:
    return base64.b64encode(body).decode()
