"""The head of a Markdown file: what stands between its first two lines of three dashes."""

import re
from typing import Any

from tuiagent.kernel.errors import ConfigError

LARGEST = 8 * 1024
"""Bytes in which a head has to stand."""
HEAD = re.compile(r"\A\ufeff?---[ \t]*\r?\n(?P<head>.*?)^---[ \t]*\r?(?:\n|\Z)", re.M | re.S)
PLAIN = re.compile(r"(?P<name>[A-Za-z][\w-]*):[ \t]+(?P<value>[A-Za-z0-9(/$][^\n]*?)[ \t]*\r?\Z")
SPECIAL = re.compile(r": |:\Z| #|\A(?:true|false|yes|no|on|off|null|[\d.,_+-]*)\Z", re.I)
"""What makes YAML take a value for more than its words."""


def split(text: str) -> tuple[dict[str, Any], str]:
    """The fields of the head and the text below it. Raises ConfigError for a head that is none."""
    found = HEAD.match(text)
    if found is None:
        if text.lstrip("\ufeff").startswith(("---\n", "---\r\n")):
            raise ConfigError("its head does not end: it lacks a second line of three dashes")
        return {}, text
    if len(found["head"].encode()) > LARGEST:
        raise ConfigError(f"its head is longer than {LARGEST // 1024} KiB")
    return _plain(found["head"]) or _yaml(found["head"]), text[found.end() :]


def _plain(head: str) -> dict[str, Any] | None:
    """A head of words only; None when it takes YAML to read it, which takes 40 ms to load."""
    fields: dict[str, Any] = {}
    for line in head.splitlines():
        found = PLAIN.match(line)
        if found is None or SPECIAL.search(found["value"]) or found["name"] in fields:
            return None
        fields[found["name"]] = found["value"]
    return fields


def _yaml(head: str) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 - only where a head is more than words

    try:
        fields = yaml.load(head, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ConfigError(f"its head is not YAML: {why}") from error
    if not isinstance(fields, dict):
        raise ConfigError("its head has no fields such as `description: …`")
    return fields
