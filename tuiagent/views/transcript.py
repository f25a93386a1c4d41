"""The transcript: a session as people read it, item by item."""

from collections.abc import Callable
from typing import Any

from msgspec import Struct

from tuiagent.kernel import (
    asides,
    command,
    effort,
    grants,
    hooks,
    jobs,
    lifecycle,
    prompts,
    session,
    stall,
    transfer,
    undo,
)
from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event, Fact, Seen, Unknown
from tuiagent.kernel.message import Display, Media, Reasoning
from tuiagent.kernel.policy import Verdict


class Item(Struct):
    """One thing in the transcript, by its id."""

    id: str
    kind: str
    """prompt, reply, call, job, notice or run."""
    text: str = ""
    status: str = ""
    """prompt: queued, seen, withdrawn · reply: open, done, failed, interrupted · call: its phase
    or the observation's status · run: as in RunFinished."""
    at: float = 0.0
    actor: str = ""
    name: str = ""
    """The tool's name; `steer` for a prompt that the run that goes on is to see; `hook` for a
    notice of what hooks said."""
    position: int = 0
    """Of the event that added it: what came before is read with it."""
    args: dict[str, Any] | None = None
    verdict: Verdict | None = None
    digest: str = ""
    reasoning: str = ""
    output: str = ""
    blocks: tuple[Display, ...] = ()
    usage: Any = None
    seconds: float = 0.0
    cost: float | None = None
    """Of a reply in US dollars; None where its price is not known."""
    media: tuple[Media, ...] = ()
    """Images and documents of a prompt or of what a call gave."""
    answered: str = ""
    """Who allowed or refused the call."""
    hooks: str = ""
    """What hooks said of the call before it was made."""
    rescued: bool = False
    """Whether the model wrote the call as text."""
    amended: str = ""
    """Who changed the call's arguments before it was made."""
    written: dict[str, Any] | None = None
    """The arguments as the model wrote them, where somebody did."""

    def replaced(self) -> dict[str, Any]:
        """What the model wrote in the arguments that somebody changed."""
        args, written = self.args or {}, self.written or {}
        return {name: old for name, old in written.items() if args.get(name) != old}


UNFINISHED = frozenset({"queued", "open", "proposed", "asked", "allowed", "started", "deferred"})
"""What a fork leaves behind in its origin."""
STEER, HOOK = "steer", "hook"
AGAIN = "; it is asked again"
"""Behind why the model did not answer, where it is asked once more; then comes when."""
NAMED = 8
"""Tools that one line names."""


def settled(item: Item) -> bool:
    """Whether no later event changes the item."""
    told = item.status != "denied" or bool(item.output)  # a refusal comes first, its words behind
    return told and item.status not in UNFINISHED and item.status != "unknown"


def last(items: list[Item], limit: int, before: int | None) -> list[Item]:
    """The last items, or those that were added before a position: what one event added together.

    There are as many as the limit says, or a few more where one event added several.
    """
    found = [item for item in items if before is None or item.position < before]
    first = max(0, len(found) - max(1, limit))
    while first and found[first].position == found[first - 1].position:
        first -= 1
    return found[first:]


def _lent(fact: prompts.ToolsChanged) -> str:
    parts = (("new", fact.added), ("gone", fact.gone))
    named = "; ".join(
        f"{word}: {', '.join(names[:NAMED])}{' …' if len(names) > NAMED else ''}"
        for word, names in parts
        if names
    )
    return f"MCP servers lend other tools ({named}): told; /tools puts them into the prompt"


NOTICES: dict[type[Fact], Callable[[Any], str]] = {
    runs.LimitReached: lambda fact: fact.what,
    prompts.ShorteningRequested: lambda fact: "the conversation will be made shorter",
    prompts.RenewalRequested: lambda fact: "the next answer has the tools that there are now",
    prompts.ToolsChanged: _lent,
    runs.RunNudged: lambda fact: fact.text,
    session.ModeChanged: lambda fact: f"mode {fact.mode}",
    grants.SandboxChanged: lambda fact: f"sandbox {fact.sandbox or 'none'}",
    session.ModelChanged: lambda fact: (
        f"model {fact.model} takes over: {fact.why}" if fact.why else f"model {fact.model}"
    ),
    effort.EffortChanged: lambda fact: f"effort {fact.effort or 'as usual'}",
    effort.ProvidersMoved: effort.places,
    asides.AsideTold: asides.line,
    hooks.HookRan: hooks.line,
    stall.RunStalled: lambda fact: f"waits: needs {fact.needs}",
    stall.RunResumed: lambda fact: "it goes on",
    jobs.JobStopRequested: lambda fact: f"{fact.job} is to end",
    lifecycle.SessionNamed: lambda fact: f"named {fact.name}",
    lifecycle.SessionArchived: lambda fact: "archived" if fact.archived else "out of the archive",
    lifecycle.SessionDeleted: lambda fact: "deleted",
    lifecycle.SessionRestored: lambda fact: "brought back",
    transfer.SessionImported: lambda fact: (
        f"imported; from here on {fact.opened.model or 'no model yet'} in {fact.opened.folder}, "
        f"mode {fact.opened.mode}"
    ),
}
"""Facts that are told in a line of their own."""


