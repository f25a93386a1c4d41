"""Loaded by schemathesis: whole numbers are written as such, `5` and not `5.0`."""

from typing import Any

import schemathesis


def whole(value: Any) -> Any:
    """The same with whole numbers as integers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return value


@schemathesis.hook
def map_body(context: object, body: Any) -> Any:
    """What is sent instead of this body."""
    return whole(body)
