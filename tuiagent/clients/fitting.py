"""An answer that is wanted as one JSON document that fits a JSON Schema: how it is asked for, read
and checked. Checking is done by a process of its own: see fits.py."""

import asyncio
import os
import re
import subprocess
import sys
from typing import Any

import msgspec

from tuiagent.kernel.errors import ConfigError

LARGEST = 1 << 16
"""Bytes of a schema: the model has to read it."""
PATIENCE = 15.0
"""Seconds until checking has taken too long, whatever it is that it waits for."""
FENCE = re.compile(r"\s*```(?:json)?[ \t]*\n(.*)\n[ \t]*```\s*", re.DOTALL | re.IGNORECASE)
WANTED = """\
Your last message must be one JSON document that fits the JSON Schema below, and nothing else: no \
words before it or after it, no code fence."""
TOO_MUCH = "checking takes too much time or memory: the schema branches or recurses too much"
CHECKER = os.path.join(os.path.dirname(__file__), "fits.py")


def asked(text: str, schema: str) -> str:
    """The prompt, and how it is to be answered."""
    return f"{text}\n\n{WANTED}\n\n{shown(schema)}"


def shown(schema: str) -> str:
    """The schema as a model reads it."""
    return f"<json-schema>\n{schema}\n</json-schema>"


async def refusal(schema: str) -> str:
    """Why it is no schema that can be used, as one that refers to something outside of it; ""."""
    refused = (await _ask(schema)).get("refused", "")
    return f"{refused}{_hint(refused)}" if refused else ""


async def read(answer: str, schema: str) -> tuple[str, list[str]]:
    """The document in the answer, written anew as it was understood, or what is wrong.

    Raises ConfigError for a schema that this answer cannot be checked against.
    """
    fenced = FENCE.fullmatch(answer)
    try:
        document = msgspec.json.encode(
            msgspec.json.decode(fenced[1] if fenced else answer)
        ).decode()
    except (ValueError, RecursionError) as error:
        return "", [f"it is not one JSON document: {error}"]
    found = await _ask(schema, document)
    if "refused" in found:
        raise ConfigError(found["refused"])
    return document, found["errors"]


def _hint(refused: str) -> str:
    if "etriev" not in refused and "base URI" not in refused:
        return ""
    return "; nothing is fetched: put what is referred to under $defs"


async def _ask(schema: str, document: str | None = None) -> dict[str, Any]:
    """What the checker says in a process of its own, which may not take long."""
    given = {"schema": schema} | ({} if document is None else {"document": document})
    argv = [sys.executable, "-I", CHECKER]
    return await asyncio.to_thread(_checked, argv, msgspec.json.encode(given))


def _checked(argv: list[str], given: bytes) -> dict[str, Any]:
    try:
        done = subprocess.run(
            argv, input=given, capture_output=True, timeout=PATIENCE, start_new_session=True
        )
    except subprocess.TimeoutExpired:
        return {"refused": TOO_MUCH}
    if done.returncode < 0:
        return {"refused": TOO_MUCH}
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return {"refused": f"the checker failed: {last}"}
    return msgspec.json.decode(done.stdout)
