"""What tokens cost: by hand, against the source's own reckoning, and from the command line."""

import asyncio
import datetime
import json
from pathlib import Path

import msgspec
import pytest
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price

from tests.contracts.fault_server import Event, Row, Server
from tests.contracts.test_config import user
from tests.flows.test_cli import Cli
from tuiagent.config import load
from tuiagent.kernel.message import Usage
from tuiagent.kernel.standing import Standing
from tuiagent.means import LocalMeans
from tuiagent.providers.models import FILE, Model, Rates, find, origin

LINES = Path(FILE).read_bytes().splitlines()
MODELS = [msgspec.json.decode(line, type=Model) for line in LINES[1:]]
MODEL = Model("x/m", (Rates(3, 15, 0.3, 3.75), Rates(6, 22.5, above=200_000)), 500_000)
USAGE = Usage(100_000, 2_000, 60_000, 30_000)


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """The environment of somebody whose files lie here."""
    return {"HOME": str(tmp_path), "TUIAGENT_HOME": str(tmp_path / "state")}


def test_tokens_from_and_into_the_cache_are_priced_as_such() -> None:
    # 10,000 * 3 + 60,000 * 0.30 + 30,000 * 3.75 + 2,000 * 15, each for a million
    assert MODEL.cost(USAGE) == pytest.approx(0.03 + 0.018 + 0.1125 + 0.03)
    assert MODEL.cost(Usage(0, 1_000_000)) == 15
    assert MODEL.cost(Usage(200_000, 0)) == pytest.approx(0.6)


def test_a_long_request_has_its_own_rates_and_unknown_ones_are_those_of_input() -> None:
    assert MODEL.cost(Usage(300_000, 1_000, 100_000)) == pytest.approx(1.8 + 0.0225)


def test_what_a_provider_counts_twice_is_never_a_gain() -> None:
    assert MODEL.cost(Usage(10, 0, 100)) == pytest.approx(100 * 0.3 / 1e6)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_every_model_costs_what_its_source_says(model: Model) -> None:
    provider, _, name = model.name.partition("/")
    if provider == "deepseek":
        return  # its prices change with the time of day: ours is the higher one
    when = datetime.datetime.fromisoformat(origin()["date"] + "T12:00+00:00")
    for usage in (Usage(1000, 500, 300), Usage(400_000, 500, 100_000, 50_000)):
        theirs = TheirUsage(
            input_tokens=usage.input,
            output_tokens=usage.output,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
        )
        owner = "x-ai" if provider == "xai" else provider
        price = calc_price(theirs, name, provider_id=owner, genai_request_timestamp=when)
        assert model.cost(usage) == pytest.approx(float(price.total_price)), "scripts/prices"


def test_the_file_names_its_origin_and_each_model_once() -> None:
    assert datetime.date.fromisoformat(origin()["date"]) > datetime.date(2026, 1, 1)
    assert "genai-prices" in origin()["source"]
    names = [model.name for model in MODELS]
    assert names == sorted(set(names))
    for provider in ("anthropic", "deepseek", "google", "mistral", "openai", "xai"):
        assert any(name.startswith(f"{provider}/") for name in names)
    for model in MODELS:
        assert find(model.name) == model
        assert [rates.above for rates in model.rates] == sorted({r.above for r in model.rates})


def test_an_issue_of_a_model_is_that_model() -> None:
    known = find("openai/gpt-5.5")
    assert known is not None
    for name in ("gpt-5.5-latest", "gpt-5.5-20260423", "gpt-5.5-2026-04-23"):
        assert find(f"openai/{name}") == known
    for name in ("gpt-5.5-2026", "gpt-5", "gpt-5.5-x", 'gpt-5.5"', "", "gpt-5.5-nano-latest"):
        assert find(f"openai/{name}") != known


def test_the_users_own_figures_come_first_and_strangers_have_none(home: dict[str, str]) -> None:
    user(home, "[providers.openai]\ninput_price = 10\noutput_price = 20\ncontext_window = 9\n")
    own, usual = (
        LocalMeans(load(home), home, Standing(), ()),
        LocalMeans(load({"HOME": "/nowhere"}), {}, Standing(), ()),
    )
    assert own.price("openai/gpt-5.5", USAGE) == pytest.approx(1.04)
    assert own.window("openai/gpt-5.5") == 9
    known = find("openai/gpt-5.5")
    assert known is not None
    assert usual.price("openai/gpt-5.5", USAGE) == known.cost(USAGE)
    assert usual.window("openai/gpt-5.5") == known.window > 0
    assert usual.price("openai/nobody", USAGE) is None
    assert usual.window("nobody/nothing") == 0
    assert usual.price("scripted/x", USAGE) == 0.0


async def test_a_known_model_needs_no_settings_for_limit_window_and_usage(tmp_path: Path) -> None:
    call = Event(call={"index": 0, "id": "c", "name": "list", "arguments": "{}"})
    counts = {"prompt_tokens": 900_000, "completion_tokens": 10}
    row = Row("r", events=(call, Event(stop="tool_calls"), Event(usage=counts)))
    cli = Cli(tmp_path)
    async with Server([row] * 3) as server:
        cli.environ |= {"TUIAGENT_MODEL": "openai/gpt-5.5", "OPENAI_BASE_URL": server.url}
        done = await asyncio.to_thread(cli.run, "-p", "go", "--max-cost", "5", "--name", "a")
        assert done.returncode == 3
        assert "the limit of $5 for one run is reached" in done.stderr
        assert len(server.requests) == 1
        shown = await asyncio.to_thread(cli.run, "usage", "--by", "model")
        cli.environ["TUIAGENT_MODEL"] = "openai/nobody"
        limited = await asyncio.to_thread(cli.run, "-p", "go", "--max-cost", "5")
        assert (limited.returncode, len(server.requests)) == (2, 1)
        assert "the price of openai/nobody is not known" in limited.stderr
        unknown = await asyncio.to_thread(cli.run, "-p", "go", "--max-turns", "1", "--name", "b")
        assert unknown.returncode == 3
        rest = await asyncio.to_thread(cli.run, "usage", "b")
    known = find("openai/gpt-5.5")
    assert known is not None
    cost = known.cost(Usage(900_000, 10))
    assert f"${cost:.4f}" in shown.stdout
    assert f"prices as of {origin()['date']} (genai-prices" in shown.stdout
    assert "price unknown" in rest.stdout
    assert "prices as of" not in rest.stdout


async def test_the_window_of_a_known_model_says_when_it_is_full(tmp_path: Path) -> None:
    call = Event(call={"index": 0, "id": "c", "name": "list", "arguments": "{}"})
    counts = {"prompt_tokens": 900_000, "completion_tokens": 10}
    row = Row("r", events=(call, Event(stop="tool_calls"), Event(usage=counts)))
    cli = Cli(tmp_path)
    async with Server([row, row]) as server:
        cli.environ |= {"TUIAGENT_MODEL": "openai/gpt-5.5", "OPENAI_BASE_URL": server.url}
        done = await asyncio.to_thread(cli.run, "-p", "go", "--output", "events")
        assert done.returncode == 0, done.stderr
        asked = [json.loads(request.body)["messages"][0]["content"] for request in server.requests]
    told = [json.loads(line) for line in done.stdout.splitlines()]
    rebased = [line["body"] for line in told if line.get("kind") == "PromptRebased"]
    known = find("openai/gpt-5.5")
    assert known is not None
    assert rebased[0]["window"] == known.window
    assert any(body.get("shortened") for body in rebased), asked
