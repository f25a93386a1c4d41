"""What is shown of one call: a line, and below it everything that is known of it."""

import time

import msgspec

from tuiagent.clients.tui.difference import difference
from tuiagent.clients.tui.lines import Piece
from tuiagent.clients.tui.status import money, tokens
from tuiagent.clients.tui.trace.index import subject
from tuiagent.clients.tui.wrap import shortened, worded, wrapped
from tuiagent.kernel.message import Command, Diff
from tuiagent.views.transcript import HOOK, Item

Line = list[Piece]

SIGNS: dict[str, tuple[str, str]] = {
    "ok": ("✓", "good"),
    "verified": ("✓", "good"),
    "error": ("✗", "bad"),
    "denied": ("⊘", "bad"),
    "cancelled": ("⊘", "dim"),
    "unknown": ("!", "warn"),
    "started": ("▶", "mark"),
    "asked": ("?", "warn"),
    "deferred": ("?", "warn"),
    HOOK: ("»", "dim"),
}
"""Of each status, and of what hooks said, its sign and how that is drawn; each sign says it without
its colour."""
RESCUED = "the model wrote this as text, and it was taken for a call"
OUTPUT = 400
"""Lines of an unfolded call's output that are shown, head and tail."""


def head(item: Item, at_hand: bool) -> tuple[Line, Line]:
    """The line that stands for a call: what stands at its left, and at its right."""
    sign, style = SIGNS.get(item.status or item.name, ("·", "dim"))
    left: Line = [("▸" if at_hand else " ", "mark"), (f"{sign} ", style), (item.name, "strong")]
    took = _took(item.seconds) if item.seconds and item.status != "denied" else ""
    return [*left, (f" {subject(item)[:400]}", "")], [(f" {took}", "dim")] if took else []


def lines(item: Item, reply: Item | None, siblings: int, session: str, width: int) -> list[Line]:
    """Everything about a call, below its line; `reply` is what asked for it."""
    if item.name == HOOK:
        return [[("   ", ""), (row, "")] for row in worded(item.text, width - 3)]
    found: list[Line] = []
    wrote = [(f"{name}, as the model wrote it", old) for name, old in item.replaced().items()]
    for name, value in (*(item.args or {}).items(), *wrote):
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        rows = shortened(wrapped(f"{name}: {text}".rstrip("\n"), width - 3), 40, _between)
        found += [[("   ", ""), (row, "")] for row in rows]
    told = [
        f"{item.status}{_exit(item)}; {_when(item)}",
        f"asked for by {item.actor} in {session} ({item.id})",
        *([RESCUED] if item.rescued else []),
        *([f"edited by {item.amended}"] if item.amended else []),
        *_authority(item),
        *_cost(reply, siblings),
    ]
    for text in told:
        found += [[("   ", ""), (row, "dim")] for row in worded(text, width - 3)]
    for block in item.blocks:
        if isinstance(block, Diff):
            found += _difference(block, width)
    rows = wrapped(item.output, width - 5) if item.output else []
    found += [[("   │ ", "dim"), (row, "")] for row in shortened(rows, OUTPUT, _between)]
    return found


def _between(count: int) -> str:
    return f"⋮ {count} more lines"


def _authority(item: Item) -> list[str]:
    """Who let it run, or did not, and why."""
    verdict = item.verdict
    if verdict is None:
        return ["not judged yet"] if item.status == "proposed" else []
    rule = f" {verdict.rule}" if verdict.rule else ""
    risk = f", {verdict.risk} risk" if verdict.risk else ""
    found = [f"{verdict.decision} by {verdict.gate}{rule}{risk}: {verdict.reason}"]
    if item.answered:
        word = "refused" if item.status == "denied" else "allowed"
        found.append(f"{word} by {item.answered}")
    return [*found, item.hooks] if item.hooks else found


def _cost(reply: Item | None, siblings: int) -> list[str]:
    """What the step took that asked for it; its calls share it."""
    if reply is None or reply.usage is None:
        return []
    usage = reply.usage if isinstance(reply.usage, dict) else msgspec.to_builtins(reply.usage)
    spent, back = usage.get("input", 0), usage.get("output", 0)
    text = f"the step: {tokens(spent)} tokens in, {tokens(back)} out"
    text += ", price not known" if reply.cost is None else f", {money(reply.cost)}"
    return [f"{text}, shared by {siblings} calls" if siblings > 1 else text]


def _exit(item: Item) -> str:
    found = next((block for block in item.blocks if isinstance(block, Command)), None)
    return f", exit {found.exit}" if found is not None and found.exit is not None else ""


def _when(item: Item) -> str:
    begun = time.strftime("%H:%M:%S", time.localtime(item.at))
    if not item.seconds:
        return f"at {begun}"
    return f"at {begun}, {'waited' if item.status == 'denied' else 'took'} {_took(item.seconds)}"


def _took(seconds: float) -> str:
    """A duration in few letters."""
    if seconds < 1:
        return f"{seconds * 1000:.0f}ms"
    return f"{seconds:.1f}s" if seconds < 60 else f"{seconds / 60:.0f}m{seconds % 60:02.0f}s"


def _difference(diff: Diff, width: int) -> list[Line]:
    found = [[("   ", ""), *line] for line in difference(diff.unified, width - 3)]
    return shortened(found, OUTPUT, lambda count: [(f"   {_between(count)}", "warn")])
