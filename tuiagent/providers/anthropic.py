"""Anthropic's Messages: a pure translator.

Source: https://docs.anthropic.com/en/api/messages, and its pages on streaming, thinking and prompt
caching.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tuiagent.kernel.message import (
    Block,
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
from tuiagent.providers.abilities import Ability, ability
from tuiagent.providers.dialect import ORIGIN, Answer, table, tokens, versioned, word
from tuiagent.providers.faults import Faults
from tuiagent.providers.schemas import strict

LEGAL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
CACHED = {"type": "ephemeral"}
MARKED = 3
"""Messages whose ends are kept in the cache, beside the system text: four marks are allowed.

The one before the last is where the last request ended, so that its entry is found again however
many blocks came since.
"""
BUDGETS = {"low": 4_096, "medium": 10_000, "high": 24_000, "max": 48_000}
"""Tokens of thought, for models that are told a number."""


class Anthropic:
    """Messages, streamed."""

    def base(self, url: str) -> str:
        """See Dialect."""
        return versioned(url, "/v1")

    def headers(self, key: str) -> dict[str, str]:
        """See Dialect."""
        version = {"anthropic-version": "2023-06-01"}
        return {"x-api-key": key, **version} if key else version

    def path(self, prompt: Prompt) -> str:
        """See Dialect."""
        return "/messages"

    def request(self, prompt: Prompt, origin: str) -> dict[str, Any]:
        """See Dialect."""
        able = ability(prompt.model)
        body: dict[str, Any] = {
            "model": prompt.model,
            "max_tokens": prompt.output or able.output,
            "stream": True,
            **_thinking(prompt, able, origin),
        }
        forced = prompt.schema is not None and strict(prompt.schema, optional=True)
        if forced:
            wanted = {"type": "json_schema", "schema": forced}
            body["output_config"] = {**body.get("output_config", {}), "format": wanted}
        tools: list[dict[str, Any]] = [
            {"name": t.name, "description": t.description, "input_schema": t.parameters}
            for t in prompt.tools
        ]
        if tools:
            body["tools"] = tools
        if prompt.system:
            text = {"type": "text", "text": prompt.system, "cache_control": CACHED}
            body["system"] = [text]
        elif tools:
            tools[-1]["cache_control"] = CACHED
        body["messages"] = _messages(prompt, origin)
        return body

    def answer(self, faults: Faults, origin: str) -> "Events":
        """See Dialect."""
        return Events(faults, origin)


def _thinking(prompt: Prompt, able: Ability, origin: str) -> dict[str, Any]:
    """How much the model thinks, in the one of two ways that it understands."""
    effort = prompt.effort
    if able.reasoning == "adaptive":
        if effort == "off":
            return {"thinking": {"type": "disabled"}}
        told = {"output_config": {"effort": effort}} if effort else {}
        return {"thinking": {"type": "adaptive", "display": "summarized"}, **told}
    if able.reasoning != "budget" or effort not in BUDGETS or not _thinks_on(prompt, origin):
        return {}
    most = (prompt.output or able.output) // 2
    return {"thinking": {"type": "enabled", "budget_tokens": min(BUDGETS[effort], most)}}


def _thinks_on(prompt: Prompt, origin: str) -> bool:
    """Whether thinking may be asked for: not in the middle of work that began without it."""
    last = next((m for m in reversed(prompt.messages) if m.role == "assistant"), None)
    if prompt.messages[-1].role != "tool" or last is None:
        return True
    return any(isinstance(b, Reasoning) and b.details.get(ORIGIN) == origin for b in last.blocks)


# ---------------------------------------------------------------- the history


def _messages(prompt: Prompt, origin: str) -> list[dict[str, Any]]:
    """The history in turns, as results and what people say after them are one message here."""
    ids = naming.ids(prompt.messages, LEGAL_ID)
    turns: list[dict[str, Any]] = []
    for message in prompt.messages:
        role = "assistant" if message.role == "assistant" else "user"
        content = _content(message, prompt, ids, origin)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += content
        elif content:
            turns.append({"role": role, "content": content})
    asked = [turn for turn in turns if turn["role"] == "user"]
    for turn in asked[-MARKED:]:
        turn["content"][-1]["cache_control"] = CACHED
    return turns


def _content(
    message: Message, prompt: Prompt, ids: Mapping[str, str], origin: str
) -> list[dict[str, Any]]:
    if message.call is not None:
        content = _parts(message, prompt)
        only = content[0]["text"] if len(content) == 1 and "text" in content[0] else content
        ident = ids[message.call.id]
        result = {"type": "tool_result", "tool_use_id": ident, "content": only or "(nothing)"}
        return [{**result, "is_error": True} if message.failed else result]
    if message.role != "assistant":
        return _parts(message, prompt) or [{"type": "text", "text": "(nothing)"}]
    found = (_block(block, ids, origin) for block in message.blocks)
    return [block for block in found if block is not None]


def _parts(message: Message, prompt: Prompt) -> list[dict[str, Any]]:
    """What a person or a tool gave; blank text is refused there."""
    parts: list[dict[str, Any]] = []
    for block in message.blocks:
        if isinstance(block, Text) and block.text.strip():
            parts.append({"type": "text", "text": block.text})
        elif isinstance(block, Image | Document):
            parts.append(_medium(block, prompt))
    return parts


def _medium(block: Media, prompt: Prompt) -> dict[str, Any]:
    data = media.data(block, prompt)
    if not data:
        return {"type": "text", "text": media.words(block, prompt)}
    source = {"type": "base64", "media_type": block.media, "data": data}
    return {"type": "image" if isinstance(block, Image) else "document", "source": source}


def _block(block: Block, ids: Mapping[str, str], origin: str) -> dict[str, Any] | None:
    """A block of an answer as it goes back, None for blank words and another model's thoughts."""
    if isinstance(block, Text):
        return {"type": "text", "text": block.text} if block.text.strip() else None
    if isinstance(block, Call):
        args = block.args if block.args is not None else {"unreadable": block.raw}
        name = naming.tool(block.name)
        return {"type": "tool_use", "id": ids[block.id], "name": name, "input": args}
    if not isinstance(block, Reasoning) or block.details.get(ORIGIN) != origin:
        return None
    if "data" in block.details:
        return {"type": "redacted_thinking", "data": block.details["data"]}
    signature = block.details.get("signature")
    thought = {"type": "thinking", "thinking": block.text, "signature": signature}
    return thought if signature else None


