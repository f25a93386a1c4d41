"""Judges, runs, settles and stops tool calls."""

import asyncio
import logging

import msgspec
from msgspec import Struct

from tuiagent.engine.drive import Drive
from tuiagent.engine.notes import decode_note, encode_note
from tuiagent.engine.steps import hooks
from tuiagent.engine.steps.work import Work, open_call
from tuiagent.kernel import call as calls
from tuiagent.kernel import loop, policy
from tuiagent.kernel.call import CallState
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import OutcomeUnknownError, Refused, ToolError
from tuiagent.kernel.event import Intent
from tuiagent.kernel.hooks import BEFORE, ReportHooks, Ruling
from tuiagent.kernel.message import Observation, Reply
from tuiagent.ports import Again, Background, Deferred, Note, OutcomeUnknown, Tool

LOG = logging.getLogger("tuiagent.calls")
NOTHING = Claims("", "", "")
MOMENT = 2.0
"""Seconds that a program in a terminal gets to end after C-c."""


class Prepared(Struct):
    """What the next write can say of a call: its verdict and, when it has its turn, its start."""

    intents: tuple[Intent, ...] = ()
    work: Work | None = None
    note: Note | None = None

    @property
    def blobs(self) -> dict[str, bytes]:
        """What has to be written along."""
        return self.work.blobs.take() if self.work else {}

    async def go_on(self, done: bool) -> None:
        """Runs the call that was started, or gives back what was prepared for it."""
        if self.work is None or self.note is None:
            return
        if not done:
            await self.work.discard(self.note)
            return
        try:
            await _run(self.work, self.note)
        except Refused as refusal:
            LOG.info("%s: %s", self.work.id, refusal)  # it was stopped meanwhile


async def prepare_first(drive: Drive, reply: Reply) -> Prepared:
    """The first call of a reply that is about to be written, so that one write does it all."""
    if not reply.calls or drive.library.hooks(BEFORE):
        return Prepared()  # hooks are run once the reply is written
    call = reply.calls[0]
    try:
        return await _prepare(drive, CallState(call, args=call.args), first=True)
    except Exception:
        LOG.exception("%s: %s", drive.stream, call.name)
        return Prepared()  # judging it alone will say so where it belongs


async def _prepare(drive: Drive, state: CallState, first: bool) -> Prepared:
    ident = state.call.id
    found = _tool(drive, state)
    if isinstance(found, Observation):
        return Prepared((calls.FinishCall(drive.stream, ident, found),))
    work = Work(drive, state.call.id, state.args, found)
    try:
        claims = await work.claims()
        judge, told = await _judged(drive, state, claims)
        rules = drive.state.rulebook.holding(drive.context.world.now())
        verdict = policy.judge(claims, rules, drive.state.mode)
        verdict = policy.tightened(verdict, judge.hooks, drive.state.mode)
        has_turn = first or claims.effect not in ("write", "execute")
        if verdict.decision != "allow" or not has_turn:
            return Prepared((judge, *told))
        note = await found.note(work.args, work.kit)
    except ToolError as error:
        observation = Observation("error", str(error))
        return Prepared((calls.FinishCall(drive.stream, ident, observation),))
    drive.context.world.point("call-noted")
    start = calls.StartCall(drive.stream, ident, encode_note(note))
    return Prepared((judge, *told, start), work, note)


async def _judged(
    drive: Drive, state: CallState, claims: Claims
) -> tuple[calls.JudgeCall, list[ReportHooks]]:
    """What is to be judged, with what hooks say of it: only once of the same."""
    call = msgspec.structs.replace(state.call, args=state.args)
    if calls.digest(call.name, state.args, claims) == state.digest:
        said = state.hooks
        told = []
    elif call.id in drive.state.wishes:
        said, told = (), []  # a person asked for it
    else:
        said = await hooks.before(drive, call, claims)
        loud = tuple(one for one in said if _loud(one))
        told = [ReportHooks(drive.stream, BEFORE, call.id, loud)] if loud else []
    return calls.JudgeCall(drive.stream, call.id, claims, said), told


