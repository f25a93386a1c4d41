"""A call or a job that is being worked on, and what of it goes into facts."""

import hashlib
import logging
from typing import Any

import msgspec

from tuiagent.engine.claimed import claimed
from tuiagent.engine.drive import Drive, SessionJobs
from tuiagent.engine.notes import encode_note
from tuiagent.engine.secrecy import Pieces, secrecy_of
from tuiagent.engine.steps import asides
from tuiagent.kernel import call as calls
from tuiagent.kernel.call import CallState
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.hooks import AFTER
from tuiagent.kernel.message import Observation, Question
from tuiagent.kernel.run import Progress, StartAttempt
from tuiagent.ports import Kit, Note, Tool

LOG = logging.getLogger("tuiagent.calls")


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
        means = drive.context.means
        self.secrecy = secrecy_of(frozenset(means.keys()), means.marks())
        self._written = Pieces(self.secrecy, self.secrecy.text)
        place = f"{drive.stream.partition('/')[2]}.{ident}"
        jobs = SessionJobs(drive)
        self.kit = Kit(place, drive.runtime_of(ident), self.blobs, self._progress, jobs, self._ask)

    def _progress(self, text: str) -> None:
        shown = self._written.add(text)
        self.drive.context.hub.signal(Progress(self.drive.stream, self.id, shown))

    async def _ask(self, question: Question) -> str | None:
        """See ports.Kit."""
        drive = self.drive
        if drive.state.mode == "locked":
            return None
        await drive.write(calls.DeferCall(drive.stream, self.id, question, True))
        while (state := open_call(drive, self.id)) is not None:
            if state.phase == "started":
                return state.answer
            await drive.changed()
        raise ToolError("the call was ended before the question was answered")

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
        found = await claimed(self.tool, self.args, self.drive.runtime_of(self.id))
        self.hold(found)
        return self.secrecy.held(found, self.args)

    def hold(self, claims: Claims) -> None:
        """From here on its tool reaches no more than it was judged by."""
        within = self.drive.runtime_of(self.id).within(claims)
        self.kit = msgspec.structs.replace(self.kit, runtime=within)

    async def discard(self, note: Note) -> None:
        """Gives back what the runtime keeps for a call that is over, while the loop goes on.

        What of it still runs, such as a terminal that could not be typed into, is ended: nobody
        would look after it.
        """
        spool = note.data.get("spool")
        if not spool:
            return
        runtime = self.drive.runtime_of(self.id)
        try:
            try:
                await runtime.discard(spool)
            except ToolError:
                await runtime.kill(spool)
                await runtime.discard(spool)
        except ToolError as error:
            LOG.warning("%s is kept: %s", spool, error)


def open_call(drive: Drive, call: str) -> CallState | None:
    """The call's state while it still needs an observation."""
    state = drive.state.find(call)
    return state if state is not None and state.open else None
