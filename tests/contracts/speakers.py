"""How servers put an answer on the wire: one event in short, in the events of each format."""

import json
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

CHARACTERS = "latin-1"
"""Of `raw`, `body`, `data` and `lines`, so that a row can write any byte."""
MODEL = "m-1"


class Event(Struct, frozen=True, forbid_unknown_fields=True):
    """One event of a stream, in short; `times` repeats it."""

    text: str | None = None
    thought: str | None = None
    call: dict[str, Any] | None = None
    """A piece of a call: index, id, name, arguments; what is not named is not sent."""
    stop: str | None = None
    """In the words of Chat Completions."""
    usage: dict[str, Any] | None = None
    """In the words of Chat Completions."""
    data: str | None = None
    """The data as it is; $KEY is the key that was sent."""
    error: tuple[str, str] | None = None
    """A failure's type and message, as Chat Completions tells them."""
    lines: str | None = None
    """Bytes as they are, line ends included."""
    times: int = 1


class Speaker:
    """Chat Completions; the others differ in what they make of an event."""

    LAST: Any = b"data: [DONE]\n\n"
    """What may follow the final event."""

    def begin(self) -> list[Any]:
        """What comes before everything else."""
        return []

    def say(self, event: Event) -> list[Any]:
        """The data of the events that one in short stands for."""
        delta: dict[str, Any] = {}
        if event.text is not None:
            delta["content"] = event.text
        if event.thought is not None:
            delta["reasoning_content"] = event.thought
        if event.call is not None:
            names = ("name", "arguments")
            piece = {k: v for k, v in event.call.items() if k not in names}
            piece["function"] = {k: v for k, v in event.call.items() if k in names}
            delta["tool_calls"] = [piece]
        choice = {"index": 0, "delta": delta, "finish_reason": event.stop}
        body: dict[str, Any] = {"id": "c", "model": MODEL, "choices": [choice]}
        if event.usage is not None:
            body |= {"usage": event.usage}
            body["choices"] = [choice] if event.stop else []
        return [body]

    def fail(self, kind: str, message: str) -> dict[str, Any]:
        """A failure in the stream."""
        return {"error": {"type": kind, "message": message}}

    def close(self) -> list[Any]:
        """What is left to be said where the events break off."""
        return []


def counted(event: Event) -> tuple[int, int, int, int]:
    """Tokens in, out, from the cache and thought."""
    usage = event.usage or {}
    read = usage.get("prompt_tokens_details", {}).get("cached_tokens", 0)
    thought = usage.get("completion_tokens_details", {}).get("reasoning_tokens", 0)
    return usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0), read, thought


class Messages(Speaker):
    """Anthropic's."""

    LAST = {"type": "message_stop"}
    STOPS = {
        "stop": "end_turn",
        "tool_calls": "tool_use",
        "length": "max_tokens",
        "content_filter": "refusal",
    }

    def __init__(self) -> None:
        self._blocks = 0
        self._open = ""
        self._calls: dict[Any, int] = {}

    def begin(self) -> list[Any]:
        return [{"type": "message_start", "message": {"model": MODEL, "content": []}}]

    def fail(self, kind: str, message: str) -> dict[str, Any]:
        return {"type": "error", **super().fail(kind, message)}

    def say(self, event: Event) -> list[Any]:
        if event.text is not None:
            return self._words("text", {"type": "text_delta", "text": event.text})
        if event.thought is not None:
            return self._words("thinking", {"type": "thinking_delta", "thinking": event.thought})
        if event.call is not None:
            return self._call(event.call)
        body: dict[str, Any] = {"type": "message_delta", "delta": {}}
        if event.stop is not None:
            body["delta"]["stop_reason"] = self.STOPS.get(event.stop, event.stop)
        if event.usage is not None:
            given, made, read, thought = counted(event)
            body["usage"] = {
                "input_tokens": given - read,
                "cache_read_input_tokens": read,
                "output_tokens": made,
                "output_tokens_details": {"thinking_tokens": thought},
            }
        return [body]

    def _words(self, kind: str, delta: dict[str, Any]) -> list[Any]:
        begin: list[Any] = []
        if self._open != kind:
            self._open = kind
            block = {"type": kind, kind: ""}
            begin = [{"type": "content_block_start", "index": self._blocks, "content_block": block}]
            self._blocks += 1
        at = self._blocks - 1
        return [*begin, {"type": "content_block_delta", "index": at, "delta": delta}]

    def _call(self, call: dict[str, Any]) -> list[Any]:
        begin: list[Any] = []
        if call["index"] not in self._calls:
            self._calls[call["index"]] = self._blocks
            block = {"type": "tool_use", "id": call["id"], "name": call["name"], "input": {}}
            begin = [{"type": "content_block_start", "index": self._blocks, "content_block": block}]
            self._blocks += 1
            self._open = "call"
        delta = {"type": "input_json_delta", "partial_json": call.get("arguments", "")}
        at = self._calls[call["index"]]
        return [*begin, {"type": "content_block_delta", "index": at, "delta": delta}]


