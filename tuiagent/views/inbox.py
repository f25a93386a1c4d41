"""The inbox: everything that waits for a person, of every session."""

from typing import Any

from msgspec import Struct, msgpack
from msgspec.structs import replace

from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.event import Event, Fact, Seen
from tuiagent.kernel.jobs import JobEnded, JobStarted
from tuiagent.kernel.message import Question
from tuiagent.kernel.policy import Verdict
from tuiagent.kernel.stall import FOLDED, RunResumed, RunStalled
from tuiagent.kernel.transfer import foreign


class Waiting(Struct, frozen=True):
    """One thing that a person is asked."""

    stream: str
    call: str
    kind: str
    """approval, question, outcome, or key; the last waits under the id of its run."""
    at: float
    tool: str = ""
    args: dict[str, Any] | None = None
    digest: str = ""
    verdict: Verdict | None = None
    claims: Claims | None = None
    question: Question | None = None
    text: str = ""
    again: float | None = None
    """When it is looked for again without a person."""
    after: str = ""
    """What its agent had last been told when it wanted this, such as `read README.md`."""


SUBJECT = 200
"""Characters of what a call is about that are kept of it for later."""
Place = tuple[str, str]
"""A stream and a call in it."""


class Wanted(Struct):
    """A call that somebody wants."""

    tool: str = ""
    args: dict[str, Any] | None = None
    after: str = ""
    subject: str = ""
    """What it was judged by."""


Known = tuple[dict[Place, Waiting], dict[Place, Wanted], dict[str, str]]


class InboxView:
    """What waits, by session and call, oldest first."""

    kinds: frozenset[str] | None = frozenset(
        {
            "ReplyReceived",
            "CallJudged",
            "CallAmended",
            "ApprovalAnswered",
            "CallDeferred",
            "QuestionAnswered",
            "CallFinished",
            "JobStarted",
            "JobEnded",
            "OutcomeResolved",
            "RunStalled",
            "RunResumed",
            "RunFinished",
        }
    )

    def __init__(self, key: str = "") -> None:
        self.key = key
        self.waiting: dict[tuple[str, str], Waiting] = {}
        self._calls: dict[Place, Wanted] = {}
        self._told: dict[str, str] = {}
        """By session, the call whose result its agent was told last."""

    def snapshot(self) -> list[Any]:
        """The things that wait, oldest first."""
        return list(self.waiting.values())

    def save(self) -> bytes:
        """All that it knows."""
        return msgpack.encode((self.waiting, self._calls, self._told))

    def load(self, body: bytes) -> None:
        """Knows this again. Raises msgspec.MsgspecError."""
        self.waiting, self._calls, self._told = msgpack.decode(body, type=Known)

    def apply(self, seen: Seen) -> list[tuple[str, str]]:
        """Takes the next event; the (stream, call) pairs that changed."""
        if not isinstance(seen, Event) or (self.key and seen.stream != self.key):
            return []
        if foreign(seen.actor):
            return []
        fact, stream = seen.fact, seen.stream
        if isinstance(fact, runs.ReplyReceived):
            after = self._told.get(stream, "")
            for call in fact.reply.calls:
                self._calls[stream, call.id] = Wanted(call.name, call.args, after)
            return []
        if isinstance(fact, runs.RunFinished):
            self._told.pop(stream, None)
            return [*self._drop((stream, fact.run)), *self._forget(stream, fact.run)]
        if isinstance(fact, FOLDED):
            return self._stall(seen, fact)
        if isinstance(fact, JobStarted):
            self._calls[stream, fact.job] = Wanted(fact.tool, fact.args)
            return []
        place = (stream, fact.job if isinstance(fact, JobEnded) else getattr(fact, "call", ""))
        before = self.waiting.pop(place, None)
        self._note(place, fact)
        one = self._calls.get(place, Wanted())
        said = Waiting(*place, "", seen.at, one.tool, one.args, after=one.after)
        if waits := _waiting(fact, said):
            self.waiting[place] = waits
        return [place] if before is not None or place in self.waiting else []

    def _note(self, place: Place, fact: Fact) -> None:
        """Keeps what is known of a call, and what its agent is told of it."""
        wanted = self._calls.get(place)
        if wanted is None:
            return
        if isinstance(fact, calls.CallAmended):
            wanted.args = fact.args
        elif isinstance(fact, calls.CallJudged):
            wanted.subject = fact.claims.subject.removeprefix(f"{fact.claims.folder}/")[:SUBJECT]
        elif isinstance(fact, calls.CallFinished) and fact.observation.status == "ok":
            self._told[place[0]] = f"{wanted.tool} {wanted.subject}".strip()

    def _stall(self, event: Event, fact: RunStalled | RunResumed) -> list[Place]:
        """A run waits for a key, or does so no more."""
        place = (event.stream, fact.run)
        if isinstance(fact, RunResumed):
            return self._drop(place)
        text = f"needs {fact.needs}"
        self.waiting[place] = Waiting(*place, "key", event.at, text=text, again=fact.again)
        return [place]

    def _drop(self, place: Place) -> list[Place]:
        """It waits no more, if it did."""
        return [place] if self.waiting.pop(place, None) is not None else []

    def _forget(self, stream: str, run: str) -> list[tuple[str, str]]:
        """A run that is over asks nothing more; doubtful outcomes stay."""
        places = [p for p in self._calls if p[0] == stream and p[1].startswith(run + ".")]
        gone: list[tuple[str, str]] = []
        for place in places:
            waiting = self.waiting.get(place)
            if waiting is None or waiting.kind != "outcome":
                del self._calls[place]
                if self.waiting.pop(place, None) is not None:
                    gone.append(place)
        return gone


def _waiting(fact: Fact, wanted: Waiting) -> Waiting | None:
    """What is wanted as it waits since this fact; None where it does not."""
    if isinstance(fact, calls.CallJudged) and fact.verdict.decision == "ask":
        more = {"digest": fact.digest, "verdict": fact.verdict, "claims": fact.claims}
        return replace(wanted, kind="approval", **more)
    if isinstance(fact, calls.CallDeferred):
        return replace(wanted, kind="question", question=fact.question)
    ended = isinstance(fact, calls.CallFinished | JobEnded)
    if ended and fact.observation.status == "unknown":
        return replace(wanted, kind="outcome", text=fact.observation.text)
    return None
