"""A bundle plays a session as it was, at any pace, and nothing in it can do harm."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kernel.test_session import lived, lives
from tests.kernel.world import STREAM
from tuiagent.clients.replayed import (
    ANSWERING,
    PAUSE,
    PIECES,
    Clock,
    Pace,
    Replayed,
    Steps,
    load,
    stepped,
    timed,
)
from tuiagent.kernel import run as runs
from tuiagent.kernel.aggregates import codec
from tuiagent.kernel.call import ApprovalAnswered, CallFinished, CallStarted
from tuiagent.kernel.effort import ProvidersMoved
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import CaughtUp, Erased, Event, Fact, Seen, Unknown
from tuiagent.kernel.lifecycle import SessionOpened
from tuiagent.kernel.message import Diff, Observation, Reasoning, Reply, Text, ToolSpec
from tuiagent.kernel.prompts import PromptRebased, PromptSubmitted
from tuiagent.kernel.replay import LONGEST, NOT_KNOWN, bundle
from tuiagent.kernel.replay import header as header_of
from tuiagent.ports import Window
from tuiagent.views.transcript import TranscriptView

KEY = "sk-proj-x7Kp2mQv9RtB4nWz8LcH3sYd6F"
HASH = "ab" * 32


class Still:
    """A clock that goes on exactly when somebody waits for it."""

    def __init__(self) -> None:
        self.time = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        """The time."""
        return self.time

    async def sleep(self, seconds: float) -> None:
        """Lets so much time pass."""
        self.slept.append(seconds)
        self.time += seconds


def bundled(events: Sequence[Event], stream: str = STREAM) -> list[bytes]:
    """The lines of the bundle of these events."""
    return [line.encode() for line in bundle(stream, events, "9", 5.0)]


def told(*facts: Fact, apart: float = 1.0) -> list[Event]:
    """These facts as events, so far apart."""
    return [
        Event(n, STREAM, n, 1000.0 + n * apart, "owner", fact) for n, fact in enumerate(facts, 1)
    ]


def player(lines: Sequence[bytes], pace: Pace, step: bool = False) -> Replayed:
    """A client that plays these lines."""
    head, events = load(lines, codec())
    return Replayed(head, stepped(events) if step else timed(events), pace)


async def watched(client: Replayed, after: int = 0) -> list[Seen]:
    """Everything that is seen."""
    return [seen async for seen in client.watch(STREAM, after)]


def items(seen: Sequence[Any]) -> Any:
    """The transcript's items of what was seen."""
    view = TranscriptView(STREAM)
    for one in seen:
        view.apply(one)
    return msgspec.to_builtins(view.snapshot())


OPENED = SessionOpened("/work", "scripted/x", "ask")
SAID = (
    OPENED,
    PromptSubmitted("p1", "hello"),
    runs.RunStarted("p1"),
    runs.AttemptStarted("p1.1", 1),
    runs.ReplyReceived("p1.1", Reply((Text("One two  three,\n\nfour."),))),
    runs.RunFinished("p1", "done"),
)


# ---------------------------------------------------------------- it is as it was


@given(lives, st.booleans())
def test_what_is_played_is_what_the_transcript_shows(life: tuple[int, int], step: bool) -> None:
    events = lived(life, rest=False).events
    lines = bundled(events)
    clock = Still()
    pace = Steps(lambda: None) if step else Clock(1.0, clock, clock.sleep)
    client = player(lines, pace, step)
    seen = asyncio.run(watched(client))
    assert items(seen) == items(events)
    assert header_of(lines).masked == {}
    read = asyncio.run(client.read("transcript", STREAM, Window(1_000_000)))
    assert (read.data, read.position, read.total) == (items(events), len(events), len(read.data))
    assert [one.fact for one in seen if isinstance(one, Event)] == [
        one.fact for one in load(lines, codec())[1]
    ]


@given(lives, st.integers(0, 130))
def test_from_any_position_there_is_no_gap_and_no_repeat(life: tuple[int, int], at: int) -> None:
    events = lived(life, rest=False).events
    clock = Still()
    seen = asyncio.run(watched(player(bundled(events), Clock(1.0, clock, clock.sleep)), at))
    positions = [one.position for one in seen if isinstance(one, Event)]
    assert positions == list(range(min(at, len(events)) + 1, len(events) + 1))
    assert sum(isinstance(one, CaughtUp) for one in seen) == 1


