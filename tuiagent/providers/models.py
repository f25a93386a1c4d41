"""What is known of models: how much fits into a request, and what tokens cost.

models.jsonl is made by scripts/prices: its first line names the origin and date of the figures,
each line after it is one model. Only the line that is asked for is decoded, as the window is asked
for on the way to the first request.
"""

import functools
import os
import re
from collections.abc import Iterator

import msgspec
from msgspec import Struct

from tuiagent.kernel.message import Usage

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models.jsonl")
VERSION = re.compile(r"(?<![\d.])(\d)(?:[.-](\d{1,2}))?(?![\dbkx])")
TAKES = {
    "image": "anthropic/claude-(?!2|instant)|google/gem|scripted/|xai/grok-([4-9]|.*vision)"
    "|openai/(gpt-4o|gpt-4-turbo|gpt-4[.]|gpt-[5-9]|chatgpt|computer|o1(?!-mini|-preview)|o3(?!-mini)|o[4-9])"
    "|mistral/(pixtral|mistral-(medium|large|small)-(latest|2[5-9])|ministral|magistral)"
    "|[^/]+/.*(vision|llava|-vl|vl:|gemma-?[34]|pixtral|minicpm-v|moondream|llama-?4)",
    "document": "anthropic/claude-(?!2|instant|3-haiku|3-opus|3-sonnet)|google/gemini|scripted/"
    "|openai/(gpt-4o|gpt-4[.]1|gpt-[5-9]|o1(?!-mini|-preview)|o3(?!-mini)|o[4-9])",
}
"""Of each kind that is no text, the models that their makers say take it."""


class Rates(Struct, frozen=True, omit_defaults=True):
    """US dollars for a million tokens."""

    input: float
    output: float
    cache_read: float | None = None
    """None where it costs the same as other input."""
    cache_write: float | None = None
    above: int = 0
    """They hold for the whole of a request with more input tokens than this."""


class Model(Struct, frozen=True, omit_defaults=True):
    """One model."""

    name: str
    """PROVIDER/MODEL."""
    rates: tuple[Rates, ...]
    """The first for every request, those after it for longer and longer ones."""
    window: int = 0
    """Tokens that fit into one request; 0 when that is not known."""
    respelled: bool = False
    """Whether its maker writes the name otherwise: it has a price, and is not offered."""

    def cost(self, usage: Usage) -> float:
        """US dollars for these tokens; those from and into the cache are priced as such."""
        rates = [r for r in self.rates if not r.above or usage.input > r.above][-1]
        read = rates.input if rates.cache_read is None else rates.cache_read
        write = rates.input if rates.cache_write is None else rates.cache_write
        plain = max(0, usage.input - usage.cache_read - usage.cache_write)
        cached = usage.cache_read * read + usage.cache_write * write
        return (plain * rates.input + cached + usage.output * rates.output) / 1e6


def find(name: str) -> Model | None:
    """The model PROVIDER/MODEL, or the one that this is an issue of; None for an unknown one."""
    body = _body()
    for known in issues(name):
        start = body.find(b'\n{"name":%s,' % msgspec.json.encode(known))
        if start >= 0:
            return msgspec.json.decode(body[start : body.index(b"\n", start + 1)], type=Model)
    return None


def takes(name: str) -> frozenset[str]:
    """What PROVIDER/MODEL is shown beside text (image, document), as far as is known."""
    return frozenset(kind for kind, names in TAKES.items() if re.match(names, name))


def offered() -> list[Model]:
    """The models that are known, as their makers write them; the newest first, by their names."""
    lines = _body().splitlines()[1:]
    found = (msgspec.json.decode(line, type=Model) for line in lines)
    return sorted((one for one in found if not one.respelled), key=_version, reverse=True)


def _version(model: Model) -> float:
    """The number in its name that is neither a date nor a size, 0 without one."""
    found = VERSION.search(model.name)
    return float(f"{found[1]}.{found[2] or 0}") if found else 0.0


def issues(name: str) -> Iterator[str]:
    """The name, and the one without what is put behind it for one issue: a date, or `latest`."""
    yield name
    for width in (len("-latest"), len("-20261231"), len("-2026-12-31")):
        tail = name[-width:]
        if tail == "-latest" or (tail[:1] == "-" and tail.replace("-", "").isdigit()):
            yield name[:-width]


def origin() -> dict[str, str]:
    """Where the figures come from (`source`), and the newest day that it has any of (`date`)."""
    return msgspec.json.decode(_body().partition(b"\n")[0])


@functools.cache
def _body() -> bytes:
    with open(FILE, "rb") as file:
        return file.read()