def _loud(said: Ruling) -> bool:
    """Whether there is more to tell than the verdict does."""
    return bool(said.context or said.note or said.unheard) or said.decision == "failed"


async def judge_call(drive: Drive, step: loop.JudgeCall) -> None:
    """Lets policy decide; a call that is allowed and has its turn is started by the same write."""
    state = open_call(drive, step.call)
    if state is None:
        return
    open_calls = drive.state.run.open_calls() if drive.state.run else []
    first = step.call in drive.state.wishes or open_calls[0] is state
    prepared = await _prepare(drive, state, first)
    written = await drive.write(*prepared.intents, blobs=prepared.blobs)
    await prepared.go_on(written.done == len(prepared.intents))


async def run_call(drive: Drive, step: loop.RunCall) -> None:
    """Starts a call that is allowed, and does it."""
    state = open_call(drive, step.call)
    found = _tool(drive, state) if state else None
    if state is None or found is None:
        return
    if isinstance(found, Observation):
        await _report(drive, step.call, found)
        return
    work = Work(drive, state.call.id, state.args, found)
    try:
        claims = await work.claims()
        if calls.digest(state.call.name, state.args, claims) != state.digest:
            # what would be touched is not what was judged: it is judged again
            judge, told = await _judged(drive, state, claims)
            await drive.write(judge, *told)
            return
        note = await found.note(work.args, work.kit)
    except ToolError as error:
        await _report(drive, step.call, Observation("error", str(error)))
        return
    drive.context.world.point("call-noted")
    await _start(work, note)


async def settle_call(drive: Drive, step: loop.SettleCall) -> None:
    """Finds out what became of a call whose process died; runs it only if it never happened."""
    state = open_call(drive, step.call)
    found = _tool(drive, state) if state else None
    if state is None or found is None:
        return
    if isinstance(found, Observation):
        why = f"its tool {state.call.name} is not there any more"
        await _report(drive, step.call, Observation("unknown", why), settled=True)
        return
    work = _begun(drive, state, found)
    note = decode_note(state.note)
    try:
        outcome = await found.settle(work.args, work.kit, note)
    except ToolError as error:
        outcome = OutcomeUnknown(str(error))
    if isinstance(outcome, Again) and state.revision != drive.state.revision:
        text = "it was not begun before its process died, and the policy has changed: call it again"
        await work.finish(Observation("denied", text), settled=True)
        await work.discard(outcome.note or note)
    elif isinstance(outcome, Again):
        await _start(work, outcome.note or note)
    elif isinstance(outcome, Deferred):
        await drive.write(calls.DeferCall(drive.stream, step.call, outcome.question))
    elif isinstance(outcome, OutcomeUnknown):
        text = f"outcome unknown: {outcome.why}"
        await work.finish(Observation("unknown", text), settled=True)
    elif isinstance(outcome, Background):
        await work.finish(outcome.observation, settled=True, job=outcome.note)
    else:
        await work.finish(outcome, settled=True)
        await work.discard(note)


async def stop_call(drive: Drive, step: loop.StopCall) -> None:
    """Ends a running call; what it reports by itself is kept, else it counts as cancelled."""
    state = open_call(drive, step.call)
    if state is None:
        return
    task = _task_of(drive, step.call)
    note = decode_note(state.note)
    if note.data.get("spool"):
        await drive.runtime.kill(note.data["spool"])
    elif task is not None:
        if note.data.get("terminal"):
            await _interrupt(drive, note, task)
        task.cancel()
    if task is not None:
        await asyncio.wait([task])
    if open_call(drive, step.call) is None:
        return
    found = _tool(drive, state)
    ended = Observation("cancelled", "interrupted while it ran")
    if not isinstance(found, Observation):
        work = _begun(drive, state, found)
        outcome = await found.settle(work.args, work.kit, note)
        if isinstance(outcome, Observation):
            ended = outcome
        elif isinstance(outcome, OutcomeUnknown):
            ended = Observation("unknown", f"interrupted; outcome unknown: {outcome.why}")
    await _report(drive, step.call, ended)


