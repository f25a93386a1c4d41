"""Keys: which providers have one, from where; kept in the keyring, tested, forgotten."""

import asyncio
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tuiagent.clients.host import Host, unlocked
from tuiagent.clients.providers import NONE, found
from tuiagent.clients.tui.hints import keyed
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.sheet import Rows, Says, Sheet
from tuiagent.clients.tui.typed import Input
from tuiagent.kernel.errors import StoreError, TuiagentError


class AskKey(ModalScreen[str]):
    """One line that is not shown; what is typed is the result, "" for nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss('')", "Leave", id="key.leave", priority=True)
    ]

    def __init__(self, title: str, about: str) -> None:
        super().__init__()
        self._title, self._about = title, about

    def compose(self) -> ComposeResult:
        """The line, and where it goes."""
        with Vertical() as box:
            box.border_title = Content(self._title)
            yield Static(Content(self._about))
            yield Input(password=True, compact=True)
            yield Static(Content(keyed(self, "Enter go on   Esc leave")))

    def on_mount(self) -> None:
        """It can be typed at once."""
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hands it on."""
        self.dismiss(event.value)


class Providers(Rows):
    """Each provider, and where its key is."""

    def __init__(self) -> None:
        super().__init__("providers")
        self.rows: list[tuple[str, str]] = []

    def count(self) -> int:
        """See Pane."""
        return len(self.rows)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        name, where = self.rows[number]
        return [(f"  {name:<20} ", "strong"), (where, "good" if where != NONE else "dim")]


KEYRING = "It goes into the system's keyring, and into no file."
NO_KEYRING = """\
This machine has no keyring. A passphrase of yours keeps the key in an encrypted file: say one, or \
leave, and have the key from the environment or a command (tuiagent keys set NAME --command …)."""
UNLOCK = (
    "The passphrase of the encrypted file; what is in it is known then until this process ends."
)


class KeysSheet(Sheet):
    """A list of providers."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "ask", "Type one", id="keys.ask"),
        Binding("t", "test", "Test", id="keys.test"),
        Binding("u", "unlock", "Unlock", id="keys.unlock"),
        Binding("d", "delete", "Forget", id="keys.delete"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._told: list[Piece] = []

    def compose(self) -> ComposeResult:
        """The list, and what came of the last thing done."""
        yield Says(lambda: ([(" Keys ", "strong")], [("Esc back ", "keys")]))
        yield Providers()
        yield Says(lambda: (self._told, []), "told")
        keys = " Enter type one (kept in the keyring)  t test  u unlock  d forget "
        yield Says(lambda: ([(keys, "keys")], []))

    def on_mount(self) -> None:
        """Reads where keys are."""
        self.query_one(Providers).focus()
        self._renew()

    def on_rows_taken(self) -> None:
        """Asks for the key of the one that was clicked twice."""
        self.action_ask()

    def action_ask(self) -> None:
        """Asks for a key, and keeps it."""
        name = self._at()
        ask = AskKey(f"The key of {name}", KEYRING)
        self.app.push_screen(ask, lambda key: self.later(self._keep(name, key or "")))

    def action_unlock(self) -> None:
        """Asks for the passphrase of the encrypted file, and has its keys used."""
        ask = AskKey("The encrypted file", UNLOCK)
        self.app.push_screen(ask, lambda passphrase: self.later(self._unlock(passphrase or "")))

    def action_delete(self) -> None:
        """Forgets a key that is kept."""
        self.later(self._delete(self._at()))

    def action_test(self) -> None:
        """Asks the provider's model for one word."""
        self.later(self._test(self._at()))

    def _at(self) -> str:
        providers = self.query_one(Providers)
        return providers.rows[providers.at][0]

    def _renew(self) -> None:
        self.query_one(Providers).rows = found(self.app.desk.host)
        self.query_one(Providers).renew()

    async def _keep(self, name: str, key: str | None, passphrase: str | None = "") -> None:
        if not key:
            return
        try:
            await kept(self.app.desk.host, name, key, passphrase or "")
            await self.app.desk.reload()
            where = "encrypted file" if passphrase else "keyring"
            self._tell(f"the key of {name} is in the {where}; what waited for it goes on")
        except (TuiagentError, OSError) as error:
            self._tell(str(error))
            if isinstance(error, StoreError) and not passphrase:
                ask = AskKey("No keyring here", NO_KEYRING)
                self.app.push_screen(
                    ask, lambda said: self.later(self._keep(name, said and key, said))
                )
        self._renew()

    async def _unlock(self, passphrase: str) -> None:
        if not passphrase:
            return
        host = self.app.desk.host
        try:
            loans = await asyncio.to_thread(host.keys.unlock, passphrase)
            await host.opened(loans)
            self._tell(f"unlocked: {unlocked(loans)}")
        except (TuiagentError, OSError) as error:
            self._tell(str(error))

    async def _delete(self, name: str) -> None:
        host = self.app.desk.host
        try:
            there = await asyncio.to_thread(host.keys.delete, name)
            await host.renewed(name)
            self._tell(f"the key of {name} is forgotten" if there else f"none of {name} is kept")
        except (TuiagentError, OSError) as error:
            self._tell(str(error))
        self._renew()

    async def _test(self, name: str) -> None:
        settings = self.app.desk.host.settings
        table = settings.providers.get(name)
        model = settings.model if settings.model.startswith(f"{name}/") else ""
        model = model or (f"{name}/{table.default_model}" if table and table.default_model else "")
        if not model:
            self._tell(f"no model of {name} is set: choose one in /model, and test it there")
            return
        self._tell(f"{model}: asking …")
        asked = msgspec.json.encode({"model": model}).decode()
        told = (await self.app.desk.client.read("tested", asked)).data
        self._tell(f"{model}: {told['text']}")

    def _tell(self, text: str) -> None:
        self._told = [(f" {text} ", "warn")] if text else []
        self.said("told")


async def kept(host: Host, name: str, key: str, passphrase: str) -> None:
    """Keeps a key, has what waits for it go on. Raises StoreError where there is no keyring."""
    await asyncio.to_thread(host.keys.put, name, key, passphrase)
    await host.renewed(name, key if passphrase else "")
