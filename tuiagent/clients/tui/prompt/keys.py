"""Keys that older terminals send in a way that Textual takes for others."""

from string import ascii_lowercase
from typing import Any, NamedTuple, cast

from textual._ansi_sequences import ANSI_SEQUENCES_KEYS


class Named(NamedTuple):
    """A key as Textual's table of sequences holds it."""

    value: str
    """Its name, as bindings have it."""


def teach() -> None:
    """Has Textual know Alt with Enter and with letters as soon as they are pressed.

    It would take Alt+Enter for Enter, which sends, and letters for text when others come quickly.
    """
    known = cast("dict[str, Any]", ANSI_SEQUENCES_KEYS)
    for char, name in (("\r", "enter"), *zip(ascii_lowercase, ascii_lowercase, strict=True)):
        known.setdefault(f"\x1b{char}", (Named(f"alt+{name}"),))


def meant(key: str) -> str:
    """The key's usual name: xterm reports Shift+Enter as Shift and a carriage return."""
    return key.replace("\r", "enter")
