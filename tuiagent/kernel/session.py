"""A session: its folder, prompts, epochs, mode and rules, and the run that is going on."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from tuiagent.kernel import asides, command, grants, hooks, jobs, lifecycle, stall, transfer, undo
from tuiagent.kernel import call as calls
from tuiagent.kernel import effort as answering
from tuiagent.kernel import run as runs
from tuiagent.kernel.call import CallState
from tuiagent.kernel.compact import FULL
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact, Intent, Unknown
from tuiagent.kernel.grants import ChangeMode, ModeChanged, Rulebook, SandboxChanged
from tuiagent.kernel.hooked import decide_report, stopped
from tuiagent.kernel.jobs import Jobs
from tuiagent.kernel.lifecycle import Label, OpenSession, SessionOpened
from tuiagent.kernel.prompts import (
    ChangeModel,
    ModelChanged,
    PromptRebased,
    PromptSubmitted,
    PromptWithdrawn,
    RebasePrompt,
    RenewalRequested,
    RenewTools,
    ShortenConversation,
    ShorteningRequested,
    SubmitPrompt,
    TellTools,
    ToolsChanged,
    WithdrawPrompt,
    decide_renewal,
    decide_shortening,
    rebased,
    submitted,
)
from tuiagent.kernel.run import Run

# ---------------------------------------------------------------- state


class Session(Struct):
    """What deciding needs to know of a session; never its history."""

    opened: SessionOpened | None = None
    label: Label = msgspec.field(default_factory=Label)
    model: str = ""
    effort: str = ""
    mode: str = ""
    sandbox: str = ""
    rulebook: Rulebook = msgspec.field(default_factory=Rulebook)
    revision: int = 0
    """Of the policy: rises with every change of mode or rules."""
    epoch: int = 0
    epoch_model: str = ""
    window: int = 0
    """Tokens that fit into one request; 0 when that is not known."""
    context: int = 0
    """Tokens of the conversation, as of the newest reply."""
    replies: int = 0
    """Since the epoch began."""
    renewed: bool = False
    """Whether an epoch has to begin before the model is asked again, for the sake of its tools."""
    too_long: bool = False
    """Whether the conversation has to be made shorter before the model is asked again."""
    run: Run | None = None
    queue: list[PromptSubmitted] = []
    """Prompts that wait for the run before them."""
    prompts: set[str] = set()
    wishes: dict[str, CallState] = {}
    """Calls that people ask for, beside any run: undos and commands of their own."""
    undone: int = 0
    """How many undos people asked for; the next, how many commands."""
    commands: int = 0
    jobs: Jobs = msgspec.field(default_factory=Jobs)
    told: set[str] = set()
    """What the model was told beside what people say, by where it is from."""
    hooked: set[str] = set()
    """Events that hooks spoke of, with what each was about."""
    unresolved: set[str] = set()
    """Calls and jobs whose outcome is unknown and that no person has settled."""
    unknown: int = 0
    """Facts that this version does not understand: such a session is shown, never driven."""

    @property
    def crowded(self) -> bool:
        """Whether the conversation has to be made shorter now; never twice in a row unasked."""
        full = self.window and self.context > self.window * FULL and self.replies > 1
        return bool(self.too_long or full)

    @property
    def stale(self) -> bool:
        """Whether a new epoch has to begin before the model is asked."""
        return not self.epoch or self.epoch_model != self.model or self.renewed

    @property
    def agent(self) -> str:
        """The actor that the session's own steps are done by."""
        return self.opened.agent if self.opened else ""

    def running(self) -> Run:
        """The run that is going on. Raises Refused."""
        if self.run is None:
            raise Refused("no run is going on in this session")
        return self.run

    def call(self, call: str) -> CallState:
        """The call of the newest reply, or a person's, with this id. Raises Refused."""
        state = self.find(call)
        if state is None:
            raise Refused(f"call {call} is not open")
        return state

    def find(self, call: str) -> CallState | None:
        """The call of the newest reply, or of a person's, with this id."""
        calls = self.run.calls if self.run else {}
        return calls.get(call) or self.wishes.get(call)


# ---------------------------------------------------------------- decide


def _open(state: Session, intent: OpenSession, at: At) -> list[Fact]:
    if state.opened or state.label.erased:
        raise Refused("the session is open already, or was erased")
    mode = grants.named_mode(intent.opened.mode)
    if intent.opened.name:
        lifecycle.check_name(intent.opened.name)
    return [msgspec.structs.replace(intent.opened, mode=mode)]


