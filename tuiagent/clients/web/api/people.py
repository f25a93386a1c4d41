"""What waits for a person, and the answers."""

from typing import Any

from tuiagent.clients.web.access import Asked
from tuiagent.clients.web.api.sessions import ALL, done, last, paged, stream
from tuiagent.clients.web.shapes import Approval, Done, Page
from tuiagent.kernel.call import AnswerApproval, AnswerQuestion, ResolveOutcome


async def inbox(asked: Asked) -> Page[Any]:
    """GET /inbox."""
    return await paged(asked, "inbox")


async def waiting(asked: Asked, kind: str) -> Page[Any]:
    """The things of one kind that wait, oldest first."""
    snapshot = await asked.client.read("inbox", "", ALL)
    rows = [row for row in snapshot.data if row["kind"] == kind]
    return Page(last(rows, asked.query), snapshot.position, len(rows))


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
        said.grant or "",
        said.until,
        said.uses,
        said.args,
    )
    return await done(asked, intent)


async def answered(asked: Asked) -> Done:
    """POST /sessions/{id}/questions/{call}."""
    intent = AnswerQuestion(await stream(asked), asked.path["call"], asked.body.text)
    return await done(asked, intent)


async def resolved(asked: Asked) -> Done:
    """POST /sessions/{id}/outcomes/{call}."""
    said = asked.body
    intent = ResolveOutcome(await stream(asked), asked.path["call"], said.how, said.text)
    return await done(asked, intent)
