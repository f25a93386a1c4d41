"""Which lines of the trace there are, and which are shown: kept, never searched anew."""

from collections.abc import Callable, Sequence

import msgspec

from tuiagent.views.transcript import HOOK, Item

KINDS = ("call", "job")
SEARCHED = 2000
"""Letters of a call's output that a filter looks at."""


def listed(item: Item) -> bool:
    """Whether it has a line: a call, a job, or what hooks said."""
    return item.kind in KINDS or item.name == HOOK


class Index:
    """Calls by their ids, in the order in which they were asked for."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self.shown: list[str] = []
        """Those that the filter lets through."""
        self.filter: tuple[str, ...] = ()
        """Words that all must occur in a call, in small letters."""
        self._known: set[str] = set()
        self._shown: set[str] = set()
        self._siblings: dict[str, int] = {}
        """How many calls each reply asked for."""
        self._first = ""
        """The oldest item that was looked at, whatever it is."""

    def reset(self, items: Sequence[Item]) -> None:
        """Another conversation."""
        self.__init__()
        self.precede(items)

    def precede(self, items: Sequence[Item]) -> bool:
        """Looks at what was read before the oldest it knows; whether there was anything."""
        if not items or items[0].id == self._first:
            return False
        fresh: list[Item] = []
        for item in items:
            if item.id == self._first:
                break
            fresh += [item] if listed(item) and item.id not in self._known else []
        self._first = items[0].id
        for item in fresh:
            self._count(item)
        self.all[:0] = [item.id for item in fresh]
        let = [item.id for item in fresh if self.lets(item)]
        self.shown[:0] = let
        self._shown |= set(let)
        return bool(let)

    def take(self, changed: Sequence[str], find: Callable[[str], Item | None]) -> bool:
        """Looks at items that changed; whether the list of what is shown did."""
        before = len(self.shown)
        for ident in changed:
            item = find(ident)
            if item is None or not listed(item):
                continue
            if ident not in self._known:
                self._count(item)
                self.all.append(ident)
            if ident not in self._shown and self.lets(item):
                # what comes to fit the filter later stands at the end: nothing else moves
                self.shown.append(ident)
                self._shown.add(ident)
        return len(self.shown) != before

    def show(self, idents: list[str]) -> None:
        """These are what the filter lets through."""
        self.shown = idents
        self._shown = set(idents)

    def lets(self, item: Item) -> bool:
        """Whether the filter lets a call through."""
        if not self.filter:
            return True
        text = f"{item.name} {item.status} {item.id} {_text(item)}".lower()
        return all(word in text for word in self.filter)

    def knows(self, ident: str) -> bool:
        """Whether an item is a call that was looked at."""
        return ident in self._known

    def siblings(self, ident: str) -> int:
        """How many calls the reply asked for that asked for this one."""
        return self._siblings.get(ident.rpartition(".")[0], 1)

    def _count(self, item: Item) -> None:
        self._known.add(item.id)
        if item.kind == "call":
            reply = item.id.rpartition(".")[0]
            self._siblings[reply] = self._siblings.get(reply, 0) + 1


def subject(item: Item) -> str:
    """What it is about, in one line."""
    if item.name == HOOK:
        return item.text.removeprefix("hooks of ")
    args = item.args or {}
    for name in ("command", "path", "pattern", "url", "query"):
        if isinstance(args.get(name), str):
            return args[name]
    return msgspec.json.encode(args).decode() if args else item.text


def _text(item: Item) -> str:
    args = msgspec.json.encode(item.args).decode() if item.args else ""
    return f"{args} {item.output[:SEARCHED]}"
