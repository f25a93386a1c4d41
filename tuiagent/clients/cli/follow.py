"""What a run has come to so far: its answer, its calls, and what it waits for."""

from typing import Any

from tuiagent.clients.cli import CANCELLED, DONE, ERROR, LIMIT, NEEDS_PERSON, REFUSED
from tuiagent.clients.waits import told
from tuiagent.kernel import call as calls
from tuiagent.kernel import grants, undo
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Fact
from tuiagent.kernel.jobs import JobEnded, JobStarted
from tuiagent.kernel.limits import Limits
from tuiagent.kernel.prompts import PromptRebased, PromptSubmitted, PromptWithdrawn
from tuiagent.kernel.stall import FOLDED, RunStalled

EXITS = {
    "done": DONE,
    "error": ERROR,
    "limit": LIMIT,
    "refused": REFUSED,
    "interrupted": CANCELLED,
    "cancelled": CANCELLED,
}


REVISED = (*grants.FOLDED, grants.ModeChanged, grants.SandboxChanged)
"""What changes the policy."""
REPAIR = "-repair"
"""Between a run's id and the number, in the id of a run that corrects its answer."""


class Follow:
    """Reads the facts of one session as they come, for the run with this id ("": all runs)."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.status = ""
        self.error = ""
        self.answer = ""
        self.document = ""
        """The answer as JSON that fits the schema that was asked for."""
        self.model = ""
        self.usage: dict[str, int] = {}
        self.calls: dict[str, dict[str, Any]] = {}
        self.jobs: dict[str, dict[str, Any]] = {}
        """What runs in the background, with its arguments."""
        self.denied: list[str] = []
        """Why calls were refused by policy."""
        self._again: float | None = None
        self.needs = ""
        """What the run waits for that is no answer, such as a key."""
        self._started: dict[str, float] = {}
        self._asking = False
        self._limits = Limits()
        self._began = self._ended = self._cost = 0.0
        self._turns = 0

    def apply(self, event: Event) -> None:
        """Takes the next fact."""
        fact = event.fact
        if isinstance(fact, runs.RunFinished) and fact.run == self.run:
            self.status, self.error, self._ended = fact.status, fact.error, event.at
        elif isinstance(fact, runs.RunStarted) and fact.run == self.run:
            self._limits, self._began = fact.limits, event.at
        elif isinstance(fact, PromptWithdrawn) and fact.prompt == self.run:
            self.status, self._ended = "cancelled", event.at
        elif isinstance(fact, FOLDED):
            self.needs = fact.needs if isinstance(fact, RunStalled) else ""
            self._again = fact.again if isinstance(fact, RunStalled) else None
            self._asking = self._asking and not self.needs
        elif isinstance(fact, PromptSubmitted) and fact.prompt == self.repair:
            self.again()
        elif isinstance(fact, PromptRebased) and not self.status:
            self._cost += fact.cost or 0.0
        elif not self._session(fact) and self.run in (
            "",
            getattr(fact, "attempt", self.run).partition(".")[0],
        ):
            self._attempt(event)

    def _session(self, fact: Fact) -> bool:
        """Takes what is not of one run alone; whether it was that."""
        if isinstance(fact, undo.UndoRequested):
            args = {"call": fact.call, "path": fact.path}
            self.calls[fact.undo] = _row(fact.undo, undo.TOOL, args)
        elif isinstance(fact, REVISED):
            for row in self.calls.values():  # what waits is judged again, and perhaps let through
                row["status"] = "proposed" if row["status"] == "asked" else row["status"]
        elif isinstance(fact, JobStarted):
            self.jobs[fact.job] = fact.args
        elif isinstance(fact, JobEnded):
            self.jobs.pop(fact.job, None)
        else:
            return False
        return True

    def _attempt(self, event: Event) -> None:
        fact = event.fact
        if isinstance(fact, runs.AttemptStarted):
            self._asking = True
        elif isinstance(fact, runs.AttemptFailed | runs.ReplyInterrupted):
            self._asking = isinstance(fact, runs.AttemptFailed) and fact.retry_at is not None
        elif isinstance(fact, runs.ReplyReceived):
            self._reply(fact)
        else:
            self._call(event)

    @property
    def repair(self) -> str:
        """The id of the run that corrects this one's answer."""
        first, _, _ = self.run.partition(REPAIR)
        return f"{first}{REPAIR}{self.repairs + 1}"

    @property
    def repairs(self) -> int:
        """How often this answer was corrected already."""
        number = self.run.partition(REPAIR)[2]
        return int(number) if number.isdecimal() else 0

    def again(self) -> None:
        """Follows the run that corrects this one's answer; what was called and used stays."""
        self.run = self.repair
        self.status = self.error = self.answer = ""
        self._cost, self._turns = 0.0, 0

    def left(self) -> Limits | None:
        """What this run left of its limits to the one that corrects it; None for nothing."""
        given, seconds = self._limits, self._ended - self._began
        pairs = ((given.turns, self._turns), (given.cost, self._cost), (given.seconds, seconds))
        if any(limit and used >= limit for limit, used in pairs):
            return None
        return Limits(
            given.turns and given.turns - self._turns,
            given.cost and given.cost - self._cost,
            given.seconds and given.seconds - seconds,
        )

    def _reply(self, fact: runs.ReplyReceived) -> None:
        self._asking = False
        self._turns += 1
        self._cost += fact.cost or 0.0
        reply = fact.reply
        self.model = reply.model or self.model
        self.answer = reply.text if reply.text.strip() else self.answer
        if reply.usage:
            for name in ("input", "output", "cache_read", "cache_write", "reasoning"):
                self.usage[name] = self.usage.get(name, 0) + getattr(reply.usage, name)
        for call in reply.calls:
            self.calls[call.id] = _row(call.id, call.name, call.args)

    def _call(self, event: Event) -> None:
        fact = event.fact
        row = self.calls.get(getattr(fact, "call", ""))
        if row is None:
            return
        if isinstance(fact, calls.CallJudged):
            words = {"allow": "allowed", "ask": "asked", "deny": "denied"}
            row["status"] = words[fact.verdict.decision]
            row["effect"] = fact.claims.effect
            row["digest"], row["offer"] = fact.digest, fact.verdict.offer
            row["reason"] = fact.verdict.reason
            if fact.verdict.decision == "deny":
                self.denied.append(f"{row['name']}: {fact.verdict.reason}")
        elif isinstance(fact, calls.ApprovalAnswered):
            row["status"] = "allowed" if fact.allow else "denied"
        elif isinstance(fact, calls.CallAmended):
            row["status"], row["args"] = "proposed", fact.args
        elif isinstance(fact, calls.CallStarted):
            row["status"] = "started"
            self._started.setdefault(fact.call, event.at)
        elif isinstance(fact, calls.CallDeferred):
            row["status"] = "deferred"
            row["question"] = fact.question.text
        elif isinstance(fact, calls.CallFinished):
            row["status"] = fact.observation.status
            row["seconds"] = round(event.at - self._started.get(fact.call, event.at), 3)

    @property
    def waits(self) -> list[dict[str, Any]]:
        """The calls that wait for a person, when nothing else can go on."""
        if self._asking or self.status:
            return []
        if self.needs:
            way = ": set it and go on" if self._again is None else ""
            text = told(self.needs, self._again) + way
            return [{**_row("", "", None), "status": "stalled", "question": text}]
        waiting: list[dict[str, Any]] = []
        blocked = False
        for row in self.calls.values():
            if row["status"] in ("asked", "deferred"):
                waiting.append(row)
                blocked = True
            elif row["status"] in ("proposed", "started") or (
                row["status"] == "allowed"
                and not (blocked and row["effect"] in ("write", "execute"))
            ):
                return []
        return waiting

    @property
    def exit(self) -> int:
        """The exit code; 4 also when policy refused calls of a run that is done."""
        if not self.status:
            return NEEDS_PERSON
        code = EXITS[self.status]
        return REFUSED if code == DONE and self.denied else code


def _row(ident: str, name: str, args: dict[str, Any] | None) -> dict[str, Any]:
    return {"id": ident, "name": name, "args": args, "status": "proposed", "effect": ""}
