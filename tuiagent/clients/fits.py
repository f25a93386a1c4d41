"""Says whether a JSON document fits a JSON Schema.

A process of its own, run by its path: a schema may recurse, branch or match patterns without end,
and then this process dies and nothing else. It opens no file and no connection.
"""

import itertools
import json
import resource
import sys
from collections.abc import Sequence
from typing import Any

import jsonschema_rs

MEMORY = 1 << 30
"""Bytes of address space."""
SECONDS = 1
"""Of computing."""
STEPS = 100_000
"""How often one pattern may go back on one text."""
PROBES = (None, 0, "", [], {})
SHOWN, WIDTH = 10, 300
"""Errors, and characters of each."""


def main() -> None:
    """Reads `schema` and perhaps `document`, both as text; writes `refused` or `errors`."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    given = json.load(sys.stdin.buffer)
    try:
        json.dump(judged(given["schema"], given.get("document")), sys.stdout)
    except jsonschema_rs.ValidationError as error:
        json.dump({"refused": told(error)}, sys.stdout)
    except (ValueError, RecursionError) as error:
        json.dump({"refused": f"it cannot be read: {error}"}, sys.stdout)


def judged(schema: str, document: str | None) -> dict[str, Any]:
    """What is wrong with the document, if one is given; raises what is wrong with the schema."""
    validator = jsonschema_rs.validator_for(
        schema,
        offline=True,
        pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=STEPS),
    )
    if document is None:
        for probe in PROBES:  # a schema that explodes on these would, later, on any answer
            validator.is_valid(probe)
        return {"errors": []}
    found = list(itertools.islice(validator.iter_errors(json.loads(document)), SHOWN))
    for error in found:
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.BacktrackLimitExceeded):
            return {"refused": f"a pattern takes too long: {error.message}"[:WIDTH]}
    return {"errors": [told(error) for error in found]}


def told(error: jsonschema_rs.ValidationError) -> str:
    """Where it is wrong, and what."""
    return f"{place(error.instance_path)}: {error.message[:WIDTH]}"


def place(path: Sequence[str | int]) -> str:
    """A place in a document, such as $.rows[3].name."""
    return "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)


if __name__ == "__main__":
    main()