# ---------------------------------------------------------------- the answer


class Events(Answer):
    """Reads an answer of Messages."""

    STOPS = {
        "end_turn": "end",
        "stop_sequence": "end",
        "tool_use": "calls",
        "max_tokens": "length",
        "refusal": "refusal",
    }
    FINAL = "message_delta"

    def __init__(self, faults: Faults, origin: str) -> None:
        super().__init__(faults, origin)
        self._kinds: dict[int, str] = {}
        """What each block is."""
        self._counts: dict[str, Any] = {}

    def take(self, event: dict[str, Any]) -> list[Part]:
        """See Answer."""
        kind = event.get("type")
        at = event.get("index")
        if kind == "message_start":
            message = table(event.get("message"))
            return self.named(message.get("model")) + self._count(message.get("usage"))
        if kind == "content_block_start" and isinstance(at, int):
            return self._start(at, table(event.get("content_block")))
        if kind == "content_block_delta" and isinstance(at, int):
            return self._delta(at, table(event.get("delta")))
        if kind == "message_delta":
            reason = table(event.get("delta")).get("stop_reason")
            parts = self._count(event.get("usage"))
            if reason == "model_context_window_exceeded":
                raise self.faults.error("too_long", "reached the end of the model's context window")
            if reason and isinstance(reason, str):
                self.stop = reason
            return parts
        if kind == "message_stop":
            self.over = True
        return []

    def _start(self, at: int, block: dict[str, Any]) -> list[Part]:
        kind = self._kinds[at] = word(block.get("type"))
        if kind == "text" and block.get("text"):
            return [TextPart(word(block["text"]))]
        if kind == "tool_use":
            self.called = True
            given = block.get("input")
            arguments = msgspec.json.encode(given).decode() if given else ""
            return [CallPart(at, word(block.get("id")), word(block.get("name")), arguments)]
        if kind in ("thinking", "redacted_thinking"):
            names = ("signature", "data")
            details = {name: block[name] for name in names if block.get(name)}
            details[ORIGIN] = self.origin
            return [ReasoningPart(word(block.get("thinking")), details, at)]
        return []

    def _delta(self, at: int, delta: dict[str, Any]) -> list[Part]:
        kind = delta.get("type")
        if kind == "text_delta" and delta.get("text"):
            return [TextPart(word(delta["text"]))]
        if kind == "input_json_delta" and self._kinds.get(at) == "tool_use":
            return [CallPart(at, arguments=word(delta.get("partial_json")))]
        if kind == "thinking_delta":
            return [ReasoningPart(word(delta.get("thinking")), index=at)]
        if kind == "signature_delta":
            signature = {"signature": word(delta.get("signature")), ORIGIN: self.origin}
            return [ReasoningPart("", signature, at)]
        return []

    def _count(self, usage: Any) -> list[Part]:
        """The usage so far; a later event says only what has changed."""
        self._counts |= {name: n for name, n in table(usage).items() if n is not None}
        read, written, plain, made = (
            tokens(self._counts.get(name, 0))
            for name in (
                "cache_read_input_tokens",
                "cache_creation_input_tokens",
                "input_tokens",
                "output_tokens",
            )
        )
        if read is None or written is None or plain is None or made is None or not self._counts:
            return []
        thought = tokens(table(self._counts.get("output_tokens_details")).get("thinking_tokens"))
        return self.used(Usage(plain + read + written, made, read, written, thought or 0))
