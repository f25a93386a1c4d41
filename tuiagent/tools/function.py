"""Makes a tool of a function: its name, words and parameters are those of the function."""

import asyncio
import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tuiagent.kernel.claims import Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation
from tuiagent.ports import Again, Kit, Note, OutcomeUnknown, Runtime

EFFECTS = ("read", "write", "execute", "network")


class FunctionTool:
    """A tool whose body is a function of a person's own."""

    def __init__(
        self, body: Callable[..., Any], effect: str, paths: Sequence[str], again: bool
    ) -> None:
        """Raises TypeError for a function that cannot be a tool."""
        self.name = body.__name__
        self.description = inspect.cleandoc(body.__doc__ or "")
        self.effect = effect
        self._body = body
        self._paths = tuple(paths)
        self._again = again or effect == "read"
        hints = typing.get_type_hints(body)
        given = inspect.signature(body).parameters.values()
        self._kit = next((p.name for p in given if hints.get(p.name) is Kit), "")
        told = [p for p in given if p.name != self._kit]
        self._check(told, hints)
        fields = [
            (p.name, hints[p.name])
            if p.default is p.empty
            else (p.name, hints[p.name], msgspec.field(default_factory=_giver(p.default)))
            for p in told
        ]
        self._type = msgspec.defstruct(self.name, fields, forbid_unknown_fields=True, kw_only=True)
        self.parameters = _schema(self._type)

    def _check(self, told: list[inspect.Parameter], hints: dict[str, Any]) -> None:
        if self.effect not in EFFECTS:
            raise TypeError(f"{self.name}: its effect must be one of {', '.join(EFFECTS)}")
        if not self.description:
            raise TypeError(f"{self.name} needs a docstring: models read it")
        odd = [p.name for p in told if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        bare = [p.name for p in told if p.name not in hints]
        strange = [name for name in self._paths if name not in [p.name for p in told]]
        if odd or bare or strange:
            names = ", ".join((*odd, *bare, *strange))
            raise TypeError(f"{self.name}: {names}: give each parameter a name and a type")

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The files that its path parameters name; else only that it is called."""
        found = self._arguments(args)
        paths = tuple(runtime.resolve(str(found[name])) for name in self._paths if found[name])
        subject = paths[0] if paths else msgspec.json.encode(args).decode()
        writes = paths if self.effect == "write" else ()
        reads = () if writes else paths
        return Claims(self.name, self.effect, subject, reads, writes, folder=runtime.folder)

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Nothing: what it does is not known here."""
        return Note()

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """Calls the function; what it returns is told as it is, or as JSON."""
        found = self._arguments(args)
        if self._kit:
            found[self._kit] = kit
        if inspect.iscoroutinefunction(self._body):
            told = await self._body(**found)
        else:
            told = await asyncio.to_thread(functools.partial(self._body, **found))
        if isinstance(told, Observation):
            return told
        return Observation("ok", told if isinstance(told, str) else _json(told))

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again | OutcomeUnknown:
        """Only what can be done twice is done again."""
        if self._again:
            return Again()
        return OutcomeUnknown(f"the process ended while {self.name} ran")

    def _arguments(self, args: dict[str, Any]) -> dict[str, Any]:
        """The function's arguments, with their types. Raises ToolError."""
        try:
            return msgspec.structs.asdict(msgspec.convert(args, self._type))
        except msgspec.ValidationError as error:
            raise ToolError(f"the arguments do not fit: {error}") from error


def tool(
    effect: str = "execute", paths: Sequence[str] = (), again: bool = False
) -> Callable[[Callable[..., Any]], FunctionTool]:
    """Makes a tool of a function with a docstring and typed parameters; it may be async.

    `effect` says what the policy judges: read (runs unasked inside the folder), write, execute or
    network. `paths` names the parameters that are files. `again` says that it may be done twice:
    so it is, when the process dies while it runs. A parameter of type tuiagent.ports.Kit gets
    what tools get. Raises TypeError.
    """
    return lambda body: FunctionTool(body, effect, paths, again)


def _giver(value: Any) -> Callable[[], Any]:
    return lambda: value


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of an object, as models are told of it."""
    whole = msgspec.json.schema(kind)
    found = whole["$defs"].pop(kind.__name__)
    found.pop("title", None)
    found["additionalProperties"] = False
    found.setdefault("required", [])
    return {**found, **({"$defs": whole["$defs"]} if whole["$defs"] else {})}
