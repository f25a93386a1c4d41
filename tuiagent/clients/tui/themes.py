"""Themes: one file each, those of the package and the person's own."""

import dataclasses
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from tuiagent.folder import changes
from tuiagent.kernel.errors import ConfigError

USUAL = "tuiagent-dark"
PLACES = (Path(__file__).parents[2] / "themes", Path(__file__).parents[3] / "themes")
"""Where the shipped ones lie: in an installed package, and in a checkout."""
FIELDS = {field.name: field for field in dataclasses.fields(Theme)}
PLAIN = ("name", "dark", "ansi", "luminosity_spread", "text_alpha", "variables")
"""Fields that are no colours."""


def own(home: str) -> Path:
    """The folder of the person's own themes."""
    return Path(home) / "themes"


def files(home: str) -> dict[str, Path]:
    """The file of each theme, by its name; one's own come before shipped ones of that name."""
    found: dict[str, Path] = {}
    for place in (*PLACES, own(home)):
        if place.is_dir():
            found |= {path.stem: path for path in sorted(place.glob("*.toml"))}
    return found


async def edited(home: str) -> AsyncIterator[set[str]]:
    """The names of one's own themes whose files change, whenever they do."""
    if not own(home).is_dir():
        return
    async for paths in changes([str(own(home))], 0.1):
        yield {Path(path).stem for path in paths}


def read(path: Path) -> Theme:
    """The theme in a file. Raises ConfigError, which says what is wrong with it."""
    try:
        table = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"the theme {path}: {error}") from error
    return made(table | {"name": path.stem}, str(path))


def made(table: dict[str, Any], where: str) -> Theme:
    """A theme with these fields of textual.theme.Theme. Raises ConfigError."""
    for name, value in table.items():
        if name not in FIELDS:
            known = ", ".join(FIELDS)
            raise ConfigError(f"the theme {where}: there is no field {name!r}; there are {known}")
        if name not in PLAIN:
            _color(name, value, f"the theme {where}")
    if "primary" not in table:
        raise ConfigError(f"the theme {where}: it needs at least `primary`, a colour")
    return Theme(**table)


def colored(theme: Theme, accent: str) -> Theme:
    """The theme with the accent that config.toml names, if it does. Raises ConfigError."""
    if not accent:
        return theme
    _color("theme_color", accent, "config.toml")
    return dataclasses.replace(theme, accent=accent)


def _color(name: str, value: object, where: str) -> None:
    if isinstance(value, str) and (value.startswith("ansi_") or value == "default"):
        return
    try:
        Color.parse(str(value))
    except ColorParseError as error:
        raise ConfigError(f"{where}: {name}: {value!r} is no colour") from error
