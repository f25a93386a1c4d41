"""What a person types to answer an approval, and what is meant by it."""

import re
from typing import Any

import msgspec

from tuiagent.kernel.call import AnswerApproval
from tuiagent.kernel.errors import TuiagentError

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SHORT = re.compile(r"y|n|s(?: for .*)?")
"""What answers without a slash: a message must never be taken for a yes."""
TERM = re.compile(r"(?:(.*) )?for (\d{1,6}) ?(s|m|h|d|uses?)", re.DOTALL)
WORDS = ("/approve", "/deny", "/session", "/always", "/edit")


def answer(stream: str, row: dict[str, Any], word: str, rest: str, now: float) -> AnswerApproval:
    """The answer to the call in this row. Raises TuiagentError for what cannot be meant.

    `word` is y, n, s or one of WORDS; `rest` is what followed it, without the call's id.
    """
    call, digest = row["id"], row.get("digest", "")
    if word in ("n", "/deny"):
        return AnswerApproval(stream, call, digest, False, rest)
    if word == "/edit":
        return AnswerApproval(stream, call, digest, True, args=edited(row["args"] or {}, rest))
    if word in ("y", "/approve"):
        return AnswerApproval(stream, call, digest, True, rest)
    rule, until, uses = grant(rest, now)
    rule = rule or row.get("offer", "")
    if not rule:
        raise TuiagentError("no rule is offered for this call: say one, /session RULE, or y")
    if word == "/always" and uses:
        raise TuiagentError("so many uses count in one session: /session RULE for 5 uses")
    return AnswerApproval(stream, call, digest, True, grant=rule, until=until, uses=uses)


def grant(text: str, now: float) -> tuple[str, float, int]:
    """The rule, when it ends, and how often it counts, of `[RULE] [for 1h | for 5 uses]`."""
    text = text.strip()
    term = TERM.fullmatch(text)
    if term is None:
        if text == "for" or text.startswith("for "):
            raise TuiagentError(f"{text!r}: write for 30m, for 1h, for 2d or for 5 uses")
        return text, 0.0, 0
    rule, number, unit = (term[1] or "").strip(), int(term[2]), term[3]
    if not number:
        raise TuiagentError("a rule for nothing allows nothing: say y or n")
    if unit.startswith("use"):
        return rule, 0.0, number
    return rule, now + number * UNITS[unit], 0


def edited(args: dict[str, Any], text: str) -> dict[str, Any]:
    """The arguments after `NAME VALUE` or with a JSON object of new ones. Raises TuiagentError.

    A value is text where it was text, else JSON.
    """
    if text.startswith("{"):
        return {**args, **_json(text, dict[str, Any])}
    name, _, value = text.partition(" ")
    if name not in args:
        raise TuiagentError(
            f"write /edit NAME VALUE or /edit JSON; the call's arguments are: {', '.join(args)}"
        )
    return {**args, name: value if isinstance(args[name], str) else _json(value, Any)}


def _json(text: str, kind: Any) -> Any:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise TuiagentError(f"{text[:60]!r} is not JSON as it is needed here: {error}") from error
