"""What waits for a person, and the answers."""

from typing import Any

from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.api.sessions import ALL, done, paged, stream
from tuiagent.clients.web.problem import Problem
from tuiagent.clients.web.shapes import Approval, Done, Page
from tuiagent.kernel.call import AnswerApproval, AnswerQuestion, ResolveOutcome
from tuiagent.kernel.errors import ConfigError


async def inbox(asked: Asked) -> Page[Any]:
    """GET /inbox."""
    return await paged(asked, "inbox")


async def waiting(asked: Asked, kind: str) -> Page[Any]:
    """The things of one kind that wait, oldest first."""
    snapshot = await asked.client.read("inbox", "", ALL)
    rows = [row for row in snapshot.data if row["kind"] == kind]
    end = len(rows) if asked.query.before is None else min(asked.query.before, len(rows))
    return Page(rows[max(0, end - asked.query.limit) : end], snapshot.position, len(rows))


async def approvals(asked: Asked) -> Page[Any]:
    """GET /approvals."""
    return await waiting(asked, "approval")


async def questions(asked: Asked) -> Page[Any]:
    """GET /questions."""
    return await waiting(asked, "question")


async def outcomes(asked: Asked) -> Page[Any]:
    """GET /outcomes."""
    return await waiting(asked, "outcome")


async def approved(asked: Asked) -> Done:
    """POST /sessions/{id}/approvals/{call}."""
    said = asked.body
    assert isinstance(said, Approval)
    intent = AnswerApproval(
        await stream(asked),
        asked.path["call"],
        said.digest,
        said.allow,
        said.reason,
        said.grant,
        said.until,
        said.uses,
        said.args,
    )
    try:
        return await done(asked, intent)
    except ConfigError as error:
        raise Problem(422, "rule_unreadable", str(error)) from error


async def answered(asked: Asked) -> Done:
    """POST /sessions/{id}/questions/{call}."""
    intent = AnswerQuestion(await stream(asked), asked.path["call"], asked.body.text)
    return await done(asked, intent)


async def resolved(asked: Asked) -> Done:
    """POST /sessions/{id}/outcomes/{call}."""
    said = asked.body
    intent = ResolveOutcome(await stream(asked), asked.path["call"], said.how, said.text)
    return await done(asked, intent)
