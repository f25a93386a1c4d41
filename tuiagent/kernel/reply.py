"""A reply while it arrives: the parts of a stream and what they add up to."""

from typing import Any, cast

import msgspec
from msgspec import Struct

from tuiagent.kernel.message import Block, Call, Reasoning, Reply, Text, Usage


class TextPart(Struct, frozen=True):
    """Some more words."""

    text: str


class ReasoningPart(Struct, frozen=True, omit_defaults=True):
    """Some more thoughts; `details` are merged into the block's."""

    text: str
    details: dict[str, Any] = {}
    index: int = 0
    """Which block it belongs to, where thoughts follow each other in several."""


class CallPart(Struct, frozen=True, omit_defaults=True):
    """A piece of the tool call at `index`; id and name come once, arguments in pieces."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    details: dict[str, Any] = {}
    """Merged into the call's."""


class UsagePart(Struct, frozen=True, omit_defaults=True):
    """What the reply cost so far, and who says so; later parts replace earlier ones."""

    usage: Usage | None = None
    model: str = ""


class StopPart(Struct, frozen=True):
    """The provider's final event: end, calls, length, refusal, filter, or its own word."""

    reason: str


Part = TextPart | ReasoningPart | CallPart | UsagePart | StopPart


class Assembly:
    """Adds parts up to a reply; `stop` is None until the final event came."""

    def __init__(self, attempt: str) -> None:
        self.attempt = attempt
        self.stop: str | None = None
        self._open: list[TextPart | ReasoningPart] = []
        self._pieces: dict[int, list[CallPart]] = {}
        """Of each call by its index."""
        self._blocks: list[Block | int] = []
        self._usage: Usage | None = None
        self._model = ""
        self._text: list[str] = []

    def add(self, part: Part) -> None:
        """Takes the next part of the stream."""
        if isinstance(part, TextPart | ReasoningPart):
            if self._open and _place(self._open[-1]) != _place(part):
                self._close()
            self._open.append(part)
            if isinstance(part, TextPart):
                self._text.append(part.text)
        elif isinstance(part, CallPart):
            self._close()
            if part.index not in self._pieces:
                self._pieces[part.index] = []
                self._blocks.append(part.index)
            self._pieces[part.index].append(part)
        elif isinstance(part, UsagePart):
            self._usage = part.usage or self._usage
            self._model = part.model or self._model
        else:
            self.stop = part.reason

    @property
    def text(self) -> str:
        """The words that arrived so far."""
        return "".join(self._text)

    def reply(self) -> Reply:
        """Everything that arrived; calls get ids of ours, in order of their appearance."""
        self._close()
        blocks: list[Block] = []
        number = 0
        for block in self._blocks:
            if isinstance(block, int):
                number += 1
                blocks.append(self._call(number, self._pieces[block]))
            else:
                blocks.append(block)
        return Reply(
            blocks=tuple(blocks),
            stop=self.stop or "",
            usage=self._usage,
            model=self._model,
        )

    def _close(self) -> None:
        """Turns the run of equal parts that is open into one block."""
        if not self._open:
            return
        text = "".join(part.text for part in self._open)
        if isinstance(self._open[0], TextPart):
            self._blocks.append(Text(text))
        else:
            details: dict[str, Any] = {}
            for part in self._open:
                if isinstance(part, ReasoningPart):
                    details.update(part.details)
            self._blocks.append(Reasoning(text, details))
        self._open.clear()

    def _call(self, number: int, pieces: list[CallPart]) -> Call:
        raw = "".join(piece.arguments for piece in pieces)
        args = parse_arguments(raw)
        details: dict[str, Any] = {}
        for piece in pieces:
            details.update(piece.details)
        return Call(
            f"{self.attempt}.{number}",
            next((piece.name for piece in pieces if piece.name), ""),
            args,
            "" if args is not None else raw,
            next((piece.id for piece in pieces if piece.id), ""),
            details,
        )


def _place(part: TextPart | ReasoningPart) -> int:
    """Where a part belongs: parts of one block have the same."""
    return part.index if isinstance(part, ReasoningPart) else -1


def parse_arguments(raw: str) -> dict[str, Any] | None:
    """The arguments of a call; None when they are not an object, even decoded once more."""
    value: Any = raw
    for _ in range(2):
        if isinstance(value, str):
            try:
                value = msgspec.json.decode(value) if value.strip() else {}
            except (msgspec.DecodeError, RecursionError):
                return None
    return cast(dict[str, Any], value) if isinstance(value, dict) else None
