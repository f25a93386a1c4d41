"""Asks the model: one attempt, from the prompt to the reply, its failure or its interruption."""

import asyncio
from functools import partial

from msgspec.structs import replace

from tuiagent.engine.drive import Drive
from tuiagent.engine.retry import available, retry_at
from tuiagent.engine.secrecy import Pieces, Secrecy, secrecy_of
from tuiagent.engine.steps import asides, calls
from tuiagent.kernel import media
from tuiagent.kernel import run as runs
from tuiagent.kernel.compact import size
from tuiagent.kernel.errors import NeedsError, ProviderError, Refused
from tuiagent.kernel.event import Intent
from tuiagent.kernel.hooks import STOP
from tuiagent.kernel.loop import CallModel, RunCall
from tuiagent.kernel.message import Document, Image, Message, Prompt, Reply
from tuiagent.kernel.prompts import RENEWED, ChangeModel
from tuiagent.kernel.reply import Assembly, ReasoningPart, TextPart
from tuiagent.kernel.session import RebasePrompt, TellTools
from tuiagent.kernel.stall import StallRun
from tuiagent.ports import Provider

STAYS = frozenset({"bad_request", "too_long", "not_api"})
"""Failures that are the request's or the settings': another model would only hide them."""


async def call_model(drive: Drive, step: CallModel) -> None:
    """Begins the attempt if it is not begun yet, streams it as signals, reports how it ended."""
    run = drive.state.run
    provider: Provider | ProviderError
    try:
        provider = drive.provider()
    except NeedsError as error:
        await drive.write(StallRun(drive.stream, error.needs))
        return
    except ProviderError as error:
        provider = error  # the attempt says so
    if run is None or run.attempt is None or run.attempt.id != step.attempt:
        try:
            await asides.report(drive)
            if drive.state.run is not run:
                return  # a hook ended it
            await drive.write(*opening(drive))
        except Refused:
            return  # something happened in between: the loop asks again
    attempt = drive.state.run.attempt if drive.state.run else None
    if attempt is None or attempt.id != step.attempt or attempt.fence != drive.fence:
        return
    drive.context.world.point("attempt-started")
    assembly = Assembly(attempt.id)
    try:
        if isinstance(provider, ProviderError):
            raise provider
        await _stream(drive, provider, assembly)
    except ProviderError as error:
        await _fail(drive, assembly, error)
        return
    except asyncio.CancelledError:
        if drive.state.run is not None and drive.state.run.stopping:
            await drive.write(runs.InterruptReply(drive.stream, attempt.id, assembly.text))
            return
        raise
    drive.context.world.point("reply-arrived")
    reply = assembly.reply()
    prepared = calls.Prepared() if drive.leaving else await calls.prepare_first(drive, reply)
    cost = drive.context.means.price(drive.prompt.model, reply.usage) if reply.usage else None
    held = not reply.calls and bool(drive.library.hooks(STOP))
    receive = runs.ReceiveReply(drive.stream, attempt.id, reply, cost, _context(drive, reply), held)
    written = await drive.write(receive, *prepared.intents, blobs=prepared.blobs)
    drive.context.world.point("reply-received")
    if prepared.work is not None:
        going = partial(prepared.go_on, written.done > len(prepared.intents))
        run = RunCall(prepared.work.id)
        drive.begin(run, drive.guarded(run, going))


def opening(drive: Drive) -> list[Intent]:
    """The intents that begin an attempt, with a new epoch before it where one is due."""
    state = drive.state
    intents: list[Intent] = []
    if state.stale:
        window = drive.context.means.window(state.model)
        other = RENEWED if state.epoch_model == state.model else "model changed"
        reason = other if state.epoch else "first"
        means = drive.context.means
        system = means.system(drive.opened) if not state.epoch else drive.prompt.system
        tools = means.tools(drive.opened)
        intents.append(RebasePrompt(drive.stream, reason, state.model, system, tools, window))
    else:
        intents += _lent(drive)
    drive.lent = drive.context.means.lent(drive.opened)
    return [*intents, *asides.fresh(drive), runs.StartAttempt(drive.stream)]


