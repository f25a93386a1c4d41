"""When a provider takes requests again, as its refusal says: in headers, in its body, or in words.

Sources: RFC 9110, 10.2.3 (Retry-After); https://platform.openai.com/docs/guides/rate-limits,
https://docs.anthropic.com/en/api/rate-limits, https://openrouter.ai/docs/api-reference/limits and
google.rpc.RetryInfo (https://github.com/googleapis/googleapis, google/rpc/error_details.proto).
"""

import math
import re
import time
from collections.abc import Mapping
from typing import Any

LONGEST = 366 * 86_400.0
"""Seconds; who says more does not mean it."""
AGAIN = re.compile(r"(?:try again|retry) in (\d+(?:\.\d+)?) ?(ms|s|m|h)\b", re.IGNORECASE)
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
PIECE = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
RESET = re.compile(r"(?:x-ratelimit-reset(.*)|(?:anthropic-ratelimit|x-ratelimit)(-.*)-reset)")
DAYS = 1e9
"""From here on a number is a moment (seconds since 1970), from a hundred times as much in ms."""


def wait(headers: Mapping[str, str], error: Any, text: str, limited: bool) -> float | None:
    """Seconds until then, None where nothing can be understood.

    `error` is the body or event that tells of the failure, `text` its message, `limited` says that
    what is used up is a limit: only then the limits' own times count.
    """
    now = _date(headers.get("date", "")) or time.time()
    asked = retry_after(headers)
    if asked is None:
        asked = _least(_told(error, now))
    if asked is None and limited:
        asked = _used_up({**_inner(error), **headers}, now)
    return _words(text) if asked is None else asked


def retry_after(headers: Mapping[str, str]) -> float | None:
    """The seconds that a Retry-After header asks for, None for nonsense."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
        return seconds if math.isfinite(seconds) and seconds >= 0 else None
    until = _date(headers.get("retry-after", ""))
    if until is None:
        return None
    now = _date(headers.get("date", ""))
    return max(0.0, until - (time.time() if now is None else now))


def _told(error: Any, now: float) -> list[float | None]:
    """What a body says in fields of its own."""
    body = _fault(error)
    details = body.get("details")
    rows = details if isinstance(details, list) else []
    delays = [row.get("retryDelay") for row in rows if isinstance(row, dict)]
    resets = (body.get("resets_in_seconds"), body.get("resets_at"))
    return [_moment(value, now) for value in (*delays, *resets) if value is not None]


def _inner(error: Any) -> dict[str, str]:
    """The headers that a gateway puts into the body of what it passes on."""
    metadata = _fault(error).get("metadata")
    found = metadata.get("headers") if isinstance(metadata, dict) else None
    rows = found.items() if isinstance(found, dict) else ()
    return {str(name).lower(): str(value) for name, value in rows}


def _fault(error: Any) -> dict[str, Any]:
    """The object that tells of a failure, within what came."""
    if isinstance(error, list) and error:
        error = error[0]
    for name in ("response", "error"):
        inner = error.get(name) if isinstance(error, dict) else None
        error = inner if isinstance(inner, dict) else error
    return error if isinstance(error, dict) else {}


def _used_up(headers: Mapping[str, str], now: float) -> float | None:
    """When the last of the limits that are used up is whole again."""
    times: list[float | None] = []
    for name, value in headers.items():
        found = RESET.fullmatch(name)
        if found is None:
            continue
        kind = found[1] if found[1] is not None else found[2]
        if kind.startswith("-unified-"):
            continue  # one of several windows: `unified` itself stands for the one that is meant
        prefix = "anthropic-ratelimit" if name.startswith("anthropic") else "x-ratelimit"
        left = headers.get(f"{prefix}-remaining{kind}") or headers.get(f"{prefix}{kind}-remaining")
        if left is None or left.strip() in ("0", "0.0"):
            times.append(_moment(value, now))
    known = [seconds for seconds in times if seconds is not None]
    return max(known, default=None)


def _moment(value: Any, now: float) -> float | None:
    """Seconds from now until a moment (seconds or ms since 1970, a date) or for a time (`6m0s`)."""
    if isinstance(value, str):
        value = value.strip()
        if PIECE.sub("", value) == "" and value:
            value = sum(float(n) * UNITS[unit] for n, unit in PIECE.findall(value))
    try:
        number = float(value)
    except (TypeError, ValueError):
        return _iso(value, now)
    if number >= DAYS:
        number = number / (1000.0 if number >= 100 * DAYS else 1.0) - now
        number = max(0.0, number)
    return number if 0 <= number <= LONGEST else None


def _iso(value: Any, now: float) -> float | None:
    """Seconds from now until an RFC 3339 date."""
    from datetime import datetime  # noqa: PLC0415 - needed once in a blue moon

    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    seconds = max(0.0, moment.timestamp() - now)
    return seconds if moment.tzinfo is not None and seconds <= LONGEST else None


def _least(times: list[float | None]) -> float | None:
    return min((seconds for seconds in times if seconds is not None), default=None)


def _date(text: str) -> float | None:
    """An HTTP date in seconds since 1970."""
    if not text:
        return None
    from email.utils import parsedate_to_datetime  # noqa: PLC0415  30 ms, needed once in a blue moon

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _words(text: str) -> float | None:
    """The seconds of a "try again in 1s"."""
    found = AGAIN.search(text)
    return float(found[1]) * UNITS[found[2].lower()] if found else None
