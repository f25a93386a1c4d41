"""Speed and memory: medians of interleaved runs, and their ratios to what Python itself costs."""

import argparse
import asyncio
import os
from collections.abc import Callable
from typing import Any

import bench_journal
import bench_lending
import bench_runs
import bench_screens
import bench_start
import bench_web

MEASURES: dict[str, Callable[[bench_runs.Server, int], Any]] = {
    "version": bench_runs.version,
    "first": bench_runs.first,
    "warm": bench_runs.warm,
    "steps": bench_runs.steps,
    "writers": bench_journal.writers,
    "fold": bench_journal.folding,
    "upkeep": bench_journal.upkeep,
    "search": bench_journal.searching,
    "lenders": bench_lending.lenders,
    "request": bench_lending.request,
    "day": bench_runs.day,
    "serve": bench_web.serve,
    "viewers": bench_web.viewers,
    "clients": bench_web.clients,
    "screens": bench_screens.screens,
    "start-screen": bench_start.screen,
}


async def main() -> None:
    """Measures what is named, or everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*MEASURES, []], help="what to measure")
    parser.add_argument("--runs", type=int, default=11)
    args = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    server = bench_runs.Server()
    await server.start()
    for name in args.names or MEASURES:
        print(f"\n{name}: load of this machine {os.getloadavg()[0]:.1f}", flush=True)
        await MEASURES[name](server, args.runs)


if __name__ == "__main__":
    asyncio.run(main())
