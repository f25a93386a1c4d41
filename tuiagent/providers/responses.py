"""OpenAI's Responses: a pure translator that leaves nothing behind on the server.

Source: https://platform.openai.com/docs/api-reference/responses and its streaming events.
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
    Message,
    Prompt,
    Reasoning,
    Text,
    Usage,
)
from tuiagent.kernel.reply import CallPart, Part, ReasoningPart, TextPart
from tuiagent.providers import media, naming
from tuiagent.providers.abilities import ability
from tuiagent.providers.dialect import ORIGIN, Answer, rows, table, tokens, word
from tuiagent.providers.faults import Faults
from tuiagent.providers.schemas import strict

LEGAL_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")
EFFORT = {"off": "none", "max": "xhigh"}
WORDS = ("response.output_text.delta", "response.refusal.delta")
THOUGHTS = ("response.reasoning_summary_text.delta", "response.reasoning_text.delta")


class Responses:
    """Responses, streamed and not stored."""

    def base(self, url: str) -> str:
        """See Dialect."""
        return url

    def headers(self, key: str) -> dict[str, str]:
        """See Dialect."""
        return {"Authorization": f"Bearer {key}"} if key else {}

    def path(self, prompt: Prompt) -> str:
        """See Dialect."""
        return "/responses"

    def request(self, prompt: Prompt, origin: str) -> dict[str, Any]:
        """See Dialect."""
        body: dict[str, Any] = {"model": prompt.model, "stream": True, "store": False}
        if ability(prompt.model).reasoning:
            effort = EFFORT.get(prompt.effort, prompt.effort)
            body["reasoning"] = {"summary": "auto", **({"effort": effort} if effort else {})}
            body["include"] = ["reasoning.encrypted_content"]
        if prompt.output:
            body["max_output_tokens"] = prompt.output
        if prompt.cache_key:
            body["prompt_cache_key"] = prompt.cache_key[-64:]
        if prompt.schema is not None:
            forced = strict(prompt.schema, optional=False)
            wanted = {"name": "answer", "schema": forced or prompt.schema, "strict": bool(forced)}
            body["text"] = {"format": {"type": "json_schema", **wanted}}
        if prompt.system:
            body["instructions"] = prompt.system
        if prompt.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": False,
                }
                for tool in prompt.tools
            ]
        ids = naming.ids(prompt.messages, LEGAL_ID)
        body["input"] = [item for m in prompt.messages for item in _items(m, prompt, ids, origin)]
        return body

    def answer(self, faults: Faults, origin: str) -> "Events":
        """See Dialect."""
        return Events(faults, origin)


# ---------------------------------------------------------------- the history


def _items(
    message: Message, prompt: Prompt, ids: Mapping[str, str], origin: str
) -> list[dict[str, Any]]:
    """A message as items; each depends on those before it alone."""
    if message.call is not None:
        parts = _parts(message, prompt)
        output = parts if media.of(message) else "".join(part["text"] for part in parts)
        ident = ids[message.call.id]
        return [{"type": "function_call_output", "call_id": ident, "output": output}]
    if message.role != "assistant":
        return [{"type": "message", "role": "user", "content": _parts(message, prompt)}]
    return [item for b in message.blocks if (item := _item(b, ids, origin)) is not None]


def _parts(message: Message, prompt: Prompt) -> list[dict[str, Any]]:
    """What a person or a tool gave; what cannot be shown is told."""
    parts: list[dict[str, Any]] = []
    for block in message.blocks:
        if isinstance(block, Text):
            parts.append({"type": "input_text", "text": block.text})
        elif isinstance(block, Image | Document):
            url = media.url(block, prompt)
            if not url:
                parts.append({"type": "input_text", "text": media.words(block, prompt)})
            elif isinstance(block, Image):
                parts.append({"type": "input_image", "image_url": url})
            else:
                parts.append({"type": "input_file", "filename": block.name, "file_data": url})
    return parts


def _item(block: Block, ids: Mapping[str, str], origin: str) -> dict[str, Any] | None:
    """A block of an answer as it goes back, None for another model's thoughts and no words."""
    if isinstance(block, Text):
        if not block.text:
            return None
        content = [{"type": "output_text", "text": block.text, "annotations": []}]
        return {"type": "message", "role": "assistant", "content": content}
    if isinstance(block, Call):
        args = block.args if block.args is not None else {"unreadable": block.raw}
        return {
            "type": "function_call",
            "call_id": ids[block.id],
            "name": naming.tool(block.name),
            "arguments": msgspec.json.encode(args).decode(),
        }
    if not isinstance(block, Reasoning) or block.details.get(ORIGIN) != origin:
        return None
    return block.details.get("item")


