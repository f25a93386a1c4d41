"""The first start: from nothing to a model that answers, in a few keys."""

import os
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Static

from tuiagent import config_file
from tuiagent.clients.clean import clean
from tuiagent.clients.tui.form import Field, Form, Values
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.keys import KEYRING, NO_KEYRING, AskKey, kept
from tuiagent.clients.tui.screens.models import TOUR, Offer, use
from tuiagent.clients.tui.screens.sheet import Rows, Says, Sheet
from tuiagent.config import OPENAI_MODEL
from tuiagent.kernel.errors import StoreError, TuiagentError

TEXT = """\
tuiagent works in this folder with you: it asks before it changes anything, and keeps all it does. \
It needs a model. Choose where one answers; /model changes that at any time."""
APART = """

The server behind this page has no environment of the shell that opened it: no OPENAI_API_KEY, no \
OPENAI_BASE_URL. In a shell, `tuiagent keys set openai` keeps a key for it."""
KEYED = "openai"
"""The provider whose key can be typed here."""


class Way(msgspec.Struct, frozen=True):
    """One way to a model."""

    what: str
    """model, key, server or tour."""
    label: str
    help: str
    model: str = ""
    url: str = ""


class Ways(Rows):
    """The ways that there are on this machine."""

    def __init__(self) -> None:
        super().__init__("ways")
        self.ways: list[Way] = []

    def count(self) -> int:
        """See Pane."""
        return len(self.ways)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        way = self.ways[number]
        return [(f"  {way.label:<22} ", "strong"), (way.help, "dim")]


class Welcome(Sheet):
    """Offers what was found; nothing is used before it is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "take", "Choose", id="welcome.take")]

    def compose(self) -> ComposeResult:
        """Some words, the ways, and what came of one."""
        yield Says(lambda: ([(" Welcome to tuiagent ", "strong")], [("Esc later ", "keys")]))
        yield Static(Content(TEXT + APART * self.app.is_web), classes="words")
        yield Ways()
        yield Static(Content("looking for models on this machine …"), id="told", classes="words")
        yield Says(lambda: ([(" ↑↓ move  Enter choose ", "keys")], []))

    def on_mount(self) -> None:
        """Offers what is known at once, and looks for more."""
        self._offer([])
        self.query_one(Ways).focus()
        self.later(self._look())

    async def _look(self) -> None:
        found = msgspec.convert((await self.app.desk.client.read("offers")).data, list[Offer])
        near = [one for one in found if one.place == "nearby"]
        self._offer(near)
        self._tell("" if near else "no server of models was found on this machine")

    def _offer(self, near: list[Offer]) -> None:
        ways = [Way("model", one.name, f"found at {one.url}", one.name, one.url) for one in near]
        ways += [
            Way("key", "type an OpenAI key", "it goes into the system's keyring"),
            Way("server", "another server", "any compatible with OpenAI's, by its URL"),
            Way("tour", "the tour", "a scripted model, not an AI: how it works"),
        ]
        self.query_one(Ways).ways = ways
        self.query_one(Ways).renew()

    def on_rows_taken(self) -> None:
        """Goes the way that was clicked twice."""
        self.action_take()

    def action_take(self) -> None:
        """Goes the way at hand."""
        ways = self.query_one(Ways)
        way = ways.ways[ways.at]
        if way.what == "key":
            ask = AskKey(f"The key of {KEYED}", KEYRING)
            self.app.push_screen(ask, lambda key: self.later(self._key(key or "")))
        elif way.what == "server":
            fields = [
                Field("url", "its base URL", hint="http://127.0.0.1:8080/v1"),
                Field("model", "the model's name there"),
            ]
            self.app.push_screen(Form("Another server", [], fields, self._server))
        else:
            self.later(self._use(way.model or TOUR, way.url))

    def _server(self, values: Values) -> None:
        if not values["url"].startswith(("http://", "https://")) or not values["model"]:
            raise TuiagentError("say a URL that begins with http:// or https://, and a model")
        self.later(self._use(f"server/{values['model']}", values["url"]))

    async def _key(self, key: str | None, passphrase: str | None = "") -> None:
        if not key:
            return
        try:
            await kept(self.app.desk.host, KEYED, key, passphrase or "")
        except (TuiagentError, OSError) as error:
            self._tell(str(error))
            if isinstance(error, StoreError) and not passphrase:
                ask = AskKey("No keyring here", NO_KEYRING)
                self.app.push_screen(ask, lambda said: self.later(self._key(said and key, said)))
            return
        await self._use(f"{KEYED}/{os.environ.get('OPENAI_MODEL') or OPENAI_MODEL}", "")

    async def _use(self, model: str, url: str) -> None:
        host = self.app.desk.host
        try:
            use(host.settings.home, model, url)
            await self.app.desk.reload()
        except (TuiagentError, OSError) as error:
            self._tell(str(error))
            return
        self._tell(f"{model}: asking …")
        asked = msgspec.json.encode({"model": model}).decode()
        found = (await self.app.desk.client.read("tested", asked)).data
        if not found["ok"]:
            config_file.put(host.settings.home, "model", "")  # the next start asks again
            await self.app.desk.reload()
            self._tell(f"{model}: {found['text']}")
            return
        self.app.settle()
        self.dismiss()

    def _tell(self, text: str) -> None:
        self.query_one("#told", Static).update(Content(clean(text)))
