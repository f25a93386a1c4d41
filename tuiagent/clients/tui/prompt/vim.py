"""vim's keys for the editor: normal, insert and whole-line visual mode, the common commands."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from tuiagent.clients.tui.prompt.editor import Editor

INSERT, NORMAL, VISUAL = "insert", "normal", "visual"
WORDS = re.compile(r"\w+|[^\w\s]+")
OPERATORS = "dcy"
CHANGES = frozenset("xDCpPdcoOiaIAsJ")
"""What the dot does again."""
COMMAND = (
    r"(?P<count>[1-9]\d*)?"
    r"(?:(?P<operator>[dcy])(?P<more>[1-9]\d*)?(?P<target>[dcy]|[ia]w|gg|[hjklwbe0^$G])"
    r"|(?P<move>gg|[hjklwbe0^$G])"
    r"|(?P<simple>[xDCpPuiaIAoOsJV.]))"
)
PART = r"(?:[1-9]\d*)?(?:[dcy](?:[1-9]\d*)?[iag]?|g)?"
"""What may still become a command."""


class Span(Struct, frozen=True):
    """A part of the text, by index; whole lines or not."""

    start: int
    end: int
    lines: bool = False


class Vim:
    """Turns keys into moves and edits of one editor."""

    def __init__(self, editor: "Editor") -> None:
        self.editor = editor
        self.mode = INSERT
        self._typed = ""
        self._kept = ("", False)
        """What was deleted or copied last, and whether it is whole lines."""
        self._doing: list[tuple[str, str | None]] = []
        self._last: list[tuple[str, str | None]] = []
        """The keys of the change that goes on, and of the last one."""

    def key(self, key: str, character: str | None) -> bool:
        """Takes a key; False when it is the editor's or the prompt's."""
        if self.mode == INSERT:
            return self._insert(key, character)
        if key == "escape":
            was = self.mode == VISUAL or bool(self._typed)
            self._rest()
            return was
        if key == "ctrl+r":
            self.editor.redo()
            return True
        if character is None or not character.isprintable():
            return False
        self._typed += character
        if self.mode == VISUAL:
            self._visual()
        elif found := re.fullmatch(COMMAND, self._typed):
            self._typed = ""
            self._run(found)
        elif not re.fullmatch(PART, self._typed):
            self._typed = ""
        return True

    def _insert(self, key: str, character: str | None) -> bool:
        if key != "escape":
            if self._doing:
                self._doing.append((key, character))
            return False
        self.mode = NORMAL
        if self._doing:
            self._last, self._doing = [*self._doing, (key, character)], []
        row, column = self.editor.cursor_location
        self.editor.move_cursor((row, max(0, column - 1)))
        return True

    def _rest(self) -> None:
        self.mode, self._typed = NORMAL, ""
        self.editor.move_cursor(self.editor.cursor_location)

    # ------------------------------------------------------------ commands

    def _run(self, found: re.Match[str]) -> None:
        command = found["operator"] or found["simple"] or ""
        if command in CHANGES and command:
            self._doing = [(char, char) for char in found[0]]
        count = int(found["count"] or 1) * int(found["more"] or 1)
        counted = bool(found["count"] or found["more"])
        if found["move"]:
            self._go(self._move(found["move"], count, counted))
        elif found["operator"]:
            span = self._span(found["operator"], found["target"], count, counted)
            if span is not None:
                self._operate(found["operator"], span)
        else:
            self._simple(found["simple"], count)
        if self.mode != INSERT and self._doing:
            self._last, self._doing = self._doing, []

    def _simple(self, command: str, count: int) -> None:
        editor, place = self.editor, self._place
        start, end = self._line(place)
        if command == "u":
            editor.undo()
        elif command == ".":
            self._again()
        elif command == "V":
            self.mode = VISUAL
            self._select(start, end)
        elif command in "pP":
            self._put(command == "P", count)
        elif command in "xs":
            self._operate("d" if command == "x" else "c", Span(place, min(end, place + count)))
        elif command in "DC":
            self._operate(command.lower(), Span(place, end))
        elif command == "J":
            if end < len(editor.text):
                self._replace(Span(end, end + 1), " ")
        else:
            self._enter(command, place, start, end)

    def _enter(self, command: str, place: int, start: int, end: int) -> None:
        """Goes on in insert mode, at the cursor or elsewhere."""
        self.mode = INSERT
        indent = len(self.editor.text[start:end]) - len(self.editor.text[start:end].lstrip())
        places = {"a": min(end, place + 1), "I": start + indent, "A": end, "o": end, "O": start}
        self._go(places.get(command, place))
        if command in "oO":
            self.editor.insert("\n", maintain_selection_offset=False)
            if command == "O":
                self._go(start)

    def _again(self) -> None:
        """Does the last change once more."""
        for key, character in self._last:
            if self.key(key, character):
                continue
            if key == "backspace":
                self.editor.action_delete_left()
            elif key in ("enter", "shift+enter", "ctrl+j", "alt+enter"):
                self.editor.insert("\n", maintain_selection_offset=False)
            elif character is not None:
                self.editor.insert(character, maintain_selection_offset=False)

    def _visual(self) -> None:
        """The next key while whole lines are selected."""
        typed, editor = self._typed, self.editor
        if typed in ("j", "k", "G", "gg"):
            first = editor.index_of(editor.selection.start)
            target = self._line(self._move(typed, 1, False))
            anchor = self._line(first)
            self._select(
                *((anchor[0], target[1]) if target[0] >= anchor[0] else (anchor[1], target[0]))
            )
        elif typed in OPERATORS or typed == "x":
            first, last = sorted(map(editor.index_of, editor.selection))
            self._rest()
            self._operate(typed.replace("x", "d"), Span(first, last, lines=True))
        elif typed == "V":
            self._rest()
        elif typed == "g":
            return
        self._typed = ""

    def _span(self, operator: str, target: str, count: int, counted: bool) -> Span | None:
        """What an operator works on; None for nothing."""
        place = self._place
        if target in OPERATORS:
            if target != operator:
                return None
            start = self._line(place)[0]
            return Span(start, self._line(self._move("j", count - 1, True))[1], lines=True)
        if target in ("iw", "aw"):
            return self._word(target == "aw")
        if operator == "c" and target == "w":
            target = "e"  # changing a word leaves the space after it
        end = self._move(target, count, counted)
        if target in ("j", "k", "G", "gg"):
            first, last = sorted((place, end))
            return Span(self._line(first)[0], self._line(last)[1], lines=True)
        if target == "w" and count == 1:
            end = min(end, max(self._line(place)[1], place))
        first, last = sorted((place, end))
        return Span(first, min(len(self.editor.text), last + (target in "e$")))

    def _word(self, around: bool) -> Span | None:
        text, place = self.editor.text, self._place
        for found in WORDS.finditer(text):
            start, end = found.span()
            if start <= place < end:
                spaces = len(text[end:]) - len(text[end:].lstrip(" "))
                return Span(start, end + spaces if around else end)
        return None

    def _operate(self, operator: str, span: Span) -> None:
        text = self.editor.text
        self._kept = (text[span.start : span.end], span.lines)
        if operator == "y":
            self._go(span.start)
            return
        start, end = span.start, span.end
        if span.lines and operator == "d":
            if end < len(text):
                end += 1
            elif start > 0:
                start -= 1
        self._replace(Span(start, end), "")
        if operator == "c":
            self.mode = INSERT
        elif span.lines:
            self._go(self._line(min(start, len(self.editor.text)))[0])

    def _put(self, before: bool, count: int) -> None:
        text, lines = self._kept
        start, end = self._line(self._place)
        if lines:
            place = start if before else end
            body = "".join(f"{text}\n" if before else f"\n{text}" for _ in range(count))
            self._replace(Span(place, place), body)
            self._go(place if before else place + 1)
        elif text:
            place = self._place if before else min(end, self._place + 1)
            self._replace(Span(place, place), text * count)

    # ------------------------------------------------------------ places

    @property
    def _place(self) -> int:
        return self.editor.index_of(self.editor.cursor_location)

    def _go(self, place: int) -> None:
        self.editor.move_cursor(self.editor.location_of(place))

    def _select(self, start: int, end: int) -> None:
        self._go(start)
        self.editor.move_cursor(self.editor.location_of(end), select=True)

    def _replace(self, span: Span, text: str) -> None:
        locate = self.editor.location_of
        self.editor.history.checkpoint()
        self.editor._replace_via_keyboard(text, locate(span.start), locate(span.end))
        self.editor.history.checkpoint()

    def _line(self, place: int) -> tuple[int, int]:
        """Where the line begins and ends, its line feed not included."""
        text = self.editor.text
        end = text.find("\n", place)
        return text.rfind("\n", 0, place) + 1, len(text) if end < 0 else end

    def _move(self, name: str, count: int, counted: bool) -> int:
        """Where a move leads."""
        if name == "gg" or (name == "G" and counted):
            row = min(count, self.editor.document.line_count) - 1
            return self.editor.index_of((max(0, row), 0))
        if name == "G":
            return self._line(len(self.editor.text))[0]
        place = self._place
        for _ in range(count):
            place = MOVES[name](self.editor.text, place, *self._line(place))
        return place


def _down(text: str, place: int, start: int, end: int) -> int:
    if end >= len(text):
        return place
    after = text.find("\n", end + 1)
    return min(end + 1 + place - start, len(text) if after < 0 else after)


def _up(text: str, place: int, start: int, end: int) -> int:
    if start == 0:
        return place
    above = text.rfind("\n", 0, start - 1) + 1
    return min(above + place - start, start - 1)


def _indent(text: str, place: int, start: int, end: int) -> int:
    return start + len(text[start:end]) - len(text[start:end].lstrip())


def _next(text: str, place: int, start: int, end: int) -> int:
    return next((f.start() for f in WORDS.finditer(text) if f.start() > place), len(text))


def _before(text: str, place: int, start: int, end: int) -> int:
    return max((f.start() for f in WORDS.finditer(text, 0, place) if f.start() < place), default=0)


def _ends(text: str, place: int, start: int, end: int) -> int:
    return next((f.end() - 1 for f in WORDS.finditer(text) if f.end() - 1 > place), len(text))


MOVES: dict[str, Callable[[str, int, int, int], int]] = {
    "h": lambda text, place, start, end: max(start, place - 1),
    "l": lambda text, place, start, end: min(end, place + 1),
    "j": _down,
    "k": _up,
    "w": _next,
    "b": _before,
    "e": _ends,
    "0": lambda text, place, start, end: start,
    "^": _indent,
    "$": lambda text, place, start, end: max(start, end - 1),
}
"""From the text, the place and the line around it to the next place."""
