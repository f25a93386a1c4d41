"""Tool calls and jobs: a line that unfolds."""

import time
from typing import Any

from tuiagent.clients.tui.transcript import diff
from tuiagent.clients.tui.transcript.code import highlighted
from tuiagent.clients.tui.transcript.pieces import Piece, clipped, fixed, more, of_rows, words
from tuiagent.clients.tui.transcript.rows import Row, Span, cut, fold, line, plain, width_of
from tuiagent.kernel import command
from tuiagent.kernel.message import Command, Diff, Question, Text, Todos
from tuiagent.views.transcript import Item

FOLDED, BRIEF, OPEN, FULL = range(4)
"""How much of an item is shown."""
MARKS: dict[str, tuple[str, str, str]] = {
    "proposed": ("·", "muted", "proposed"),
    "allowed": ("·", "muted", "allowed"),
    "asked": ("?", "warn", "waits for your approval"),
    "started": ("▸", "mark", "runs"),
    "deferred": ("?", "warn", "waits for your answer"),
    "ok": ("✓", "good", ""),
    "error": ("✗", "bad", "failed"),
    "denied": ("⊘", "bad", "refused"),
    "cancelled": ("■", "muted", "cancelled"),
    "unknown": ("!", "warn", "outcome unknown: say what became of it"),
    "verified": ("✓", "good", "outcome verified"),
    "redo": ("↻", "mark", "to be done again"),
    "rollback": ("↶", "mark", "to be rolled back"),
}
"""By status: the mark, its style, and what is said."""
TELLING = ("command", "pattern", "path", "query", "url", "question", "message", "name", "call")
"""Arguments that say what a call is about, the most telling first."""
BOXES = {
    "open": ("☐", ""),
    "doing": ("▶", "mark"),
    "done": ("☑", "good"),
    "dropped": ("☒", "muted"),
}
BRIEFLY = 16
"""Rows of a change that are shown before it is unfolded."""
LAST = 5
"""Lines of a running call's output that are shown."""


def telling(item: Item) -> str:
    """What a call is about, in one line."""
    args = item.args
    if args is None:
        return line(item.text[:400]) if item.kind == "call" else ""
    for name in TELLING:
        value = args.get(name)
        if isinstance(value, str) and value:
            other, word = {"path": ("to", "→"), "pattern": ("path", "in")}.get(name, ("", ""))
            more = f" {word} {args[other]}" if isinstance(args.get(other), str) else ""
            return line(value[:400] + more)
    shown = [value for value in args.values() if isinstance(value, str | int | float)]
    return line(" ".join(str(value)[:200] for value in shown))


def lasted(seconds: float) -> str:
    """A length of time, "" for none worth telling."""
    if seconds < 0.1:
        return ""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def ending(item: Item) -> str:
    """What came of a call, in a few words."""
    _, _, said = MARKS.get(item.status, ("", "", item.status))
    if item.status == "started":
        said = f"runs since {time.strftime('%H:%M:%S', time.localtime(item.at))}"
    codes = [b.exit for b in item.blocks if isinstance(b, Command) and b.exit]
    changes = [diff.counts(diff.parsed(b.unified)) for b in item.blocks if isinstance(b, Diff)]
    counted = f"+{sum(c[0] for c in changes)} −{sum(c[1] for c in changes)}" if changes else ""
    exits = f"exit {codes[0]}" if codes else ""
    edited = f"edited by {item.amended}" if item.amended else ""
    written = "was written as text" if item.rescued else ""
    took = "" if item.status == "denied" else lasted(item.seconds)  # a person took it
    return " · ".join(filter(None, (said, edited, written, exits, counted, took)))


