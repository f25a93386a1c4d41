"""What is to be done, as the agent last said: pinned above the prompt while any of it is open."""

from textual.geometry import Size
from textual.strip import Strip

from tuiagent.clients.tui.lines import Piece, strip
from tuiagent.clients.tui.status import Line
from tuiagent.kernel.message import Todo, Todos

SIGNS = {"open": "○", "doing": "●", "done": "✓", "dropped": "–"}
MOST = 6
"""Lines that it takes at most; a click shows all in one line, or again in many."""


class TodoList(Line):
    """Nothing, one line, or some lines."""

    TOPICS = ("conversation", "items")

    def __init__(self) -> None:
        super().__init__()
        self.todos: tuple[Todo, ...] = ()
        self._folded = False
        self._stream = ""

    def _news(self, changed: list[str]) -> None:
        conversation = self.app.desk.conversation
        stream, before = conversation.stream if conversation else "", self.todos
        if stream != self._stream:
            self._stream, self.todos = stream, ()
            changed = [item.id for item in conversation.items] if conversation else []
        for ident in reversed(changed):
            item = conversation.item(ident) if conversation and ident else None
            found = [block for block in item.blocks if isinstance(block, Todos)] if item else []
            if found:
                self.todos = found[-1].items
                break
        if self.todos is not before:
            self.display = any(todo.state in ("open", "doing") for todo in self.todos)
            self.refresh(layout=self.size.height != self._height())

    def _height(self) -> int:
        return 1 if self._folded else min(MOST, len(self.todos))

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """See Widget."""
        return self._height()

    def on_click(self) -> None:
        """Folds it, or unfolds it."""
        self._folded = not self._folded
        self.refresh(layout=True)

    def render_line(self, y: int) -> Strip:
        """See Widget."""
        return strip(self, self._pieces(y), self.size.width)

    def _pieces(self, y: int) -> list[Piece]:
        done = sum(todo.state == "done" for todo in self.todos)
        if self._folded:
            doing = next((todo.text for todo in self.todos if todo.state == "doing"), "")
            return [(f" {done}/{len(self.todos)} done ", "strong"), (doing, "")]
        shown = self._window()
        if y >= len(shown):
            return []
        todo = shown[y]
        style = {"doing": "mark", "done": "dim", "dropped": "dim"}.get(todo.state, "")
        more = len(self.todos) - len(shown)
        tail = f"  (+{more} more)" if more and y == len(shown) - 1 else ""
        return [(f" {SIGNS[todo.state]} ", style), (todo.text, style), (tail, "dim")]

    def _window(self) -> tuple[Todo, ...]:
        """Those around the first that is not done."""
        first = next((n for n, t in enumerate(self.todos) if t.state in ("doing", "open")), 0)
        start = max(0, min(first - 1, len(self.todos) - MOST))
        return self.todos[start : start + MOST]