def _lent(drive: Drive) -> list[Intent]:
    """What has to be said of tools that came or went since the model was last told."""
    known, now = drive.lent, drive.context.means.lent(drive.opened)
    if known is None or known == now:
        return []
    added, gone = tuple(sorted(now - known)), tuple(sorted(known - now))
    return [TellTools(drive.stream, added, gone)]


def _context(drive: Drive, reply: Reply) -> int:
    """Tokens of the conversation with this reply, as the provider says or else about."""
    if reply.usage and reply.usage.input:
        return reply.usage.input + reply.usage.output
    messages = [*drive.prompt.messages, Message("assistant", reply.blocks)]
    return (len(drive.prompt.system) // 4) + sum(size(message) for message in messages)


async def _whole(drive: Drive) -> Prompt:
    """The prompt with the bytes of what its model can be shown."""
    prompt, model = drive.prompt.prompt(), drive.prompt.model
    blocks = (block for message in prompt.messages for block in message.blocks)
    shown = [block for block in blocks if isinstance(block, Image | Document)]
    if not shown:
        return prompt
    takes = drive.context.means.takes(model)
    able = (m for m in shown if ("image" if isinstance(m, Image) else "document") in takes)
    keys = media.newest(able)
    store = drive.context.journal.store
    found = {key: await asyncio.to_thread(store.blob, key) for key in sorted(keys)}
    kinds = " and ".join(f"{kind}s" for kind in sorted(takes)) or "text alone"
    room = f"{media.REQUEST >> 20} MiB of them at a time"
    return replace(
        prompt,
        files={key: body for key, body in found.items() if body is not None},
        withheld=f"{model} takes {kinds}, as far as is known, and {room}",
    )


async def _stream(drive: Drive, provider: Provider, assembly: Assembly) -> None:
    """Takes the parts as they arrive. Raises ProviderError, also for a stream without an end."""
    secrecy = secrecy_of(frozenset(drive.context.means.keys()))
    said, thought = (_Said(drive, assembly.attempt, secrecy, more) for more in (False, True))
    async for part in provider.stream(await _whole(drive)):
        assembly.add(part)
        if isinstance(part, TextPart):
            said.add(part.text)
        elif isinstance(part, ReasoningPart) and part.text:
            thought.add(part.text)
    said.end()
    thought.end()
    if assembly.stop is None:
        raise ProviderError("cut", "the model's answer ended without its final event")


class _Said:
    """The text of an attempt, or its reasoning, as it is seen while it comes: without keys."""

    def __init__(self, drive: Drive, attempt: str, secrecy: Secrecy, reasoning: bool) -> None:
        self._drive, self._attempt, self._reasoning = drive, attempt, reasoning
        self._pieces = Pieces(secrecy, secrecy.known)
        self._length = 0

    def add(self, text: str) -> None:
        """Some more of it."""
        self._show(self._pieces.add(text))

    def end(self) -> None:
        """Nothing follows."""
        self._show(self._pieces.rest())

    def _show(self, text: str) -> None:
        if text:
            place = (self._drive.stream, self._attempt, self._length)
            self._drive.context.hub.signal(runs.Delta(*place, text, self._reasoning))
            self._length += len(text)


async def _fail(drive: Drive, assembly: Assembly, error: ProviderError) -> None:
    """Keeps the failure and when to try again."""
    world = drive.context.world
    failures = drive.state.run.failures if drive.state.run else 0
    again = retry_at(error, failures, world.now(), world.random())
    if error.kind == "too_long" and drive.state.replies:
        again = world.now()  # once it is shorter; after that it has no reply since
    text, needs = f"{error}{available(error, world.now()) if again is None else ''}", ""
    others: list[Intent] = []
    other = drive.context.means.fallback(drive.state.model) if error.kind not in STAYS else ""
    if again is None and other:
        again = world.now()
        others.append(ChangeModel(drive.stream, other, text))
    elif again is None and (found := drive.waits_for(error)):
        needs, again = found
    elif again is None and error.retryable and failures:
        text = f"{text} (given up after {failures + 1} attempts)"
    elif error.kind == "bad_request" and (await _whole(drive)).files:
        name = drive.state.model.partition("/")[0]
        text = f"{text} (where it takes no images: takes = [] in [providers.{name}])"
    failed = (assembly.attempt, error.kind, text, again, assembly.text, needs)
    await drive.write(runs.FailAttempt(drive.stream, *failed), *others)
