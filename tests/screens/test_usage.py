"""The usage screen: what is added up, its keys, and how it looks."""

import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.house import opened, prompt, say, until
from tests.screens.kit import KINDS, Screen, screen
from tests.screens.looks import check_looks
from tuiagent.clients.tui.screens.usage import UsageScreen, bar, bucket, grouped
from tuiagent.kernel.run import RunFinished
from tuiagent.views.usage import Spent

DAYS = st.dates(datetime.date(2000, 1, 1), datetime.date(2100, 1, 1))


def rows() -> list[Spent]:
    """Forty days of two models in three folders; one of the models has no price."""
    today = datetime.datetime.now(datetime.UTC).date()
    models = ("openai/gpt", "local/漢字\x1b[31m-llama")
    return [
        Spent(
            f"session/{n % 5}",
            (today - datetime.timedelta(days=n)).isoformat(),
            models[n % 2],
            replies=3 + n,
            input=1000 * n,
            output=100 * n,
            cost=0.0 if n % 2 else 0.25 * n,
            unpriced=3 + n if n % 2 else 0,
        )
        for n in range(40)
    ]


async def shows(it: Screen, used: list[Spent]) -> UsageScreen:
    """The screen with these rows."""
    await it.press("alt+u")
    await it.until(lambda: isinstance(it.app.screen, UsageScreen) and not it.app.screen._work)
    sheet = it.app.screen
    assert isinstance(sheet, UsageScreen)
    sheet._rows, sheet.by_tokens = used, False
    sheet._folders = {f"session/{n}": f"/srv/shop{n % 3}" for n in range(5)}
    sheet._show()
    return sheet


@pytest.mark.parametrize("kind", KINDS)
async def test_what_was_used_is_read_and_every_key_does_what_it_says(
    tmp_path: Path, kind: str
) -> None:
    async with screen(tmp_path, [say("Good.")], kind=kind) as it:
        await opened(it.client, tmp_path)
        await prompt(it.client)
        await until(it.client, RunFinished)
        await it.press("alt+u")
        await it.until("1 replies")
        assert "Usage by days" in it.shown
        for key, words in (
            ("w", "by weeks, each by its Monday"),
            ("m", "by months"),
            ("g", "by models"),
            ("g", str(it.work)[:16]),
            ("g", "by months"),
        ):
            await it.press(key)
            await it.until(words)
        before = "money" in it.shown.split("\n")[0]
        await it.press("t")
        await it.until(lambda: ("money" in it.shown.split("\n")[0]) is not before)
        await it.press("escape")
        await it.until(lambda: not isinstance(it.app.screen, UsageScreen))


@pytest.mark.timeout(300)
async def test_how_it_looks(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        await shows(it, [])
        await check_looks(it, "usage-empty")
        await it.press("escape")
        await shows(it, rows())
        await it.press("g")
        await it.until("by models")
        await check_looks(it, "usage-models")
        await it.press("g", "down")
        await it.until("by projects")
        await check_looks(it, "usage-projects")


async def test_the_newest_day_is_on_top_and_what_cost_most_comes_first(tmp_path: Path) -> None:
    async with screen(tmp_path) as it:
        sheet = await shows(it, rows())
        bars = sheet.query_one("Bars")
        names = [used.name for used in bars.used]  # type: ignore[attr-defined]
        assert len(names) == 30
        assert names == sorted(names, reverse=True)
        await it.press("g")
        costs = [used.cost for used in bars.used]  # type: ignore[attr-defined]
        assert costs == sorted(costs, reverse=True)


@given(DAYS, st.sampled_from(["day", "week", "month"]))
def test_a_day_is_in_the_bar_of_its_span(day: datetime.date, span: str) -> None:
    name = bucket(day.isoformat(), span)
    if span == "month":
        assert day.isoformat().startswith(name)
    else:
        first = datetime.date.fromisoformat(name)
        assert 0 <= (day - first).days < (7 if span == "week" else 1)


@given(st.floats(0, 1), st.integers(0, 80))
def test_a_bar_is_never_longer_than_its_room_nor_nothing_for_something(
    part: float, width: int
) -> None:
    line = bar(part, width)
    assert len(line) <= max(width, 1)
    assert bool(line) == (part > 0)


def test_groups_add_up_to_all() -> None:
    groups = grouped(rows(), lambda row: row.model)
    assert sum(one.replies for one in groups) == sum(row.replies for row in rows())
    assert sum(one.cost for one in groups) == pytest.approx(sum(row.cost for row in rows()))
