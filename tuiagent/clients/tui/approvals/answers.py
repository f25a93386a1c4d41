"""What the keys of the approvals mean: the intents that they make."""

from typing import Any

import msgspec

from tuiagent.clients.approve import grant
from tuiagent.clients.clean import clean
from tuiagent.kernel import standing
from tuiagent.kernel.call import AnswerApproval
from tuiagent.kernel.errors import TuiagentError
from tuiagent.kernel.rules import parse_rule
from tuiagent.kernel.standing import KeepRule
from tuiagent.views.inbox import Waiting


def allowed(one: Waiting) -> AnswerApproval:
    """Yes, this once, to just what was shown."""
    return AnswerApproval(one.stream, one.call, one.digest, True)


def refused(one: Waiting, reason: str = "") -> AnswerApproval:
    """No; the model reads the reason."""
    return AnswerApproval(one.stream, one.call, one.digest, False, reason)


def granted(one: Waiting, rule: str, term: str, now: float) -> AnswerApproval:
    """Yes, and a rule for this session; the offered one where none is written.

    Raises TuiagentError.
    """
    rule = rule.strip() or offer(one)
    if not rule:
        raise TuiagentError("no rule is offered for this call: write one such as shell(git *)")
    parse_rule(rule)
    _, until, uses = grant(f"for {term.strip()}", now) if term.strip() else ("", 0.0, 0)
    return AnswerApproval(
        one.stream, one.call, one.digest, True, grant=rule, until=until, uses=uses
    )


def keepable(answer: AnswerApproval) -> None:
    """Raises TuiagentError for a grant that cannot be kept for good."""
    if answer.uses:
        raise TuiagentError("so many uses count in one session: s grants them")


def kept(answer: AnswerApproval, folder: str) -> KeepRule:
    """The granted rule, for all sessions of a folder, and no other. Raises TuiagentError."""
    if not folder:
        raise TuiagentError("the session's folder is not known: s grants it for the session")
    return KeepRule(standing.STREAM, answer.grant, folder, answer.until)


def amended(one: Waiting, texts: dict[str, str]) -> AnswerApproval:
    """Yes, with these arguments, which are judged again. Raises TuiagentError."""
    args = dict(one.args or {})
    for name, text in texts.items():
        args[name] = text if verbatim(args[name]) else _json(name, text)
    return AnswerApproval(one.stream, one.call, one.digest, True, args=args)


def editable(one: Waiting) -> dict[str, str]:
    """The arguments as they are edited: text as it is, all else, and what would hide, as JSON."""
    import json  # noqa: PLC0415 - not for the first frame

    return {
        name: value if verbatim(value) else json.dumps(value, ensure_ascii=True)
        for name, value in (one.args or {}).items()
    }


def verbatim(value: object) -> bool:
    """Whether a value is edited as it stands: text in which nothing hides."""
    return isinstance(value, str) and clean(value) == value


def offer(one: Waiting) -> str:
    """The rule that is offered, "" for none."""
    return one.verdict.offer if one.verdict else ""


def _json(name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise TuiagentError(f"{name}: this is not JSON as it is needed here: {error}") from error
