"""Blocks: how each kind of item is drawn."""

from typing import Any

from msgspec import Struct

from tuiagent.clients.tui.transcript import calls, tries
from tuiagent.clients.tui.transcript.calls import BRIEF, FOLDED, FULL, OPEN
from tuiagent.clients.tui.transcript.markdown import Part, Parts
from tuiagent.clients.tui.transcript.pictures import Pictures
from tuiagent.clients.tui.transcript.pieces import (
    Piece,
    chunks,
    clip,
    clipped,
    fixed,
    more,
    of_rows,
    said,
    verbatim,
    words,
)
from tuiagent.clients.tui.transcript.rows import BLANK, Row, Span, cut, fold, height, line, plain
from tuiagent.kernel.message import Diff, Question, Todos
from tuiagent.views.transcript import AGAIN, Item

ENDS = {
    "done": ("─", "rule", ""),
    "error": ("✗", "bad", "r asks again · /model takes another model · or say how to go on"),
    "limit": ("■", "warn", "say “go on” to go on from here"),
    "refused": ("⊘", "bad", "say it otherwise · /model takes another model"),
    "interrupted": ("■", "warn", "nothing is lost: say how to go on, or r asks again"),
    "cancelled": ("■", "muted", "r asks again"),
}
"""By the status of a run: the mark, its style, and what can be done."""
LONG, LAST = 40, 3
"""Lines of a prompt that are shown before it is unfolded; and of a longer one the last, which are
typed behind what was pasted."""

STOPPED = ("interrupted", "cancelled")
"""Why an answer is not whole, where the end of its run says the same."""


class Around(Struct, frozen=True):
    """What stands next to an item, as far as it changes how it is drawn."""

    gap: bool = False
    """Whether a line stays free before it."""
    calls: bool = False
    """Whether calls follow a reply."""
    ended: bool = False
    """Whether the end of the run follows, and says what went wrong with a reply."""
    took: float = 0.0
    """Seconds that a run took, 0 where that is not known."""
    fault: str = ""
    """Why the try before this one failed; "" where there was none."""
    tries: int = 0
    """How many tries failed before it, one after the other."""
    again: bool = False
    """Whether it is told with the next try, which has said nothing either."""
    waits: bool = False
    """Whether the run waits for what made this try fail."""
    answers: str = ""
    """The prompt that a run begins to answer here, where something else stands between them."""


