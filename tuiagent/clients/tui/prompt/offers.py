"""What is offered while a person types: which list is open, what it shows, what is taken of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len

from tuiagent.clients.tui.prompt import complete
from tuiagent.clients.tui.prompt.editor import Editor
from tuiagent.clients.tui.prompt.finder import Finder
from tuiagent.clients.tui.prompt.history import History
from tuiagent.clients.tui.prompt.popup import Choice, Popup

if TYPE_CHECKING:
    from tuiagent.clients.tui.prompt.prompt import Prompt

SEARCH = "Search what you said · ↑↓ Enter · Esc goes back"
FOUND = 100
"""Prompts that a search shows."""


class Offers:
    """Keeps the list beside the editor in step with what stands before the cursor."""

    def __init__(self, prompt: "Prompt", editor: Editor, popup: Popup, past: History) -> None:
        self.finder: Finder | None = None
        self._prompt = prompt
        self._editor = editor
        self._popup = popup
        self._past = past
        self._wanted: complete.Wanted | None = None
        self._refused: complete.Wanted | None = None
        """What the person does not want to be offered anything for."""
        self._listed: complete.Wanted | str | None = None
        """What the list was made for: what is wanted, or the words of a search."""
        self._finding: complete.Wanted | None = None
        """What is still looked for."""
        self._takes = False
        """Whether the first choice is taken once there is one."""
        self._moved = False
        self._before: str | None = None
        """What stood in the editor before a search."""

    @property
    def searching(self) -> bool:
        """Whether what stands in the editor is what is searched for."""
        return self._before is not None

    @property
    def open(self) -> bool:
        """Whether anything is offered for what stands at the cursor now, or soon will be."""
        self.look()
        return self._popup.open or self._finding is not None

    def look_in(self, finder: Finder) -> None:
        """Looks in another folder from now on."""
        if self.finder is not None:
            self.finder.close()
        self.finder = finder

    def look(self) -> None:
        """Offers what fits at the cursor."""
        if self.searching:
            self._search(self._editor.text)
            return
        row, column = self._editor.cursor_location
        line = self._editor.document[row]
        wanted = complete.wanted(line[:column], first=row == 0)
        if wanted == self._wanted or self.finder is None:
            return
        self._wanted, self._moved = wanted, False
        self._finding, self._takes = None, False
        same = wanted and self._refused and wanted.start == self._refused.start
        self._refused = self._refused if same else None
        if wanted is None or same or not self._editor.selection.is_empty:
            self._popup.close()
        elif wanted.kind in ("command", "value"):
            self._prompt.desk.spawn(self.finder.renew())
            self._show(self.finder.commands(self._prompt.app, wanted), "", wanted)
        else:
            self._finding = wanted
            self._prompt.run_worker(self._find(self.finder, wanted), group="find", exclusive=True)

    def move(self, by: int) -> None:
        """Moves the mark."""
        self._moved = True
        self._popup.move(by)

    def search(self) -> None:
        """Searches what was said; once more goes on to the next."""
        if self.searching:
            self.move(1)
            return
        self._before = self._editor.text
        self._listed = None
        self._editor.put("")
        self.look()

    def _search(self, words: str) -> None:
        if words == self._listed:
            return  # the mark stays where it is
        found = self._past.search(words, FOUND)
        choices = [Choice(" ".join(text.split())[:200], text) for text in found]
        note = SEARCH if choices else f"nothing said holds that · {SEARCH}"
        self._show(choices, note, words)

    @property
    def _chosen(self) -> Choice | None:
        """The choice at hand, unless its list was made for what stood there before."""
        self.look()
        now = self._editor.text if self.searching else self._wanted
        return self._popup.chosen if self._listed == now else None

    def meant(self) -> bool:
        """Whether Enter takes the choice: something was typed for it, and not all of it."""
        chosen = self._chosen
        if chosen is None:
            return False
        if self.searching or self._moved:
            return True
        query = self._wanted.query if self._wanted else ""
        if self._wanted is not None:
            row, column = self._editor.cursor_location
            typed = self._editor.document[row][self._wanted.start : column]
            if typed.strip() == chosen.insert.strip():
                return False
        return bool(query) and query != chosen.label.removeprefix("/").removeprefix("#")

    def take(self) -> None:
        """Puts the choice where it belongs, or the first one once there is one."""
        chosen = self._chosen
        if chosen is None:
            self._takes = self._finding is not None
            return
        self._popup.close()
        if self.searching:
            self._before = None
            self._editor.put(chosen.insert)
        elif self._wanted is not None:
            row, column = self._editor.cursor_location
            start = (row, self._wanted.start)
            self._editor.replace(
                chosen.insert, start, (row, column), maintain_selection_offset=False
            )

    def refuse(self) -> None:
        """Closes the list; what was searched for gives way to what stood there."""
        self._popup.close()
        if self._before is not None:
            before, self._before = self._before, None
            self._editor.put(before)
        else:
            self._refused = self._wanted

    async def _find(self, finder: Finder, wanted: complete.Wanted) -> None:
        async for choices, note in finder.look(wanted):
            if self._wanted != wanted or self._refused is not None or self.searching:
                break
            if not self._moved:
                self._show(choices, note if wanted.kind == "file" else "", wanted)
            if self._takes and choices:
                self.take()
                break
        if self._finding == wanted:
            self._finding, self._takes = None, False

    def _show(self, choices: Sequence[Choice], note: str, of: complete.Wanted | str) -> None:
        self._listed = of
        column = self._editor.content_region.x
        if self._wanted is not None and not self.searching:
            row, end = self._editor.cursor_location
            typed = self._editor.document[row][self._wanted.start : end]
            column = max(column, self._editor.cursor_screen_offset.x - cell_len(typed))
        self._popup.show(choices, note, column, self._prompt.region)
