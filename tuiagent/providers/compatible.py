"""OpenAI Chat Completions, the dialect of most servers: a pure translator.

Source: https://platform.openai.com/docs/api-reference/chat, and what the many servers that call
themselves compatible really send: unknown fields are ignored, wrong types tolerated.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

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
from tuiagent.kernel.reply import CallPart, Part, ReasoningPart, TextPart
from tuiagent.providers import media, naming
from tuiagent.providers.dialect import ORIGIN, Answer, rows, table, tokens, word
from tuiagent.providers.faults import Faults

DONE = b"[DONE]"
STOPS = {
    "stop": "end",
    "tool_calls": "calls",
    "function_call": "calls",
    "length": "length",
    "model_length": "length",
    "content_filter": "filter",
}
LEGAL_ID = re.compile(r"[!-~]{1,64}")
NINE = re.compile(r"[a-zA-Z0-9]{9}")
EFFORT = {"off": "none", "max": "xhigh"}


class Compatible:
    """Chat Completions, with the oddities of one server."""

    def __init__(self, thoughts: str = "", effort: str = "reasoning_effort", ids: int = 0) -> None:
        """`thoughts` names the field in which thoughts go back, `effort` the one that asks for them
        (a dot between two levels), `ids` is the length that the ids of calls must have, if any.
        """
        self._thoughts = thoughts
        self._effort = effort
        self._ids = ids

    def base(self, url: str) -> str:
        """See Dialect."""
        return url

    def headers(self, key: str) -> dict[str, str]:
        """See Dialect."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def path(self, prompt: Prompt) -> str:
        """See Dialect."""
        return "/chat/completions"

    def request(self, prompt: Prompt, origin: str) -> dict[str, Any]:
        """The messages come last, so that a longer prompt begins like this."""
        body: dict[str, Any] = {
            "model": prompt.model,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if prompt.effort:
            level, _, inner = self._effort.partition(".")
            effort = EFFORT.get(prompt.effort, prompt.effort)
            body[level] = {inner: effort} if inner else effort
        if prompt.output:
            body["max_tokens"] = prompt.output
        if prompt.schema is not None:
            from tuiagent.providers.schemas import strict  # noqa: PLC0415 - few want one

            forced = strict(prompt.schema, optional=False)
            wanted = {"name": "answer", "schema": forced or prompt.schema}
            wanted |= {"strict": True} if forced else {}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
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
        body["messages"] = self._messages(prompt, origin)
        return body

    def answer(self, faults: Faults, origin: str) -> "Events":
        """See Dialect."""
        return Events(faults, origin)

    def _messages(self, prompt: Prompt, origin: str) -> list[dict[str, Any]]:
        """The history; each message depends on those before it alone."""
        messages: list[dict[str, Any]] = []
        if prompt.system:
            messages.append({"role": "system", "content": prompt.system})
        legal = NINE if self._ids else LEGAL_ID
        ids = naming.ids(prompt.messages, legal, self._ids)
        given: list[dict[str, Any]] = []
        for message in prompt.messages:
            if given and message.role != "tool":
                messages.append({"role": "user", "content": given})
                given = []
            if message.call is not None:
                ident = ids[message.call.id]
                text = _said(message)
                messages.append({"role": "tool", "tool_call_id": ident, "content": text})
                given += _given(message, ident, prompt)
            elif message.role == "assistant":
                messages.append(self._answered(message, ids, origin))
            else:
                messages.append({"role": message.role, "content": _content(message, prompt)})
        return [*messages, {"role": "user", "content": given}] if given else messages

    def _answered(self, message: Message, ids: Mapping[str, str], origin: str) -> dict[str, Any]:
        text = _said(message)
        body: dict[str, Any] = {"role": "assistant", "content": text or None}
        thoughts = [b for b in message.blocks if isinstance(b, Reasoning)]
        body |= self._thought([b for b in thoughts if b.details.get(ORIGIN) == origin])
        calls = [_call(b, ids[b.id], origin) for b in message.blocks if isinstance(b, Call)]
        if calls:
            body["tool_calls"] = calls
        elif not text:
            body["content"] = ""
        return body

    def _thought(self, thoughts: list[Reasoning]) -> dict[str, Any]:
        """What goes back of a model's own thoughts, where its server wants them."""
        found: dict[str, Any] = {}
        text = "".join(thought.text for thought in thoughts)
        if self._thoughts == "reasoning_content" and text:
            found[self._thoughts] = text
        details = [rows(thought.details.get("reasoning_details")) for thought in thoughts]
        if self._thoughts == "reasoning_details" and any(details):
            found[self._thoughts] = max(details, key=len)  # the last holds what those before do
        return found


def _said(message: Message) -> str:
    return "".join(block.text for block in message.blocks if isinstance(block, Text))


def _content(message: Message, prompt: Prompt) -> str | list[dict[str, Any]]:
    """What a person said, in parts only where it is more than text."""
    if not media.of(message):
        return _said(message)
    return [_part(b, prompt) for b in message.blocks if isinstance(b, Text | Image | Document)]


def _given(message: Message, call: str, prompt: Prompt) -> list[dict[str, Any]]:
    """What a call gave beside text: a tool's message holds text alone, a person's follows them."""
    found = media.of(message)
    if not found:
        return []
    begin = Text(media.introduced(call))
    return [_part(begin, prompt), *(_part(block, prompt) for block in found)]


def _part(block: Text | Media, prompt: Prompt) -> dict[str, Any]:
    """A part of a message; what cannot be shown is told."""
    if isinstance(block, Text):
        return {"type": "text", "text": block.text}
    url = media.url(block, prompt)
    if not url:
        return {"type": "text", "text": media.words(block, prompt)}
    if isinstance(block, Image):
        return {"type": "image_url", "image_url": {"url": url}}
    return {"type": "file", "file": {"filename": block.name, "file_data": url}}


def _call(call: Call, ident: str, origin: str) -> dict[str, Any]:
    """A call as servers accept it: many refuse a history with a bad name or broken arguments."""
    args = call.args if call.args is not None else {"unreadable": call.raw}
    arguments = msgspec.json.encode(args).decode()
    function = {"name": naming.tool(call.name), "arguments": arguments}
    body: dict[str, Any] = {"id": ident, "type": "function", "function": function}
    if call.details.get(ORIGIN) == origin and "extra_content" in call.details:
        body["extra_content"] = call.details["extra_content"]
    return body


class Events(Answer):
    """Reads an answer of Chat Completions."""

    STOPS = STOPS
    FINAL = "finish_reason"

    def __init__(self, faults: Faults, origin: str) -> None:
        super().__init__(faults, origin)
        self._calls: list[str] = []
        """The provider's id of each call, in order of appearance."""
        self._slots: dict[int, int] = {}
        """The provider's index of a call to ours."""
        self._thoughts: dict[Any, dict[str, Any]] = {}
        """OpenRouter's reasoning_details by their index, each put together."""

    def feed(self, data: bytes) -> list[Part]:
        """See Answer."""
        if data.strip() == DONE:
            self.over = True
            return self.end()
        return super().feed(data)

    def take(self, event: dict[str, Any]) -> list[Part]:
        """See Answer."""
        parts = self.named(event.get("model"))
        choices = event.get("choices")
        if isinstance(choices, list) and choices:
            self._choice(table(choices[0]), event, parts)
        return parts + self.used(_usage(table(event.get("usage"))))

    def _choice(self, choice: dict[str, Any], event: dict[str, Any], parts: list[Part]) -> None:
        self._delta(table(choice.get("delta") or choice.get("message")), parts)
        parts += self.used(_usage(table(choice.get("usage"))))
        reason = choice.get("finish_reason")
        if reason == "error":
            raise self.faults.event(choice.get("error") or event)
        if reason and isinstance(reason, str):
            self.stop = reason

    def _delta(self, delta: dict[str, Any], parts: list[Part]) -> None:
        self._think(delta, parts)
        text = _words(delta.get("content"))
        if text:
            parts.append(TextPart(text))
        refusal = _words(delta.get("refusal"))
        if refusal:
            self.refused = True
            parts.append(TextPart(refusal))
        parts += [self._piece(piece) for piece in rows(delta.get("tool_calls"))]

    def _think(self, delta: dict[str, Any], parts: list[Part]) -> None:
        thought = _words(delta.get("reasoning_content")) or _words(delta.get("reasoning"))
        details: dict[str, Any] = {ORIGIN: self.origin}
        for row in rows(delta.get("reasoning_details")):
            known = self._thoughts.setdefault((row.get("index"), row.get("type")), {})
            for name, value in row.items():
                grows = name in ("text", "summary", "data") and isinstance(value, str)
                known[name] = word(known.get(name)) + value if grows else value
            details["reasoning_details"] = list(self._thoughts.values())
        if thought or len(details) > 1:
            parts.append(ReasoningPart(thought, details))

    def _piece(self, piece: dict[str, Any]) -> CallPart:
        """A piece of a call, under our own index.

        Some servers leave the provider's index out or give all calls the same one: there another
        id begins another call.
        """
        self.called = True
        function = table(piece.get("function"))
        ident, name = word(piece.get("id")), word(function.get("name"))
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
        extra = piece.get("extra_content")
        details = {ORIGIN: self.origin, "extra_content": extra} if extra else {}
        return CallPart(slot, ident, name, word(arguments), details)


def _usage(usage: dict[str, Any]) -> Usage | None:
    read, written = (table(usage.get(f"{n}_tokens_details")) for n in ("prompt", "completion"))
    given, made = tokens(usage.get("prompt_tokens")), tokens(usage.get("completion_tokens"))
    if given is None or made is None:
        return None
    return Usage(
        input=given,
        output=made,
        cache_read=tokens(read.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")) or 0,
        cache_write=tokens(read.get("cache_write_tokens")) or 0,
        reasoning=tokens(written.get("reasoning_tokens")) or 0,
    )


def _words(value: Any) -> str:
    """Text, also where it comes as a list of typed parts."""
    if isinstance(value, list):
        return "".join(word(part.get("text")) for part in rows(value))
    return word(value)
