"""What a call that waits would change in files, shown before it may."""

import hashlib
from typing import Any

from tuiagent.engine.check import opened_of, question
from tuiagent.engine.claimed import claimed
from tuiagent.engine.drive import Means
from tuiagent.engine.journal import Journal
from tuiagent.kernel.call import digest
from tuiagent.kernel.errors import Refused, ToolError
from tuiagent.kernel.jobs import Job
from tuiagent.kernel.message import Diff
from tuiagent.ports import Kit, Proposed, Proposing, Store


class _Aside:
    """ports.Blobs that keep nothing: they end with whoever looked."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._put: dict[str, bytes] = {}

    def put(self, body: bytes) -> str:
        """Its hash; see ports.Blobs."""
        key = hashlib.sha256(body).hexdigest()
        self._put[key] = body
        return key

    async def get(self, key: str) -> bytes | None:
        """See ports.Blobs."""
        return self._put.get(key) or self._store.blob(key)


class _NoJobs:
    """ports.Jobs of a call that is not run."""

    def all(self) -> list[Job]:
        """None."""
        return []

    async def wait(self, job: str, seconds: float) -> bool:
        """There is nothing to wait for."""
        return False


async def proposed(journal: Journal, means: Means, key: str) -> Proposed:
    """What the call would change as the files are now; nothing is touched. Raises Refused."""
    asked = question(key, "session", "call")
    state, opened = opened_of(journal, asked["session"])
    call = state.call(asked["call"])
    args: dict[str, Any] = call.args or {}
    tool = means.tool(call.call.name)
    if not isinstance(tool, Proposing):
        raise Refused(f"{call.call.name} does not tell before what it changes")
    runtime = means.runtime(opened)
    kit = Kit(call.call.id, runtime, _Aside(journal.store), lambda text: None, _NoJobs())
    try:
        marks: set[str] = set()
        diffs: tuple[Diff, ...] = ()
        for _ in range(2):  # before and after: what is shown is what the mark stands for
            claims = await claimed(tool, args, runtime)
            marks.add(digest(call.call.name, call.args, claims))
            diffs = diffs or await tool.proposed(args, kit)
        return Proposed(marks.pop() if len(marks) == 1 else "", diffs)
    except ToolError as error:
        return Proposed("", trouble=str(error))
