"""What models can, as models.toml says, and the servers that are known by a short name."""

import functools
import os
import re
from typing import Any

import msgspec
from msgspec import Struct

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "models.toml")


class Ability(Struct, frozen=True, forbid_unknown_fields=True):
    """What a model can beside reading and writing text."""

    name: str = ""
    """A regular expression for a part of its name; the first that fits counts."""
    output: int = 16_384
    """Tokens of its longest answer."""
    reasoning: str = ""
    """How it is told to think: adaptive, budget, effort, level; "" for one that does not."""
    schema: bool = False
    """Whether an answer can be made to fit a JSON schema while there are tools."""


class Preset(Struct, frozen=True, forbid_unknown_fields=True):
    """A server that is known by a short name."""

    url: str
    dialect: str = "compatible"
    key: str = ""
    """Where its key is looked for in the environment; "" where none is needed."""
    port: int = 0
    """Where it usually listens on this machine."""
    thoughts: str = ""
    """The field in which it wants a model's thoughts back."""
    effort: str = "reasoning_effort"
    """The field that says how much to think."""
    ids: int = 0
    """The length that the ids of calls must have; 0 for any."""
    local: bool = False
    """Whether its models are slow to load and to answer."""


def ability(model: str) -> Ability:
    """What a model of this name can; what is usual for an unknown one."""
    for name, able in _known()[0]:
        if name.search(model):
            return able
    return Ability()


def preset(name: str) -> Preset | None:
    """The server of this name, if it is known."""
    return _known()[1].get(name)


def presets() -> dict[str, Preset]:
    """All servers that are known by name."""
    return dict(_known()[1])


@functools.cache
def _known() -> tuple[list[tuple[re.Pattern[str], Ability]], dict[str, Preset]]:
    with open(FILE, "rb") as file:
        data: dict[str, Any] = msgspec.toml.decode(file.read())
    able = msgspec.convert(data["model"], list[Ability])
    servers = msgspec.convert(data["server"], dict[str, Preset])
    return [(re.compile(one.name), one) for one in able], servers
