"""Kills around what goes on in the background: nothing is lost or repeated."""

import signal
from pathlib import Path

import pytest

from tests.life import ANSWER, Life
from tuiagent.kernel.jobs import JobEnded, JobStarted

JOB = [
    {"calls": [{"tool": "shell", "args": {"command": "sleep 0.2; echo j >>ran", "wait": 0}}]},
    {"calls": [{"tool": "jobs", "args": {"do": "wait", "job": "job1", "seconds": 60}}]},
    {"text": ANSWER},
]
TERMINAL = [
    {"calls": [{"tool": "terminal", "args": {"command": "X=1; echo t >>ran"}}]},
    {"calls": [{"tool": "terminal", "args": {"command": "echo $X >>ran; sleep 0.1"}}]},
    {"calls": [{"tool": "jobs", "args": {"do": "kill", "job": "job1"}}]},
    {"calls": [{"tool": "jobs", "args": {"do": "wait", "job": "job1", "seconds": 60}}]},
    {"text": ANSWER},
]
POINTS = [
    *(
        f"{name}:{count}"
        for name in ("call-noted", "call-started", "call-done")
        for count in (1, 2)
    ),
    *(f"committed:{count}" for count in range(3, 12)),
    "spool:prepared",
    "spool:spawned",
]

LATE = ("committed:10", "committed:11")
"""Not reached where what comes close together is committed together, as on a busy machine."""


@pytest.mark.parametrize("turns", [JOB, TERMINAL], ids=["job", "terminal"])
@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_each_point(tmp_path: Path, turns: list[dict[str, object]], point: str) -> None:
    life = Life(tmp_path, turns)
    ended = life.ended(life.go(crash=point))
    assert ended == -signal.SIGKILL or (ended == 0 and point in LATE), "the point was not reached"
    life.finish()
    facts = [event.fact for event in life.events()]
    begun = [fact.job for fact in facts if isinstance(fact, JobStarted)]
    ended = [fact for fact in facts if isinstance(fact, JobEnded)]
    assert begun == ["job1"]
    assert [fact.job for fact in ended] == ["job1"]
    assert life.ran() == (["j"] if turns is JOB else ["t", "1"])
    assert life.left() == []
