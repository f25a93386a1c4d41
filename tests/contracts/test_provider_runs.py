"""What a bad server does to a run: each fault at the first, at every, and at the second answer."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fault_server import GOOD, ROWS, Row, Server
from pairing import CHECKERS
from provider_kit import asks
from speakers import SPEAKERS, Event

from tests.house import Fakes, QuickWorld, build, facts, opened, prompt, until
from tuiagent.engine.retry import ATTEMPTS, LONGEST
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.session import SessionOpened
from tuiagent.ports import Provider
from tuiagent.providers.limits import Limits


def calls_list(number: int) -> Row:
    """An answer that looks at the folder."""
    call = {"index": 0, "id": f"c{number}", "name": "list", "arguments": '{"path":"."}'}
    events = (Event(text="I look."), Event(call=call), Event(stop="tool_calls"))
    return Row(f"call {number}", events=events)


FIRST, SECOND = calls_list(1), calls_list(2)
PLACES = {
    "first": lambda row: [row, FIRST, SECOND, GOOD],
    "every": lambda row: [row] * 40,
    "second": lambda row: [FIRST, row, SECOND, GOOD],
}
STALE = ("P22", "P22-close")
"""Where a kept connection ends before any byte, it was unused too long: another one is opened."""
ENDS = {"end": "done", "length": "limit", "refusal": "refused", "filter": "refused"}


class Jumping(QuickWorld):
    """Time passes by being waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.later = 0.0

    def now(self) -> float:
        return super().now() + self.later

    async def sleep(self, seconds: float) -> None:
        self.later += max(0.0, seconds)
        await asyncio.sleep(0)


class Asking(Fakes):
    """Real tools, and a model behind an address."""

    def __init__(self, folder: Path, provider: Provider) -> None:
        super().__init__(folder, [])
        self.asks = provider

    def provider(self, model: str, opened: SessionOpened) -> Provider:
        """See engine.drive.Means."""
        return self.asks


async def lived(folder: Path, form: str, script: list[Row], limits: Limits) -> tuple[Any, Server]:
    """All that a session with two prompts came to; the second one meets a server that is well."""
    async with Server(script, form=form) as server:
        provider = asks(server.url, limits=limits, form=form)
        engine = await build(Asking(folder, provider), world=Jumping())
        client = engine.seat()
        await opened(client, folder)
        await prompt(client)
        await until(client, runs.RunFinished)
        server.script.clear()
        await prompt(client, "and now?", "p2")
        seen = await until(client, runs.RunFinished, count=2)
        await engine.close()
        await provider.close()
    return seen, server


def check_ends(row: Row, place: str, seen: Any) -> None:
    """The first run ended as the row says, and told so."""
    ended, well = facts(seen, runs.RunFinished)
    failed = [f for f in facts(seen, runs.AttemptFailed) if f.kind != "killed"]
    assert well.status == "done"
    if not row.kind:
        expected = ENDS.get(row.stop, "error")
        if row.calls or (row.stop == "end" and not row.text.strip()):
            expected = "done" if place != "every" else ended.status
        assert ended.status == expected
        assert not failed
        assert ended.status in ("done", "refused") or ended.error
        return
    if place == "second" and row.id in STALE:
        assert (ended.status, failed) == ("done", [])
        return
    assert {f.kind for f in failed} == {row.kind}
    assert all(f.partial == row.text and f.error for f in failed)
    again = ProviderError(row.kind, "").retryable and (row.retry_after or 0) <= LONGEST
    if again and place != "every":
        assert (ended.status, len(failed)) == ("done", 1)
    elif again:
        tries = 60 if row.kind == "loading" else ATTEMPTS
        assert (ended.status, len(failed)) == ("error", min(tries, 40))
        assert "given up" in ended.error
    elif row.kind != "too_long" or place != "second":
        assert (ended.status, ended.error) == ("error", failed[-1].error)
        assert len(failed) == 1
        assert ("Available " in ended.error) == (row.retry_after is not None)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("place", sorted(PLACES))
@pytest.mark.parametrize("form", sorted(SPEAKERS))
async def test_every_fault_ends_as_its_row_says(tmp_path: Path, form: str, place: str) -> None:
    rows = [row for row in ROWS if not row.only or form in row.only]
    assert len(rows) > 80
    for row in rows:
        folder = tmp_path / row.id
        folder.mkdir()
        seen, server = await lived(folder, form, PLACES[place](row), row.limits)
        started = [fact.call for fact in facts(seen, calls.CallStarted)]
        assert len(started) == len(set(started)), row.id
        for request in server.requests:
            if request.body:
                CHECKERS[form](msgspec.json.decode(request.body))
        try:
            check_ends(row, place, seen)
        except (AssertionError, ValueError) as error:
            raise AssertionError(f"{row.id}: {error}") from error
