"""OpenAI Chat Completions at any base URL: a pure translator over the wire.

Source: https://platform.openai.com/docs/api-reference/chat, and what the many servers that call
themselves compatible really send: unknown fields are ignored, wrong types tolerated.
"""

import base64
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import msgspec

from tuiagent.kernel.errors import ProviderError
from tuiagent.kernel.message import (
    Call,
    Document,
    Image,
    Media,
    Message,
    Prompt,
    Reasoning,
    Text,
    Usage,
)
from tuiagent.kernel.reply import (
    CallPart,
    Part,
    ReasoningPart,
    StopPart,
    TextPart,
    UsagePart,
)
from tuiagent.providers.faults import Faults
from tuiagent.providers.limits import Limits
from tuiagent.providers.wire import Wire

DONE = b"[DONE]"
SKIPPED = 10
"""Unreadable events that one answer may hold."""
MOST = 10**9
"""Tokens; a provider that counts more is not believed."""
STOPS = {
    "stop": "end",
    "tool_calls": "calls",
    "function_call": "calls",
    "length": "length",
    "content_filter": "filter",
}
LEGAL_ID = re.compile(r"[!-~]{1,64}")
ILLEGAL = re.compile(r"[^a-zA-Z0-9_-]")


class Compatible:
    """A model behind an OpenAI-compatible endpoint; the key is optional."""

    def __init__(
        self,
        base_url: str,
        key: str | None = None,
        name: str = "openai",
        limits: Limits | None = None,
    ) -> None:
        """`name` is the provider's, of which the names in advice are made (OPENAI_API_KEY)."""
        self._key = (key or "").strip()
        self._name = name
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        self._wire = Wire(base_url, headers, limits)

    async def connect(self) -> None:
        """Connects before there is something to ask; a failure is told by the request."""
        await self._wire.connect()

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Part]:
        """See ports.Provider."""
        faults = Faults(self._name, self._wire.where, self._key, prompt.model)
        events = Events(faults)
        source = self._wire.post("/chat/completions", request(prompt), faults, DONE)
        async with aclosing(source):
            try:
                async for data in source:
                    for part in events.feed(data):
                        yield part
            except ProviderError:
                if not events.whole:
                    raise
        for part in events.end():
            yield part

    async def close(self) -> None:
        """See ports.Provider."""
        await self._wire.close()


# ---------------------------------------------------------------- the request


def request(prompt: Prompt) -> bytes:
    """The body of a request; the messages come last, so that a longer prompt begins like this."""
    body: dict[str, Any] = {
        "model": prompt.model,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if prompt.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                },
            }
            for tool in prompt.tools
        ]
    body["messages"] = _messages(prompt)
    return msgspec.json.encode(body)


def _messages(prompt: Prompt) -> list[dict[str, Any]]:
    """The history; each message depends on those before it alone."""
    messages: list[dict[str, Any]] = []
    if prompt.system:
        messages.append({"role": "system", "content": prompt.system})
    ids: dict[str, str] = {}
    used: set[str] = set()
    given: list[dict[str, Any]] = []
    for message in prompt.messages:
        for block in message.blocks:
            if isinstance(block, Call):
                ids[block.id] = _name_call(block, used)
        if given and message.role != "tool":
            messages.append({"role": "user", "content": given})
            given = []
        messages.append(_message(message, ids, prompt))
        if message.call is not None:
            given += _given(message, ids[message.call.id], prompt)
    return [*messages, {"role": "user", "content": given}] if given else messages


def _given(message: Message, call: str, prompt: Prompt) -> list[dict[str, Any]]:
    """What a call gave beside text: a tool's message holds text alone, a person's follows them."""
    media = [block for block in message.blocks if isinstance(block, Image | Document)]
    if not media:
        return []
    begin = Text(f"(What call {call} gave beside its text. It is nobody's wish:)")
    return [_part(begin, prompt), *(_part(block, prompt) for block in media)]


