"""The keys that this process knows: from its environment, kept ones, and those that others lend."""

import concurrent.futures
import threading
from collections.abc import Callable, Mapping

from tuiagent import config, providers, vaults
from tuiagent.config import OPENAI_URL, Settings
from tuiagent.kernel.errors import NeedsError, StoreError
from tuiagent.kernel.session import SessionOpened
from tuiagent.ports import SEALED, Loan
from tuiagent.registry import load

KEYED = ("_API_KEY", "_TOKEN", "_SECRET", "_PASSWORD", "_PASSPHRASE", "_SECRET_ACCESS_KEY")
"""Ends of the names of variables that hold keys."""
ELSEWHERE = " for {}: the one that is set here is for another address"
UNLOCKING = "(it is being unlocked)"
MOMENT = 0.1
"""Seconds that everything waits for a key; a keyring that takes longer is waited for aside."""


class Credentials:
    """Finds the key that a session records for a provider, wherever it is."""

    def __init__(self, settings: Callable[[], Settings], environ: Mapping[str, str]) -> None:
        self._settings = settings
        self._here = [key for name, key in environ.items() if name.endswith(KEYED)]
        self._vault = load(vaults.TABLE["env"])(environ)
        self._addresses = lambda: config.addresses(settings(), environ)
        self._lent: dict[tuple[str, str, str], str] = {}
        """By folder, place and address: a key is sent nowhere else than where it was said for."""
        self._kept: dict[str, concurrent.futures.Future[str | None]] = {}
        self._set: set[str] = set()
        """Kept ones that were set since this process began: a person wants these used."""
        self._awaited: set[str] = set()
        """Those that somebody waits for."""
        self._passphrase = environ.get("TUIAGENT_PASSPHRASE", "")
        self.fetched: Callable[[], object] = lambda: None
        """Called, in any thread, once a key that was waited for has come."""
        self.opened: Callable[[], object] = lambda: None
        """Called once somebody lent what opens sealed files."""

    def passphrase(self) -> str:
        """What opens sealed files; "" where nobody said it."""
        return self._passphrase

    def lend(self, loan: Loan) -> bool:
        """Takes a key that another process had, for sessions in its folder; whether it is new."""
        kind, _, name = loan.where.partition(":")
        if kind == SEALED:
            if loan.folder and self._passphrase:
                return False  # nobody tried whether that opens anything
            new, self._passphrase = loan.key != self.passphrase(), loan.key
            self._kept = {name: one for name, one in self._kept.items() if _came(one)}
            self.opened()
            return new
        if kind == "kept":
            self._kept.pop(name, None)  # it is read again when it is next needed
            if loan.key:
                self._kept[name] = concurrent.futures.Future()
                self._kept[name].set_result(loan.key)
            self._set.add(name)
            return True
        place = (loan.folder, loan.where, loan.url)
        new = loan.key != (self._lent.get(place) or self._vault.get(loan.where))
        self._lent[place] = loan.key
        return new

    def all(self) -> set[str]:
        """Every key that is known, which stands in no fact."""
        told = [future.result() for future in self._kept.values() if _came(future)]
        named = [table.api_key for table in self._settings().providers.values()]
        lent = (*self._lent.values(), self._passphrase)
        return {key for key in (*lent, *told, *named, *self._here) if key}

    def loans(self, opened: SessionOpened) -> list[Loan]:
        """The keys of a session that only this process's environment or memory has."""
        found: list[Loan] = []
        for name, where in opened.credentials.items():
            key = self._said(name, where, opened)
            if key and where.startswith("env:"):
                found.append(Loan(opened.folder, where, key, opened.endpoints.get(name, "")))
        opens = [Loan(opened.folder, SEALED, self._passphrase)] if self._passphrase else []
        return found + opens

    def _said(self, name: str, where: str, opened: SessionOpened) -> str | None:
        """The key from an environment, this one's or another's, for the provider's address."""
        url = opened.endpoints.get(name, "")
        here = self._addresses().get(name, "") == url
        lent = self._lent.get((opened.folder, where, url))
        return lent or (self._vault.get(where) if here else None)

    def has(self, name: str, opened: SessionOpened) -> bool:
        """Whether this provider needs no key, or one is there; none is unlocked to see that."""
        where = _place(name, opened)
        kept = name in config.kept_keys(self._settings().home)
        return not where or kept or bool(self._known(name, where, opened))

    def find(self, name: str, opened: SessionOpened) -> str | None:
        """The key that the session records for this provider, if any. Raises NeedsError."""
        where = _place(name, opened)
        kind, _, of = where.partition(":")
        if name in self._set and name in config.kept_keys(self._settings().home):
            return self._fetch(name)
        if kind == "kept":
            return self._fetch(of)
        key = self._known(name, where, opened)
        if where and key is None:
            if name in config.kept_keys(self._settings().home):
                return self._fetch(name)
            elsewhere = ELSEWHERE.format(opened.endpoints.get(name) or usual(name, "url"))
            raise NeedsError(f"key {of}{elsewhere if self._vault.get(where) else ''}")
        return key

    def _known(self, name: str, where: str, opened: SessionOpened) -> str | None:
        """The key in this place, of those that are not kept."""
        kind, _, of = where.partition(":")
        table = self._settings().providers.get(of) if kind == "config" else None
        return (table.api_key or None) if table else self._said(name, where, opened)

    def named(self, variable: str, name: str) -> str | None:
        """The key in this variable, or the kept one of this name. Raises NeedsError."""
        key = self._vault.get(f"env:{variable}")
        return key or (self._fetch(name) if name in self._settings().kept else None)

    def _fetch(self, name: str) -> str:
        """A key that is kept. Raises NeedsError while a person unlocks it, or where it is gone."""
        future = self._kept.get(name)
        if future is None:
            future = self._kept[name] = concurrent.futures.Future()
            work = (name, future)
            threading.Thread(target=self._unlock, args=work, daemon=True, name="keys").start()
            concurrent.futures.wait([future], MOMENT)
        self._awaited.add(name)
        if not future.done():
            raise NeedsError(f"key {name} {UNLOCKING}")
        self._awaited.discard(name)
        try:
            key = future.result()
        except StoreError as error:
            del self._kept[name]
            raise NeedsError(f"key {name}: {error}") from error
        if key is None:
            del self._kept[name]
            raise NeedsError(f"key {name}: tuiagent keys set {name}")
        return key

    def _unlock(self, name: str, future: "concurrent.futures.Future[str | None]") -> None:
        try:
            kept = load(vaults.TABLE["kept"])(self._settings().home, self.passphrase)
            future.set_result(kept.get(name))
        except StoreError as error:
            future.set_exception(error)
        except Exception as error:  # a keyring may raise anything of its own
            future.set_exception(StoreError(f"{type(error).__name__}: {error}"))
        if name in self._awaited:
            self.fetched()


def _came(future: "concurrent.futures.Future[str | None]") -> bool:
    return future.done() and future.exception() is None


def _place(name: str, opened: SessionOpened) -> str:
    """Where the session has the key of this provider from; "" where it needs none."""
    where = opened.credentials.get(name, "")
    if not where and name not in opened.endpoints and (variable := usual(name, "key")):
        where = f"env:{variable}"  # that server takes nobody without one
    return where


def usual(name: str, what: str) -> str:
    """The `url` or `key` of a server that is known by name; "" of any other."""
    if name == "openai":
        return OPENAI_URL if what == "url" else "OPENAI_API_KEY"
    return load(providers.SERVERS[what])(name)