def _label(state: Session, intent: Intent, at: At) -> list[Fact]:
    if not state.opened:
        raise Refused("there is no such session")
    busy = "a run is going on in it: cancel that first" if state.run else ""
    if state.jobs.running():
        busy = "commands of it still run in the background: end them first"
    return lifecycle.decide(state.label, intent, at, busy, state.agent)


def _submit(state: Session, intent: SubmitPrompt, at: At) -> list[Fact]:
    if not state.opened:
        raise Refused("there is no such session")
    if intent.prompt in state.prompts:
        raise Refused(f"prompt {intent.prompt} was submitted before")
    told = submitted(intent, intent.steer and state.run is not None)
    return [told] if state.run else [told, runs.started(told.prompt, told.limits, at)]


def _withdraw(state: Session, intent: WithdrawPrompt, at: At) -> list[Fact]:
    waiting = [*(_unseen(state) if state.run else []), *state.queue]
    if all(prompt.prompt != intent.prompt for prompt in waiting):
        raise Refused(f"prompt {intent.prompt} does not wait any more")
    return [PromptWithdrawn(intent.prompt)]


def _start_attempt(state: Session, intent: runs.StartAttempt, at: At) -> list[Fact]:
    if state.stale:
        raise Refused("the prompt has to be rebased first")
    if state.crowded:
        raise Refused("the conversation has to be made shorter first")
    return runs.decide_start(state.running(), at)


def _interrupt(state: Session, intent: runs.InterruptRun, at: At) -> list[Fact]:
    facts = runs.decide_interrupt(state.running(), intent, at)
    others = [] if intent.run else state.queue
    waiting = [*_unseen(state), *others] if intent.cancel else []
    return [*facts, *(PromptWithdrawn(prompt.prompt) for prompt in waiting)]


def _then_next(state: Session, facts: list[Fact], at: At) -> list[Fact]:
    """When these facts end the run and a prompt waits, the next run begins with them."""
    if facts and isinstance(facts[-1], runs.RunFinished):
        waiting = [*_unseen(state), *state.queue]
        if waiting:
            return [*facts, runs.started(waiting[0].prompt, waiting[0].limits, at)]
    return facts


def _unseen(state: Session) -> list[PromptSubmitted]:
    """Steering prompts that came too late for the run they were meant for."""
    run = state.running()
    late = [prompt for prompt in run.unseen if prompt != run.id]
    return [PromptSubmitted(prompt, "", limits=run.limits) for prompt in late]


def _change_model(state: Session, intent: ChangeModel, at: At) -> list[Fact]:
    if intent.model == state.model:
        return []
    run = state.run  # what the other model needs is another question
    changed = ModelChanged(intent.model, intent.why)
    return [changed, *(stall.decide_resume(run.id, run.stall) if run else [])]


def _judge(state: Session, intent: calls.JudgeCall, at: At) -> list[Fact]:
    _not_stopping(state, intent.call)
    rules = state.rulebook.holding(at.now)
    mode = "ask" if intent.call in state.wishes else state.mode  # a person is here and asked for it
    facts = calls.decide_judge(state.call(intent.call), intent, rules, mode, state.revision)
    return [*facts, *stopped(state.run, intent, at)]


def _start_call(state: Session, intent: calls.StartCall, at: At) -> list[Fact]:
    _not_stopping(state, intent.call)
    return calls.decide_start(state.call(intent.call), intent, at, state.revision)


def _not_stopping(state: Session, call: str) -> None:
    if call not in state.wishes and state.running().stopping:
        raise Refused("the run is being stopped")


def _finish(state: Session, intent: calls.FinishCall, at: At) -> list[Fact]:
    found = state.call(intent.call)
    facts = calls.decide_finish(found, intent, at)
    if intent.job is not None:
        facts.append(jobs.started(state.jobs, found, intent.job, at))
    return facts


