"""What a server says of its tools: taken only as far as it can be trusted to be harmless data."""

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec
from msgspec import Struct

TOOLS = 512
"""Tools that one server may lend."""
DESCRIPTION = 4096
"""Characters of a description that are told."""
SCHEMA = 64 * 1024
"""Bytes that the description of a tool's arguments may have."""
DEEP = 32
"""Levels that it may have."""
LONGEST = 64
"""Characters of a name that every provider takes."""
PREFIX = 32
"""Of these, characters for the server."""
NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
"""What the protocol lets a tool be called."""


class Definition(Struct, frozen=True, omit_defaults=True):
    """A tool as its server describes it."""

    tool: str
    """The server's own name of it."""
    description: str
    parameters: dict[str, Any]
    """JSON schema of its arguments."""
    reads: bool = False
    """Whether the server says that it changes nothing."""
    again: bool = False
    """Whether the server says that doing it twice is as good as once."""

    @property
    def digest(self) -> str:
        """What accepting it binds to: SHA-256 of all of it."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


class Refusal(Exception):
    """Why a tool is not lent."""


def name_of(server: str, tool: str) -> str:
    """The tool's name for agents, always the same: `server__tool`, at most 64 characters.

    Where characters had to be changed or left out a mark follows: no two servers share what is
    before the two strokes, by which rules name all tools of one, and no two tools share a name.
    """
    whole = f"{prefix(server)}__{re.sub(r'[^A-Za-z0-9_-]', '_', tool)}"
    if whole.endswith(f"__{tool}") and len(whole) <= LONGEST:
        return whole
    return f"{whole[: LONGEST - 9]}_{_mark(tool)}"


def prefix(server: str) -> str:
    """What the names of a server's tools begin with."""
    if len(server) <= PREFIX and re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*(?:_[A-Za-z0-9-]+)*", server):
        return server
    plain = re.sub(r"[^A-Za-z0-9-]+", "_", server).strip("_-0123456789")
    return f"{plain[: PREFIX - 9] or 'server'}_{_mark(server)}"


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def plain(text: str, longest: int = DESCRIPTION) -> str:
    """The text without control characters and what is not seen; a long one loses its end."""
    seen = "".join(c for c in text[: 2 * longest] if c.isprintable() or c in "\n\t")
    return seen if len(seen) <= longest and len(text) <= 2 * longest else f"{seen[:longest]}…"


def taken(
    listed: Iterable[Mapping[str, Any]], only: tuple[str, ...] = (), never: tuple[str, ...] = ()
) -> tuple[dict[str, Definition], tuple[str, ...]]:
    """The tools of a listing by their own names, and why others of it are refused.

    `only` and `never` are the names that a person wants or does not want.
    """
    found: dict[str, Definition] = {}
    refused: list[str] = []
    for raw in listed:
        name = raw.get("name")
        if (only and name not in only) or name in never:
            continue
        try:
            one = _definition(raw)
            if one.tool in found:
                raise Refusal("there are two of that name")
            if len(found) >= TOOLS:
                refused.append(f"more than {TOOLS} tools: the others are left out")
                break
        except Refusal as why:
            refused.append(f"{plain(str(name), 80)!r}: {why}")
            continue
        found[one.tool] = one
    return found, tuple(refused)


def _definition(raw: Mapping[str, Any]) -> Definition:
    """The tool, checked. Raises Refusal."""
    name, schema = raw.get("name"), raw.get("inputSchema")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise Refusal("its name is not made of at most 128 letters, digits and _ - . /")
    hints = raw.get("annotations")
    hints = cast(dict[str, Any], hints) if isinstance(hints, dict) else {}
    return Definition(
        name,
        plain(str(raw.get("description") or raw.get("title") or "")),
        _schema(schema),
        hints.get("readOnlyHint") is True,
        hints.get("idempotentHint") is True,
    )


def _schema(schema: object) -> dict[str, Any]:
    """The schema of an object, with nothing in it that is fetched or without end."""
    if not isinstance(schema, dict):
        raise Refusal("its arguments are not described by an object")
    try:
        if len(msgspec.json.encode(schema)) > SCHEMA:
            raise Refusal(f"the description of its arguments is longer than {SCHEMA} bytes")
    except (RecursionError, TypeError, ValueError) as error:
        raise Refusal("the description of its arguments cannot be read") from error
    found = _part(cast(dict[str, Any], schema), 0)
    if found.get("type", "object") != "object":
        raise Refusal("its arguments are no object")
    if not isinstance(found.get("properties", {}), dict):
        raise Refusal("its arguments are not described by an object")
    return {**found, "type": "object", "properties": found.get("properties", {})}


def _part(value: Any, depth: int) -> Any:
    if depth > DEEP:
        raise Refusal(f"the description of its arguments has more than {DEEP} levels")
    if isinstance(value, dict):
        table = cast(dict[str, Any], value)
        place = table.get("$ref", table.get("$dynamicRef", "#"))
        if not isinstance(place, str) or not place.startswith("#"):
            raise Refusal("the description of its arguments refers to another place")
        return {plain(str(name), 256): _part(one, depth + 1) for name, one in table.items()}
    if isinstance(value, list):
        return [_part(one, depth + 1) for one in cast(list[Any], value)]
    return plain(value) if isinstance(value, str) else value
