"""Finds out what an undo has to change back."""

from tuiagent.engine.drive import Drive
from tuiagent.kernel.call import CallFinished, FinishCall
from tuiagent.kernel.loop import FindUndo
from tuiagent.kernel.message import Diff, Observation
from tuiagent.kernel.transfer import foreign
from tuiagent.kernel.undo import ProposeUndo

ELSEWHERE = (
    "call {} was done elsewhere, before the session was imported: what it would put back was never "
    "seen here, so nothing was undone"
)


async def find_undo(drive: Drive, step: FindUndo) -> None:
    """Looks up which files the call changed, and from what to what."""
    wanted = drive.state.wishes[step.call].args or {}
    ended: list[tuple[str, CallFinished]] = []
    for event in drive.context.journal.history(drive.stream):
        if isinstance(event.fact, CallFinished) and event.fact.call == wanted["call"]:
            ended.append((event.actor, event.fact))
    # of two with one id, as an undo of the origin and one here, the newest is meant
    if ended and foreign(ended[-1][0]):
        observation = Observation("error", ELSEWHERE.format(wanted["call"]))
        await drive.write(FinishCall(drive.stream, step.call, observation))
        return
    diffs = [b for _, fact in ended[-1:] for b in fact.observation.blocks if isinstance(b, Diff)]
    path = wanted.get("path", "")
    chosen = [diff for diff in diffs if not path or diff.path == path]
    if not chosen:
        some = ", ".join(diff.path for diff in diffs)
        text = f"call {wanted['call']} changed no file {path}".rstrip()
        text += f"; it changed {some}" if some else ""
        observation = Observation("error", text)
        await drive.write(FinishCall(drive.stream, step.call, observation))
        return
    files = [{"path": d.path, "before": d.before, "after": d.after} for d in reversed(chosen)]
    args = {"files": files, "hunk": wanted.get("hunk", 0)}
    await drive.write(ProposeUndo(drive.stream, step.call, args))
