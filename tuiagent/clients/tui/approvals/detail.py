"""What is shown of one thing that waits: exactly what would be done, why it asks, and the keys."""

import time
from typing import Any

import msgspec
from msgspec import Struct

from tuiagent.clients.tui.difference import difference
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.status import short
from tuiagent.clients.tui.wrap import exact, shortened, worded, wrapped
from tuiagent.clients.waits import told
from tuiagent.environment import KEYS as KEYS_OF
from tuiagent.kernel.message import Diff
from tuiagent.ports import Proposed
from tuiagent.views.inbox import Waiting

Line = list[Piece]

KEYS = {
    "approval": {
        "y": "once",
        "n": "no",
        "s": "session",
        "a": "always",
        "e": "edit",
        "r": "refuse, why",
        "o": "open",
    },
    "question": {"t": "type an answer", "o": "open"},
    "outcome": {
        "v": "verified, it is done",
        "d": "do it again",
        "b": "rolled back",
        "o": "open",
    },
    "key": {"y": "go on now", "o": "open"},
}
"""What each kind of waiting thing is answered with, and what that means."""
SIGNS = {"approval": "?", "question": "…", "outcome": "!", "key": "¤"}
RISKS = {"high": "bad", "unknown": "warn", "medium": "warn", "low": "good"}
HOW = (
    "tuiagent keys set {} keeps one for every process: a background server has no environment of "
    "the shell that opened it. Then go on here."
)
NOW = "It may do so now, or be given another model."
FEW, WHOLE = 4, 1000
"""Lines that each of the reasons may have, and where all is wanted."""
REASON = 2
"""Lines that why it asks has, at least, where what would be done is longer than there is room."""


def head(one: Waiting, session: str, selected: bool) -> Line:
    """The line that stands for it."""
    risk = one.verdict.risk if one.verdict else ""
    begun = time.strftime("%H:%M", time.localtime(one.at))
    line: Line = [("▸" if selected else " ", "mark"), (f"{SIGNS[one.kind]} ", "warn")]
    line += [
        (f"{tool(one) or one.kind} ", "strong"),
        (f"{risk} " if risk else "", RISKS.get(risk, "")),
    ]
    return [*line, (f"{begun} {session}" if selected else subject(one), "dim")]


def tool(one: Waiting) -> str:
    """The tool that it is about, also where only its claims name it."""
    if one.claims is not None and one.claims.server:
        return one.claims.tool  # which may be called through another
    return one.tool or (one.claims.tool if one.claims else "")


def subject(one: Waiting) -> str:
    """What it is about, in few words."""
    if one.question is not None:
        return one.question.text
    return one.claims.subject if one.claims else one.text or _flat(one.args)


class Detail(Struct, frozen=True):
    """What is shown below a thing's first line."""

    lines: list[Line]
    hidden: int = 0
    """Lines of what would be done that are not among them."""


def detail(
    one: Waiting, found: Proposed | None, note: str, size: tuple[int, int], whole: bool
) -> Detail:
    """As many lines as there is room for, unless all are wanted.

    `size` is columns and lines. What would be done loses only its middle, never its end, and
    nothing to a note: that takes its lines from why it asks.
    """
    width, room = size
    about = _about(one, found, width, WHOLE if whole else FEW)
    exact = _exact(one, found, width - 1)
    keys, noted = _keys(one, width, whole), [_warned(line) for line in worded(note, width - 1)]
    hidden = 0
    if not whole:
        kept = max(3, room - len(keys) - min(REASON, len(about)))
        hidden = len(exact) - kept + 1 if len(exact) > kept else 0
        exact = shortened(exact, kept, _between)
        left = room - len(exact) - len(noted) - len(keys)
        about = _cut(about, max(left, 0 if noted else 1))
    return Detail([*([(" ", ""), *line] for line in exact), *about, *noted, *keys], hidden)


def _cut(about: list[Line], room: int) -> list[Line]:
    """As many of the lines as there is room for."""
    kept = about[:room]
    if not kept or kept == about:
        return kept
    return [*kept[:-1], [*kept[-1], (" …", "dim")]]


def _warned(text: str) -> Line:
    return [(f" {text}", "warn")]


def pending(one: Waiting, found: Proposed | None) -> bool:
    """Whether it is still looked up what the call would change."""
    return proposes(one) and found is None


def proposes(one: Waiting) -> bool:
    """Whether the call changes files, so that its difference is shown."""
    return one.kind == "approval" and one.claims is not None and one.claims.effect == "write"


def _between(count: int) -> Line:
    return [(f"⋮ {count} more lines: ", "warn"), ("Enter", "mark")]


