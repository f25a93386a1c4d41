"""The forms that answers with more than a key are given in."""

import time
from collections.abc import Callable

from tuiagent.clients.tui.approvals import answers, detail
from tuiagent.clients.tui.form import Field, Form, Values
from tuiagent.kernel.call import AnswerApproval, AnswerQuestion
from tuiagent.kernel.event import Intent
from tuiagent.views.inbox import Waiting

Send = Callable[[Waiting, Intent], None]
TERM = "how long: 30m, 1h, 2d, or 5 uses; empty: the whole session"
UNTIL = "how long: 30m, 1h, 2d; empty: for good"


def for_session(one: Waiting, send: Send) -> Form:
    """Yes, and a rule for this session, perhaps with an end."""

    def take(values: Values) -> None:
        send(one, answers.granted(one, values["rule"], values["term"], time.time()))

    return Form("For this session", _offered(one), _rule(one, TERM), take)


def for_good(one: Waiting, keep: Callable[[Waiting, AnswerApproval], None]) -> Form:
    """Yes, and a rule for all sessions of the folder."""

    def take(values: Values) -> None:
        answer = answers.granted(one, values["rule"], values["term"], time.time())
        answers.keepable(answer)
        keep(one, answer)

    where = [f"in every session of {one.claims.folder}"] if one.claims else []
    return Form("Always, in this folder", [*_offered(one), *where], _rule(one, UNTIL), take)


def edited(one: Waiting, send: Send) -> Form:
    """Yes, with other arguments."""
    texts = answers.editable(one)
    fields = [Field(name, name, text, many=True) for name, text in texts.items()]
    lines = ["What you send is judged again, and the agent is told of it."]

    def take(values: Values) -> None:
        send(one, answers.amended(one, values))

    return Form(f"Edit {detail.tool(one)}", lines, fields, take)


def refused(one: Waiting, send: Send) -> Form:
    """No, and why."""

    def take(values: Values) -> None:
        send(one, answers.refused(one, values["reason"]))

    return Form("Refuse", ["The model reads why."], [Field("reason", "reason")], take)


def typed(one: Waiting, send: Send) -> Form:
    """An answer in words."""
    assert one.question is not None

    def take(values: Values) -> None:
        send(one, AnswerQuestion(one.stream, one.call, values["text"]))

    return Form("Answer", [one.question.text], [Field("text", "answer", many=True)], take)


def _offered(one: Waiting) -> list[str]:
    offer = answers.offer(one)
    lines = [f"offered: {offer}" if offer else "No rule is offered for this call."]
    if one.verdict is not None and one.verdict.neighbour:
        lines.append(f"It does not let through: {one.verdict.neighbour}")
    return lines


def _rule(one: Waiting, term: str) -> list[Field]:
    offer = answers.offer(one)
    shown = offer if answers.verbatim(offer) and "\n" not in offer else ""
    return [Field("rule", "rule", shown, "the offered one"), Field("term", term)]
