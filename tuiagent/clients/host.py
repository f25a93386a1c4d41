"""What a client on this machine needs of its process, beside its ports.Client."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from tuiagent.clients.console import Console
from tuiagent.config import Settings
from tuiagent.kernel.rules import Rule
from tuiagent.kernel.session import SessionOpened
from tuiagent.ports import SEALED, Loan, Owner
from tuiagent.server import ServerRecord, Site


class Keys(Protocol):
    """The keys of models that a person keeps; those from the environment are not among them."""

    def places(self) -> dict[str, str]:
        """Each provider that has a key, and where: keyring, encrypted file, or a command."""
        ...

    def put(self, name: str, key: str, passphrase: str = "") -> None:
        """Keeps a provider's key in the keyring, or under a passphrase in an encrypted file; slow.

        Raises StoreError where there is no keyring, or that file has another passphrase.
        """
        ...

    def unlock(self, passphrase: str) -> list[Loan]:
        """What this opens, to be lent: the keys in the encrypted file, and what servers gave.

        Slow. Raises StoreError for another passphrase.
        """
        ...

    def name_command(self, name: str, command: str) -> None:
        """Has a provider's key from a command from now on, which prints it."""
        ...

    def delete(self, name: str) -> bool:
        """Forgets a provider's key; slow. Whether there was one."""
        ...


class Host(Protocol):
    """What a command needs of its process beside the client."""

    settings: Settings
    console: Console
    keys: Keys

    def reload(self) -> None:
        """Reads the settings again. Raises ConfigError, and then those before hold."""
        ...

    async def begun(self) -> None:
        """Waits until what drives sessions stands. Raises TuiagentError where it cannot."""
        ...

    async def renewed(self, name: str, key: str = "") -> None:
        """Has a provider's key read again, or be this one, and what waits for it go on."""
        ...

    async def opened(self, loans: Sequence[Loan]) -> None:
        """Has what was unlocked be used here, and what waits for it go on."""
        ...

    async def login(
        self, server: str, folder: str, show: Callable[[str], None], typed: Awaitable[str]
    ) -> str:
        """Has a person sign in to an MCP server: at the address that is shown to them.

        `typed` is the address that their browser came to, where it cannot come here. Says where
        it is kept. Raises ConfigError, and StoreError where nothing can keep it.
        """
        ...

    def new_id(self) -> str:
        """A new id for a session or a prompt."""
        ...

    def opening(self, folder: str) -> SessionOpened:
        """How a session in this folder is opened here."""
        ...

    def rules(self, folder: str) -> tuple[Rule, ...]:
        """The rules that hold for sessions in this folder, configured ones and kept ones."""
        ...

    async def adopt(self, stream: str, take: str = "") -> bool:
        """Drives a session here; False while another living process does and may keep it."""
        ...

    async def background(self, folder: str = "") -> Owner:
        """A client of the background server, which is started when there is none.

        It is lent the keys that this process has for sessions in this folder.
        """
        ...

    def busy(self) -> bool:
        """Whether anything goes on here that another process could go on with."""
        ...

    async def hand_over(self, to: Owner) -> None:
        """Has another process go on with what goes on here, each session once it is let go of."""
        ...


class Serving(Host, Protocol):
    """What `serve` needs beside that."""

    def serving(self, site: Site) -> AbstractAsyncContextManager[ServerRecord]:
        """This process as the server of its root."""
        ...

    async def owner_key(self) -> tuple[str, bool]:
        """The owner's key for the web, and whether it was made just now."""
        ...


def unlocked(loans: Sequence[Loan]) -> str:
    """What was unlocked, in words."""
    keys = [loan.where.partition(":")[2] for loan in loans if loan.where != SEALED]
    more = " and what MCP servers gave" if len(keys) < len(loans) else ""
    return (", ".join(keys) or "no key") + more