def _begun(drive: Drive, state: CallState, tool: Tool) -> Work:
    """A call that was started; files may have moved since, so it is held to what was judged."""
    work = Work(drive, state.call.id, state.args, tool)
    work.hold(state.claims or NOTHING)
    return work


async def _interrupt(drive: Drive, note: Note, task: asyncio.Task[None]) -> None:
    """Types C-c, and gives what runs in the terminal a moment to end."""
    ident = f"{note.data['ident']}.stop"
    try:
        await drive.runtime.type(note.data["terminal"], ident, "keys", "\x03")
        await asyncio.wait([task], timeout=MOMENT)
    except ToolError as error:
        LOG.info("%s: %s", drive.stream, error)  # the terminal has ended


async def sweep(drive: Drive) -> None:
    """Removes what earlier processes kept for calls that are over; before any step begins."""
    run = drive.state.run
    notes = [state.note for state in run.open_calls()] if run else []
    notes += [job.note for job in drive.state.jobs.running()]
    spools = [note.get("terminal") or note.get("spool") for note in notes]
    prefix = f"{drive.stream.partition('/')[2]}."
    await drive.runtime.sweep(prefix, frozenset(spool for spool in spools if spool))


async def _start(work: Work, note: Note) -> None:
    start = calls.StartCall(work.drive.stream, work.id, encode_note(note))
    try:
        await work.drive.write(start, blobs=work.blobs.take())
    except Refused:
        await work.discard(note)  # the policy changed, or the run is being stopped
        return
    await _run(work, note)


async def _run(work: Work, note: Note) -> None:
    """Does what the call asks. Everything that goes wrong becomes its observation."""
    work.drive.context.world.point("call-started")
    try:
        outcome = await work.tool.run(work.args, work.kit, note)
    except OutcomeUnknownError as error:
        outcome = Observation("unknown", str(error))
    except ToolError as error:
        outcome = Observation("error", str(error))
    except (Exception, SystemExit) as error:  # people's own tools may fail in any way
        outcome = Observation("error", f"the tool failed: {type(error).__name__}: {error}")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        outcome = Observation("error", "the tool failed: what it waited for was cancelled")
    if isinstance(outcome, Deferred):
        await work.drive.write(calls.DeferCall(work.drive.stream, work.id, outcome.question))
        return
    if isinstance(outcome, Background):
        await work.finish(outcome.observation, job=outcome.note)
        return
    await work.finish(outcome)
    if outcome.status != "unknown":
        await work.discard(note)


def _tool(drive: Drive, state: CallState) -> Tool | Observation:
    """The call's tool, or why it cannot be called."""
    call = state.call
    names = [spec.name for spec in drive.prompt.tools]
    lent = drive.context.means.lent(drive.opened)
    offered = call.name in names or call.name in lent or call.id in drive.state.wishes
    tool = drive.context.means.tool(call.name, drive.opened) if offered else None
    if tool is None:
        from difflib import get_close_matches  # noqa: PLC0415 - models rarely err

        near = get_close_matches(call.name.lower(), names, 1, 0.5)
        hint = f"; did you mean {near[0]}?" if near else f"; there are: {', '.join(names)}"
        return Observation("error", f"there is no tool {call.name!r}{hint}")
    if state.args is None:
        return Observation(
            "error", "the arguments are not a JSON object (or were cut off); the call was not run"
        )
    return tool


def _task_of(drive: Drive, call: str) -> asyncio.Task[None] | None:
    """The task that works on this call, other than the one that asks."""
    for step, task in list(drive.running.items()):
        if getattr(step, "call", None) == call and task is not asyncio.current_task():
            return task
    return None


async def _report(drive: Drive, call: str, observation: Observation, settled: bool = False) -> None:
    await drive.write(calls.FinishCall(drive.stream, call, observation, settled))