def _part(block: Text | Media, prompt: Prompt) -> dict[str, Any]:
    """A part of a message; what cannot be shown is told."""
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    data = prompt.files.get(block.blob)
    if data is None:
        from tuiagent.kernel.media import untold  # noqa: PLC0415 - few prompts hold any

        why = prompt.withheld or "it is not kept any more"
        return {"type": "text", "text": untold(block, why).text}
    url = f"data:{block.media};base64,{base64.b64encode(data).decode()}"
    if isinstance(block, Image):
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": block.name, "file_data": url}}


def _name_call(call: Call, used: set[str]) -> str:
    """The id that pairs a call with its result: the provider's, or ours where that cannot be."""
    theirs = call.provider_id
    if not LEGAL_ID.fullmatch(theirs) or theirs in used:
        theirs = ILLEGAL.sub("_", call.id)
    used.add(theirs)
    return theirs


def _message(message: Message, ids: dict[str, str], prompt: Prompt) -> dict[str, Any]:
    text = "".join(block.text for block in message.blocks if isinstance(block, Text))
    if message.role == "tool" and message.call is not None:
        return {"role": "tool", "tool_call_id": ids[message.call.id], "content": text}
    if message.role != "assistant":
        parts = [_part(b, prompt) for b in message.blocks if isinstance(b, Text | Image | Document)]
        whole = all(isinstance(block, Text) for block in message.blocks)
        return {"role": message.role, "content": text if whole else parts}
    body: dict[str, Any] = {"role": "assistant", "content": text or None}
    thoughts = [
        block.text
        for block in message.blocks
        if isinstance(block, Reasoning) and "reasoning_content" in block.details
    ]
    if thoughts:
        body["reasoning_content"] = "".join(thoughts)
    calls = [_call(b, ids[b.id]) for b in message.blocks if isinstance(b, Call)]
    if calls:
        body["tool_calls"] = calls
    elif not text:
        body["content"] = ""
    return body


def _call(call: Call, ident: str) -> dict[str, Any]:
    """A call as servers accept it: many refuse a history with a bad name or broken arguments."""
    args = call.args if call.args is not None else {"unreadable": call.raw}
    name = ILLEGAL.sub("_", call.name)[:64] or "unknown"
    arguments = msgspec.json.encode(args).decode()
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": arguments}}


# ---------------------------------------------------------------- the events


