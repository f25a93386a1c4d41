"""What a server wants to know of a person: asked field by field, never for a secret."""

import re
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlsplit

from tuiagent.connectors.definition import plain
from tuiagent.kernel.mask import WORDS
from tuiagent.kernel.message import Question

DECLINE, OPENED = "decline", "I have opened it"
SECRET = re.compile(rf"(?i){WORDS}|credential|\b(?:pin|cvv|cvc|otp|2fa)\b|card.?number")
FIELDS = 20
"""Fields that a form may have."""

Ask = Callable[[Question], Awaitable[str | None]]


async def form(
    server: str, message: str, schema: dict[str, Any], ask: Ask
) -> dict[str, str | int | float | bool | list[str] | None] | None:
    """The answers by field; None where the person declines, or is not to be asked."""
    fields: Any = schema.get("properties") or {}
    if not isinstance(fields, dict) or len(fields) > FIELDS:
        return None
    if secret(message) or any(secret(f"{n} {f}") for n, f in cast(Any, fields).items()):
        return None
    required: Any = schema.get("required") or ()
    found: dict[str, Any] = {}
    for name, field in cast(dict[str, Any], fields).items():
        answer = await _answer(server, message, name, field, name in required, ask)
        if answer is None:
            return None
        if answer != "":  # which stands for a field that is left out
            found[name] = answer
    if not fields and await ask(_question(server, message, ("yes",))) != "yes":
        return None
    return found


async def _answer(
    server: str, message: str, name: str, field: Any, required: bool, ask: Ask
) -> str | int | float | bool | list[str] | None:
    """What a person says to one field; "" for nothing, None to decline it all."""
    table = cast(dict[str, Any], field) if isinstance(field, dict) else {}
    kind = table.get("type")
    choices = ("true", "false") if kind == "boolean" else _choices(table)
    what = table.get("description") or table.get("title") or ""
    text = f"{message}\n{name}{': ' if what else ''}{what}"
    usual = table.get("default")
    if usual is not None:
        text += f"\n(say - for the usual: {usual})"
    elif not required:
        text += "\n(say - to leave it out)"
    while True:
        told = await ask(_question(server, text, choices))
        if told is None or told == DECLINE:
            return None
        if told == "-" and (usual is not None or not required):
            return "" if usual is None else usual
        fitting = _fitting(told.strip(), kind, choices)
        if fitting is not None:
            return fitting
        text = f"{told!r} is no {kind}.\n{text}"


def _fitting(
    told: str, kind: object, choices: tuple[str, ...]
) -> str | int | float | bool | list[str] | None:
    """The answer as the field wants it; None where it does not fit."""
    try:
        if kind == "boolean":
            return {"true": True, "yes": True, "false": False, "no": False}.get(told.lower())
        if kind == "integer":
            return int(told)
        if kind == "number":
            return float(told)
    except ValueError:
        return None
    if kind == "array":
        return [part.strip() for part in told.split(",")]
    return told if not choices or told in choices else None


def _choices(table: dict[str, Any]) -> tuple[str, ...]:
    """What may be answered, where that is a choice."""
    named: Any = table.get("enum") or [
        one.get("const") for one in table.get("oneOf") or () if isinstance(one, dict)
    ]
    return tuple(plain(str(one), 200) for one in named[:50]) if isinstance(named, list) else ()


async def address(server: str, message: str, url: str, ask: Ask) -> Any:
    """Whether a person has opened this address themselves; nothing here does."""
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
        return "decline"
    text = f"{message}\nIt wants you to open this at {parts.hostname}:\n{plain(url, 2000)}"
    return "accept" if await ask(_question(server, text, (OPENED,))) == OPENED else "decline"


def secret(text: str) -> bool:
    """Whether this asks for something that no server is told."""
    return SECRET.search(text) is not None


def _question(server: str, text: str, choices: tuple[str, ...]) -> Question:
    return Question(f"The MCP server {server} asks: {plain(text)}", (*choices, DECLINE))
