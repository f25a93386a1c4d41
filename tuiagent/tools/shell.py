"""Runs a command, which goes on when the engine that started it dies."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

from msgspec import structs

from tuiagent.kernel.claims import CONFINED, Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Command, Observation
from tuiagent.ports import (
    Again,
    Background,
    Execution,
    Exit,
    Kit,
    Note,
    OutcomeUnknown,
    Runtime,
    schema,
)
from tuiagent.tools.arguments import check

PATIENCE = 120.0
"""Seconds after which a command goes on in the background."""
LONGEST = 86_400.0
"""Seconds after which it is ended, unless the call says earlier."""
SHOWN = 30_000
"""Characters of its output that are shown."""
NEAR = 1000
"""Characters in which a line may end, so that no word of it is cut in two."""
SIZE = 64 * 1024
"""Bytes of a command; all of it is looked at before it is judged."""
HOST = re.compile(
    r"\*|[a-z0-9_]([a-z0-9_.-]{0,252})(:[0-9]{1,5})?|\[[0-9a-f:.]{2,45}\](:[0-9]{1,5})?"
)
HELD = re.compile(
    "Read-only file system|Network is unreachable|name resolution|Could not resolve host|EROFS|"
    "EAI_AGAIN|ENETUNREACH|nodename nor servname|Operation not permitted|resource busy"
)
"""What programs say when a sandbox holds them."""
BEYOND = (
    "\n[a sandbox holds commands: they write only in the folder and /tmp, and reach no network; "
    "one that needs more names it in `hosts` or `folders`]"
)
JOBS = 16
"""How many may run in the background of one session."""


class Shell:
    """Runs a command with a POSIX shell in the session's folder."""

    name = "shell"
    effect = "execute"
    description = (
        "Run a command in the session's folder with no terminal and closed input; each call is a "
        f"shell of its own. A command that is not done after `wait` seconds (default "
        f"{PATIENCE:g}; 0 for servers and the like) goes on as a job in the background: see "
        f"`jobs`; at most {JOBS} at a time. It is ended after `timeout` seconds (default and most "
        f"{LONGEST:,g}). Shows {SHOWN:,} characters of output, head and tail. Usually it runs in a "
        "sandbox: it writes only in the folder and /tmp and reaches no network. What needs more "
        "names it, and a person is asked: `hosts`, exactly (`*` for any), and `folders` to write."
    )
    parameters = schema(
        ("command",),
        command={"type": "string"},
        wait={"type": "number", "minimum": 0},
        timeout={"type": "number", "minimum": 0.1},
        hosts={"type": "array", "items": {"type": "string"}},
        folders={"type": "array", "items": {"type": "string"}},
    )

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The command; its argument lists when it is made of plain words only."""
        check(args, self.parameters)
        # the grammar is loaded once a command is judged, not when a session starts
        from tuiagent.tools.commands import claimed  # noqa: PLC0415

        found = await claimed(self.name, sized(args["command"]), runtime)
        return beyond(found, args, runtime)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Where the execution is recorded."""
        room(kit)
        return Note({"spool": await kit.runtime.prepare(kit.call)})

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation | Background:
        """Runs it to its end, or until it goes on in the background."""
        execution = _execution(args, note)
        if args.get("wait", PATIENCE) >= PATIENCE:
            return await self._watched(args, kit, note, kit.runtime.exec)
        await kit.runtime.start(execution)  # it has begun before anybody stops waiting for it
        return await self._watched(args, kit, note, kit.runtime.follow)

    async def settle(
        self, args: dict[str, Any], kit: Kit, note: Note
    ) -> Observation | Background | Again | OutcomeUnknown:
        """The spool knows: never begun, still running, or ended."""
        state = await kit.runtime.settle(note.data["spool"])
        if state == "void" and note.data.get("job"):
            raise ToolError("it never began")
        if state == "void":
            return Again(await self.note(args, kit))  # what is void stays void
        if state == "unknown":
            return OutcomeUnknown(
                f"the machine was restarted, or the command's wrapper was killed, while "
                f"`{args['command']}` ran; look at what it did before doing it again"
            )
        return await self._watched(args, kit, note, kit.runtime.follow)

    async def _watched(
        self, args: dict[str, Any], kit: Kit, note: Note, watch: Callable[..., Any]
    ) -> Observation | Background:
        """Waits for the end; for that of a job as long as it takes."""
        begun: list[bytes] = []

        def output(data: bytes) -> None:
            kit.progress(data.decode("utf-8", "replace"))
            if sum(map(len, begun)) < SHOWN:
                begun.append(data)

        task = asyncio.ensure_future(watch(_execution(args, note), output))
        patience = None if note.data.get("job") else args.get("wait", PATIENCE)
        try:
            done, _ = await asyncio.wait({task}, timeout=patience)
        finally:
            if not task.done():
                task.cancel()  # which leaves the command running
        if done:
            return self._observation(args, kit, task.result())
        text = b"".join(begun).decode("utf-8", "replace")[:SHOWN]
        text += (
            f"\n[not done after {patience:g} s: it goes on in the background, and you will be "
            "told when it ends; see `jobs`]"
        )
        block = Command(args["command"], None, patience or 0.0)
        await kit.runtime.keep(_execution(args, note))
        note = Note({**note.data, "job": True})
        return Background(Observation("ok", text.strip("\n"), (block,)), note)

    def _observation(self, args: dict[str, Any], kit: Kit, ended: Exit) -> Observation:
        whole = ended.output.decode("utf-8", "replace")
        text = shortened(whole, ended.dropped)
        blob = kit.blobs.put(ended.output) if text is not whole else ""
        text = text.rstrip("\n")
        if ended.timed_out:
            text += f"\n[ended: its time limit of {_timeout(args):g} s was reached]"
        elif ended.code:
            text += f"\n[exit {ended.code}]"
        if ended.code and kit.runtime.sandbox in CONFINED and HELD.search(text):
            text += BEYOND
        seconds = round(ended.seconds, 3)
        block = Command(args["command"], ended.code, seconds, ended.dropped, blob)
        return Observation("error" if ended.code else "ok", text.strip("\n"), (block,))


