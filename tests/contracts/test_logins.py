"""Log-ins and tickets: how long they count, and what ends them."""

import asyncio

import pytest

from tests.web import KEYS, FakeGate
from tuiagent.clients.web import logins as module
from tuiagent.clients.web.gate import OpenGate
from tuiagent.clients.web.logins import HOURS, MINUTES, MOST, Logins
from tuiagent.clients.web.scopes import ADMIN, LOGIN

OWNER = KEYS["all"]


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.at = 1000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_each_counts_for_its_time(clock: Clock) -> None:
    logins = Logins(FakeGate(), clock)
    ticket, shown = logins.ticket(OWNER)
    assert shown.scopes == {LOGIN}
    clock.at += MINUTES - 1
    assert await logins.identify(ticket) == shown
    made = logins.begin(shown)
    assert made is not None
    token, who = made
    assert (who.actor, who.key, who.scopes) == ("owner", "k0", {ADMIN})
    assert await logins.identify(ticket) is None, "it was used"
    clock.at += HOURS - 1
    assert await logins.identify(token) == who
    clock.at += 1
    assert await logins.identify(token) is None
    late, shown = logins.ticket(OWNER)
    clock.at += MINUTES
    assert await logins.identify(late) is None
    assert logins.begin(shown) is None


async def test_a_log_in_makes_no_other(clock: Clock) -> None:
    logins = Logins(FakeGate(), clock)
    made = logins.begin(OWNER)
    assert made is not None
    assert logins.begin(made[1]) is None
    assert await logins.identify(made[0]) == made[1]


async def test_nothing_outlives_its_key() -> None:
    gate = FakeGate()
    logins = Logins(gate)
    made, (ticket, shown) = logins.begin(OWNER), logins.ticket(OWNER)
    assert made is not None
    waiting = asyncio.create_task(logins.ended(made[1]))
    gate.end("all", "gone")
    assert await waiting == "gone"
    assert await logins.identify(made[0]) is None
    assert await logins.identify(ticket) is None
    assert logins.begin(shown) is None


async def test_whoever_waits_is_told_of_a_log_out_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK", 3600)
    logins = Logins(FakeGate())
    made = logins.begin(OWNER)
    assert made is not None
    waiting = asyncio.create_task(logins.ended(made[1]))
    await asyncio.sleep(0)
    logins.end(made[1])
    async with asyncio.timeout(10):
        assert await waiting == "the log-in has ended"
    assert await logins.ended(made[1]) == "the log-in has ended"


async def test_whoever_waits_is_told_of_the_time(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK", 0.01)
    logins = Logins(FakeGate(), clock)
    made = logins.begin(OWNER)
    assert made is not None
    waiting = asyncio.create_task(logins.ended(made[1]))
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.at += HOURS
    assert await waiting == "the log-in has ended"


async def test_only_so_many_are_kept() -> None:
    logins = Logins(OpenGate())
    made = [logins.ticket(OWNER) for _ in range(MOST + 1)]
    assert logins.over(made[0][1])
    assert not logins.over(made[1][1])
    assert not logins.over(made[-1][1])