# ---------------------------------------------------------------- the answer


class Events(Answer):
    """Reads an answer of Responses."""

    STOPS = {"completed": "end", "max_output_tokens": "length", "content_filter": "filter"}
    FINAL = "response.completed"

    def __init__(self, faults: Faults, origin: str) -> None:
        super().__init__(faults, origin)
        self._written: dict[int, str] = {}
        """What came of each item in pieces: of a call its arguments, of a message its words."""
        self._done: set[int] = set()
        self._headings: dict[int, Any] = {}
        """The newest part of each summary."""

    def take(self, event: dict[str, Any]) -> list[Part]:
        """See Answer."""
        kind = word(event.get("type"))
        at = event.get("output_index")
        at = at if isinstance(at, int) else 0
        if kind in WORDS:
            self.refused |= kind == "response.refusal.delta"
            return self._more(at, event)
        if kind in THOUGHTS:
            return [ReasoningPart(self._heading(at, event) + word(event.get("delta")), index=at)]
        if kind == "response.function_call_arguments.delta":
            self.called = True
            return self._arguments(at, word(event.get("delta")))
        if kind == "response.output_item.added":
            return self._added(at, table(event.get("item")))
        if kind == "response.output_item.done":
            return self._whole(at, table(event.get("item")))
        response = table(event.get("response"))
        if kind in ("response.created", "response.in_progress"):
            return self.named(response.get("model"))
        if kind == "response.failed":
            raise self.faults.event(response or event)
        if kind in ("response.completed", "response.incomplete"):
            return self._final(kind, response)
        return []

    def _more(self, at: int, event: dict[str, Any]) -> list[Part]:
        text = word(event.get("delta"))
        self._written[at] = self._written.get(at, "") + text
        return [TextPart(text)] if text else []

    def _heading(self, at: int, event: dict[str, Any]) -> str:
        """What parts this piece of a summary from the part before it."""
        number = event.get("summary_index")
        first = at not in self._headings
        changed = self._headings.get(at) != number
        self._headings[at] = number
        return "\n\n" if changed and not first else ""

    def _added(self, at: int, item: dict[str, Any]) -> list[Part]:
        if item.get("type") != "function_call":
            return []
        self.called = True
        self._written[at] = ""
        return [CallPart(at, word(item.get("call_id")), word(item.get("name")))]

    def _arguments(self, at: int, text: str) -> list[Part]:
        self._written[at] = self._written.get(at, "") + text
        return [CallPart(at, arguments=text)]

    def _whole(self, at: int, item: dict[str, Any]) -> list[Part]:
        """An item as it is in the end: what did not come in pieces comes now."""
        kind = item.get("type")
        if at in self._done:
            return []
        self._done.add(at)
        if kind == "function_call":
            parts = [] if at in self._written else self._added(at, item)
            arguments = word(item.get("arguments"))
            return parts if self._written.get(at) else parts + self._arguments(at, arguments)
        if kind == "message" and not self._written.get(at):
            content = rows(item.get("content"))
            self.refused |= any(part.get("type") == "refusal" for part in content)
            text = "".join(word(p.get("text")) or word(p.get("refusal")) for p in content)
            return [TextPart(text)] if text else []
        if kind == "reasoning":
            kept = {name: item[name] for name in ("type", "id", "summary") if name in item}
            if item.get("encrypted_content"):
                kept["encrypted_content"] = item["encrypted_content"]
                return [ReasoningPart("", {"item": kept, ORIGIN: self.origin}, at)]
        return []

    def _final(self, kind: str, response: dict[str, Any]) -> list[Part]:
        parts = self.named(response.get("model"))
        for at, item in enumerate(rows(response.get("output"))):
            parts += self._whole(at, item)
        why = word(table(response.get("incomplete_details")).get("reason"))
        self.stop = "completed" if kind == "response.completed" else why or "incomplete"
        self.over = True
        return parts + self.used(_usage(table(response.get("usage"))))


def _usage(usage: dict[str, Any]) -> Usage | None:
    given, made = tokens(usage.get("input_tokens")), tokens(usage.get("output_tokens"))
    if given is None or made is None:
        return None
    read = table(usage.get("input_tokens_details"))
    written = table(usage.get("output_tokens_details"))
    return Usage(
        input=given,
        output=made,
        cache_read=tokens(read.get("cached_tokens")) or 0,
        cache_write=tokens(read.get("cache_write_tokens")) or 0,
        reasoning=tokens(written.get("reasoning_tokens")) or 0,
    )
