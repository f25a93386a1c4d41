"""Looks after what runs in the background."""

import time
from typing import Any

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.jobs import Job
from tuiagent.kernel.message import Observation
from tuiagent.ports import Again, Kit, Note, Runtime, schema
from tuiagent.tools.arguments import check
from tuiagent.tools.screen import screen
from tuiagent.tools.shell import shortened

DO = ("list", "read", "wait", "kill")
SECONDS, LONGEST = 60.0, 3600.0
READ = 30_000
"""Bytes from the end of an output that are read."""


class JobsTool:
    """Lists, reads, waits for and ends the session's jobs."""

    name = "jobs"
    effect = "read"
    description = (
        "Look after the commands that go on in the background. `do`: list; read (the newest "
        "output of `job`, 30,000 bytes at most, or the screen of a terminal); wait (for its end, "
        "at most `seconds`, default 60, at most 3600); kill. You are told of every job's end "
        "by itself, so wait only when there is nothing else to do."
    )
    parameters = schema(
        ("do",),
        do={"type": "string", "enum": list(DO)},
        job={"type": "string"},
        seconds={"type": "number", "minimum": 0},
    )

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """Nothing but what the session itself has started."""
        check(args, self.parameters)
        if args["do"] not in DO:
            raise ToolError(f"the argument 'do' must be one of {', '.join(DO)}")
        if args["do"] != "list" and not args.get("job"):
            raise ToolError("the argument 'job' is missing")
        subject = " ".join(filter(None, (args["do"], args.get("job"))))
        return Claims(self.name, self.effect, subject, folder=runtime.folder)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Nothing: the runtime knows."""
        return Note()

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """What is asked for."""
        jobs = kit.jobs.all()
        if args["do"] == "list":
            return Observation("ok", "\n".join(map(_line, jobs)) or "(no jobs)")
        job = next((job for job in jobs if job.id == args["job"]), None)
        if job is None:
            known = ", ".join(job.id for job in jobs) or "none"
            raise ToolError(f"there is no job {args['job']!r}; there are: {known}")
        if not job.running:
            return Observation("ok", f"{_line(job)}; how it ended was told then")
        if args["do"] == "kill":
            await kit.runtime.kill(job.note["spool"])
        seconds = min(LONGEST, args.get("seconds", SECONDS)) if args["do"] == "wait" else 0.0
        if args["do"] == "kill" or await kit.jobs.wait(job.id, seconds):
            return Observation("ok", f"{job.id} has ended; you are told how")
        text = await _output(job, kit)
        return Observation("ok", f"{_line(job)}\n{text}".rstrip())

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again:
        """It can be looked at, and ended, again."""
        return Again()


def _line(job: Job) -> str:
    """A job in one line."""
    state = f"running for {time.time() - job.since:.0f} s" if job.running else job.status
    return f"{job.line} ({state})"


async def _output(job: Job, kit: Kit) -> str:
    """The newest of what it wrote."""
    _, size = await kit.runtime.output(job.note["spool"], 1 << 62)
    data, _ = await kit.runtime.output(job.note["spool"], max(0, size - READ))
    if job.tool == "terminal":
        return screen(data)
    text = data.decode("utf-8", "replace")
    return shortened(f"… ({size - READ} bytes before)\n{text}" if size > READ else text)