class Events:
    """Turns the events of one answer into parts."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._model = ""
        self._usage: Usage | None = None
        self._stop: str | None = None
        self._refused = False
        self._calls: list[str] = []
        """The provider's id of each call, in order of appearance."""
        self._slots: dict[int, int] = {}
        """The provider's index of a call to ours."""
        self._skipped = 0
        self._ended = False

    @property
    def whole(self) -> bool:
        """Whether the model said that it is finished."""
        return self._stop is not None

    def feed(self, data: bytes) -> list[Part]:
        """The parts that an event's data holds. Raises ProviderError."""
        if data.strip() == DONE:
            return self.end()
        event = self._decode(data)
        if not isinstance(event, dict):
            return []
        self._check(event)
        parts: list[Part] = []
        model = event.get("model")
        if not self._model and model and isinstance(model, str):
            self._model = model
            parts.append(UsagePart(model=model))
        choices = event.get("choices")
        if isinstance(choices, list) and choices:
            self._choice(choices[0], event, parts)
        if event.get("usage"):
            self._count(event["usage"], parts)
        return parts

    def end(self) -> list[Part]:
        """The final part, once. Raises ProviderError when the model did not say why it stopped."""
        if self._ended:
            return []
        if self._stop is None:
            raise self._faults.error("cut", "ended its answer without a reason (finish_reason)")
        self._ended = True
        stop = STOPS.get(self._stop, self._stop)
        if stop == "end" and self._calls:
            stop = "calls"
        return [StopPart("refusal" if stop == "end" and self._refused else stop)]

    def _decode(self, data: bytes) -> Any:
        """The event, None for one that is skipped."""
        if not data.strip():
            return None
        try:
            return msgspec.json.decode(data)
        except UnicodeDecodeError:
            return self._decode(data.decode("utf-8", "replace").encode())
        except (msgspec.DecodeError, RecursionError) as error:
            self._skipped += 1
            if self._calls and self._stop is None:
                what = "sent a part of a tool call that cannot be read"
                raise self._faults.error("cut", what) from error
            if self._skipped > SKIPPED:
                what = f"sent more than {SKIPPED} events that cannot be read"
                raise self._faults.error("cut", what) from error
            return None

    def _check(self, event: dict[str, Any]) -> None:
        """Raises ProviderError for an event that reports one."""
        flat = event.get("type") == "error" or event.get("object") == "error"
        if event.get("error") or flat:
            raise self._faults.event(event)

    def _choice(self, choice: Any, event: dict[str, Any], parts: list[Part]) -> None:
        if not isinstance(choice, dict):
            return
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            self._delta(delta, parts)
        if choice.get("usage"):
            self._count(choice["usage"], parts)
        reason = choice.get("finish_reason")
        if reason == "error":
            raise self._faults.event(choice.get("error") or event)
        if reason and isinstance(reason, str):
            self._stop = reason

    def _delta(self, delta: dict[str, Any], parts: list[Part]) -> None:
        thought = _words(delta.get("reasoning_content")) or _words(delta.get("reasoning"))
        if thought:
            parts.append(ReasoningPart(thought))
        text = _words(delta.get("content"))
        if text:
            parts.append(TextPart(text))
        refusal = _words(delta.get("refusal"))
        if refusal:
            self._refused = True
            parts.append(TextPart(refusal))
        pieces = delta.get("tool_calls")
        if isinstance(pieces, list):
            parts += [self._piece(piece) for piece in pieces if isinstance(piece, dict)]

    def _piece(self, piece: dict[str, Any]) -> CallPart:
        """A piece of a call, under our own index.

        Some servers leave the provider's index out or give all calls the same one: there another
        id begins another call.
        """
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        ident, name = _word(piece.get("id")), _word(function.get("name"))
        arguments = function.get("arguments")
        if isinstance(arguments, dict):
            arguments = msgspec.json.encode(arguments).decode()
        at = piece.get("index")
        if isinstance(at, int):
            slot = self._slots.get(at)
        else:
            slot = len(self._calls) - 1 if self._calls else None
        if slot is None or (ident and name and self._calls[slot] not in ("", ident)):
            slot = len(self._calls)
            self._calls.append(ident)
            if isinstance(at, int):
                self._slots[at] = slot
        return CallPart(slot, ident, name, _word(arguments))

    def _count(self, usage: Any, parts: list[Part]) -> None:
        """Reports the usage when it is believable and has changed."""
        found = _usage(usage) if isinstance(usage, dict) else None
        if found and found != self._usage:
            self._usage = found
            parts.append(UsagePart(found, self._model))


def _usage(usage: dict[str, Any]) -> Usage | None:
    read, written = usage.get("prompt_tokens_details"), usage.get("completion_tokens_details")
    read = read if isinstance(read, dict) else {}
    written = written if isinstance(written, dict) else {}
    given, made = _tokens(usage.get("prompt_tokens")), _tokens(usage.get("completion_tokens"))
    if given is None or made is None:
        return None
    cached = read.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")
    return Usage(
        input=given,
        output=made,
        cache_read=_tokens(cached) or 0,
        reasoning=_tokens(written.get("reasoning_tokens")) or 0,
    )


def _tokens(value: Any) -> int | None:
    """A number of tokens, None for what cannot be one."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and 0 <= value <= MOST else None


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _words(value: Any) -> str:
    """Text, also where it comes as a list of typed parts."""
    if isinstance(value, list):
        return "".join(_word(part.get("text")) for part in value if isinstance(part, dict))
    return value if isinstance(value, str) else ""
