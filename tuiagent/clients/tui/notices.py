"""Calls a person back: title, bell and a word to the desktop, when they look elsewhere."""

from typing import TYPE_CHECKING

from tuiagent.clients.clean import clean
from tuiagent.clients.tui.bridge import Desk

if TYPE_CHECKING:
    from tuiagent.clients.tui.app import TuiApp

LONGEST = 120
"""Characters of a title, and of a word to the desktop."""
WORKS, WAITS, RESTS = "●", "?", ""


class Notices:
    """Tells that a run has ended or that something waits, once for each."""

    def __init__(self, desk: Desk, app: "TuiApp", rings: bool = True) -> None:
        self._rings = rings
        self._desk = desk
        self._app = app
        self._title = ""
        self._ran = ""
        self._known: set[tuple[str, str]] | None = None

    def begin(self) -> None:
        """Begins to listen; what waits already is not news."""
        self._desk.listen("items", self._items)
        self._desk.listen("conversation", self._items)
        self._desk.listen("waiting", self._waiting)

    def _items(self, changed: list[str]) -> None:
        if "" not in changed and self._desk.conversation is not None:
            return  # words of an answer: nothing began or ended
        conversation = self._desk.conversation
        run = conversation.status.run if conversation else ""
        if self._ran and not run and conversation:
            status = conversation.status
            self._tell(f"{status.ended}: {status.name or status.title}")
        self._ran = run
        self._entitle()

    def _waiting(self, changed: list[str]) -> None:
        now = {(one.stream, one.call): one for one in self._desk.waiting}
        known = now.keys() if self._known is None else self._known
        fresh = [one for place, one in now.items() if place not in known]
        if fresh:
            one = fresh[-1]
            self._tell(f"needs you: {one.kind} {one.tool or one.text}")
        self._known = set(now)
        self._entitle()

    def _entitle(self) -> None:
        conversation = self._desk.conversation
        mark = WAITS if self._desk.waiting else WORKS if self._ran else RESTS
        status = conversation.status if conversation else None
        name = (status.name or status.title) if status else ""
        title = _line(" ".join(word for word in (mark, "tuiagent", name) if word))
        if title != self._title:
            self._title = title
            self._write(f"\x1b]2;{title}\x07")

    def _tell(self, text: str) -> None:
        """Rings, and tells the desktop by OSC 9, unless somebody looks."""
        if self._rings and not self._app.app_focus:
            self._write(f"\x07\x1b]9;tuiagent {_line(text)}\x07")

    def _write(self, sequence: str) -> None:
        driver = self._app._driver
        if driver is not None and not self._app.is_headless:
            driver.write(sequence)


def _line(text: str) -> str:
    """The words on one line, in which nothing can end the sequence that they stand in."""
    return clean(text).replace("\n", " ").replace("\t", " ")[:LONGEST]
