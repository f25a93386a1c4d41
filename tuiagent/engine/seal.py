"""Signs the heads of all streams: at the end of a run and once a minute of activity."""

import asyncio
import os

from tuiagent.engine.journal import Journal, Request
from tuiagent.kernel import audit
from tuiagent.kernel.event import Event
from tuiagent.kernel.run import RunFinished

INTERVAL = 60.0
