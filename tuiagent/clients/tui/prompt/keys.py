"""Keys that older terminals send in a way that Textual takes for others."""

from enum import StrEnum
from typing import Any, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


class Key(StrEnum):
    """Names of keys, as bindings have them."""

    ALT_ENTER = "alt+enter"


def teach() -> None:
    """Has Textual know Alt+Enter, which would else send a prompt in place of beginning a line."""
    cast("dict[str, Any]", ANSI_SEQUENCES_KEYS)["\x1b\r"] = (Key.ALT_ENTER,)


def meant(key: str) -> str:
    """The key's usual name: xterm reports Shift+Enter as Shift and a carriage return."""
    return key.replace("\r", "enter")