def beyond(claims: Claims, args: dict[str, Any], runtime: Runtime) -> Claims:
    """The claims with what is wanted beyond the sandbox. Raises ToolError."""
    names = (*args.get("hosts", ()), *args.get("folders", ()))
    if not all(isinstance(name, str) for name in names):
        raise ToolError("`hosts` and `folders` are lists of texts")
    hosts = tuple(dict.fromkeys(host.lower().rstrip(".") for host in args.get("hosts", ())))
    odd = next((host for host in hosts if not HOST.fullmatch(host)), "")
    if odd:
        raise ToolError(f"{odd!r} is not the name of a host, such as pypi.org or pypi.org:8443")
    folders = tuple(dict.fromkeys(runtime.resolve(path) for path in args.get("folders", ())))
    return structs.replace(claims, hosts=hosts, folders=folders)


def sized(command: str) -> str:
    """The command, if it can be run. Raises ToolError."""
    if not command.strip():
        raise ToolError("the command is empty")
    if len(command.encode("utf-8", "replace")) > SIZE:
        raise ToolError(f"the command is longer than {SIZE} bytes: write it to a file and run that")
    return command


def room(kit: Kit) -> None:
    """Raises ToolError when too much goes on in the background already."""
    running = [job.id for job in kit.jobs.all() if job.running]
    if len(running) >= JOBS:
        raise ToolError(f"{len(running)} jobs run in the background: end some of them first")


def shortened(text: str, dropped: int = 0) -> str:
    """The head and the tail of a long text, cut between lines where a line ends near by."""
    if len(text) <= SHOWN and not dropped:
        return text
    half = SHOWN // 2
    head, tail = text[:half], text[-half:]
    if len(text) > SHOWN:
        end = head.rfind("\n", half - NEAR)
        head = head[:end] if end >= 0 else head
        tail = tail[tail.find("\n", 0, NEAR) + 1 :]
    hidden = max(0, len(text) - len(head) - len(tail)) + dropped
    return f"{head}\n… ({hidden} characters are not shown)\n{tail}"


def _timeout(args: dict[str, Any]) -> float:
    return min(LONGEST, args.get("timeout", LONGEST))


def _execution(args: dict[str, Any], note: Note) -> Execution:
    return Execution(note.data["spool"], args["command"], _timeout(args))