def _exact(one: Waiting, found: Proposed | None, width: int) -> list[Line]:
    """What would be done, or is asked."""
    if one.question is not None:
        return _question(one, width)
    if one.kind == "key":
        said = told(one.text.removeprefix("needs "), one.again)
        how = HOW.format(KEYS_OF.get(one.text.removeprefix("needs key "), "PROVIDER"))
        return _plain(f"{said}. {how if one.again is None else NOW}", width)
    if one.kind == "outcome":
        return [*arguments(one.args, width), *_plain(one.text, width)]
    if found is not None and found.diffs and not found.trouble:
        return [line for diff in found.diffs for line in _difference(diff, width)]
    return arguments(one.args, width)


def _question(one: Waiting, width: int) -> list[Line]:
    assert one.question is not None
    found = _plain(one.question.text, width)
    for number, choice in enumerate(one.question.choices[:9], 1):
        first, *rest = wrapped(choice, width - 3)
        found += [[(f"{number} ", "mark"), (first, "")], *([("  ", ""), (r, "")] for r in rest)]
    return found


def arguments(args: dict[str, Any] | None, width: int) -> list[Line]:
    """Every argument; a command as it is, the others with their names."""
    found: list[Line] = []
    for name, value in (args or {}).items():
        text = exact(value if isinstance(value, str) else _flat(value))
        if name == "command":
            found += [[(line, "strong")] for line in wrapped(text, width)]
            continue
        head, *rest = wrapped(f"{exact(name)}: {text}", width)
        found += [[(head, "")], *([(line, "")] for line in rest)]
    return found


def _difference(diff: Diff, width: int) -> list[Line]:
    if diff.before and diff.before == diff.after:
        return [[(line, "warn")] for line in wrapped(f"{diff.path} stays as it is", width)]
    if not diff.unified:
        verb = "is made" if not diff.before else "goes" if not diff.after else "is replaced"
        why = "it is empty, too large to show, or not text"
        return [[(line, "warn")] for line in wrapped(f"{diff.path} {verb}; {why}", width)]
    found: list[Line] = [[(line, "strong")] for line in wrapped(diff.path, width)]
    return found + difference(diff.unified, width)


def _about(one: Waiting, found: Proposed | None, width: int, room: int) -> list[Line]:
    """Why it asks, where, and what would end the asking."""
    verdict, texts = one.verdict, list[tuple[str, str]]()
    if found is not None and found.trouble:
        texts.append((f"it would change nothing: {found.trouble}", "warn"))
    elif found is not None and found.digest != one.digest:
        texts.append(("a file has changed since it was asked: a yes is asked for again", "warn"))
    elif found is None and proposes(one):
        texts.append(("looking up what it would change …", "dim"))
    if verdict is not None:
        texts.append((f"because ({verdict.gate}): {verdict.reason}", ""))
    if one.claims is not None and one.claims.server:
        style = "warn" if one.claims.changed else "dim"
        texts.append((f"{one.claims.server} says of it: {one.claims.about}", style))
    if one.after:
        texts.append((f"after {exact(one.after)}", "dim"))
    if one.claims is not None:
        texts.append((f"in {short(one.claims.folder)}", "dim"))
    if verdict is not None and verdict.offer:
        texts.append((f"s, a: {verdict.offer}", "dim"))
        if verdict.neighbour:
            texts.append((f"and not: {verdict.neighbour}", "dim"))
    if verdict is not None and verdict.nearest:
        texts.append((f"nearest: {verdict.nearest}", "dim"))
    made: list[Line] = []
    for text, style in texts:
        rows = shortened(worded(text, width - 1), room, lambda count: f"⋮ {count} more lines")
        made += [[(" ", ""), (row, style)] for row in rows]
    return made


def _keys(one: Waiting, width: int, whole: bool) -> list[Line]:
    """The keys by name, as many in a line as fit; `whole` names the one that shows less."""
    found: list[Line] = [[]]
    used = 0
    for key, label in (KEYS[one.kind] | ({"Enter": "less"} if whole else {})).items():
        size = len(key) + len(label) + 3
        if used and used + size > width:
            found.append([])
            used = 0
        found[-1] += [(f" {key}", "mark"), (f" {label} ", "")]
        used += size
    return found


def key_at(line: Line, x: int) -> str:
    """The key that is named at this column, "" for none."""
    at, key = 0, ""
    for text, style in line:
        at += len(text)
        if style == "mark":
            key = text.strip()
        if x < at:
            return key
    return ""


def _plain(text: str, width: int) -> list[Line]:
    return [[(line, "")] for line in worded(text, width)]


def _flat(value: object) -> str:
    return msgspec.json.encode(value).decode()
