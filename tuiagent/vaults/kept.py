"""Keys that a person keeps: in the system's keyring, by a command, or in an encrypted file.

A small table in the user's folder says which keys there are and where each comes from.
"""

import contextlib
import os
import shlex
import subprocess
from collections.abc import Callable
from typing import Any

from tuiagent import config
from tuiagent.kernel.errors import ConfigError, StoreError
from tuiagent.ports import SEALED, Loan
from tuiagent.vaults import private
from tuiagent.vaults.marked import Marked
from tuiagent.vaults.sealed import Sealed

SERVICE = "tuiagent"
"""Whose keys they are, to the keyring."""
KEYRING, FILE = "keyring", "encrypted file"
PASSPHRASE = "TUIAGENT_PASSPHRASE"
LOCKED = """\
it is in an encrypted file: tuiagent keys unlock opens that for the background server; or say its \
passphrase in TUIAGENT_PASSPHRASE, or on the screen's list of keys"""
PATIENCE = 60.0
"""Seconds for a command, or for a person who unlocks something."""
NONE = """\
this machine has no keyring that can be used ({0}): keep the key in the environment, name a \
command that prints it (tuiagent keys set {1} --command 'op read …'), or keep it in a file that a \
passphrase opens (tuiagent keys set {1} --file)"""

NOWHERE = """\
this machine has no keyring that can be used: say a passphrase of yours in TUIAGENT_PASSPHRASE, \
here and where sessions run, and what a server gives you is kept in an encrypted file"""
SHUT = """\
it was signed in to, which is kept in an encrypted file: tuiagent keys unlock opens that for the \
background server; or say its passphrase in TUIAGENT_PASSPHRASE, or on the screen's list of keys"""
TOKENS, ROOM = "tokens.sealed", 256 * 1024
"""The file of tokens, and bytes that it may have."""


def _said() -> str:
    """The passphrase of this process's environment."""
    return os.environ.get(PASSPHRASE, "")


class Kept:
    """The keys of one user; `passphrase` tells what opens the encrypted file, "" for nothing."""

    def __init__(self, home: str, passphrase: Callable[[], str] = _said) -> None:
        self._home = home
        self._passphrase = passphrase
        self._path = os.path.join(home, config.KEPT)
        self._sealed = Sealed(os.path.join(home, "keys.sealed"))
        self._tokens = Sealed(os.path.join(home, TOKENS), ROOM)
        self._marked = Marked(home)

    def places(self) -> dict[str, str]:
        """See config.kept_keys."""
        return config.kept_keys(self._home)

    def get(self, name: str) -> str | None:
        """The key of a provider, or None. Slow: a person may be asked to unlock something."""
        place = self.places().get(name)
        if place is None:
            return None
        key = self._get(name, place)
        if key:
            self._marked.put(name, key)
        return key

    def _get(self, name: str, place: str) -> str | None:
        if place == FILE:
            passphrase = self._passphrase()
            if not passphrase:
                raise StoreError(LOCKED)
            return self._sealed.get(passphrase).get(name)
        if place == KEYRING:
            return _ring().get_password(SERVICE, name)
        return _told(name, place)

    def unlock(self, passphrase: str) -> list[Loan]:
        """What this opens, to be lent: each key, and what opens all else that is sealed with it.

        Raises StoreError where it opens nothing of what is there.
        """
        opened: list[Loan] = []
        wrong: StoreError | None = None
        try:
            keys = self._sealed.get(passphrase)
            opened += [Loan("", f"kept:{name}", key) for name, key in keys.items()]
        except StoreError as error:
            wrong = error
        try:
            if self._tokens.get(passphrase) or not wrong:
                opened.append(Loan("", SEALED, passphrase))
        except StoreError as error:
            wrong = error
        if wrong and not opened:
            raise wrong
        return opened

    def put(self, name: str, key: str, passphrase: str = "") -> None:
        """Keeps a key in the keyring, or under a passphrase in the encrypted file.

        Raises StoreError where there is no keyring, or that file has another passphrase.
        """
        if not key.strip() or not key.isprintable():
            raise ConfigError("that is no key: it is empty, or has characters that none has")
        if passphrase:
            self._sealed.put(passphrase, name, key.strip())
        else:
            _ring(name).set_password(SERVICE, name, key.strip())
        self._note(name, FILE if passphrase else KEYRING)
        self._marked.put(name, key.strip())

    def name_command(self, name: str, command: str) -> None:
        """Has the key from a command from now on, which prints it."""
        if not shlex.split(command):
            raise ConfigError("say a command that prints the key")
        self._note(name, command)

    def delete(self, name: str) -> bool:
        """Forgets a key, here and in the keyring; whether there was one."""
        places = self.places()
        place = places.pop(name, None)
        if place == KEYRING and (ring := _ring(name)).get_password(SERVICE, name) is not None:
            ring.delete_password(SERVICE, name)
        self._sealed.delete(name)
        self._marked.put(name, "")
        if place is not None:
            self._write(places)
        return place is not None

    def _note(self, name: str, place: str) -> None:
        self._write(self.places() | {name: place})

    def _write(self, places: dict[str, str]) -> None:
        import tomlkit  # noqa: PLC0415 - only here is it written

        os.makedirs(os.path.dirname(self._path), 0o700, exist_ok=True)
        private.put(self._path, tomlkit.dumps(places).encode(), replace=True)


class Tokens:
    """What servers gave to this user, by name: in the keyring, or else under a passphrase."""

    def __init__(self, home: str, passphrase: Callable[[], str] = _said) -> None:
        self._passphrase = passphrase
        self._sealed = Sealed(os.path.join(home, TOKENS), ROOM)

    def place(self) -> str:
        """Where they are kept. Raises StoreError where nothing can keep them."""
        try:
            _ring()
        except StoreError as error:
            passphrase = self._passphrase()
            if not passphrase:
                raise StoreError(NOWHERE) from error
            self._sealed.get(passphrase)
            return FILE
        return KEYRING

    def get(self, name: str) -> str | None:
        """The secret, if it is kept. Slow. Raises StoreError where the file does not open."""
        with contextlib.suppress(StoreError):
            if found := _ring().get_password(SERVICE, name):
                return found
        if not self._sealed.has(name):
            return None
        passphrase = self._passphrase()
        if not passphrase:
            raise StoreError(SHUT)
        return self._sealed.get(passphrase).get(name)

    def put(self, name: str, secret: str) -> None:
        """Keeps it. Raises StoreError where nothing can."""
        if self.place() == FILE:
            self._sealed.put(self._passphrase(), name, secret)
        else:
            _ring().set_password(SERVICE, name, secret)


def _ring(name: str = "NAME") -> Any:
    """The system's keyring. Raises StoreError where it has none that is safe."""
    import keyring  # noqa: PLC0415 - 70 ms that few starts need
    from keyring.backends import chainer, fail  # noqa: PLC0415

    ring = keyring.get_keyring()
    module = type(ring).__module__
    if isinstance(ring, fail.Keyring) or not module.startswith("keyring."):
        raise StoreError(NONE.format(module, name))
    if isinstance(ring, chainer.ChainerBackend) and not ring.backends:
        raise StoreError(NONE.format("none", name))
    return ring


def _told(name: str, command: str) -> str:
    """What the command prints. Raises StoreError, without what it printed."""
    try:
        done = subprocess.run(
            shlex.split(command),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        why = "it took too long" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        raise StoreError(f"the command for the key {name} cannot be run: {why}") from error
    key = done.stdout.decode(errors="replace").strip()
    if done.returncode or not key:
        raise StoreError(f"the command for the key {name} gave none (exit {done.returncode})")
    return key
