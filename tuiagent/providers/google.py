"""Google's Gemini: a pure translator.

Source: https://ai.google.dev/api/generate-content, and its pages on function calling, thinking and
thought signatures.
"""

import re
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
from tuiagent.providers.abilities import ability
from tuiagent.providers.dialect import ORIGIN, Answer, rows, table, tokens, versioned, word
from tuiagent.providers.faults import Faults

ILLEGAL = re.compile(r"[^a-zA-Z0-9._/-]|[.]{2}")
SIGNATURE = "thoughtSignature"
FOREIGN = "skip_thought_signature_validator"
"""Stands for the signature of a call that another model made; its documentation says so."""
BUDGETS = {"off": 512, "low": 2_048, "medium": 8_192, "high": 16_384, "max": 24_576}
"""Tokens of thought, for models that are told a number; none of them takes less than the least."""
LEVELS = {"off": "low", "low": "low", "medium": "medium", "high": "high", "max": "high"}
BROKEN = {"MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "OTHER"}
"""Reasons that say that the model made a mistake which it may not make again."""


class Google:
    """generateContent, streamed."""

    def base(self, url: str) -> str:
        """See Dialect."""
        return versioned(url, "/v1beta")

    def headers(self, key: str) -> dict[str, str]:
        """See Dialect."""
        return {"x-goog-api-key": key} if key else {}

    def path(self, prompt: Prompt) -> str:
        """See Dialect."""
        name = ILLEGAL.sub("_", prompt.model)
        place = name if "/" in name else f"models/{name}"
        return f"/{place}:streamGenerateContent?alt=sse"

    def request(self, prompt: Prompt, origin: str) -> dict[str, Any]:
        """See Dialect."""
        body: dict[str, Any] = {}
        config = _config(prompt)
        if config:
            body["generationConfig"] = config
        if prompt.system:
            body["systemInstruction"] = {"parts": [{"text": prompt.system}]}
        if prompt.tools:
            declared = [
                {
                    "name": tool.name,
                    "description": tool.description,
                    "parametersJsonSchema": tool.parameters,
                }
                for tool in prompt.tools
            ]
            body["tools"] = [{"functionDeclarations": declared}]
        body["contents"] = _contents(prompt, origin)
        return body

    def answer(self, faults: Faults, origin: str) -> "Events":
        """See Dialect."""
        return Events(faults, origin)


def _config(prompt: Prompt) -> dict[str, Any]:
    config: dict[str, Any] = {}
    reasoning = ability(prompt.model).reasoning
    if reasoning:
        thinking: dict[str, Any] = {"includeThoughts": True}
        if prompt.effort and reasoning == "level":
            thinking["thinkingLevel"] = LEVELS[prompt.effort]
        elif prompt.effort:
            thinking["thinkingBudget"] = BUDGETS[prompt.effort]
        config["thinkingConfig"] = thinking
    if prompt.output:
        config["maxOutputTokens"] = prompt.output
    if prompt.schema is not None:
        config |= {"responseMimeType": "application/json", "responseJsonSchema": prompt.schema}
    return config


# ---------------------------------------------------------------- the history


def _contents(prompt: Prompt, origin: str) -> list[dict[str, Any]]:
    """The history in turns: all results of one answer's calls are in one message, first."""
    turns: list[dict[str, Any]] = []
    given: list[dict[str, Any]] = []
    for message, after in zip(prompt.messages, (*prompt.messages[1:], None), strict=True):
        role = "model" if message.role == "assistant" else "user"
        parts = _message(message, prompt, origin)
        given += _given(message, prompt)
        if after is None or after.role != "tool":
            parts, given = parts + given, []
        if turns and turns[-1]["role"] == role:
            turns[-1]["parts"] += parts
        elif parts:
            turns.append({"role": role, "parts": parts})
    return turns


def _message(message: Message, prompt: Prompt, origin: str) -> list[dict[str, Any]]:
    if message.call is not None:
        text = "".join(block.text for block in message.blocks if isinstance(block, Text))
        name = naming.tool(message.call.name)
        answer = {"name": name, "response": {"error" if message.failed else "output": text}}
        if message.call.provider_id and message.call.details.get(ORIGIN) == origin:
            answer["id"] = message.call.provider_id
        return [{"functionResponse": answer}]
    if message.role != "assistant":
        parts = [
            {"text": block.text} if isinstance(block, Text) else _medium(block, prompt)
            for block in message.blocks
            if isinstance(block, Image | Document) or (isinstance(block, Text) and block.text)
        ]
        return parts or [{"text": "(nothing)"}]
    parts: list[dict[str, Any]] = []
    first = True
    for block in message.blocks:
        part = _part(block, origin, first)
        first = first and not isinstance(block, Call)
        parts += [part] if part else []
    return parts


def _given(message: Message, prompt: Prompt) -> list[dict[str, Any]]:
    """What a call gave beside text."""
    found = [_medium(block, prompt) for block in media.of(message)]
    if not found or message.call is None:
        return []
    return [{"text": media.introduced(message.call.name)}, *found]


def _medium(block: Media, prompt: Prompt) -> dict[str, Any]:
    data = media.data(block, prompt)
    if not data:
        return {"text": media.words(block, prompt)}
    return {"inlineData": {"mimeType": block.media, "data": data}}


def _part(block: Block, origin: str, first: bool) -> dict[str, Any] | None:
    """A block as it is sent back; the `first` call of an answer carries the thoughts before it."""
    if isinstance(block, Text):
        return {"text": block.text} if block.text else None
    if isinstance(block, Image | Document):
        return None
    own = block.details.get(ORIGIN) == origin
    if isinstance(block, Reasoning):
        signature = block.details.get(SIGNATURE) if own else None
        return {"text": "", SIGNATURE: signature} if signature else None
    args = block.args if block.args is not None else {"unreadable": block.raw}
    call: dict[str, Any] = {"name": naming.tool(block.name), "args": args}
    if own and block.provider_id:
        call["id"] = block.provider_id
    signature = block.details.get(SIGNATURE) if own else (FOREIGN if first else None)
    return {"functionCall": call, **({SIGNATURE: signature} if signature else {})}


# ---------------------------------------------------------------- the answer


class Events(Answer):
    """Reads an answer of Gemini."""

    STOPS = {
        "STOP": "end",
        "MAX_TOKENS": "length",
        **dict.fromkeys(
            "SAFETY RECITATION LANGUAGE BLOCKLIST PROHIBITED_CONTENT SPII IMAGE_SAFETY "
            "MODEL_ARMOR".split(),
            "filter",
        ),
    }
    FINAL = "finishReason"

    def __init__(self, faults: Faults, origin: str) -> None:
        super().__init__(faults, origin)
        self._calls = 0
        self._thoughts = 0

    def take(self, event: dict[str, Any]) -> list[Part]:
        """See Answer."""
        parts = self.named(event.get("modelVersion"))
        candidates = rows(event.get("candidates"))
        candidate = candidates[0] if candidates else {}
        for part in rows(table(candidate.get("content")).get("parts")):
            parts += self._part(part)
        parts += self.used(_usage(table(event.get("usageMetadata"))))
        reason = candidate.get("finishReason")
        if table(event.get("promptFeedback")).get("blockReason") and not candidates:
            reason = "PROHIBITED_CONTENT"
        if reason in BROKEN:
            said = word(candidate.get("finishMessage"))
            raise self.faults.error("server", f"could not finish its answer ({reason}) {said}")
        if reason and isinstance(reason, str):
            self.stop, self.over = reason, True
        return parts

    def _part(self, part: dict[str, Any]) -> list[Part]:
        signature = word(part.get(SIGNATURE))
        details = {ORIGIN: self.origin, **({SIGNATURE: signature} if signature else {})}
        call = table(part.get("functionCall"))
        text = word(part.get("text"))
        if call:
            self.called = True
            self._calls += 1
            ident, name = word(call.get("id")), word(call.get("name"))
            given = call.get("args")
            written = given if isinstance(given, str) else msgspec.json.encode(given or {}).decode()
            return [CallPart(self._calls, ident, name, written, details)]
        if part.get("thought") is True:
            return [ReasoningPart(text, {}, self._thoughts)] if text else []
        parts: list[Part] = [TextPart(text)] if text else []
        if signature:
            self._thoughts += 1
            parts.append(ReasoningPart("", details, self._thoughts))
            self._thoughts += 1
        return parts


def _usage(usage: dict[str, Any]) -> Usage | None:
    """The thoughts are counted beside the answer there, and within it here."""
    given, made, thought = (
        tokens(usage.get(name, 0))
        for name in ("promptTokenCount", "candidatesTokenCount", "thoughtsTokenCount")
    )
    if not usage or given is None or made is None or thought is None:
        return None
    read = tokens(usage.get("cachedContentTokenCount")) or 0
    return Usage(given, made + thought, read, 0, thought)
