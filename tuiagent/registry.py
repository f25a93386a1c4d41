"""Names to things: `module:attribute`, loaded when it is first asked for."""

from importlib import import_module
from typing import Any


def load(path: str) -> Any:
    """What `package.module:attribute` names."""
    module, _, attribute = path.partition(":")
    return getattr(import_module(module), attribute)
