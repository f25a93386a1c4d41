"""Makes a tool of a function: its name, words and parameters are those of the function."""

import functools
import inspect
import typing
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tuiagent.kernel.claims import NONE, Claims
from tuiagent.kernel.errors import ToolError
from tuiagent.kernel.message import Observation
from tuiagent.ports import Again, Kit, Note, OutcomeUnknown, Runtime
from tuiagent.threads import in_thread
from tuiagent.tools.own import NAME
from tuiagent.tools.shell import shortened

EFFECTS = ("read", "write", "execute", "network")
PATHS = (str, str | None, list[str])
"""The types that a parameter for files may have."""


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
        if not NAME.fullmatch(self.name):
            raise TypeError(f"{self.name}: call it with at most 64 of a to z, 0 to 9 and _")
        if self.effect not in EFFECTS:
            raise TypeError(f"{self.name}: its effect must be one of {', '.join(EFFECTS)}")
        if not self.description:
            raise TypeError(f"{self.name} needs a docstring: models read it")
        odd = [p.name for p in told if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        bare = [p.name for p in told if p.name not in hints]
        strange = [name for name in self._paths if name not in [p.name for p in told]]
        strange += [name for name in self._paths if hints.get(name) not in PATHS]
        if odd or bare or strange:
            names = ", ".join((*odd, *bare, *strange))
            raise TypeError(f"{self.name}: {names}: give each parameter a name and a type")

    async def claims(self, args: dict[str, Any], runtime: Runtime) -> Claims:
        """The files that its path parameters name; else only that it is called."""
        found = self._arguments(args, runtime)
        paths = tuple(path for name in self._paths for path in _listed(found[name]))
        subject = paths[0] if paths else msgspec.json.encode(args).decode()
        writes = paths if self.effect == "write" else ()
        reads = () if writes else paths
        sandbox = NONE if self.effect == "execute" else ""
        return Claims(
            self.name, self.effect, subject, reads, writes, folder=runtime.folder, sandbox=sandbox
        )

    async def note(self, args: dict[str, Any], kit: Kit) -> Note:
        """Nothing: what it does is not known here."""
        return Note()

    async def run(self, args: dict[str, Any], kit: Kit, note: Note) -> Observation:
        """Calls the function; what it returns is told as it is, or as JSON.

        The files are named to it as they were judged: absolute, with all links resolved.
        """
        found = self._arguments(args, kit.runtime)
        if self._kit:
            found[self._kit] = kit
        if inspect.iscoroutinefunction(self._body):
            told = await self._body(**found)
        else:
            told = await in_thread(functools.partial(self._body, **found))
        if inspect.isawaitable(told):  # of a function that only hands on an async one
            told = await told
        if isinstance(told, Observation):
            return told
        text = told if isinstance(told, str) else _json(told)
        return Observation("ok", shortened(text.encode("utf-8", "replace").decode()))

    async def settle(self, args: dict[str, Any], kit: Kit, note: Note) -> Again | OutcomeUnknown:
        """Only what can be done twice is done again."""
        if self._again:
            return Again()
        return OutcomeUnknown(f"the process ended while {self.name} ran")

    def _arguments(self, args: dict[str, Any], runtime: Runtime) -> dict[str, Any]:
        """The function's arguments, with their types and resolved paths. Raises ToolError."""
        try:
            found = msgspec.structs.asdict(msgspec.convert(args, self._type))
        except msgspec.ValidationError as error:
            raise ToolError(f"the arguments do not fit: {error}") from error
        for name in self._paths:
            paths = [runtime.resolve(path) for path in _listed(found[name])]
            found[name] = paths if isinstance(found[name], list) else "".join(paths)
        return found


def tool(
    effect: str = "execute", paths: Sequence[str] = (), again: bool = False
) -> Callable[[Callable[..., Any]], FunctionTool]:
    """Makes a tool of a function with a docstring and typed parameters; it may be async.

    `effect` says what the policy judges: read (runs unasked inside the folder), write, execute or
    network. `paths` names the parameters that are files; the function gets these absolute and with
    their links resolved. `again` says that it may be done twice: so it is, when the process dies
    while it runs. A parameter of type tuiagent.ports.Kit gets what tools get. Raises TypeError.
    """
    return lambda body: FunctionTool(body, effect, paths, again)


def _giver(value: Any) -> Callable[[], Any]:
    return lambda: value


def _listed(value: str | list[str] | None) -> list[str]:
    """The paths in a parameter that is one, or several; none where it is empty."""
    return value if isinstance(value, list) else [value] if value else []


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
