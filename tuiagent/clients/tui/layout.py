"""How the screen looks, as the person left it: panes and theme."""

import os
from contextlib import suppress
from typing import Any

from msgspec import MsgspecError
from msgspec.json import decode, encode
from textual.screen import Screen

from tuiagent.clients.tui.paint import ROOMY, sides

NARROW, WIDE = "-narrow", "-wide"
"""Classes of a screen that has room for one pane, or for all."""
LEAST, MOST = 16, 120
"""Columns of a pane at the sides."""
USUAL = {"files": 22, "side": 40}
SIDES = {"files": ("files",), "side": ("trace", "approvals")}
"""What stands in each column at the sides."""


class Layout:
    """Widths, hidden panes and the theme, kept in a file of the state root."""

    def __init__(self, root: str) -> None:
        self._path = os.path.join(root, "screen.json")
        self.widths = dict(USUAL)
        self.hidden: set[str] = set()
        self.zoomed = False
        self.theme = ""
        """The one that was chosen last; "" for none."""
        with suppress(OSError, ValueError, KeyError, AttributeError, TypeError, MsgspecError):
            with open(self._path, "rb") as file:
                kept = decode(file.read())
            self.widths |= {
                name: min(MOST, max(LEAST, int(width)))
                for name, width in kept["widths"].items()
                if name in USUAL
            }
            self.theme = str(kept.get("theme", ""))
            self.hidden = {name for name in kept["hidden"] if isinstance(name, str)}

    def wear(self, theme: str) -> None:
        """Keeps the choice of a theme."""
        self.theme = theme
        self._keep()

    def hide(self, pane: str) -> None:
        """Takes a pane off the screen."""
        self.hidden.add(pane)
        self._keep()

    def unhide(self, pane: str) -> None:
        """Shows a pane again."""
        if pane in self.hidden:
            self.hidden.discard(pane)
            self._keep()

    def widen(self, column: str, by: int) -> None:
        """Makes a column wider, or narrower."""
        self.widths[column] = min(MOST, max(LEAST, self.widths[column] + by))
        self._keep()

    def apply(self, screen: Screen[Any], shown: str, columns: int) -> None:
        """Lays the panes out so; `shown` is the one that is seen where only one has room.

        Not by classes of the screen: with each of those all that is on it is styled anew.
        """
        alone = self.zoomed or columns < ROOMY
        widths = dict(zip(self.widths, sides(self.widths.values(), columns), strict=True))
        for column, panes in SIDES.items():
            seen = [pane for pane in panes if (pane == shown if alone else pane not in self.hidden)]
            for pane in panes:
                screen.query_one(f"#{pane}").display = pane in seen
            screen.query_one(f"#{column}").display = bool(seen)
            screen.query_one(f"#{column}").styles.width = "1fr" if alone else widths[column]
        screen.query_one("#conversation").display = not alone or shown == "conversation"
        styles = screen.query_one("#approvals").styles
        if alone or styles.inline.has_rule("height"):  # to unset what is not set lays all out anew
            styles.height = "1fr" if alone else None

    def _keep(self) -> None:
        kept = {"widths": self.widths, "hidden": sorted(self.hidden), "theme": self.theme}
        body = encode(kept)
        with suppress(OSError):  # a full disk keeps nobody from working
            other = f"{self._path}.{os.getpid()}"
            with open(other, "wb") as file:
                file.write(body)
            os.replace(other, self._path)


def place_notices(screen: Screen[object]) -> None:
    """Lets notices stand below the bars over the conversation, which name keys."""
    for notices in screen.query("ToastRack"):  # there may be none yet, and none any more
        top = max((talk.region.y for talk in screen.query("Talk")), default=0)
        notices.styles.margin = (max(1, top - 1), 0, 0, 0)
