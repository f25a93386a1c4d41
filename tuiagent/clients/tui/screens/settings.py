"""Settings: every key of config.toml with its meaning, what it is now, and a way to change it."""

import os
from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tuiagent import config_file
from tuiagent.clients.tui.form import Field, Form, Values
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.paint import ROOMY
from tuiagent.clients.tui.screens.sheet import Ends, Rows, Says, Sheet, fit
from tuiagent.clients.tui.status import KEYED, short


class Setting(Struct):
    """One key."""

    name: str
    """With dots between tables."""
    help: str
    value: str
    """As it stands in the file, or the usual one; as TOML."""
    set: bool
    """Whether the file says it."""
    holds: str
    """What is in force, as people read it."""
    where: str
    """From where that is, in a word, with more behind a colon."""


TABLES = ("tui", "web", "sandbox", "memory")
"""Tables whose keys are listed one by one."""
NOTHING = "–"
"""Stands for a value that there is not."""
Said = Mapping[str, tuple[Any, str]]
"""See config.Settings."""


def settings(path: str, said: Said) -> list[Setting]:
    """Every key as the file at this path has it, and what is `said` instead. Raises ConfigError."""
    file = config_file.read(path) if os.path.exists(path) else config_file.ConfigFile()
    usual = config_file.ConfigFile()
    definitions = config_file.schema()["$defs"]
    found: list[Setting] = []

    def add(prefix: str, name: str, part: dict[str, Any], now: Any, before: Any) -> None:
        key, told = prefix + name, now != before
        holds, where = said.get(key, (now, "file" if told else "default"))
        meaning = part.get("description", "")
        found.append(Setting(key, meaning, _toml(now), told, _plain(holds), where))

    for name, part in definitions["ConfigFile"]["properties"].items():
        now, before = getattr(file, name), getattr(usual, name)
        if name not in TABLES:
            add("", name, part, now, before)
            continue
        for key, inner in definitions[type(now).__name__]["properties"].items():
            add(f"{name}.", key, inner, getattr(now, key), getattr(before, key))
    return found


class Keys(Rows):
    """The settings."""

    def __init__(self) -> None:
        super().__init__("settings")
        self.rows: list[Setting] = []

    def count(self) -> int:
        """See Pane."""
        return len(self.rows)

    def line(self, number: int) -> list[Piece]:
        """See Pane; the meaning of the one at hand is told below, where it has no room here."""
        one, width = self.rows[number], self.scrollable_content_region.width
        word = one.where.partition(":")[0] if one.holds != NOTHING else ""
        name, where = (26, 13) if width >= KEYED else (18, 0)
        help = width - 67 if width >= ROOMY else 0
        value = max(0, width - name - where - help - 4)
        return [
            ("● " if one.set else "  ", "mark"),
            (f"{fit(one.name, name)} ", "strong"),
            (f"{fit(one.holds, value)} ", "dim" if word == "default" else ""),
            (fit(word, where), "dim"),
            (fit(one.help, help), "dim"),
        ]


class SettingsSheet(Sheet):
    """A list of settings."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "change", "Change", id="settings.change"),
    ]

    def compose(self) -> ComposeResult:
        """The list, and where the file lies."""
        yield Says(self._head)
        yield Keys()
        yield Says(self._meaning, "meaning")
        yield Says(lambda: ([(" ↑↓ move  Enter change   ● your file says so ", "keys")], []))

    def on_mount(self) -> None:
        """Reads the file."""
        self.query_one(Keys).focus()
        self.later(self._renew())

    def _head(self) -> Ends:
        """The title, and where the file lies."""
        path = f"{short(self._path)}  " if self.size.width >= KEYED else ""
        return [(" Settings ", "strong")], [(f"{path}Esc back ", "keys")]

    def _meaning(self) -> Ends:
        """What the one at hand means, in full, and what decides it."""
        keys = self.query_one(Keys)
        if not keys.rows:
            return [], []
        one = keys.rows[keys.at]
        where = one.where if self.size.width >= KEYED else one.where.partition(":")[0]
        return [(f" {one.help} ", "")], [(f"{where} ", "dim")]

    def on_listed_moved(self) -> None:
        """Says what it means."""
        self.said("meaning")

    @property
    def _path(self) -> str:
        return config_file.path(self.app.desk.host.settings.home)

    async def _take_up(self) -> None:
        await self.app.desk.reload()
        self.app.settle()
        await self._renew()

    async def _renew(self) -> None:
        keys = self.query_one(Keys)
        app = self.app
        worn = app.layout.theme and "/theme"
        table = app.desk.host.settings.tui
        worn = worn or ("file" if table and table.theme else "default")
        said = app.desk.host.settings.said | {"tui.theme": (app.theme, worn)}
        keys.rows = settings(self._path, said)
        keys.renew()
        self.said("meaning")

    def on_rows_taken(self) -> None:
        """Changes the one that was clicked twice."""
        self.action_change()

    def action_change(self) -> None:
        """Asks for another value."""
        keys = self.query_one(Keys)
        one = keys.rows[keys.at]
        hint = 'as in a TOML file: true, 5, "words", ["a", "b"]'
        fields = [Field("value", one.help or one.name, _text(one.value), hint)]

        def take(values: Values) -> None:
            config_file.put(self.app.desk.host.settings.home, one.name, values["value"])
            self.later(self._take_up())

        self.app.push_screen(Form(one.name, [hint], fields, take))


def _toml(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _plain(value: Any) -> str:
    """A value without the marks of a file; of a table its names, as it may hold a key."""
    if isinstance(value, str):
        return value or NOTHING
    if isinstance(value, dict) or (isinstance(value, tuple) and all(map(_worded, value))):
        return ", ".join(value) or NOTHING
    return _toml(value) if value or isinstance(value, bool) else NOTHING


def _worded(value: object) -> bool:
    return isinstance(value, str)


def _text(value: str) -> str:
    """A value as it is edited: words without their marks."""
    plain = msgspec.json.decode(value)
    return plain if isinstance(plain, str) else value
