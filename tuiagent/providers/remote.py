"""A model behind an address: one dialect over one transport."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import Call, Message, Prompt, Reasoning
from tuiagent.kernel.reply import Part
from tuiagent.providers.dialect import Answer, Dialect
from tuiagent.providers.faults import Faults
from tuiagent.providers.limits import Limits
from tuiagent.providers.wire import Wire


class Transport(Protocol):
    """Carries requests, and the events that answer."""

    where: str
    """The address without anything secret, for messages."""

    async def connect(self) -> None:
        """Makes ready before there is something to ask; a failure is told by the request."""
        ...

    def ask(
        self, path: str, body: dict[str, Any], faults: Faults, answer: Answer
    ) -> AsyncGenerator[list[Part]]:
        """The parts of each event that answers. Raises ProviderError."""
        ...

    async def close(self) -> None:
        """Ends the connections that no request uses."""
        ...


class Hearing(Protocol):
    """Makes calls of what a model writes as words."""

    def take(self, part: Part) -> list[Part]:
        """What a part of its answer stands for."""
        ...


class Plain:
    """The wire as a transport."""

    def __init__(self, wire: Wire) -> None:
        self.where = wire.where
        self.connect = wire.connect
        self.close = wire.close
        self._wire = wire

    async def ask(
        self, path: str, body: dict[str, Any], faults: Faults, answer: Answer
    ) -> AsyncGenerator[list[Part]]:
        """See Transport."""
        encoded = msgspec.json.encode(body)
        async with aclosing(self._wire.post(path, encoded, faults, lambda: answer.over)) as source:
            async for data in source:
                yield answer.feed(data)


class Usual(Struct, frozen=True):
    """What holds for all requests to a server, where a prompt says nothing else."""

    effort: str = ""
    output: int = 0
    names: tuple[str, str] = ("", "")
    """For advice: where its key and its address are set."""
    rescues: bool = False
    """Whether calls that its models write as text are taken for calls."""
    structured: tuple[str, ...] = ()
    """The models whose calls a JSON schema forces; `*` for all."""


class Remote:
    """See ports.Provider."""

    def __init__(
        self,
        name: str,
        key: str,
        dialect: Dialect,
        transport: Transport,
        usual: Usual = Usual(),  # noqa: B008 - frozen
    ) -> None:
        """`name` is the provider's."""
        self._name = name
        self._key = key
        self._dialect = dialect
        self._transport = transport
        self._usual = usual
        self._unforced: set[str] = set()
        """Models that were found not to take a schema for their answer."""

    async def connect(self) -> None:
        """Connects before there is something to ask; a failure is told by the request."""
        await self._transport.connect()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Part]:
        """See ports.Provider."""
        usual = self._usual
        output = prompt.output or usual.output
        prompt = replace(prompt, effort=prompt.effort or usual.effort, output=output)
        if prompt.schema is not None and not self._forces(prompt.model):
            prompt = replace(prompt, schema=None)
        prompt, heard = self._hearing(prompt)
        async with aclosing(self._asked(prompt)) as parts:
            async for part in parts:
                for one in heard.take(part) if heard else (part,):
                    yield one

    async def _asked(self, prompt: Prompt) -> AsyncGenerator[Part]:
        """Asks, and once more without what the provider does not take: old thoughts, a schema."""
        came = False
        try:
            async with aclosing(self._once(prompt)) as parts:
                async for part in parts:
                    came = True
                    yield part
            return
        except ProviderError as error:
            less = self._less(prompt, error.kind)
            if less is None or came:
                raise
        async with aclosing(self._once(less)) as parts:
            async for part in parts:
                if prompt.schema is not None and less.schema is None:
                    self._unforced.add(prompt.model)
                yield part

    def _hearing(self, prompt: Prompt) -> tuple[Prompt, "Hearing | None"]:
        """What is asked, and what makes calls of an answer's words, where a model needs that."""
        if not prompt.tools:
            return prompt, None
        if self._structured(prompt.model):
            from tuiagent.providers.structured import Heard, asked  # noqa: PLC0415 - small models

            return asked(prompt), Heard()
        if self._usual.rescues:
            from tuiagent.providers.rescue import Rescue  # noqa: PLC0415 - small models

            return prompt, Rescue(prompt.tools)
        return prompt, None

    def _structured(self, model: str) -> bool:
        """Whether a schema forces the calls of this model."""
        return not {"*", model}.isdisjoint(self._usual.structured)

    def _forces(self, model: str) -> bool:
        """Whether this model's answers can be made to fit a schema, as far as is known."""
        from tuiagent.providers.abilities import ability  # noqa: PLC0415 - few want a schema

        return model not in self._unforced and ability(model).schema

    def _less(self, prompt: Prompt, kind: str) -> Prompt | None:
        """What may be taken where this prompt was not; None for nothing.

        An answer that a schema should force is asked for in words as well, but for calls.
        """
        if kind == "thoughts":
            return _thoughtless(prompt)
        forced = prompt.schema is not None and not self._structured(prompt.model)
        if kind == "bad_request" and forced:
            return replace(prompt, schema=None)
        return None

    async def _once(self, prompt: Prompt) -> AsyncGenerator[Part]:
        """One request and its answer."""
        origin = f"{self._name}/{prompt.model}"
        where, names = self._transport.where, self._usual.names
        faults = Faults(self._name, where, self._key, prompt.model, names)
        answer = self._dialect.answer(faults, origin)
        path, body = self._dialect.path(prompt), self._dialect.request(prompt, origin)
        async with aclosing(self._transport.ask(path, body, faults, answer)) as source:
            try:
                async for parts in source:
                    for part in parts:
                        yield part
            except ProviderError:
                if answer.stop is None:
                    raise
        for part in answer.end():
            yield part

    async def close(self) -> None:
        """See ports.Provider."""
        await self._transport.close()


def _thoughtless(prompt: Prompt) -> Prompt:
    """The prompt without any thoughts and signatures."""

    def kept(message: Message) -> Message:
        blocks = (
            replace(block, details={}) if isinstance(block, Call) else block
            for block in message.blocks
            if not isinstance(block, Reasoning)
        )
        return replace(message, blocks=tuple(blocks))

    return replace(prompt, messages=tuple(map(kept, prompt.messages)))


def plain(
    base_url: str,
    key: str | None,
    name: str,
    dialect: Dialect,
    limits: Limits | None = None,
    usual: Usual = Usual(),  # noqa: B008 - frozen
) -> Remote:
    """A model behind a plain address. Raises ProviderError for one that cannot be used."""
    key = (key or "").strip()
    wire = Wire(dialect.base(base_url), dialect.headers(key), limits)
    return Remote(name, key, dialect, Plain(wire), usual)
