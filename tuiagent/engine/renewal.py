"""Tools that a session's model is not told of before its next epoch, and what that epoch costs."""

from tuiagent.engine.check import opened_of
from tuiagent.engine.drive import Means
from tuiagent.engine.journal import Journal
from tuiagent.kernel.message import ToolSpec, Usage
from tuiagent.kernel.prompts import PromptRebased
from tuiagent.ports import Waiting


def waiting(journal: Journal, means: Means, stream: str) -> Waiting:
    """What the model would be told of otherwise now. Raises Refused."""
    state, opened = opened_of(journal, stream)
    known: tuple[ToolSpec, ...] = ()
    for event in journal.events(stream):
        if isinstance(event.fact, PromptRebased):
            known = event.fact.tools
    then = {spec.name: spec for spec in known}
    now = {spec.name: spec for spec in means.tools(opened)} if state.epoch else then
    cold = Usage(state.context, 0)
    warm = Usage(state.context, 0, cache_read=state.context)
    prices = means.price(state.model, cold), means.price(state.model, warm)
    dear = prices[0] - prices[1] if prices[0] is not None and prices[1] is not None else None
    return Waiting(
        tuple(name for name in now if name not in then),
        tuple(name for name in then if name not in now),
        tuple(name for name in now if name in then and now[name] != then[name]),
        state.context,
        dear,
    )