DECIDE: dict[type[Intent], Callable[[Session, Any, At], list[Fact]]] = {
    OpenSession: _open,
    **dict.fromkeys(lifecycle.DECIDED, _label),
    SubmitPrompt: _submit,
    WithdrawPrompt: _withdraw,
    RebasePrompt: lambda s, i, at: rebased(s.epoch, i),
    ShortenConversation: lambda s, i, at: decide_shortening(s.epoch, s.too_long),
    RenewTools: lambda s, i, at: decide_renewal(s.epoch, s.renewed, s.agent, at),
    ChangeMode: lambda s, i, at: grants.decide_mode(s.mode, s.sandbox, i, at, s.agent),
    grants.ChangeSandbox: lambda s, i, at: grants.decide_sandbox(s.sandbox, i, at, s.agent),
    ChangeModel: _change_model,
    **dict.fromkeys(answering.DECIDED, answering.decide),
    TellTools: lambda s, i, at: [ToolsChanged(i.added, i.gone)],
    runs.StartAttempt: _start_attempt,
    runs.FailAttempt: lambda s, i, at: runs.decide_fail(s.running(), i, at),
    runs.ReceiveReply: lambda s, i, at: runs.decide_receive(s.running(), i),
    runs.InterruptReply: lambda s, i, at: runs.decide_interrupt_reply(s.running(), i),
    stall.StallRun: lambda s, i, at: stall.decide_stall(s.running().id, s.running().stall, i, at),
    stall.ResumeRun: lambda s, i, at: stall.decide_resume(s.running().id, s.running().stall),
    runs.InterruptRun: _interrupt,
    runs.ReachLimit: lambda s, i, at: runs.decide_limit(s.running(), i, at),
    runs.EndRun: lambda s, i, at: runs.decide_end(s.running()),
    calls.JudgeCall: _judge,
    calls.AnswerApproval: lambda s, i, at: calls.decide_answer(s.call(i.call), i, at, s.agent),
    grants.ConfigureRules: lambda s, i, at: grants.decide_configure(s.rulebook, i, at, s.agent),
    grants.RevokeRule: lambda s, i, at: grants.decide_revoke(s.rulebook, i),
    calls.StartCall: _start_call,
    calls.DeferCall: lambda s, i, at: calls.decide_defer(s.call(i.call), i),
    calls.FinishCall: _finish,
    calls.AnswerQuestion: lambda s, i, at: calls.decide_question(s.call(i.call), i, at, s.agent),
    calls.ResolveOutcome: lambda s, i, at: calls.decide_resolve(s.unresolved, i),
    asides.TellAside: lambda s, i, at: asides.decide(s.told, i, at),
    hooks.ReportHooks: lambda s, i, at: decide_report(s.run, i, at),
    jobs.StopJob: lambda s, i, at: jobs.decide_stop(s.jobs, i),
    jobs.EndJob: lambda s, i, at: jobs.decide_end(s.jobs, i, at),
    transfer.ImportSession: lambda s, i, at: transfer.decide(s, i, at, fold, FOLD),
    undo.UndoCall: lambda s, i, at: undo.decide_request(s.undone, i, at, s.agent),
    command.RunCommand: lambda s, i, at: command.decide(s.commands, i, at, s.agent),
    undo.ProposeUndo: lambda s, i, at: undo.decide_propose(s.wishes, i, at),
}


def decide(state: Session, intent: Intent, at: At) -> Sequence[Fact]:
    """The facts that this intent makes in this state. Raises Refused."""
    if state.unknown:
        raise Refused("a newer tuiagent wrote to this session; update to go on with it")
    if state.label.deleted is not None and type(intent) not in lifecycle.BEYOND:
        raise Refused("the session was deleted; `tuiagent sessions restore` brings it back")
    return _then_next(state, DECIDE[type(intent)](state, intent, at), at)


# ---------------------------------------------------------------- fold


def _fold_opened(state: Session, fact: SessionOpened) -> None:
    state.opened = fact
    state.model, state.mode, state.rulebook = fact.model, fact.mode, Rulebook(fact.rules)
    state.label.name, state.effort, state.sandbox = fact.name, fact.effort, fact.sandbox


def _fold_submitted(state: Session, fact: PromptSubmitted) -> None:
    state.prompts.add(fact.prompt)
    if fact.steer and state.run:
        state.run.unseen.append(fact.prompt)
    else:
        state.queue.append(fact)


def _fold_withdrawn(state: Session, fact: PromptWithdrawn) -> None:
    state.queue = [waiting for waiting in state.queue if waiting.prompt != fact.prompt]
    if state.run and fact.prompt in state.run.unseen:
        state.run.unseen.remove(fact.prompt)


def _fold_run_started(state: Session, fact: runs.RunStarted) -> None:
    state.queue = [waiting for waiting in state.queue if waiting.prompt != fact.run]
    state.run = Run(fact.run, fact.limits, deadline=fact.deadline, unseen=[fact.run])


