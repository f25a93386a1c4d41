"""Makes a conversation shorter: outputs that can be had again go first, then a summary."""

import logging

from tuiagent.engine.drive import Drive
from tuiagent.kernel import compact
from tuiagent.kernel.call import CallFinished
from tuiagent.kernel.compact import Shortened
from tuiagent.kernel.errors import NeedsError, ProviderError
from tuiagent.kernel.loop import ShortenPrompt
from tuiagent.kernel.message import Diff, Message, Prompt, Text, Todo, Todos, Usage
from tuiagent.kernel.prompts import RebasePrompt
from tuiagent.kernel.reply import Assembly
from tuiagent.kernel.stall import StallRun

LOG = logging.getLogger("tuiagent.compact")
UNKNOWN = 32_000
"""Tokens of a window that nobody knows the size of."""


async def shorten_prompt(drive: Drive, step: ShortenPrompt) -> None:
    """Begins an epoch with fewer tokens; the whole history stays in the journal."""
    view = drive.prompt
    window = drive.state.window or max(UNKNOWN, drive.state.context)
    keep = int(window * compact.KEPT)
    pruned = compact.prunable(view.messages, keep)
    before = sum(compact.size(message) for message in view.messages)
    after = sum(compact.size(m) for m in view.shortened(Shortened(pruned))[0])
    if after < before / 2:
        await _rebase(drive, "outputs left out", Shortened(pruned))
        return
    first = compact.boundary(view.messages, view.marks, keep)
    kept = view.marks[first] if first < len(view.messages) else ""
    old, marks = view.messages[:first], view.marks[:first]
    reason, cost, usage = "summarised", None, None
    try:
        summary, usage = await _summary(drive, compact.record(old, marks))
        cost = drive.context.means.price(drive.state.model, usage) if usage else None
    except NeedsError as error:
        await drive.write(StallRun(drive.stream, error.needs))
        return
    except ProviderError as error:
        if found := drive.waits_for(error):
            await drive.write(StallRun(drive.stream, *found))
            return
        LOG.warning("%s: no summary by the model: %s", drive.stream, error)
        reason = f"summarised without the model ({error.kind})"
        summary = compact.digest(view.texts, _changed(drive))
    known = frozenset(marks) | frozenset(view.texts)
    running = drive.state.jobs.running()
    text = compact.checked(summary, known, view.texts, _todos(drive), running)
    pruned = tuple(name for name in pruned if name in view.marks[first:])
    await _rebase(drive, reason, Shortened(pruned, text, kept), usage, cost)


async def _rebase(
    drive: Drive,
    reason: str,
    shortened: Shortened,
    usage: Usage | None = None,
    cost: float | None = None,
) -> None:
    view, window = drive.prompt, drive.state.window
    means = drive.context.means
    drive.lent = means.lent(drive.opened)
    await drive.write(
        RebasePrompt(
            drive.stream,
            reason,
            drive.state.model,
            view.system,
            means.tools(drive.opened),
            window,
            shortened,
            usage,
            cost,
        )
    )


async def _summary(drive: Drive, record: str) -> tuple[str, Usage | None]:
    """What the model makes of the record. Raises ProviderError."""
    provider = drive.provider()
    assembly = Assembly("summary")
    message = Message("user", (Text(f"The record:\n\n{record}"),))
    model = drive.state.model.partition("/")[2]
    async for part in provider.stream(Prompt(model, compact.SYSTEM, (), (message,))):
        assembly.add(part)
    reply = assembly.reply()
    if assembly.stop is None or not reply.text.strip():
        raise ProviderError("cut", "the summary did not come to its end")
    return reply.text, reply.usage


def _changed(drive: Drive) -> list[str]:
    """What calls did to files, from the journal."""
    facts = (event.fact for event in drive.context.journal.history(drive.stream))
    ended = [fact for fact in facts if isinstance(fact, CallFinished)]
    return [
        f"{line} [{fact.call}]"
        for fact in ended
        if any(isinstance(block, Diff) for block in fact.observation.blocks)
        for line in fact.observation.text.splitlines()
    ]


def _todos(drive: Drive) -> tuple[Todo, ...]:
    """The newest list of what is to be done."""
    found: tuple[Todo, ...] = ()
    for event in drive.context.journal.history(drive.stream):
        if isinstance(event.fact, CallFinished):
            for block in event.fact.observation.blocks:
                found = block.items if isinstance(block, Todos) else found
    return found