def test_who_comes_later_reads_what_was_played_and_watches_on_from_there() -> None:
    clock = Still()
    client = player(bundled(told(*SAID)), Clock(1.0, clock, clock.sleep))
    clock.time = 3.5  # in the middle of the reply
    read = asyncio.run(client.read("transcript", STREAM))
    assert (read.position, read.data[-1]["status"]) == (4, "open")
    assert 0 < len(read.data[-1]["text"]) < len("One two  three,\n\nfour.")
    seen = asyncio.run(watched(client))
    place = seen.index(CaughtUp(4))
    assert items(seen[: place + 3])[-1]["text"].startswith(read.data[-1]["text"])
    assert items(seen) == items(told(*SAID))


def test_pieces_come_at_a_plausible_pace_and_long_pauses_are_cut() -> None:
    clock = Still()
    lines = bundled(told(*SAID, PromptSubmitted("p2", "more"), apart=3600.0))
    seen = asyncio.run(watched(player(lines, Clock(4.0, clock, clock.sleep))))
    deltas = [one for one in seen if isinstance(one, runs.Delta)]
    assert "".join(delta.text for delta in deltas) == "One two  three,\n\nfour."
    assert len(deltas) == 4
    assert clock.time == pytest.approx((5 * PAUSE + ANSWERING) / 4)
    assert max(clock.slept) <= PAUSE / 4
    assert "not the original's" in header_of(lines).pace


def test_a_long_reply_comes_in_few_pieces() -> None:
    reply = runs.ReplyReceived("p1.1", Reply((Text("word " * 100_000 + " " * 100_000),)))
    moments = timed(told(*SAID[:4], reply))
    pieces = [moment.seen for moment in moments if isinstance(moment.seen, runs.Delta)]
    assert len(pieces) <= PIECES
    assert "".join(piece.text for piece in pieces) == reply.reply.text


def test_one_key_one_frame() -> None:
    presses: list[int] = []
    client = player(bundled(told(*SAID)), Steps(lambda: presses.append(1)), step=True)

    async def played() -> None:
        count = 0
        async for seen in client.watch(STREAM):
            if isinstance(seen, Event):
                count += 1
                assert (seen.position, len(presses)) == (count, count - 1)

    asyncio.run(played())
    assert len(presses) == len(SAID) - 1


async def test_nobody_takes_part() -> None:
    client = player(bundled(told(*SAID)), Steps(lambda: None))
    with pytest.raises(Refused, match="played again"):
        await client.submit(runs.InterruptRun(STREAM))
    with pytest.raises(Refused, match="no view 'prompt'"):
        await client.read("prompt", STREAM)
    assert [seen async for seen in client.watch("session/other")] == [CaughtUp(0)]


# ---------------------------------------------------------------- what is not in it


def test_a_bundle_gives_nothing_away() -> None:
    opened = SessionOpened(
        "/home/ada/work",
        "openai/x",
        "ask",
        {"HOME": "/home/ada", "USER": "ada", "PATH": "/opt/secret-tool/bin"},
        {"openai": "env:OPENAI_API_KEY"},
        {"openai": "http://model.example.internal:8000/v1"},
    )
    reply = Reply((Reasoning("I think", {"signature": "opaque"}), Text(f"{KEY} for ada")))
    diff = Diff("/home/ada/work/f", "-hunter22\n+x", HASH, "cd" * 32)
    events = told(
        opened,
        PromptSubmitted("p1", "it is hunter22"),
        PromptRebased(1, "first", "openai/x", "my private rules", (ToolSpec("t", "d", {}),)),
        runs.AttemptStarted("p1.1", 1),
        runs.AttemptFailed("p1.1", "network", "model.example.internal:8000 is not there"),
        ProvidersMoved({}, {"openai": "http://moved.example.internal:8001/v1"}),
        runs.AttemptFailed("p1.1", "network", "moved.example.internal:8001 is not there"),
        runs.ReplyReceived("p1.1", reply),
        ApprovalAnswered("c", HASH, True),
        CallStarted("c", 1, {"spool": "/state/spools/c"}),
        CallFinished("c", Observation("ok", "password=hunter22", (diff,))),
    )
    lines = bundled(events)
    text = b"\n".join(lines).decode()
    for gone in (KEY, "ada", "secret-tool", "internal", "opaque", "private rules", "hunter22"):
        assert gone not in text, gone
    for gone in (HASH, "cdcd", "spools"):
        assert gone not in text, gone
    head = header_of(lines)
    assert head.masked == {
        "endpoint-openai": 2,
        "home": 2,
        "model-key": 1,
        "secret": 1,
        "user": 1,
    }
    found = load(lines, codec())[1]
    assert isinstance(found[0].fact, SessionOpened)
    assert found[0].fact.folder == "<home>/work"
    assert found[0].fact.environment == {"HOME": "<HOME>", "USER": "<USER>", "PATH": "<PATH>"}
    assert found[1].fact == PromptSubmitted("p1", "it is <secret-1>"), "also before it was named"
    assert [event.kind for event in found] == [event.kind for event in events]