class Items(Speaker):
    """OpenAI's Responses."""

    LAST = None
    WHY = {"length": "max_output_tokens", "content_filter": "content_filter"}

    def __init__(self) -> None:
        self._items = -1
        self._open = ""
        self._calls: dict[Any, int] = {}

    def begin(self) -> list[Any]:
        return [{"type": "response.created", "response": {"model": MODEL, "error": None}}]

    def fail(self, kind: str, message: str) -> dict[str, Any]:
        return {"type": "error", "code": kind, "message": message}

    def say(self, event: Event) -> list[Any]:
        if event.text is not None:
            return self._words("response.output_text.delta", event.text)
        if event.thought is not None:
            return self._words("response.reasoning_text.delta", event.thought)
        if event.call is not None:
            return self._call(event.call)
        if event.stop is None:
            return []
        given, made, read, thought = counted(event)
        response: dict[str, Any] = {"model": MODEL, "status": "completed", "output": []}
        if event.usage is not None:
            response["usage"] = {
                "input_tokens": given,
                "input_tokens_details": {"cached_tokens": read},
                "output_tokens": made,
                "output_tokens_details": {"reasoning_tokens": thought},
            }
        kind = "response.completed"
        if event.stop not in ("stop", "tool_calls"):
            kind = "response.incomplete"
            response["incomplete_details"] = {"reason": self.WHY.get(event.stop, event.stop)}
        return [{"type": kind, "response": response}]

    def _words(self, kind: str, text: str) -> list[Any]:
        if self._open != kind:
            self._open = kind
            self._items += 1
        return [{"type": kind, "output_index": self._items, "delta": text}]

    def _call(self, call: dict[str, Any]) -> list[Any]:
        begin: list[Any] = []
        if call["index"] not in self._calls:
            self._items += 1
            self._open = "call"
            self._calls[call["index"]] = self._items
            item = {"type": "function_call", "call_id": call["id"], "name": call["name"]}
            added = "response.output_item.added"
            begin = [{"type": added, "output_index": self._items, "item": item}]
        delta = {
            "type": "response.function_call_arguments.delta",
            "output_index": self._calls[call["index"]],
            "delta": call.get("arguments", ""),
        }
        return [*begin, delta]


class Candidates(Speaker):
    """Gemini's; it writes calls as a whole."""

    LAST = None
    FAILURES = {
        "overloaded": (503, "UNAVAILABLE"),
        "rate_limit": (429, "RESOURCE_EXHAUSTED"),
        "server_error": (500, "INTERNAL"),
    }
    STOPS = {"stop": "STOP", "tool_calls": "STOP", "length": "MAX_TOKENS"}

    def __init__(self) -> None:
        self._calls: dict[Any, dict[str, Any]] = {}

    def fail(self, kind: str, message: str) -> dict[str, Any]:
        code, status = self.FAILURES[kind]
        return {"error": {"code": code, "status": status, "message": message}}

    def say(self, event: Event) -> list[Any]:
        if event.call is not None:
            known = self._calls.setdefault(event.call["index"], {"arguments": ""})
            known |= {k: v for k, v in event.call.items() if k != "arguments"}
            known["arguments"] += event.call.get("arguments", "")
            return []
        parts: list[dict[str, Any]] = []
        if event.text is not None:
            parts = [{"text": event.text}]
        if event.thought is not None:
            parts = [{"text": event.thought, "thought": True}]
        calls = self.close() if event.stop else []
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}}
        if event.stop is not None:
            candidate["finishReason"] = self.STOPS.get(
                event.stop, "SAFETY" if event.stop == "content_filter" else event.stop
            )
        body: dict[str, Any] = {"candidates": [candidate], "modelVersion": MODEL}
        if event.usage is not None:
            given, made, read, thought = counted(event)
            body["usageMetadata"] = {
                "promptTokenCount": given,
                "candidatesTokenCount": made - thought,
                "cachedContentTokenCount": read,
                "thoughtsTokenCount": thought,
            }
        return [*calls, body]

    def close(self) -> list[Any]:
        calls = [
            {k: v for k, v in call.items() if k in ("id", "name")} | {"args": _parsed(call)}
            for call in self._calls.values()
        ]
        self._calls = {}
        parts: list[Any] = [{"functionCall": call} for call in calls]
        if parts:
            parts[0]["thoughtSignature"] = "U0lH"
        return [{"candidates": [{"content": {"parts": parts}}], "modelVersion": MODEL}] * bool(
            parts
        )


def _parsed(call: dict[str, Any]) -> Any:
    """The arguments; as text where they are no JSON."""
    try:
        return json.loads(call["arguments"] or "{}")
    except ValueError:
        return call["arguments"]


SPEAKERS: dict[str, type[Speaker]] = {
    "compatible": Speaker,
    "anthropic": Messages,
    "responses": Items,
    "google": Candidates,
}


def spoken(events: Iterable[Event], form: str, done: bool, key: str) -> bytes:
    """The body of an answer; a usage right behind the stop is told with it, as servers do."""
    speaker = SPEAKERS[form]()
    merged: list[Event] = []
    for event in events:
        if event.usage is not None and merged and merged[-1].stop and form != "compatible":
            merged[-1] = Event(stop=merged[-1].stop, usage=event.usage)
        else:
            merged.append(event)
    body = [named(each) for each in speaker.begin()]
    for event in merged:
        if event.lines is not None:
            body += [event.lines.encode(CHARACTERS)] * event.times
        elif event.data is not None:
            data = event.data.replace("$KEY", key).encode(CHARACTERS)
            name = b"event: error\n" if b'"error"' in data else b""
            body += [b"%sdata: %s\n\n" % (name, data)] * event.times
        elif event.error is not None:
            body.append(named(speaker.fail(*event.error)))
        else:
            for _ in range(event.times):
                body += [named(each) for each in speaker.say(event)]
    body += [named(each) for each in speaker.close()]
    if done and speaker.LAST is not None:
        body.append(speaker.LAST if isinstance(speaker.LAST, bytes) else named(speaker.LAST))
    return b"".join(body)


def named(body: dict[str, Any]) -> bytes:
    """An event with its name, where it has a type."""
    kind = b"event: %s\n" % body["type"].encode() if "type" in body else b""
    return b"%sdata: %s\n\n" % (kind, json.dumps(body).encode())
