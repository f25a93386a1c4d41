"""Runs a command, which goes on when the engine that started it dies."""

from collections.abc import Callable
from typing import Any

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Command, Observation
from tuiagent.ports import Again, Execution, Exit, Kit, Note, OutcomeUnknown, Runtime
from tuiagent.tools.arguments import check, schema

SECONDS, LONGEST = 120, 3600
SHOWN = 30_000
LONGEST = 64 * 1024
"""Bytes of a command; all of it is looked at before it is judged."""


class Shell:
    """Runs a command with a POSIX shell in the session's folder."""

    name = "shell"
    effect = "execute"
    description = (
        "Run a command in the session's folder with no terminal and closed input; each call is a "
        "shell of its own. `timeout` in seconds (default 120, at most 3600). Shows 30,000 "
        "characters of output, head and tail."
    )
    parameters = schema(
        ("command",),
        command={"type": "string"},
        timeout={"type": "number", "minimum": 0.1},
    )

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The command; its argument lists when it is made of plain words only."""
        check(args, self.parameters)
        command = args["command"]
        if not command.strip():
            raise ToolError("the command is empty")
        if len(command.encode("utf-8", "replace")) > LONGEST:
            raise ToolError(
                f"the command is longer than {LONGEST} bytes: write it to a file and run that"
            )
        # the grammar is loaded once a command is judged, not when a session starts
        from tuiagent.tools.commands import claimed  # noqa: PLC0415

        return await claimed(self.name, command, runtime)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Where the execution is recorded."""
        return Note({"spool": await kit.runtime.prepare(kit.call)})

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """Runs it to its end, or to its time limit."""
        ended = await kit.runtime.exec(_execution(args, note), _shower(kit))
        return self._observation(args, kit, ended)

    async def settle(
        self, args: dict[str, Any], kit: Kit, note: Note
    ) -> Observation | Again | OutcomeUnknown:
        """The spool knows: never begun, still running, or ended."""
        state = await kit.runtime.settle(note.data["spool"])
        if state == "void":
            return Again(await self.note(args, kit))  # what is void stays void
        if state == "unknown":
            return OutcomeUnknown(
                f"the machine was restarted, or the command's wrapper was killed, while "
                f"`{args['command']}` ran; look at what it did before doing it again"
            )
        ended = await kit.runtime.follow(_execution(args, note), _shower(kit))
        return self._observation(args, kit, ended)

    def _observation(self, args: dict[str, Any], kit: Kit, ended: Exit) -> Observation:
        text = ended.output.decode("utf-8", "replace")
        if len(text) > SHOWN or ended.dropped:
            key = kit.blobs.put(ended.output)
            half = SHOWN // 2
            hidden = max(0, len(text) - SHOWN) + ended.dropped
            middle = f"\n… ({hidden} characters are not shown; kept as {key[:12]})\n"
            text = text[:half] + middle + text[-half:]
        if ended.timed_out:
            text += f"\n[ended: its time limit of {_timeout(args):g} s was reached]"
        elif ended.code:
            text += f"\n[exit {ended.code}]"
        block = Command(args["command"], ended.code, round(ended.seconds, 3), ended.dropped)
        return Observation("error" if ended.code else "ok", text.strip("\n"), (block,))


def _timeout(args: dict[str, Any]) -> float:
    return min(LONGEST, args.get("timeout", SECONDS))


def _execution(args: dict[str, Any], note: Note) -> Execution:
    return Execution(note.data["spool"], args["command"], _timeout(args))


def _shower(kit: Kit) -> Callable[[bytes], None]:
    return lambda data: kit.progress(data.decode("utf-8", "replace"))
