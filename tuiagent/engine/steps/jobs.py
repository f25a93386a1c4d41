"""Follows and stops what runs in the background."""

from tuiagent.engine.drive import Drive
from tuiagent.engine.notes import decode_note
from tuiagent.engine.steps.work import Work
from tuiagent.kernel import loop
from tuiagent.kernel.call import CallState
from tuiagent.kernel.errors import OutcomeUnknownError, ToolError
from tuiagent.kernel.jobs import EndJob
from tuiagent.kernel.message import Observation
from tuiagent.ports import OutcomeUnknown


async def follow_job(drive: Drive, step: loop.FollowJob) -> None:
    """Waits for the job's end, whoever began it, and reports that."""
    job = drive.state.jobs.by_id[step.job]
    tool = drive.context.means.tool(job.tool, drive.opened)
    if tool is None:
        gone = Observation("unknown", f"its tool {job.tool} is not there any more")
        await drive.write(EndJob(drive.stream, job.id, gone))
        return
    work = Work(drive, job.id, job.args, tool)
    note = decode_note(job.note)
    try:
        outcome = await tool.settle(work.args, work.kit, note)
    except OutcomeUnknownError as error:
        outcome = OutcomeUnknown(str(error))
    except ToolError as error:
        outcome = Observation("error", str(error))
    if isinstance(outcome, OutcomeUnknown):
        outcome = Observation("unknown", f"outcome unknown: {outcome.why}")
    if not isinstance(outcome, Observation):
        outcome = Observation("error", "it never began")
    outcome = await work.masked(outcome)
    await drive.write(EndJob(drive.stream, job.id, outcome), blobs=work.blobs.take())
    while any(call.note.get("terminal") == note.data.get("spool") for call in _open(drive)):
        await drive.changed()  # a call still looks at what it was doing there
    if outcome.status != "unknown":
        await work.discard(note)


def _open(drive: Drive) -> list[CallState]:
    return drive.state.run.open_calls() if drive.state.run else []


async def stop_job(drive: Drive, step: loop.StopJob) -> None:
    """Ends the job's processes; whoever follows it then reports its end."""
    spool = drive.state.jobs.by_id[step.job].note.get("spool")
    if spool:
        await drive.runtime.kill(spool)