class Block:
    """An item as it is drawn; only what was seen of it is made."""

    __slots__ = (
        "_parts",
        "_pictures",
        "_pieces",
        "_said",
        "_text",
        "around",
        "item",
        "level",
        "number",
    )

    def __init__(self, item: Item, number: int, pictures: Pictures) -> None:
        self.item = item
        self._pictures = pictures
        self.number = number
        """Its place; blocks before the first one that was shown have negative ones."""
        self.level: int | None = None
        """As a person folded it; None as usual."""
        self.around = Around()
        self._pieces: list[Piece] | None = None
        self._parts: Parts | None = None
        self._said: list[Piece] = []
        """One for each closed part of a reply."""
        self._text = ""

    @property
    def silent(self) -> bool:
        """Whether nothing is to be said: a reply that only calls tools, or that never came."""
        item = self.item
        if self.around.again:
            return True
        if item.kind != "reply" or tries.spoken(item) or self.around.answers:
            return False
        called = self.around.calls and item.status == "done" and not item.output
        return called or self.around.ended or item.output in STOPPED

    @property
    def made(self) -> bool:
        """Whether it was seen before."""
        return self._pieces is not None

    def renew(self) -> None:
        """The item, its level or what is around it has changed."""
        self._pieces = None

    def pieces(self, usual: int = BRIEF) -> list[Piece]:
        """What it is drawn from."""
        if self._pieces is None:
            level = usual if self.level is None else self.level
            self._pieces = [] if self.silent else self._build(level)
        return self._pieces

    def height(self, width: int, usual: int = BRIEF) -> int:
        """How many rows it takes, or about as many where it was never seen."""
        if self._pieces is not None:
            return sum(piece.height(width) for piece in self._pieces)
        return self._guess(width, usual)

    def _guess(self, width: int, usual: int) -> int:
        item = self.item
        if self.silent:
            return 0
        gap = self.around.gap
        if item.kind in ("call", "job"):
            if usual < OPEN:
                return 1 + gap + 8 * len(item.blocks)
            return 4 + gap + min(40, item.output.count("\n"))
        if item.kind in ("prompt", "reply") and usual != FOLDED:
            more = bool(item.reasoning) + bool(self.around.answers)
            return gap + height(item.text, width - 4) + more
        return 1 + gap

    def _build(self, level: int) -> list[Piece]:
        found = [of_rows([BLANK])] if self.around.gap else []
        kind = self.item.kind
        if kind in ("call", "job"):
            return found + calls.pieces(self.item, level) + self._shown(level)
        if kind == "prompt":
            return found + _prompt(self.item, level) + self._shown(level)
        if kind == "reply":
            quoted = [_quoted(self.around.answers)] if self.around.answers else []
            return found + quoted + self._reply(level)
        if kind == "run":
            return found + _end(self.item, self.around.took)
        return found + _notice(self.item, level)

    def _shown(self, level: int) -> list[Piece]:
        """The images and documents that belong to it."""
        if level == FOLDED:
            return []
        return self._pictures.pieces(self.item.media, level >= OPEN)

    def _reply(self, level: int) -> list[Piece]:
        item = self.item
        if level < OPEN and (tried := self._tried):
            return [tried]
        found = _reasoning(item, level)
        if level == FOLDED:
            first = line(item.text[:400])
            return [*found, _one(first or "…", ("● ", "reply"), item.text.count("\n") > 0)]
        found += self._words()
        return found + _outcome(item, self.around)

    @property
    def _tried(self) -> Piece | None:
        around = self.around
        return tries.told(self.item, around.fault, around.tries, around.waits)

    def _words(self) -> list[Piece]:
        """The pieces of the text; those of its closed parts stay as they are."""
        text = self.item.text
        if self._parts is None or not text.startswith(self._text):
            self._parts, self._said = Parts(), []
        self._text = text
        rest = self._parts.feed(text)
        for part in self._parts.closed[len(self._said) :]:
            self._said.append(self._part(part, len(self._said)))
        number = len(self._said)
        return [*self._said, *(self._part(part, number + n) for n, part in enumerate(rest))]

    def _part(self, part: Part, number: int) -> Piece:
        lead: Span = ("  ", "") if number else ("● ", "reply")
        return said(part, bool(number) and part.first, lead)

    @property
    def foldable(self) -> bool:
        """Whether it has more than it shows at first."""
        item = self.item
        if item.kind in ("call", "job"):
            return True
        return bool(item.kind in ("prompt", "reply", "notice") and (item.text or item.output))

    def turned(self, usual: int) -> int:
        """The level that the next fold or unfold leads to."""
        level = usual if self.level is None else self.level
        item = self.item
        if item.kind == "reply":
            if self._tried is not None:
                return OPEN if level < OPEN else BRIEF
            if level == FOLDED:
                return OPEN if item.reasoning else BRIEF
            return OPEN if level == BRIEF and item.reasoning else FOLDED
        if level < OPEN and (level == BRIEF or not self._terse):
            return OPEN
        if level == OPEN and clip(item.output)[1]:
            return FULL
        return FOLDED if level >= OPEN else OPEN

    @property
    def _terse(self) -> bool:
        return self.item.kind not in ("call", "job")

    def words(self) -> str:
        """What it says, as it was written."""
        item = self.item
        if item.kind in ("call", "job"):
            diffs = [block.unified for block in item.blocks if isinstance(block, Diff)]
            shown = [_told(block) for block in item.blocks]
            about = calls.telling(item)
            if item.args and "command" in item.args:
                about = str(item.args["command"])
            head = f"{item.name} {about}".strip()
            return "\n".join(filter(None, [head, item.output, *diffs, *shown]))
        if item.kind == "run":
            return f"{item.status}: {item.text}" if item.text else item.status
        return "\n".join(filter(None, (item.text, item.output)))

    def searched(self) -> str:
        """Everything in it that a search may find."""
        import json  # noqa: PLC0415 - not for the first frame

        item = self.item
        args = json.dumps(item.args, ensure_ascii=False) if item.args else ""
        return "\n".join((self.words(), item.reasoning, args))


def _told(block: Any) -> str:
    if isinstance(block, Todos):
        return "\n".join(f"[{todo.state}] {todo.text}" for todo in block.items)
    if isinstance(block, Question):
        return "\n".join((block.text, *block.choices))
    return ""


def _one(text: str, lead: Span, more: bool = False) -> Piece:
    """A line that is cut where it ends."""
    end = " …" if more else ""

    def make(width: int) -> list[Row]:
        room = width - len(lead[0]) - len(end)
        return [Row((lead, (cut(text, room), ""), (end, "muted")), len(lead[0]), act="fold")]

    return fixed(make)


