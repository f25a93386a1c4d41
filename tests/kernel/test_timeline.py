"""The timeline and the digest: what they show is what the other views show."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.test_session import lived, lives
from tests.kernel.world import OPENED, STREAM
from tuiagent.kernel.call import CallFinished
from tuiagent.kernel.event import Event
from tuiagent.kernel.lifecycle import Origin
from tuiagent.kernel.message import Command, Diff, Observation
from tuiagent.kernel.run import RunFinished
from tuiagent.views.digest import DigestView, Failure, Ran
from tuiagent.views.files import FilesView
from tuiagent.views.inbox import InboxView
from tuiagent.views.status import StatusView
from tuiagent.views.timeline import MARKS, Timeline, item_of, touched
from tuiagent.views.transcript import TranscriptView

PLACES = st.lists(st.integers(0, 400), max_size=12)


def events_of(life: tuple[int, int], forks: bool = True) -> list[Event]:
    """A life in which files change, and that is forked at its end."""
    events = lived(life, rest=False).events
    for number, event in enumerate(events):
        if isinstance(event.fact, CallFinished):
            path = f"f{number % 3}"
            block = Diff(path, f"--- {path}\n+++ {path}\n@@\n+{number}\n", "", str(number))
            found = msgspec.structs.replace(event.fact.observation, blocks=(block,))
            fact = msgspec.structs.replace(event.fact, observation=found)
            events[number] = msgspec.structs.replace(event, fact=fact)
    last = events[-1]
    begun = msgspec.structs.replace(OPENED, origin=Origin(STREAM, last.position))
    after = Event(last.position + 1, "session/y", 1, last.at, "owner", begun)
    return [*events, after] if forks else events


def folded(events: list[Event]) -> Any:
    """What the views show of these events."""
    transcript, status, files = TranscriptView(STREAM), StatusView(STREAM), FilesView(STREAM)
    for event in events:
        for view in (transcript, status, files):
            view.apply(event)
    return (
        msgspec.to_builtins(transcript.items),
        msgspec.to_builtins(status.status),
        {path: touched(file) for path, file in files.files.items()},
    )


def shown(timeline: Timeline) -> Any:
    return (
        msgspec.to_builtins(timeline.items),
        msgspec.to_builtins(timeline.status),
        timeline.files,
    )


@given(lives, PLACES)
def test_as_of_any_event_the_timeline_shows_what_the_views_do(
    life: tuple[int, int], places: list[int]
) -> None:
    events = events_of(life)
    timeline = Timeline(STREAM, stride=4)
    for event in events:
        timeline.add(event)
    assert shown(timeline) == folded(events)
    for place in places:
        timeline.go(place)
        assert shown(timeline) == folded(events[:place])
        assert timeline.place == min(place, len(events))


@given(lives, st.integers(0, 400))
def test_what_comes_meanwhile_does_not_move_who_looks_at_the_past(
    life: tuple[int, int], place: int
) -> None:
    events = events_of(life)
    timeline = Timeline(STREAM)
    for event in events[:-1]:
        timeline.add(event)
    timeline.go(min(place, len(events) - 2))
    before = shown(timeline)
    timeline.add(events[-1])
    assert shown(timeline) == before
    timeline.go(len(events))
    assert shown(timeline) == folded(events)


@given(lives)
def test_going_tells_the_items_that_changed(life: tuple[int, int]) -> None:
    timeline = Timeline(STREAM, stride=4)
    for event in events_of(life):
        timeline.add(event)
    for place in (0, len(timeline.events), len(timeline.events) // 2):
        before = {item.id: msgspec.to_builtins(item) for item in timeline.items}
        changed = timeline.go(place)
        after = {item.id: msgspec.to_builtins(item) for item in timeline.items}
        differ = {i for i in before | after if before.get(i) != after.get(i)}
        assert differ <= set(changed)


@given(lives)
def test_marks_are_found_from_any_place_both_ways(life: tuple[int, int]) -> None:
    timeline = Timeline(STREAM, stride=4)
    for event in events_of(life):
        timeline.add(event)
    end = len(timeline.events)
    for kind in MARKS:
        found = []
        timeline.go(0)
        while (place := timeline.next(kind)) < end:
            assert place > timeline.place
            timeline.go(place)
            found.append(place)
        assert found == [place for place in timeline.marks[kind] if place < end]
        timeline.go(end)
        back = []
        while place := timeline.previous(kind):
            timeline.go(place)
            back.append(place)
        assert back[::-1] == [place for place in timeline.marks[kind] if place < end]


@given(lives)
def test_the_item_of_an_event_is_one_of_the_transcript(life: tuple[int, int]) -> None:
    events = events_of(life)
    view = TranscriptView(STREAM)
    changed = [view.apply(event) for event in events]
    for event, ids in zip(events, changed, strict=True):
        assert not ids or view.find(item_of(event)), event.kind


@given(lives, st.integers(0, 400))
def test_the_digest_is_what_the_views_say_of_these_events(
    life: tuple[int, int], since: int
) -> None:
    events = events_of(life, forks=False)[since:]
    digest, inbox, files, status = (
        DigestView(STREAM),
        InboxView(STREAM),
        FilesView(STREAM),
        StatusView(STREAM),
    )
    for event in events:
        for view in (digest, inbox, files, status):
            view.apply(event)
    found = digest.digest()
    assert found.waiting == inbox.snapshot()
    assert found.files == files.snapshot()
    assert found.spent == status.status.session
    assert found.outcome == status.status.ended
    assert (found.began, found.ended) == ((events[0].at, events[-1].at) if events else (0, 0))


@given(lives, st.integers(0, 400))
def test_two_digests_in_a_row_hold_what_one_of_all_does(life: tuple[int, int], at: int) -> None:
    events = events_of(life, forks=False)
    whole, first, second = (DigestView(STREAM) for _ in range(3))
    for number, event in enumerate(events):
        whole.apply(event)
        (first if number < at else second).apply(event)
    both = [first.digest(), second.digest()]
    all_ = whole.digest()
    assert all_.failures == both[0].failures + both[1].failures
    assert all_.commands == both[0].commands + both[1].commands
    assert abs(all_.spent.cost - both[0].spent.cost - both[1].spent.cost) < 1e-6
    assert all_.outcome == (both[1].outcome or both[0].outcome)


def test_a_command_that_failed_is_told_as_a_command_and_not_twice() -> None:
    view = DigestView(STREAM)
    bad = Observation("error", "exit 1\nmore", (Command("false", 1),))
    facts = [
        CallFinished("c1", bad),
        CallFinished("c2", Observation("error", "no such file\nmore")),
        CallFinished("c3", Observation("ok", "fine")),
        RunFinished("r", "error", "the model is gone"),
    ]
    for number, fact in enumerate(facts, 1):
        view.apply(Event(number, STREAM, number, float(number), "agent", fact))
    digest = view.digest()
    assert digest.commands == [Ran("c1", "false", 1)]
    assert digest.failures == [
        Failure("c2", "no such file"),
        Failure("r.end", "the model is gone"),
    ]
    assert not digest.empty
    assert DigestView(STREAM).digest().empty
