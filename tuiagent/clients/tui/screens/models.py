"""Models: those that can be had, what they cost, and which one answers."""

from typing import ClassVar

import msgspec
from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tuiagent import config_file
from tuiagent.clients.tui import fuzzy
from tuiagent.clients.tui.bridge import Desk
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.sheet import Ends, Rows, Says, Sheet
from tuiagent.clients.tui.status import KEYED, tokens
from tuiagent.clients.tui.typed import Input
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.session import ChangeModel

TOUR = "scripted/tour"


class Offer(Struct):
    """One model that can be had."""

    name: str
    """PROVIDER/MODEL."""
    place: str = msgspec.field(default="", name="from")
    """config, nearby (a server on this machine) or known."""
    url: str = ""
    window: int = 0
    input: float | None = None
    """US dollars for a million tokens; None when that is not known."""
    output: float | None = None
    keyed: bool = True
    """Whether a key is there, or none is needed."""

    @property
    def provider(self) -> str:
        """Who has it."""
        return self.name.partition("/")[0]


PLACES = {"config": "your config", "nearby": "on this machine", "known": "", "tour": "a script"}
WIDEST = 44
"""Columns of a name."""


class Models(Rows):
    """Those that fit what was typed."""

    EMPTY = "No model fits."

    def __init__(self) -> None:
        super().__init__("models")
        self.offers: list[Offer] = []
        self.found: list[Offer] = []
        self.now = ""

    def find(self, typed: str) -> None:
        """Shows only what fits this; without any of it, the one that answers now is at hand."""
        self.found = [one for one in self.offers if fuzzy.match(typed, one.name)]
        names = [one.name for one in self.found]
        self.at = names.index(self.now) if not typed and self.now in names else 0
        self.renew()
        self.call_after_refresh(lambda: self.go(self.at))

    @property
    def chosen(self) -> Offer | None:
        """The one at hand."""
        return self.found[self.at] if self.found else None

    def count(self) -> int:
        """See Pane."""
        return len(self.found)

    def ends(self, number: int) -> Ends:
        """See Listed."""
        one, room = self.found[number], self.scrollable_content_region.width
        price = "" if one.input is None else f"${one.input:g} in ${one.output:g} out"
        window = f"{tokens(one.window)} tokens" if one.window else ""
        width = min(WIDEST, room // 2 - 5)
        place = (PLACES[one.place], "good" if one.place == "nearby" else "")
        return [
            ("● " if one.name == self.now else "  ", "mark"),
            (f"{one.name:<{width}}  ", "strong" if one.keyed else ""),
            (f"{window:<13}  {price}" if room >= KEYED else "", "dim"),
        ], [place if one.keyed else ("no key", "warn"), (" ", "")]


class ModelsSheet(Sheet):
    """A list to choose from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "move(1)", id="models.down", priority=True),
        Binding("up", "move(-1)", id="models.up", priority=True),
        Binding("pagedown", "page(1)", id="models.pagedown", priority=True),
        Binding("pageup", "page(-1)", id="models.pageup", priority=True),
        Binding("ctrl+t", "test", "Test", id="models.test", priority=True),
        Binding("ctrl+s", "keep", "Usual", id="models.keep", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._told: list[Piece] = [(" looking on this machine … ", "dim")]

    def compose(self) -> ComposeResult:
        """A line to type in, the models, and what came of a test."""
        right = [("US$ per M tokens  ", "dim"), ("Esc back ", "keys")]
        yield Says(lambda: ([(" Models ", "strong")], right))
        yield Input(placeholder="a few letters", compact=True)
        yield Models()
        yield Says(lambda: (self._told, []), "told")
        keys = " Enter use it  ^S the usual one from now on  ^T test "
        yield Says(lambda: ([(keys, "keys")], []))

    def on_mount(self) -> None:
        """Looks for models."""
        self.query_one(Input).focus()
        conversation = self.app.desk.conversation
        model = conversation.status.model if conversation else self.app.desk.host.settings.model
        self.query_one(Models).now = model
        self.later(self._load())

    async def _load(self) -> None:
        models = self.query_one(Models)
        found = await self.app.desk.client.read("offers", folder(self.app.desk))
        offers = [*msgspec.convert(found.data, list[Offer]), Offer(TOUR, "tour")]
        models.offers = sorted(offers, key=lambda one: not one.keyed)
        models.find(self.query_one(Input).value)
        self.on_listed_moved()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Finds what fits."""
        self.query_one(Models).find(event.value)
        self.on_listed_moved()

    def on_input_submitted(self) -> None:
        """Uses the one at hand."""
        self.later(self._use())

    def on_listed_moved(self) -> None:
        """Says what the one at hand lacks."""
        chosen = self.query_one(Models).chosen
        lacks = chosen.provider if chosen is not None and not chosen.keyed else ""
        self._tell(f"no key of {lacks}: /keys takes one" if lacks else "")

    def on_rows_taken(self) -> None:
        """Uses the one that was clicked twice."""
        self.later(self._use())

    def action_move(self, by: int) -> None:
        """Goes up or down."""
        self.query_one(Models).action_move(by)

    def action_page(self, by: int) -> None:
        """Goes a page up or down."""
        self.query_one(Models).action_page(by)

    def action_test(self) -> None:
        """Asks the model at hand for one word."""
        self.later(self._test())

    def action_keep(self) -> None:
        """Has the model at hand answer in new sessions from now on."""
        self.later(self._keep())

    async def _use(self) -> None:
        chosen = self.query_one(Models).chosen
        conversation = self.app.desk.conversation
        if chosen is None:
            return
        if conversation is None:
            await self._keep()
            return
        why = await self._needs(conversation.stream, chosen.name)
        if why:
            self._tell(f"{chosen.name} cannot answer in this session: {why}")
            return
        if await self.app.desk.send(ChangeModel(conversation.stream, chosen.name)):
            self.dismiss()

    async def _needs(self, stream: str, model: str) -> str:
        asked = msgspec.json.encode({"session": stream, "model": model}).decode()
        return (await self.app.desk.client.read("needs", asked)).data

    async def _keep(self) -> None:
        chosen = self.query_one(Models).chosen
        if chosen is None:
            return
        try:
            use(self.app.desk.host.settings.home, chosen.name, chosen.url)
            await self.app.desk.reload()
        except (TuiagentError, OSError) as error:
            self._tell(str(error))
            return
        model = self.app.desk.host.settings.model
        if model != chosen.name:
            self._tell(f"it is kept, but {model} is said by a flag or the environment")
            return
        self.app.settle()
        self.dismiss()

    async def _test(self) -> None:
        chosen = self.query_one(Models).chosen
        if chosen is None:
            return
        self._tell(f"{chosen.name}: asking …")
        asked = msgspec.json.encode({"model": chosen.name}).decode()
        found = (await self.app.desk.client.read("tested", asked)).data
        self._tell(f"{chosen.name}: {found['text']}")

    def _tell(self, text: str) -> None:
        self._told = [(f" {text} ", "warn")] if text else []
        self.said("told")


def folder(desk: Desk) -> str:
    """Where the session at hand works, or the next one will."""
    return desk.conversation.status.folder if desk.conversation else desk.folder


def use(home: str, model: str, url: str) -> None:
    """Keeps a model, and its server where one is told, in the user's file. Raises ConfigError."""
    provider = model.partition("/")[0]
    if url:
        config_file.put(home, f"providers.{provider}.api_base", url)
    config_file.put(home, "model", model)