def _quoted(text: str) -> Piece:
    """The first line of a prompt that waited its turn, over what answers it."""

    def make(width: int) -> list[Row]:
        return [Row((("› ", "muted"), (cut(line(text[:400]), width - 2), "muted")), 2)]

    return fixed(make)


def _prompt(item: Item, level: int) -> list[Piece]:
    style = "strike muted" if item.status == "withdrawn" else "prompt"
    lead: Span = ("› ", "muted" if item.status == "withdrawn" else "prompt mark")
    if level == FOLDED:
        return [_one(line(item.text[:400]), lead, "\n" in item.text)]
    text, hidden = item.text.rstrip("\n"), 0
    lines = text.count("\n") + 1
    if level == BRIEF and (lines > LONG or len(text) > 6000):
        text = "\n".join(text[:6000].split("\n")[: LONG // 2])
        hidden = lines - text.count("\n") - 1
    last = item.text.rstrip("\n").rsplit("\n", LAST)[1:] if hidden > LAST else []
    found = [
        _filled(part, begins, style, lead, not n) for n, (part, begins) in enumerate(chunks(text))
    ]
    if hidden or len(text) < len(item.text.rstrip("\n")):
        less = hidden - len(last)
        left = f"{less:,} lines" if hidden else f"{len(item.text) - len(text):,} characters"
        found.append(more(left))
        found += [_filled(part[:6000], True, style, lead, False) for part in last]
    told = {"queued": "waits its turn", "withdrawn": "taken back"}.get(item.status, "")
    if item.status == "queued" and item.name:
        told = "the model sees it with its next step"
    if told:
        found.append(words((told, "muted")))
    return found


def _filled(text: str, begins: bool, style: str, lead: Span, first: bool) -> Piece:
    hang: Span = (" " * len(lead[0]), fill := style.removeprefix("strike "))

    def make(width: int) -> list[Row]:
        found: list[Row] = []
        for part in plain(text).split("\n"):
            head = lead if first and not found else hang
            found += fold([(part, style)], width, (head,), (hang,), fill=fill)
        if not begins:
            found[0].joint = ""
        return found

    return Piece(make, lambda width: height(text, width - 2))


def _reasoning(item: Item, level: int) -> list[Piece]:
    if not item.reasoning.strip():
        return []
    if level >= OPEN:
        head = of_rows([Row((("∴ ", "muted"), ("thoughts", "muted em")), 2, act="fold")])
        return [head, *verbatim(item.reasoning.strip(), "muted", ("  ", ""))]
    text = line(item.reasoning[-2000:] if item.status == "open" else item.reasoning[:400])

    def make(width: int) -> list[Row]:
        shown = cut(text, width - 14)
        spans = (("∴ ", "muted"), ("thoughts ", "muted em"), (shown, "muted"))
        return [Row(spans, 11, act="fold")]

    return [fixed(make)]


def _outcome(item: Item, around: Around) -> list[Piece]:
    """What else must be said of an answer: that it is not whole, or not there."""
    if item.status == "open":
        return [] if item.text or item.reasoning else [words(("the model is asked …", "muted"))]
    if around.ended or item.output in STOPPED:
        return []
    if item.status == "failed":
        again = "" if AGAIN in item.output else " (r asks again · /model takes another)"
        return [words((line(item.output), "bad"), (again, "muted"), lead="✗ ", look="bad")]
    if item.status in ("interrupted", "cancelled"):
        why = line(item.output or item.status)
        text = f"cut off: {why}"
        return [words((text, "warn"), (" · say how to go on", "muted"), lead="■ ", look="warn")]
    if item.status == "done" and not item.text.strip() and not around.calls:
        text = "the model gave an empty answer"
        return [words((text, "warn"), (" · r asks again", "muted"), lead="! ", look="warn")]
    return []


def _end(item: Item, took: float) -> list[Piece]:
    mark, look, hint = ENDS.get(item.status, ("─", "rule", ""))
    duration = calls.lasted(took)
    if item.status == "done":
        said = f"done in {duration}" if duration else "done"
        return [words((said, "muted"), lead="─ ", look="rule")]
    spans: list[Span] = [(line(item.status), f"{look} strong")]
    if item.text:
        spans.append((f": {line(item.text)}", look))
    if hint:
        spans.append((f" · {hint}", "muted"))
    return [words(*spans, lead=f"{mark} ", look=look)]


def _notice(item: Item, level: int) -> list[Piece]:
    if not item.output:
        return [words((line(item.text), "muted"), lead="· ", look="muted")]
    head = _one(line(item.text), ("▾ " if level >= OPEN else "▸ ", "muted"))
    return [head, *(clipped(item.output, level == FULL, "muted") if level >= OPEN else [])]
