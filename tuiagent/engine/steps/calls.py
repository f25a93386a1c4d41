"""Judges, runs, settles and stops tool calls."""

import asyncio
import hashlib
import logging
from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Struct

from tuiagent.engine.claimed import claimed
from tuiagent.engine.drive import Drive, SessionJobs
from tuiagent.engine.notes import decode_note, encode_note
from tuiagent.engine.secrecy import Secrecy
from tuiagent.engine.steps import asides, hooks
from tuiagent.kernel import call as calls
from tuiagent.kernel import loop, policy
from tuiagent.kernel.call import CallState
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import OutcomeUnknownError, Refused, ToolError
from tuiagent.kernel.event import Intent
from tuiagent.kernel.hooks import AFTER, BEFORE, ReportHooks
from tuiagent.kernel.message import Observation, Reply
from tuiagent.kernel.run import Progress, StartAttempt
from tuiagent.ports import Again, Background, Deferred, Kit, Note, OutcomeUnknown, Tool

LOG = logging.getLogger("tuiagent.calls")
MOMENT = 2.0
"""Seconds that a program in a terminal gets to end after C-c."""


class StagedBlobs:
    """Blobs of one call that are written together with its next fact."""

    def __init__(self, drive: Drive) -> None:
        self._store = drive.context.journal.store
        self.staged: dict[str, bytes] = {}

    def put(self, body: bytes) -> str:
        """Keeps the bytes until the next fact of the call."""
        key = hashlib.sha256(body).hexdigest()
        self.staged[key] = body
        return key

    async def get(self, key: str) -> bytes | None:
        """The bytes, staged or stored."""
        return self.staged.get(key) or self._store.blob(key)

    def take(self) -> dict[str, bytes]:
        """What is staged; nothing is staged afterwards."""
        staged, self.staged = self.staged, {}
        return staged


class Work:
    """A call or a job that is being worked on: its tool, its kit and its staged blobs."""

    def __init__(self, drive: Drive, ident: str, args: dict[str, Any] | None, tool: Tool) -> None:
        self.drive = drive
        self.tool = tool
        self.id = ident
        self.args = args or {}
        self.blobs = StagedBlobs(drive)
        self.secrecy = Secrecy(drive.context.means.keys())
        self._held = ""
        """The end of what it wrote, where that may be the beginning of a key."""
        place = f"{drive.stream.partition('/')[2]}.{ident}"
        self.kit = Kit(place, drive.runtime, self.blobs, self._progress, SessionJobs(drive))

    def _progress(self, text: str) -> None:
        text = self._held + text
        whole = len(text) - self.secrecy.begun(text)
        shown, self._held = self.secrecy.text(text[:whole]), text[whole:]
        self.drive.context.hub.signal(Progress(self.drive.stream, self.id, shown))

    async def finish(
        self, observation: Observation, settled: bool = False, job: Note | None = None
    ) -> None:
        """Reports what came of the call; when it was the last one, the next attempt begins."""
        world = self.drive.context.world
        world.point("call-done")
        note = encode_note(job) if job else None
        observation = await self.masked(observation)
        finish = calls.FinishCall(self.drive.stream, self.id, observation, settled, note)
        asks = self.id not in self.drive.state.wishes and self.drive.asks
        asks = asks and not self.drive.library.hooks(AFTER)
        begin = [*asides.fresh(self.drive), StartAttempt(self.drive.stream)] if asks else []
        await self.drive.write(finish, *begin, blobs=self.blobs.take())
        world.point("call-finished")

    async def masked(self, observation: Observation) -> Observation:
        """What came of it, without the keys in it."""
        state = self.drive.state.find(self.id)
        keyed = state is not None and state.keyed
        return await self.secrecy.observation(observation, self.blobs, keyed)

    async def claims(self) -> Claims:
        """What the call would touch; from here on its tool reaches no more. Raises ToolError."""
        found = await claimed(self.tool, self.args, self.drive.runtime)
        self.kit = msgspec.structs.replace(self.kit, runtime=self.drive.runtime.within(found))
        return self.secrecy.held(found, self.args)

    async def discard(self, note: Note) -> None:
        """Gives back what the runtime keeps for a call that is over, while the loop goes on.

        What of it still runs, such as a terminal that could not be typed into, is ended: nobody
        would look after it.
        """
        spool = note.data.get("spool")
        if not spool:
            return
        runtime = self.drive.runtime
        try:
            try:
                await runtime.discard(spool)
            except ToolError:
                await runtime.kill(spool)
                await runtime.discard(spool)
        except ToolError as error:
            LOG.warning("%s is kept: %s", spool, error)


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
        loud = tuple(one for one in said if one.context or one.note or one.decision == "failed")
        told = [ReportHooks(drive.stream, BEFORE, call.id, loud)] if loud else []
    return calls.JudgeCall(drive.stream, call.id, claims, said), told


async def judge_call(drive: Drive, step: loop.JudgeCall) -> None:
    """Lets policy decide; a call that is allowed and has its turn is started by the same write."""
    state = _open(drive, step.call)
    if state is None:
        return
    open_calls = drive.state.run.open_calls() if drive.state.run else []
    first = step.call in drive.state.wishes or open_calls[0] is state
    prepared = await _prepare(drive, state, first)
    written = await drive.write(*prepared.intents, blobs=prepared.blobs)
    await prepared.go_on(written.done == len(prepared.intents))


async def run_call(drive: Drive, step: loop.RunCall) -> None:
    """Starts a call that is allowed, and does it."""
    state = _open(drive, step.call)
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
    state = _open(drive, step.call)
    found = _tool(drive, state) if state else None
    if state is None or found is None:
        return
    if isinstance(found, Observation):
        why = f"its tool {state.call.name} is not there any more"
        await _report(drive, step.call, Observation("unknown", why), settled=True)
        return
    work = Work(drive, state.call.id, state.args, found)
    note = decode_note(state.note)
    with suppress(ToolError):  # what it changed may be gone; then it reaches nothing elsewhere
        await work.claims()
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
    state = _open(drive, step.call)
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
    if _open(drive, step.call) is None:
        return
    found = _tool(drive, state)
    ended = Observation("cancelled", "interrupted while it ran")
    if not isinstance(found, Observation):
        work = Work(drive, step.call, state.args, found)
        outcome = await found.settle(work.args, work.kit, note)
        if isinstance(outcome, Observation):
            ended = outcome
        elif isinstance(outcome, OutcomeUnknown):
            ended = Observation("unknown", f"interrupted; outcome unknown: {outcome.why}")
    await _report(drive, step.call, ended)


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


def _open(drive: Drive, call: str) -> CallState | None:
    """The call's state while it still needs an observation."""
    state = drive.state.find(call)
    return state if state is not None and state.open else None


def _tool(drive: Drive, state: CallState) -> Tool | Observation:
    """The call's tool, or why it cannot be called."""
    call = state.call
    names = [spec.name for spec in drive.prompt.tools]
    offered = call.name in names or call.id in drive.state.wishes
    tool = drive.context.means.tool(call.name) if offered else None
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
