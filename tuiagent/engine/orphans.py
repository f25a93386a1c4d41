"""Sessions that have something to do and that no living process drives: a server takes them up."""

import asyncio
import logging

from tuiagent.engine.engine import Engine
from tuiagent.kernel.errors import TuiagentError

LOOK = 2.0
"""Seconds between two looks; a killed process tells nobody."""
LOG = logging.getLogger("tuiagent.orphans")


async def adopt_orphans(engine: Engine) -> list[str]:
    """Drives here what is due and nobody drives; the streams that are new here."""
    store, driving = engine.journal.store, set(engine.worker.driving)
    due = [stream for stream in store.due(engine.journal.world.now()) if stream not in driving]
    if not due:
        return []
    claims = store.claims()
    alone = [stream for stream in due if stream not in claims or not claims[stream].alive]
    return [stream for stream in alone if await engine.adopt(stream)]


async def look_after(engine: Engine) -> None:
    """Adopts orphans at once and from time to time."""
    while True:
        try:
            for stream in await adopt_orphans(engine):
                LOG.info("%s goes on here", stream)
        except (TuiagentError, OSError) as error:
            LOG.warning("orphans: %s", error)  # a full disk, say: it is tried again
        await asyncio.sleep(LOOK)
