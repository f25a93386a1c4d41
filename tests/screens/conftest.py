"""What the tests of the screens share."""

from typing import Any

import pytest
from textual.css.stylesheet import Stylesheet

_PARSED: dict[Any, Any] = {}


@pytest.fixture(scope="session", autouse=True)
def styles_are_parsed_once() -> None:
    """Every app has the same styles: each of them is parsed once in a theme, not in every test."""
    parse = Stylesheet._parse_rules

    def parsed(self: Stylesheet, *of: Any, **more: Any) -> Any:
        key = (of, tuple(more.items()), tuple(self._variables.items()))
        if key not in _PARSED:
            _PARSED[key] = parse(self, *of, **more)
        return _PARSED[key]

    Stylesheet._parse_rules = parsed  # type: ignore[method-assign]
