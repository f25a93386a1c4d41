"""The schemas of what is printed, read and served, made from the types that do it."""

import argparse
from collections.abc import Callable
from typing import Any

import msgspec

from tuiagent import config_file
from tuiagent.clients.cli import DONE
from tuiagent.clients.cli.printers import Line, Result, say
from tuiagent.kernel.aggregates import AGGREGATES
from tuiagent.registry import load

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def run(args: argparse.Namespace) -> int:
    """`schema NAME`: prints one of them."""
    made = load(DOCUMENTS[args.what])() if args.what in DOCUMENTS else schema(args.what)
    say(msgspec.json.format(msgspec.json.encode(made)).decode() + "\n")
    return DONE


def schema(name: str) -> dict[str, Any]:
    """The JSON Schema of this name."""
    return {"$schema": DIALECT, **SCHEMAS[name]()}


def events() -> dict[str, Any]:
    """A line of `--output events`: the body of each known kind; other kinds may hold anything."""
    kinds = [fact for kind in AGGREGATES.values() for fact in kind.facts]
    _, parts = msgspec.json.schema_components([Line, *kinds], ref_template="#/$defs/{name}")
    line = parts.pop(Line.__name__)
    bodies = [
        {
            "if": {"properties": {"kind": {"const": kind.__name__}}},
            "then": {
                "properties": {
                    "body": {"anyOf": [{"$ref": f"#/$defs/{kind.__name__}"}, {"type": "null"}]}
                }
            },
        }
        for kind in kinds
    ]
    return {**line, "allOf": bodies, "$defs": parts}


SCHEMAS: dict[str, Callable[[], dict[str, Any]]] = {
    "events": events,
    "result": lambda: msgspec.json.schema(Result),
    "config": config_file.schema,
}
"""Each by the name that people ask for: a line of events, the object of json, config.toml."""
DOCUMENTS = {
    "openapi": "tuiagent.clients.web.documents:openapi",
    "asyncapi": "tuiagent.clients.web.documents:asyncapi",
}
"""What is published of the web server's API."""
