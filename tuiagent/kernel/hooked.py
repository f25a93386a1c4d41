"""What goes on, or ends, in a session because of what hooks said."""

from tuiagent.kernel import hooks
from tuiagent.kernel import run as runs
from tuiagent.kernel.call import JudgeCall
from tuiagent.kernel.errors import Refused
from tuiagent.kernel.event import At, Fact
from tuiagent.kernel.hooks import HookRan, ReportHooks, strictest
from tuiagent.kernel.prompts import PromptWithdrawn
from tuiagent.kernel.run import Run, RunFinished


def decide_report(run: Run | None, intent: ReportHooks, at: At) -> list[Fact]:
    """What hooks said, where anybody did, and what ends or goes on because of it."""
    if not at.fence:
        raise Refused("only the session's owner reports what hooks said")
    loud = tuple(one for one in intent.rulings if not one.silent)
    facts: list[Fact] = [HookRan(intent.event, intent.about, loud)] if loud else []
    stop, block = strictest(loud, "stop"), strictest(loud, "block")
    if intent.event in (hooks.BEFORE, hooks.END):
        return facts  # a call's verdict says what it decides; no end is kept off
    if run is None:
        raise Refused("no run is going on in this session")
    if intent.event == hooks.STOP:
        if not run.held:
            raise Refused("the run does not end now")
        feedback = block or any(one.context for one in loud)
        goes_on = feedback and not stop and run.kept_on < hooks.AGAIN
        return facts if goes_on else [*facts, RunFinished(run.id, "done")]
    if intent.event == hooks.PROMPT and (stop or block):
        facts.append(PromptWithdrawn(intent.about))
        if intent.about == run.id:
            stop = stop or block
    if stop:
        facts.append(RunFinished(run.id, "refused", f"the hook `{stop.command}`: {stop.reason}"))
    return facts


def stopped(run: Run | None, intent: JudgeCall, at: At) -> list[Fact]:
    """What else ends when a hook of a call stops the run; the call itself is refused."""
    if run is None or not strictest(intent.hooks, "stop"):
        return []
    stop = runs.decide_interrupt(run, runs.InterruptRun(intent.stream), at)
    return [fact for fact in stop if getattr(fact, "call", "") != intent.call]