def test_what_cannot_be_masked_is_left_out_and_that_is_seen() -> None:
    newer = Unknown("SomethingNewer", b'{"key":"hidden"}')
    lines = bundled(told(*SAID, newer, Erased("CallFinished")))
    assert b"hidden" not in b"".join(lines)
    assert json.loads(lines[-2])["left_out"] == NOT_KNOWN
    assert header_of(lines).left_out == 1
    seen = asyncio.run(watched(player(lines, Steps(lambda: None), step=True)))
    assert items(seen) == items(told(*SAID, newer, Erased("CallFinished")))
    assert "(SomethingNewer)" in items(seen)[-1]["text"]


def test_of_an_erased_session_there_is_no_bundle() -> None:
    with pytest.raises(Refused, match="nothing is left"):
        bundled(told(Erased("SessionOpened")))


# ---------------------------------------------------------------- what anybody may have written


def changed(number: int, **fields: Any) -> list[bytes]:
    """A bundle in which one line has other fields."""
    lines = bundled(told(*SAID))
    lines[number] = json.dumps({**json.loads(lines[number]), **fields}).encode()
    return lines


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "line 1 cannot be read"),
        ([b"\xff"], "line 1 cannot be read"),
        ([b"[" * 100_000], "line 1 cannot be read"),
        (changed(0, format="other"), "no tuiagent replay"),
        (changed(0, shape=2), "shape 2 is not known: update"),
        (changed(0, frames=9), "it was cut"),
        (bundled(told(*SAID))[:-1], "it was cut"),
        (changed(2, path="/etc/passwd"), "line 3 cannot be read"),
        (changed(2, after="soon"), "line 3 cannot be read"),
        ([*bundled(told(*SAID))[:-1], b" " * (LONGEST + 1)], "line 7 is longer than 8 MiB"),
        (
            changed(
                5,
                kind="CallJudged",
                body={
                    "call": "c",
                    "verdict": {"decision": "maybe", "gate": "", "reason": ""},
                    "claims": {"tool": "", "effect": "", "subject": ""},
                    "digest": "",
                    "revision": 0,
                },
            ),
            "line 6 cannot be told",
        ),
    ],
)
def test_what_is_no_bundle_is_refused_and_says_why(lines: list[bytes], words: str) -> None:
    with pytest.raises(Refused, match=words):
        load(lines, codec())


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "Nonsense", "body": {"a": [1, {}]}},
        {"kind": "__class__", "body": 1},
        {"body": {"prompt": 7}},
        {"shape": 99},
        {"after": 1e300},
        {"after": -1e300},
        {"actor": "\x1b]0;title\x07", "stream": "../../etc/passwd"},
    ],
)
def test_nonsense_is_shown_as_that(fields: dict[str, Any]) -> None:
    clock = Still()
    client = player(changed(2, **fields), Clock(1.0, clock, clock.sleep))
    seen = asyncio.run(watched(client))
    assert len([one for one in seen if isinstance(one, Event)]) == len(SAID)
    if "after" not in fields and "actor" not in fields:
        assert "does not know" in items(seen)[1]["text"]
    assert clock.time <= 6 * ANSWERING
