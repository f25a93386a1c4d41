"""Drives sessions: claims them, starts each step once, stops and releases."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from tuiagent.engine.drive import Context, Drive
from tuiagent.engine.steps import calls, compact, hooks, jobs, model, undo
from tuiagent.kernel import loop
from tuiagent.kernel.errors import Fenced, StoreError
from tuiagent.kernel.loop import Step, next_steps
from tuiagent.kernel.run import EndRun, Halted, InterruptReply, ReachLimit
from tuiagent.kernel.session import Session

ENDING = (loop.StopAttempt, loop.StopCall, loop.EndRun, loop.EndTime)
"""Steps that end what has begun."""
DRAIN = 600.0
"""Seconds that what has begun gets to end before another process goes on."""
PATIENCE = 2.0
"""Seconds between two looks whether the journal can be written again."""
NEW = 3
"""Events of a session in which no process can have done anything yet."""
LOG = logging.getLogger("tuiagent.worker")


async def stop_attempt(drive: Drive, step: loop.StopAttempt) -> None:
    """Cancels the model call; when no task of ours makes it, keeps that it was interrupted."""
    for other, task in list(drive.running.items()):
        if isinstance(other, loop.CallModel):
            task.cancel()
            await asyncio.wait([task])
    run = drive.state.run
    if run is not None and run.attempt is not None:
        await drive.write(InterruptReply(drive.stream, run.attempt.id, ""))


async def end_time(drive: Drive, step: loop.EndTime) -> None:
    """Says that the run's time is over; what is going on is then ended as for an interruption."""
    await drive.write(ReachLimit(drive.stream))


async def end_run(drive: Drive, step: loop.EndRun) -> None:
    """Closes a run that was stopped."""
    await drive.write(EndRun(drive.stream))


PERFORM: dict[type[Any], Callable[[Drive, Any], Awaitable[None]]] = {
    loop.CallModel: model.call_model,
    loop.JudgeCall: calls.judge_call,
    loop.RunCall: calls.run_call,
    loop.SettleCall: calls.settle_call,
    loop.FindUndo: undo.find_undo,
    loop.FollowJob: jobs.follow_job,
    loop.StopJob: jobs.stop_job,
    loop.ShortenPrompt: compact.shorten_prompt,
    loop.StopAttempt: stop_attempt,
    loop.StopCall: calls.stop_call,
    loop.EndRun: end_run,
    loop.EndTime: end_time,
    loop.AskHooks: hooks.ask_hooks,
}


def _new(drive: Drive, step: Step) -> bool:
    """Whether a step would begin something; an attempt that is written down has begun."""
    if isinstance(step, loop.CallModel):
        run = drive.state.run
        return run is None or run.attempt is None or run.attempt.id != step.attempt
    return not isinstance(step, ENDING)


