"""Settings: every key of config.toml with its meaning, what it is now, and a way to change it."""

import os
from typing import Any, ClassVar

import msgspec
from msgspec import Struct
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from tuiagent import config_file
from tuiagent.clients.tui.form import Field, Form, Values
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.sheet import Rows, Says, Sheet
from tuiagent.clients.tui.status import short


class Setting(Struct):
    """One key."""

    name: str
    """With dots between tables."""
    help: str
    value: str
    """As it stands in the file, or the usual one; as TOML."""
    set: bool
    """Whether the file says it."""


TABLES = ("tui", "memory")
"""Tables whose keys are listed one by one."""


def settings(path: str) -> list[Setting]:
    """Every key, as the file at this path has it. Raises ConfigError."""
    file = config_file.read(path) if os.path.exists(path) else config_file.ConfigFile()
    usual = config_file.ConfigFile()
    definitions = config_file.schema()["$defs"]
    found: list[Setting] = []

    def add(prefix: str, name: str, part: dict[str, Any], now: Any, before: Any) -> None:
        value = msgspec.json.encode(now).decode()
        found.append(Setting(prefix + name, part.get("description", ""), value, now != before))

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
        """See Pane."""
        one = self.rows[number]
        mark = "● " if one.set else "  "
        value = one.value if len(one.value) < 25 else one.value[:24] + "…"
        style = "" if one.set else "dim"
        return [
            (mark, "mark"),
            (f"{one.name:<26} ", "strong"),
            (f"{value:<26} ", style),
            (one.help, "dim"),
        ]


class SettingsSheet(Sheet):
    """A list of settings."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "change", "Change", id="settings.change"),
    ]

    def compose(self) -> ComposeResult:
        """The list, and where the file lies."""
        yield Says(
            lambda: ([(" Settings ", "strong")], [(f"{short(self._path)}  Esc back ", "dim")])
        )
        yield Keys()
        yield Says(lambda: ([(f" {self._help} ", "")], []), "meaning")
        yield Says(lambda: ([(" ↑↓ move  Enter change   ● your file says so ", "dim")], []))

    def on_mount(self) -> None:
        """Reads the file."""
        self.query_one(Keys).focus()
        self.later(self._renew())

    @property
    def _help(self) -> str:
        """What the one at hand means, in full."""
        keys = self.query_one(Keys)
        return keys.rows[keys.at].help if keys.rows else ""

    def on_listed_moved(self) -> None:
        """Says what it means."""
        self.said("meaning")

    @property
    def _path(self) -> str:
        return config_file.path(self.app.desk.host.settings.home)

    async def _renew(self) -> None:
        keys = self.query_one(Keys)
        keys.rows = settings(self._path)
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
            self.app.desk.host.reload()
            self.app.settle()
            self.later(self._renew())

        self.app.push_screen(Form(one.name, [hint], fields, take))


def _text(value: str) -> str:
    """A value as it is edited: words without their marks."""
    plain = msgspec.json.decode(value)
    return plain if isinstance(plain, str) else value