class TranscriptView:
    """All items of one session in order; an open reply grows with the signals.

    What becomes of an item follows from the event that added it and those after it. So a view that
    is fed from some event on holds exactly the last items of the whole.
    """

    kinds: frozenset[str] | None = None

    def __init__(self, stream: str) -> None:
        self.stream = stream
        self.items: list[Item] = []
        self._by_id: dict[str, Item] = {}
        self._steering: list[str] = []
        """Prompts that the next attempt of the run sees."""

    def snapshot(self) -> list[Any]:
        """The items, in order."""
        return list(self.items)

    def find(self, ident: str) -> Item | None:
        """The item with this id."""
        return self._by_id.get(ident)

    def resume(self, items: list[Item]) -> None:
        """Goes on from these, the last of the transcript."""
        self.items = items
        self._by_id = {item.id: item for item in items}
        self._steering = [i.id for i in items if i.name == STEER and i.status == "queued"]

    def precede(self, items: list[Item]) -> None:
        """Puts these before what it has; ids that it knows stay with the newer item."""
        self.items[:0] = items
        self._by_id = {item.id: item for item in items} | self._by_id

    def apply(self, seen: Seen) -> list[str]:
        """Takes the next event or signal of the session; the ids of the items that changed."""
        if isinstance(seen, Event):
            fact = seen.fact
            if isinstance(fact, Unknown):
                text = f"something that this version does not know ({fact.kind})"
                return self._add(Item(f"unknown.{seen.position}", "notice", text), seen)
            notice = NOTICES.get(type(fact))
            if notice is not None:
                item = Item(f"{seen.kind}.{seen.position}", "notice", notice(fact))
                item.name = HOOK if isinstance(fact, hooks.HookRan) else ""
                return self._add(item, seen)
            handler = getattr(self, "_" + type(fact).__name__, None)
            return handler(seen, fact) if handler is not None else []
        if isinstance(seen, runs.Delta):
            return self._delta(seen)
        if isinstance(seen, runs.Progress):
            item = self._by_id.get(seen.call)
            if item is not None and item.status == "started":
                item.output += seen.text
                return [item.id]
        return []

    def _add(self, item: Item, event: Event) -> list[str]:
        item.at = event.at
        item.actor = event.actor
        item.position = event.position
        self.items.append(item)
        self._by_id[item.id] = item
        return [item.id]

    def _set(self, ident: str, **changes: Any) -> list[str]:
        item = self._by_id.get(ident)
        if item is None:
            return []
        for name, value in changes.items():
            setattr(item, name, value)
        return [ident]

    def _delta(self, delta: runs.Delta) -> list[str]:
        item = self._by_id.get(delta.attempt)
        if item is None or item.status != "open":
            return []
        if delta.reasoning:
            item.reasoning = item.reasoning[: delta.offset] + delta.text
        else:
            item.text = item.text[: delta.offset] + delta.text
        return [item.id]

    # ------------------------------------------------------------ one method for each kind of fact

    def _SessionOpened(self, event: Event, fact: session.SessionOpened) -> list[str]:
        text = f"{fact.model or 'no model yet'} in {fact.folder}, mode {fact.mode}"
        changed: list[str] = []
        for item in self.items:
            if fact.origin and item.status in UNFINISHED:
                item.status = "cancelled"
                changed.append(item.id)
        if fact.origin:
            self._steering.clear()
            text += f", forked from {fact.origin.stream.partition('/')[2]}"
        return [*changed, *self._add(Item(event.stream, "notice", text), event)]

    def _PromptRebased(self, event: Event, fact: prompts.PromptRebased) -> list[str]:
        if fact.shortened is None:
            text = f"the model has {len(fact.tools)} tools from here on; no cache holds this prompt"
            item = Item(f"epoch.{event.position}", "notice", text)
            return self._add(item, event) if fact.reason == prompts.RENEWED else []
        text = f"the conversation was made shorter: {fact.reason}"
        item = Item(f"epoch.{event.position}", "notice", text, output=fact.shortened.summary)
        return self._add(item, event)

    def _PromptSubmitted(self, event: Event, fact: session.PromptSubmitted) -> list[str]:
        item = Item(fact.prompt, "prompt", fact.text, "queued", media=fact.media)
        if fact.steer:
            item.name = STEER
            self._steering.append(fact.prompt)
        return self._add(item, event)

    def _PromptWithdrawn(self, event: Event, fact: session.PromptWithdrawn) -> list[str]:
        if fact.prompt in self._steering:
            self._steering.remove(fact.prompt)
        return self._set(fact.prompt, status="withdrawn")

    def _AttemptStarted(self, event: Event, fact: runs.AttemptStarted) -> list[str]:
        run = fact.attempt.rpartition(".")[0]
        seen: list[str] = []
        for prompt in (run, *self._steering):
            seen += self._set(prompt, status="seen")
        self._steering.clear()
        return seen + self._add(Item(fact.attempt, "reply", status="open"), event)

    def _AttemptFailed(self, event: Event, fact: runs.AttemptFailed) -> list[str]:
        wait = None if fact.retry_at is None else fact.retry_at - event.at
        soon = "" if wait is None or wait < 1 else f" after {_span(wait)}"
        text = f"{fact.kind}: {fact.error}"
        if wait is not None:
            text = f"{text.rstrip('.')}{AGAIN}{soon}"
        return self._set(fact.attempt, status="failed", output=text, text=fact.partial)

    def _ReplyReceived(self, event: Event, fact: runs.ReplyReceived) -> list[str]:
        reply = fact.reply
        thoughts = "".join(b.text for b in reply.blocks if isinstance(b, Reasoning))
        changed = self._set(
            fact.attempt,
            status="done",
            text=reply.text,
            reasoning=thoughts,
            usage=reply.usage,
            cost=fact.cost,
        )
        for call in reply.calls:
            item = Item(call.id, "call", status="proposed", name=call.name, args=call.args)
            item.text, item.rescued = call.raw, call.rescued
            changed += self._add(item, event)
        return changed

    def _ReplyInterrupted(self, event: Event, fact: runs.ReplyInterrupted) -> list[str]:
        return self._set(fact.attempt, status="interrupted", text=fact.partial, output=fact.why)

    def _CallJudged(self, event: Event, fact: calls.CallJudged) -> list[str]:
        status = {"allow": "allowed", "ask": "asked", "deny": "denied"}[fact.verdict.decision]
        said = hooks.told(hooks.BEFORE, fact.hooks)
        told = {"verdict": fact.verdict, "digest": fact.digest, "hooks": said}
        return self._set(fact.call, status=status, **told)

    def _ApprovalAnswered(self, event: Event, fact: calls.ApprovalAnswered) -> list[str]:
        status = "allowed" if fact.allow else "denied"
        return self._set(fact.call, status=status, answered=event.actor)

    def _CallAmended(self, event: Event, fact: calls.CallAmended) -> list[str]:
        item = self._by_id.get(fact.call)
        written = (item.written or item.args) if item else None
        return self._set(fact.call, args=fact.args, amended=event.actor, written=written)

    def _CallStarted(
        self, event: Event, fact: calls.CallStarted | calls.QuestionAnswered
    ) -> list[str]:
        return self._set(fact.call, status="started", at=event.at, output="", blocks=())

    _QuestionAnswered = _CallStarted

    def _CallDeferred(self, event: Event, fact: calls.CallDeferred) -> list[str]:
        return self._set(fact.call, status="deferred", blocks=(fact.question,))

    def _CallFinished(self, event: Event, fact: calls.CallFinished) -> list[str]:
        found = fact.observation
        item = self._by_id.get(fact.call)
        seconds = event.at - item.at if item else 0.0
        return self._set(
            fact.call,
            status=found.status,
            output=found.text,
            blocks=found.blocks,
            media=found.media,
            seconds=seconds,
        )

    def _JobStarted(self, event: Event, fact: jobs.JobStarted) -> list[str]:
        item = Item(fact.job, "job", fact.call, "started", name=fact.tool, args=fact.args)
        return self._add(item, event)

    def _JobEnded(self, event: Event, fact: jobs.JobEnded) -> list[str]:
        found = fact.observation
        item = self._by_id.get(fact.job)
        seconds = event.at - item.at if item else 0.0
        blocks = found.blocks
        return self._set(
            fact.job, status=found.status, output=found.text, blocks=blocks, seconds=seconds
        )

    def _UndoRequested(self, event: Event, fact: undo.UndoRequested) -> list[str]:
        args = {"call": fact.call, "path": fact.path, "hunk": fact.hunk}
        item = Item(fact.undo, "call", status="proposed", name=undo.TOOL, args=args)
        return self._add(item, event)

    def _CommandRequested(self, event: Event, fact: command.CommandRequested) -> list[str]:
        args = {"command": fact.text}
        item = Item(fact.command, "call", status="proposed", name=command.TOOL, args=args)
        return self._add(item, event)

    def _OutcomeResolved(self, event: Event, fact: calls.OutcomeResolved) -> list[str]:
        return self._set(fact.call, status=fact.how)

    def _InterruptRequested(self, event: Event, fact: runs.InterruptRequested) -> list[str]:
        word = "cancelled" if fact.cancel else "interrupted"
        ident = f"stop.{event.position}"
        return self._add(Item(ident, "notice", f"{word} by {event.actor}"), event)

    def _RunFinished(self, event: Event, fact: runs.RunFinished) -> list[str]:
        late: list[str] = []
        for prompt in self._steering:  # those that came too late wait their turn
            late += self._set(prompt, name="")
        self._steering.clear()
        return late + self._add(Item(f"{fact.run}.end", "run", fact.error, fact.status), event)


def _span(seconds: float) -> str:
    """A time to wait, in the unit that tells it in two or three digits."""
    if seconds < 300:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