def _fold_run_finished(state: Session, fact: runs.RunFinished) -> None:
    state.queue = [*_unseen(state), *state.queue] if state.run else state.queue
    state.run = None


def _fold_rebased(state: Session, fact: PromptRebased) -> None:
    state.epoch, state.epoch_model, state.window = fact.epoch, fact.model, fact.window
    state.renewed = False
    if fact.shortened is not None:
        state.too_long, state.context, state.replies = False, 0, 0
        state.told.clear()  # it may be gone: it is told again where it is due
        if state.run:
            state.run.cost += fact.cost or 0.0


def _fold_mode(state: Session, fact: ModeChanged | SandboxChanged) -> None:
    state.mode = getattr(fact, "mode", state.mode)
    state.sandbox = getattr(fact, "sandbox", state.sandbox)
    state.revision += 1


def _fold_wish(state: Session, fact: Fact) -> None:
    (command if isinstance(fact, command.CommandRequested) else undo).fold(state.wishes, fact)
    state.undone += isinstance(fact, undo.UndoRequested)
    state.commands += isinstance(fact, command.CommandRequested)


def _fold_rules(state: Session, fact: Fact) -> None:
    grants.fold(state.rulebook, fact)
    state.revision += 1


def _fold_run(state: Session, fact: Fact) -> None:
    if state.run:
        runs.fold(state.run, fact)
    if isinstance(fact, runs.ReplyReceived):
        state.context = fact.context
        state.replies += 1
    elif isinstance(fact, hooks.HookRan):
        state.hooked.add(f"{fact.event} {fact.about}")
    elif isinstance(fact, runs.AttemptFailed) and fact.kind == "too_long":
        state.too_long = fact.retry_at is not None


def _fold_call(state: Session, fact: Any) -> None:
    found = state.find(fact.call)
    if found:
        calls.fold(found, fact)
        if not found.open:
            state.wishes.pop(fact.call, None)
        if isinstance(fact, calls.CallStarted) and found.claims:
            # what else a rule had let through is judged anew once it is used up
            state.revision += state.rulebook.use(found.rule, found.claims)
    if isinstance(fact, calls.CallFinished) and fact.observation.status == "unknown":
        state.unresolved.add(fact.call)
    elif isinstance(fact, calls.OutcomeResolved):
        state.unresolved.discard(fact.call)


def _fold_job(state: Session, fact: Fact) -> None:
    jobs.fold(state.jobs, fact)
    if isinstance(fact, jobs.JobEnded) and fact.observation.status == "unknown":
        state.unresolved.add(fact.job)


FOLD: dict[type[Fact], Callable[[Session, Any], None]] = {
    SessionOpened: _fold_opened,
    **dict.fromkeys(lifecycle.FOLDED, lambda s, fact: lifecycle.fold(s.label, fact)),
    transfer.SessionImported: lambda s, f: _fold_opened(transfer.cleared(s, Session()), f.opened),
    PromptSubmitted: _fold_submitted,
    PromptWithdrawn: _fold_withdrawn,
    PromptRebased: _fold_rebased,
    ShorteningRequested: lambda s, fact: setattr(s, "too_long", True),
    RenewalRequested: lambda s, fact: setattr(s, "renewed", True),
    **dict.fromkeys((ModeChanged, SandboxChanged), _fold_mode),
    **dict.fromkeys(answering.FOLDED, answering.fold),
    ToolsChanged: lambda s, fact: None,
    runs.RunStarted: _fold_run_started,
    runs.RunFinished: _fold_run_finished,
    **dict.fromkeys((*runs.FOLDED, hooks.HookRan), _fold_run),
    **dict.fromkeys((*calls.FOLDED, calls.OutcomeResolved), _fold_call),
    **dict.fromkeys(grants.FOLDED, _fold_rules),
    asides.AsideTold: lambda s, fact: s.told.add(fact.source),
    **dict.fromkeys((*undo.FOLDED, command.CommandRequested), _fold_wish),
    **dict.fromkeys(jobs.FOLDED, _fold_job),
}


def fold(state: Session, fact: Fact) -> Session:
    """The state after this fact; it changes the state it is given."""
    apply = FOLD.get(type(fact))
    if apply:
        apply(state, fact)
    elif isinstance(fact, Unknown):
        state.unknown += 1
    return state
