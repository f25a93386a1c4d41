"""Help: the keys of this place, the commands, and the guides."""

import os
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll

from tuiagent.clients.tui.commands import COMMANDS
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.screens.sheet import Rows, Says, Sheet

GUIDES = os.path.join(os.path.dirname(__file__), "..", "..", "..", "docs")


NAMED, TOLD = 21, 29
"""Columns of the names, and of what a key does, where there is room for as many."""


class Lines(Rows):
    """Headings, keys, commands and guides."""

    def __init__(self, lines: list[tuple[str, ...]]) -> None:
        """Each with what it is (heading, key, command or guide), its name, and what it does.

        For a key there is also the name by which `[tui.keys]` gives it to another.
        """
        super().__init__("help")
        self.lines = lines

    def count(self) -> int:
        """See Pane."""
        return len(self.lines)

    def line(self, number: int) -> list[Piece]:
        """See Pane."""
        what, name, text, *ident = self.lines[number]
        if what == "heading":
            return [(name, "mark")]
        room = min(NAMED, self.size.width // 3)
        found: list[Piece] = [(f"  {name:<{room}} ", "strong"), (text, "")]
        if ident and self.size.width > NAMED + 2 * TOLD:
            found.append((f"{'':{max(1, TOLD - len(text))}}{ident[0]}", "dim"))
        return found


class Help(Sheet):
    """One list; Enter opens a guide."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "take", "Open", id="help.open"),
    ]

    def __init__(self, keys: list[tuple[str, str, str]]) -> None:
        """`keys` are those that work where help was asked for: what each does, and its name."""
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """The list between its head and foot."""
        yield Says(lambda: ([(" Help ", "strong")], [("Esc back ", "keys")]))
        rows: list[tuple[str, ...]] = [("heading", "Keys here", "")]
        rows += [("key", *key) for key in self._keys]
        rows += [("heading", "", ""), ("heading", "Commands, typed at the prompt", "")]
        rows += [
            ("command", f"/{name} {command.takes}".rstrip(), command.help)
            for name, command in COMMANDS.items()
        ]
        rows += [("command", "/NAME …", "of commands/NAME.md: your own, and this folder's")]
        rows += [("heading", "", ""), ("heading", "At the prompt", "")]
        rows += [
            ("key", "@name", "a file, a folder, or what a file defines"),
            ("key", "!command", "run it in the session's folder"),
            ("key", "#skill", "have it use a skill"),
        ]
        rows += [("heading", "", ""), ("heading", "Guides (Enter opens one)", "")]
        rows += [("guide", topic, about) for topic, about in guides()]
        yield Lines(rows)
        yield Says(lambda: ([(" ↑↓ move  Enter open ", "keys")], []))

    def on_mount(self) -> None:
        """The list takes keys."""
        self.query_one(Lines).renew()
        self.query_one(Lines).focus()

    def on_rows_taken(self) -> None:
        """Opens what was clicked twice."""
        self.action_take()

    def action_take(self) -> None:
        """Opens the guide at hand."""
        lines = self.query_one(Lines)
        what, name, *_ = lines.lines[lines.at]
        if what == "guide":
            self.app.push_screen(Guide(name))


class Guide(Sheet):
    """One guide."""

    def __init__(self, topic: str) -> None:
        super().__init__()
        self._topic = topic

    def compose(self) -> ComposeResult:
        """The guide, as it is meant to be read."""
        from textual.widgets import Markdown  # noqa: PLC0415 - 40 ms that only a guide needs

        yield Says(lambda: ([(f" {self._topic} ", "strong")], [("Esc back ", "keys")]))
        with VerticalScroll():
            yield Markdown(_text(self._topic), open_links=False)

    def on_mount(self) -> None:
        """It can be scrolled."""
        self.query_one(VerticalScroll).focus()


def guides() -> list[tuple[str, str]]:
    """Each guide with what it is about."""
    names = sorted(name[:-3] for name in os.listdir(GUIDES) if name.endswith(".md"))
    return [(name, _text(name).partition("\n")[0].removeprefix("# ")) for name in names]


def _text(topic: str) -> str:
    with open(os.path.join(GUIDES, f"{topic}.md"), encoding="utf-8") as file:
        return file.read()
