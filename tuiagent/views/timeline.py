"""The timeline: what the views of one session show as of any event, forwards and backwards."""

from bisect import bisect_left, bisect_right
from typing import NamedTuple

from msgspec.structs import replace

from tuiagent.kernel import call as calls
from tuiagent.kernel import jobs, prompts
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event
from tuiagent.views.files import ChangedFile, FilesView
from tuiagent.views.status import Status, StatusView
from tuiagent.views.transcript import Item, TranscriptView

PROMPT, FAILURE, APPROVAL = MARKS = ("prompt", "failure", "approval")
"""What people look for in a timeline."""


STRIDE = 64
"""Events that are gone over at once, where there are so many on the way."""


class Touched(NamedTuple):
    """A file as of an event: what had been changed in it."""

    path: str
    first: str
    """SHA-256 in hexadecimal of what it held before the first call, "" for no file."""
    last: str
    added: int
    removed: int
    calls: int
    """How many had changed it."""
    undone: int


class _Step(NamedTuple):
    """What one event changed: each thing before (None: it was not there) and after."""

    items: tuple[tuple[int, Item | None, Item], ...]
    status: tuple[Status, Status] | None
    files: tuple[tuple[str, Touched | None, Touched], ...]


class Timeline:
    """A session as of one of its events; going to another costs what lies between them.

    What each event changed is kept, before and after, and shared between events: no event is
    ever folded twice, and going back is as cheap as going on.
    """

    def __init__(self, stream: str, stride: int = STRIDE) -> None:
        self.events: list[Event] = []
        self.place = 0
        """How many of the events have happened."""
        self.items: list[Item] = []
        """The transcript as of that, like the two that follow."""
        self.status = Status()
        self.files: dict[str, Touched] = {}
        self.marks: dict[str, list[int]] = {kind: [] for kind in MARKS}
        """The places right after what people look for, rising."""
        self._steps: list[_Step] = []
        self._stride = stride
        self._strides: list[_Step] = []
        """What so many events in a row have changed."""
        self._transcript = TranscriptView(stream)
        self._latest: list[Item] = []
        """Each item as the newest event has left it."""
        self._index: dict[str, int] = {}
        self._state = StatusView(stream)
        self._stood = Status()
        self._files = FilesView(stream)
        self._touched: dict[str, Touched] = {}

    def add(self, event: Event) -> None:
        """Takes the next event; who is at the newest one goes on to it."""
        live = self.place == len(self.events)
        step = _Step(self._change_items(event), self._change_status(event), self._touch(event))
        self.events.append(event)
        self._steps.append(step)
        if len(self._steps) % self._stride == 0:
            self._strides.append(_merged(self._steps[-self._stride :]))
        for kind in _marked(event):
            self.marks[kind].append(len(self.events))
        if live:
            self.go(len(self.events))

    def go(self, place: int) -> list[str]:
        """Shows what was after so many events; the ids of the items that changed."""
        place = max(0, min(place, len(self.events)))
        if place > self.place:
            changed = self._forward(self._between(self.place, place))
        else:
            changed = self._back(self._between(place, self.place))
        self.place = place
        return list(dict.fromkeys(changed))

    def _between(self, first: int, last: int) -> list[_Step]:
        """The steps from one place to a later one, in strides where those fit."""
        begin, end = -(-first // self._stride), last // self._stride
        if begin >= end:
            return self._steps[first:last]
        before, after = self._steps[first : begin * self._stride], self._steps[end * self._stride :]
        return [*before, *self._strides[begin:end], *after[: last % self._stride]]

    def _forward(self, steps: list[_Step]) -> list[str]:
        items, changed = self.items, list[str]()
        for changes, status, files in steps:
            for index, before, after in changes:
                if before is None:
                    items.append(after)
                else:
                    items[index] = after
                changed.append(after.id)
            if status is not None:
                self.status = status[1]
            for path, _, touched in files:
                self.files[path] = touched
        return changed

    def _back(self, steps: list[_Step]) -> list[str]:
        items, changed = self.items, list[str]()
        for changes, status, files in reversed(steps):
            for index, before, after in reversed(changes):
                if before is None:
                    items.pop()
                else:
                    items[index] = before
                changed.append(after.id)
            if status is not None:
                self.status = status[0]
            for path, before, _ in reversed(files):
                if before is None:
                    del self.files[path]
                else:
                    self.files[path] = before
        return changed

    def next(self, kind: str) -> int:
        """The place of the next mark of this kind, or the end."""
        places = self.marks[kind]
        found = bisect_right(places, self.place)
        return places[found] if found < len(places) else len(self.events)

    def previous(self, kind: str) -> int:
        """The place of the mark of this kind before this one, or the beginning."""
        places = self.marks[kind]
        found = bisect_left(places, self.place)
        return places[found - 1] if found else 0

    def _change_items(self, event: Event) -> tuple[tuple[int, Item | None, Item], ...]:
        items = self._transcript.items
        had = len(items)
        changed = self._transcript.apply(event)
        for number in range(had, len(items)):
            self._index[items[number].id] = number
        numbers = {self._index[ident] for ident in changed} | set(range(had, len(items)))
        steps: list[tuple[int, Item | None, Item]] = []
        for number in sorted(numbers):
            before = self._latest[number] if number < had else None
            after = replace(items[number])
            self._latest[number : number + 1] = [after]
            steps.append((number, before, after))
        return tuple(steps)

    def _change_status(self, event: Event) -> tuple[Status, Status] | None:
        if not self._state.apply(event):
            return None
        now, before = self._state.status, self._stood
        spent = {"turn": replace(now.turn), "session": replace(now.session)}
        self._stood = replace(now, queue=list(now.queue), jobs=list(now.jobs), **spent)
        return before, self._stood

    def _touch(self, event: Event) -> tuple[tuple[str, Touched | None, Touched], ...]:
        steps: list[tuple[str, Touched | None, Touched]] = []
        for path in dict.fromkeys(self._files.apply(event)):
            before, after = self._touched.get(path), touched(self._files.files[path])
            self._touched[path] = after
            steps.append((path, before, after))
        return tuple(steps)


def _merged(steps: list[_Step]) -> _Step:
    """What several steps have changed together."""
    items: dict[int, tuple[int, Item | None, Item]] = {}
    files: dict[str, tuple[str, Touched | None, Touched]] = {}
    states: list[tuple[Status, Status]] = []
    for step in steps:
        for index, before, after in step.items:
            items[index] = (index, items[index][1] if index in items else before, after)
        for path, was, now in step.files:
            files[path] = (path, files[path][1] if path in files else was, now)
        states += [step.status] if step.status else []
    status = (states[0][0], states[-1][1]) if states else None
    return _Step(tuple(items[i] for i in sorted(items)), status, tuple(files.values()))


def touched(file: ChangedFile) -> Touched:
    """The row of the view `files` in short."""
    counts = (file.added, file.removed, len(file.calls), len(file.undone))
    return Touched(file.path, file.first, file.last, *counts)


def item_of(event: Event) -> str:
    """The id of the transcript's item that tells of this event; "" where none does."""
    fact = event.fact
    if attempt := getattr(fact, "attempt", ""):
        return str(attempt)
    added = TranscriptView(event.stream).apply(event)
    named = [str(getattr(fact, name, "")) for name in ("job", "call", "prompt")]
    return added[-1] if added else next(filter(None, named), "")


def _marked(event: Event) -> list[str]:
    fact = event.fact
    if isinstance(fact, prompts.PromptSubmitted):
        return [PROMPT]
    if isinstance(fact, calls.CallDeferred) or (
        isinstance(fact, calls.CallJudged) and fact.verdict.decision == "ask"
    ):
        return [APPROVAL]
    return [FAILURE] if failed(event) else []


def failed(event: Event) -> str:
    """What went wrong, in the words of the fact; "" for nothing."""
    fact = event.fact
    if isinstance(fact, calls.CallFinished | jobs.JobEnded):
        found = fact.observation
        bad = found.status in ("error", "unknown")
        return (found.text.strip() or found.status) if bad else ""
    if isinstance(fact, runs.AttemptFailed):
        return f"{fact.kind}: {fact.error}"
    if isinstance(fact, runs.RunFinished) and fact.status in ("error", "limit", "refused"):
        return fact.error or fact.status
    return ""
