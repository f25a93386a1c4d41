"""Asks a person."""

from typing import Any

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.message import Question
from tuiagent.ports import Deferred, Kit, Note, Runtime, schema
from tuiagent.tools.arguments import check


class Ask:
    """Puts a question to a person and waits for the answer, however long that takes."""

    name = "ask"
    effect = "ask"
    description = "Ask the person a question that only they can answer; perhaps with choices."
    parameters = schema(
        ("question",),
        question={"type": "string"},
        choices={"type": "array", "items": {"type": "string"}},
    )

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """Nothing is touched."""
        check(args, self.parameters)
        return Claims(self.name, self.effect, args["question"], folder=runtime.folder)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Nothing: the question is in the arguments."""
        return Note()

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Deferred:
        """The question."""
        choices = tuple(str(choice) for choice in args.get("choices", ()))
        return Deferred(Question(args["question"], choices))

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Deferred:
        """It is still to be asked."""
        return await self.run(args, kit, note)
