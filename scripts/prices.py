"""Makes models.jsonl: windows and prices of the current models of a few providers."""

import datetime
import re
from decimal import Decimal
from difflib import SequenceMatcher
from importlib.metadata import version

import msgspec
from genai_prices import types
from genai_prices.data import providers

from tuiagent.providers.models import FILE, Model, Rates, issues

TODAY = datetime.datetime.now(datetime.UTC)
NAMES = {
    "anthropic": "anthropic",
    "deepseek": "deepseek",
    "google": "google",
    "mistral": "mistral",
    "openai": "openai",
    "x-ai": "xai",
}
"""What we call the providers that are taken."""
OTHER = re.compile("embed|image|audio|tts|transcri|realtime|live|moderation|ocr|voice|omni|whisper")
"""Models for something else than text."""


def names(provider: types.Provider, info: types.ModelInfo) -> set[str]:
    """What the model may be called, without the names of its issues."""
    clause = info.match
    found = clause.or_ if isinstance(clause, types.ClauseOr) else [clause]
    equal = [c.equals for c in found if isinstance(c, types.ClauseEquals)]
    begin = [c.starts_with for c in found if isinstance(c, types.ClauseStartsWith)]
    plain = (name for name in (info.id, *equal, *begin) if re.fullmatch(r"[\w.-]*\w", name))
    every = {name for name in plain if provider.find_model(name) is info}
    return {name for name in every if every.isdisjoint([*issues(name)][1:])}


def respelled(name: str, info: types.ModelInfo, every: set[str]) -> bool:
    """Whether another differs in points, hyphens and order alone, and is more like its id."""
    same = sorted(one for one in every if _parts(one) == _parts(name))
    return name != max(same, key=lambda one: SequenceMatcher(None, one, info.id).ratio())


def _parts(name: str) -> list[str]:
    return sorted(part for part in re.split("[.-]", name) if part != "0")


def holding(info: types.ModelInfo) -> list[types.ModelPrice]:
    """The prices that hold today; several where they change with the time of day."""
    if isinstance(info.prices, types.ModelPrice):
        return [info.prices]
    daily = [p for p in info.prices if isinstance(p.constraint, types.TimeOfDateConstraint)]
    lasting = [
        p
        for p in info.prices
        if p not in daily and (not p.constraint or p.constraint.active(TODAY))
    ]
    return [p.prices for p in (*lasting[-1:], *daily)]


def at(value: Decimal | types.TieredPrices | None, tokens: int) -> float | None:
    """The price in a request with this many input tokens and one more."""
    if isinstance(value, types.TieredPrices):
        reached = [tier.price for tier in value.tiers if tier.start <= tokens]
        value = reached[-1] if reached else value.base
    return None if value is None else float(value)


def rates(prices: list[types.ModelPrice]) -> tuple[Rates, ...]:
    """The rates by length of the request; the highest of the day, as limits are kept with them."""
    kinds = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
    values = [getattr(price, kind) for price in prices for kind in kinds]
    tiers = [tier for v in values if isinstance(v, types.TieredPrices) for tier in v.tiers]
    found: list[Rates] = []
    for above in sorted({0, *(tier.start for tier in tiers)}):
        columns = [[at(getattr(price, kind), above) for price in prices] for kind in kinds]
        row = [max((v for v in column if v is not None), default=None) for column in columns]
        if row[0] is None or row[1] is None:
            return ()
        found.append(Rates(row[0], row[1], row[2], row[3], above))
    return tuple(found)


def main() -> None:
    """Writes the file; one line for each model, so that changes can be read."""
    models: dict[str, Model] = {}
    days: set[str] = set()
    for provider in providers:
        ours = NAMES.get(provider.id, "")
        for info in provider.models if ours else ():
            days |= set(
                re.findall(r"\d{4}-\d\d-\d\d", repr(info.prices) + str(info.price_comments))
            )
            if info.deprecated or OTHER.search(info.id):
                continue
            if ours != "anthropic" and info.id.startswith("claude"):  # only passed on
                continue
            if found := rates(holding(info)):
                window = info.context_window or 0
                for name in (every := names(provider, info)):
                    full = f"{ours}/{name}"
                    models[full] = Model(full, found, window, respelled(name, info, every))
    head = {
        "source": f"genai-prices {version('genai-prices')} (MIT), "
        "https://github.com/pydantic/genai-prices",
        "date": max(day for day in days if day <= TODAY.date().isoformat()),
    }
    lines = [head, *(models[name] for name in sorted(models))]
    with open(FILE, "wb") as file:
        file.write(msgspec.json.Encoder().encode_lines(lines))
    print(f"{FILE}: {len(models)} names, prices as of {head['date']}")


if __name__ == "__main__":
    main()
