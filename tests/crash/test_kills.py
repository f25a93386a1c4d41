"""Processes are killed for real, at named points and at random: nothing is lost or repeated."""

import os
import random
import signal
from pathlib import Path

import pytest

from tests.life import ANSWER, Life, until
from tuiagent.engine.clock import POINTS
from tuiagent.kernel.call import CallFinished, CallStarted
from tuiagent.kernel.session import PromptSubmitted

KILLS = int(os.environ.get("TUIAGENT_TEST_KILLS", "40"))
"""In all; `scripts/soak` asks for more."""
LIVES = 8


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_each_named_point(life: Life, point: str) -> None:
    assert life.ended(life.go(crash=point)) == -signal.SIGKILL, "the point was not reached"
    life.finish()
    life.check_effects()
    assert life.unknown == 0


@pytest.mark.parametrize("count", range(1, 17))
@pytest.mark.parametrize("point", ["in-transaction", "committed"])
def test_a_kill_before_and_after_each_commit(life: Life, point: str, count: int) -> None:
    assert life.ended(life.go(crash=f"{point}:{count}")) == -signal.SIGKILL
    life.finish()
    life.check_effects()
    assert life.unknown == 0


@pytest.mark.parametrize("point", ["spool:prepared", "spool:spawned"])
def test_a_kill_of_the_engine_around_the_start_of_a_command(life: Life, point: str) -> None:
    assert life.ended(life.go(crash=point)) == -signal.SIGKILL
    life.finish()
    life.check_effects()
    assert life.unknown == 0


@pytest.mark.parametrize(
    ("point", "status", "ran"),
    [
        ("spool:locked", "error", ""),
        ("spool:started", "unknown", ""),
        ("spool:ran", "unknown", "abc"),
        ("spool:exited", "ok", "abc"),
    ],
)
def test_the_death_of_a_wrapper_is_told_truly(
    life: Life, point: str, status: str, ran: str
) -> None:
    assert life.ended(life.go(crash=point)) == 0
    found = life.check()
    assert {found[name].observation.status for name in life.commands()} == {status}
    assert "".join(life.ran()) == ran


@pytest.mark.timeout(60 + 3 * KILLS)
@pytest.mark.parametrize("number", range(LIVES))
def test_random_kills(tmp_path: Path, number: int) -> None:
    """Each life is killed at random until it is over; a new one begins, until enough died."""
    chance = random.Random(int(os.environ.get("SEED", "0")) + number)
    wanted = KILLS // LIVES
    lives = 0
    while wanted > 0:
        lives += 1
        life = Life(tmp_path / str(lives))
        longest = 0.5
        for _ in range(6):
            killed = life.kill_sometime(chance, longest)
            wanted -= killed
            if not killed:
                break
        life.finish()
        life.check_effects()


def test_work_outlives_the_process_that_began_it(tmp_path: Path) -> None:
    """A dies in the middle of a command, B goes on with it, C watches all of it, word by word."""
    command = "echo once >>ran; until [ -e go ]; do sleep 0.02; done; echo done"
    life = Life(
        tmp_path,
        [
            {"text": "I call it.", "calls": [{"tool": "shell", "args": {"command": command}}]},
            {"text": [*("It ", "said ", "done.")], "delay": 0.05, "expect": "done"},
        ],
    )
    first = life.go()
    until(lambda: life.ran() == ["once"], "the command to begin")
    watcher = life.start("attach", stdin=-1)
    assert watcher.stdout is not None
    seen = b""
    while b"I call it." not in seen:
        more = os.read(watcher.stdout.fileno(), 4096)
        assert more, seen.decode()
        seen += more
    first.kill()
    assert life.ended(first) == -signal.SIGKILL
    second = life.go()
    assert second.stdout is not None
    line = b""
    while b'"CallStarted"' not in line:  # B has adopted the session
        line = second.stdout.readline()
        assert line
    (life.work / "go").touch()
    assert life.ended(second) == 0
    while b"It said done." not in seen:
        more = os.read(watcher.stdout.fileno(), 4096)
        assert more, seen.decode()
        seen += more
    watcher.communicate(b"/quit\n", timeout=60)
    assert seen.count(b"It said done.") == 1
    found = life.check("It said done.")
    assert [(f.observation.status, f.observation.text) for f in found.values()] == [("ok", "done")]
    assert life.ran() == ["once"]
    kinds = [event.fact for event in life.events()]
    assert sum(isinstance(fact, CallStarted) for fact in kinds) == 1
    assert sum(isinstance(fact, PromptSubmitted) for fact in kinds) == 1


def test_a_link_made_while_nobody_was_there_leads_no_write_elsewhere(tmp_path: Path) -> None:
    """What was begun is brought to its end where it was judged to be, and nowhere else.

    A job in the background outlives the engine, and may change the folder meanwhile.
    """
    written = {"tool": "write", "args": {"path": "a/x", "content": "x"}}
    life = Life(tmp_path, [{"calls": [written]}, {"text": ANSWER}])
    inner, out = life.work / "a", tmp_path / "out"
    inner.mkdir()
    out.mkdir()
    assert life.ended(life.go(crash="call-started")) == -signal.SIGKILL
    inner.rmdir()
    inner.symlink_to(out)
    life.finish()
    assert list(out.iterdir()) == []
    (finished,) = [e.fact for e in life.events() if isinstance(e.fact, CallFinished)]
    assert finished.observation.status == "error"
    assert "judged" in finished.observation.text