def header(item: Item) -> Piece:
    """The one line of a call."""
    mark, look, _ = MARKS.get(item.status, ("·", "muted", ""))
    name = line(item.name) or "?"
    title = f"{item.id} {name}" if item.kind == "job" else name
    about, end = telling(item), line(ending(item))

    def make(width: int) -> list[Row]:
        right = cut(end, max(0, width // 2))
        left = cut(f"{title}  {about}" if about else title, width - 4 - len(right))
        head, rest = left[: len(title)], left[len(title) :]
        spans: list[Span] = [(f"{mark} ", look), (head, "strong"), (rest, "")]
        if right:
            room = width - width_of(spans) - width_of([(right, "")])
            spans += [
                (" " * max(1, room), ""),
                (right, look if look in ("bad", "warn") else "muted"),
            ]
        return [Row(spans, 2, act="fold")]

    return fixed(make)


def pieces(item: Item, level: int) -> list[Piece]:
    """What a call shows at a level."""
    found = [header(item)]
    if level == FOLDED:
        return found
    if level == BRIEF:
        return found + brief(item)
    found += _arguments(item)
    found += _verdict(item)
    if item.output.strip():
        found += clipped(item.output.rstrip("\n"), level == FULL, "", ("  │ ", "rule"))
    for block in item.blocks:
        found += _block(block, level, item)
    return found


def brief(item: Item) -> list[Piece]:
    """What of a call is shown before anybody unfolds it."""
    found: list[Piece] = []
    if item.status == "started" and item.output:
        tail = item.output[-2000:].rstrip("\n").split("\n")[-LAST:]
        return clipped("\n".join(tail), True, "muted", ("  │ ", "rule"))
    if command.own(item.id):  # a person ran it to see this
        found += clipped(item.output.rstrip("\n"), False, "", ("  │ ", "rule"))
    elif item.status in ("error", "denied", "unknown"):
        first = item.output.strip()[:2000].split("\n")
        found += clipped("\n".join(first[:3]), True, "", ("  │ ", "bad"))
    for block in item.blocks:
        if isinstance(block, Diff | Todos | Question):
            found += _block(block, BRIEF, item)
    return found


def _arguments(item: Item) -> list[Piece]:
    if item.args is None:
        return clipped(item.text, False, "", ("  ", "")) if item.kind == "call" else []
    changed = any(isinstance(block, Diff) for block in item.blocks)
    found: list[Piece] = []
    for name, value in item.args.items():
        text = _text(value)
        if changed and "\n" in text:
            continue
        found += _argument(cut(line(name), 24), text, item)
    if replaced := item.replaced():
        found.append(words((f"edited by {line(item.amended)}; the model wrote", "muted")))
    for name, value in replaced.items():
        found += _argument(cut(line(name), 24), _text(value), item)
    return found


def _text(value: Any) -> str:
    import json  # noqa: PLC0415 - not for the first frame

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _argument(name: str, text: str, item: Item) -> list[Piece]:
    if len(text) > 4000 or text.count("\n") > 40:
        return [words((f"{name}:", "muted")), *clipped(text, False, "", ("    ", ""))]
    language = "bash" if name == "command" else ""
    path = str((item.args or {}).get("path", "")) if name == "content" else ""

    def make(width: int) -> list[Row]:
        lead = ((f"  {name}: ", "muted"),)
        hang = ((" " * 4, ""),)
        found: list[Row] = []
        for spans in highlighted(plain(text), language, path):
            found += fold(spans, width, hang if found else lead, hang, words=False)
        return found

    return [fixed(make, text.count("\n") + 1)]


def _verdict(item: Item) -> list[Piece]:
    verdict = item.verdict
    if verdict is None:
        return []
    decided = {"allow": "allowed", "ask": "asked", "deny": "refused"}.get(verdict.decision, "")
    said = f"{decided} by {verdict.gate}"
    if verdict.reason:
        said += f": {verdict.reason}"
    found = [words((line(told), "muted")) for told in (said, item.hooks) if told]
    for name, value in (
        ("rule", verdict.rule),
        ("would be let through by", verdict.offer),
        ("but not", verdict.neighbour),
        ("nearest", verdict.nearest),
    ):
        if value:
            found.append(words((f"{name} ", "muted"), (line(value), ""), lead="    "))
    return found


def _block(block: Any, level: int, item: Item) -> list[Piece]:
    """What people see of a result."""
    if isinstance(block, Diff):
        return change(block, level)
    if isinstance(block, Todos):
        return [_todo(todo.text, todo.state) for todo in block.items]
    if isinstance(block, Question):
        return _question(block)
    if isinstance(block, Command):
        lost = f"{block.dropped:,} bytes of output were not kept" if block.dropped else ""
        return [words((lost, "warn"))] if lost else []
    if isinstance(block, Text) and block.text != item.output:
        return clipped(block.text, level == FULL)
    return []


def change(block: Diff, level: int) -> list[Piece]:
    """A change of a file; before it is unfolded only its beginning."""
    path = cut(line(block.path), 400)
    kind = "" if block.before else "new " if block.after else ""
    kind = "deleted " if block.before and not block.after else kind
    found = [words((f"{kind}{path}", "strong"))]
    left = BRIEFLY if level == BRIEF else sum(1 for _ in block.unified) + 1
    hidden = 0
    for hunk in diff.hunks(diff.parsed(block.unified)):
        if left > 0:
            found.append(_hunk(hunk[:left], block.path))
        hidden += len(hunk[max(0, left) :])
        left -= len(hunk)
    if hidden:
        found.append(more(f"{hidden:,} lines"))
    return found


def _hunk(lines: list[diff.Line], path: str) -> Piece:
    def make(width: int) -> list[Row]:
        size, sides = diff.gutter(lines), diff.beside(lines, width - 2)
        made = diff.rows(lines, diff.looks(lines, path), width - 2, size, sides)
        return [Row((("  ", ""), *r.spans), r.skip + 2, r.joint, r.fill) for _, r in made]

    return Piece(make, lambda width: len(lines))


def _todo(text: str, state: str) -> Piece:
    box, look = BOXES.get(state, ("☐", ""))
    style = "strike muted" if state == "dropped" else "muted" if state == "done" else ""
    style = "strong" if state == "doing" else style
    return words((line(text), style), lead=f"  {box} ", look=look)


def _question(block: Question) -> list[Piece]:
    found = [words((plain(block.text).replace("\n", " "), "strong"), lead="  ? ", look="warn")]
    for number, choice in enumerate(block.choices, 1):
        found.append(words((line(choice), ""), lead=f"    {number}. ", look="muted"))
    return found


__all__ = ["BRIEF", "FOLDED", "FULL", "OPEN", "Piece", "of_rows", "pieces", "telling"]
