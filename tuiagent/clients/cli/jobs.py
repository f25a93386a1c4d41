"""What runs in the background: lists it, and ends it."""

import argparse
import asyncio
import time
from typing import Any

from tuiagent.clients.clean import clean
from tuiagent.clients.cli import DONE, ERROR
from tuiagent.clients.cli.printers import job, say, say_json
from tuiagent.clients.find import ALL, named
from tuiagent.clients.host import Host
from tuiagent.kernel.errors import ConfigError
from tuiagent.kernel.event import Event
from tuiagent.kernel.jobs import JobEnded, StopJob
from tuiagent.ports import Client

PATIENCE = 20.0
"""Seconds in which a job that is to end should have ended."""


async def run(client: Client, args: argparse.Namespace, host: Host) -> int:
    """`jobs list [SESSION]` and `jobs kill SESSION JOB`."""
    stream = (await named(client, args.session))["stream"] if args.session else ""
    if args.what == "kill":
        if not stream or not args.job:
            raise ConfigError("say which: tuiagent jobs kill SESSION JOB")
        return await _kill(client, stream, args.job)
    rows = (await client.read("jobs", stream, ALL)).data
    if args.output == "json":
        say_json(rows)
        return DONE
    for row in rows:
        say(clean(_line(row)))
    if not rows:
        say("nothing runs in the background\n")
    return DONE


async def _kill(client: Client, stream: str, job: str) -> int:
    """Ends the job, and waits for that."""
    position = await client.submit(StopJob(stream, job))
    try:
        async with asyncio.timeout(PATIENCE):
            async for seen in client.watch(stream, position - 1):
                fact = seen.fact if isinstance(seen, Event) else None
                if isinstance(fact, JobEnded) and fact.job == job:
                    break
    except TimeoutError:
        say(f"{job} has not ended within {PATIENCE:g} s\n")
        return ERROR
    say(f"{job} has ended\n")
    return DONE


def _line(row: dict[str, Any]) -> str:
    minutes = (time.time() - row["since"]) / 60
    ident = row["stream"].partition("/")[2]
    ending = " (is to end)" if row["stopping"] else ""
    return f"{ident}  {row['job']}  {minutes:.0f} min  {row['tool']}: {job(row['args'])}{ending}\n"