class Worker:
    """All the sessions that this process drives."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._drives: dict[str, asyncio.Task[None]] = {}
        self._open: dict[str, Drive] = {}
        self.halted: dict[str, str] = {}
        """Why a session does not go on at the moment, such as a full disk."""

    @property
    def driving(self) -> list[str]:
        """The streams that are driven here."""
        return list(self._drives)

    async def adopt(self, stream: str) -> bool:
        """Drives a session from here on; False while another living process does."""
        if stream in self._drives:
            return True
        claim = await self._context.journal.claim(stream)
        if claim is None:
            return False
        if stream not in self._drives:
            drive = Drive(stream, claim.fence, self._context)
            self._open[stream] = drive
            self._drives[stream] = asyncio.create_task(self._drive(drive), name=stream)
        return True

    def states(self) -> dict[str, Session]:
        """What is driven here, as it stands."""
        return {stream: drive.state for stream, drive in self._open.items()}

    async def release(self, stream: str, patience: float = DRAIN) -> None:
        """Gives the right to drive a session to whoever claims it next, in the middle of its work.

        No new step begins; what has begun ends first, at most after `patience` seconds, but for
        what goes on by itself, such as a command in its spool: that is left to the next one.
        """
        task = self._drives.get(stream)
        drive = self._open.get(stream)
        if task is not None and drive is not None and stream not in self.halted:
            drive.leaving = True
            drive.news.set()
            await asyncio.wait([task], timeout=patience)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await self._context.journal.release(stream)  # also what is claimed here and not driven
        self._context.world.point("released")

    async def close(self) -> None:
        """Stops driving; what is running stays as the journal says, for whoever comes next."""
        await asyncio.gather(*map(hooks.end, list(self._open.values())))
        tasks = list(self._drives.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drive(self, drive: Drive) -> None:
        """Follows one session until another owner has it or this process ends."""
        stream = drive.stream
        try:
            while not await self._live(drive):
                if drive.leaving:
                    return
                drive = Drive(stream, await self._reclaim(stream), self._context)
                self._open[stream] = drive
        except Fenced:
            LOG.info("%s is driven by another process now", stream)
        finally:
            self._drives.pop(stream, None)
            self._open.pop(stream, None)

    async def _reclaim(self, stream: str) -> int:
        """Waits until the journal can be written again; the fence under which it goes on."""
        while True:
            await self._context.world.sleep(PATIENCE)
            try:
                claim = await self._context.journal.reclaim(stream)
            except StoreError:
                continue
            self.halted.pop(stream, None)
            if claim is None:
                raise Fenced(f"another owner drives {stream} now")
            return claim.fence

    async def _live(self, drive: Drive) -> bool:
        """Goes on until it cannot; False when that is because the journal cannot be written."""
        hub = self._context.hub
        hub.listen(drive.stream, drive.seen)
        try:
            for event in self._context.journal.history(drive.stream):
                drive.seen(event)
            if drive.version > NEW:
                await calls.sweep(drive)
            while not (drive.leaving and await self._left(drive)):
                await self._turn(drive)
            return True
        except StoreError as error:
            self.halted[drive.stream] = str(error)
            hub.signal(Halted(drive.stream, str(error)))
            return False
        finally:
            hub.listen(drive.stream, None)
            for task in drive.running.values():
                task.cancel()
            await asyncio.gather(*drive.running.values(), return_exceptions=True)

    async def _turn(self, drive: Drive) -> None:
        """Starts what is next, and waits until something happens."""
        world = self._context.world
        drive.news.clear()
        until: float | None = None
        for step in next_steps(drive.state, drive.fence, world.now()):
            if isinstance(step, loop.Wait):
                until = min(step.until, until or step.until)
            elif step not in drive.running and not (drive.leaving and _new(drive, step)):
                drive.begin(step, self._perform(drive, step))
        news = asyncio.create_task(drive.news.wait())
        waits: set[asyncio.Task[Any]] = {news, *drive.running.values()}
        if until is not None:
            waits.add(asyncio.create_task(world.sleep(until - world.now())))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits.difference(drive.running.values()):
                task.cancel()
        self._reap(drive)

    async def _left(self, drive: Drive) -> bool:
        """Lets go of what goes on by itself; whether nothing else is left of what had begun."""
        alone = [task for step, task in drive.running.items() if drive.survives(step)]
        for task in alone:
            task.cancel()
        await asyncio.gather(*alone, return_exceptions=True)
        await self._context.journal.sync()  # what they were just writing is written and seen
        self._reap(drive)
        steps = next_steps(drive.state, drive.fence, self._context.world.now())
        return not drive.running and all(_new(drive, step) for step in steps)

    def _reap(self, drive: Drive) -> None:
        """Takes finished tasks off; passes on what ends the drive."""
        for step, task in list(drive.running.items()):
            if not task.done():
                continue
            del drive.running[step]
            error = None if task.cancelled() else task.exception()
            if isinstance(error, Fenced | StoreError):
                raise error

    async def _perform(self, drive: Drive, step: Step) -> None:
        """Performs one step; a refusal means that something else happened first."""
        version = drive.version
        await drive.guarded(step, partial(PERFORM[type(step)], drive, step))
        if drive.version == version and step in next_steps(drive.state, drive.fence, 0.0):
            await drive.news.wait()
