"""What each provider refuses in a history, as strictly as the strictest of its models."""

import json
import re
from collections.abc import Callable
from typing import Any

Body = dict[str, Any]


class Unpaired(AssertionError):
    """A provider would refuse this request."""


def need(holds: object, what: str) -> None:
    if not holds:
        raise Unpaired(what)


def compatible(body: Body) -> None:
    """Chat Completions: each call is answered, in order, before anything else is said."""
    waiting: list[str] = []
    for message in body["messages"]:
        role = message["role"]
        if role == "tool":
            need(waiting and waiting.pop(0) == message["tool_call_id"], "a result without a call")
            need(isinstance(message["content"], str), "a result that is not text")
            continue
        need(not waiting, f"{waiting} are not answered")
        need(role in ("system", "user", "assistant"), role)
        calls = message.get("tool_calls", [])
        need(message["content"] or calls or message["content"] == "", "an empty message")
        need(calls or message["content"] is not None, "neither words nor calls")
        waiting = [call["id"] for call in calls]
        need(len(set(waiting)) == len(waiting), "two calls of one id")
        for call in calls:
            need(re.fullmatch(r"[!-~]{1,64}", call["id"]), "an id that is not legal")
            need(re.fullmatch(r"[\w-]{1,64}", call["function"]["name"]), "a bad name")
            need(isinstance(json.loads(call["function"]["arguments"]), dict), "bad arguments")
    need(not waiting, f"{waiting} are not answered")


def anthropic(body: Body) -> None:
    """Messages: turns alternate, results come first in the very next one, no text is blank."""
    turns = body["messages"]
    need([t["role"] for t in turns] == (["user", "assistant"] * len(turns))[: len(turns)], "turns")
    need(turns[-1]["role"] == "user", "the last turn is the model's")
    marks = json.dumps(body).count('"cache_control"')
    need(1 <= marks <= 4, f"{marks} marks for the cache")
    waiting: list[str] = []
    used: set[str] = set()
    for turn in turns:
        need(turn["content"], "an empty turn")
        results = [b for b in turn["content"] if b["type"] == "tool_result"]
        need(turn["content"][: len(results)] == results, "something comes before a result")
        need(sorted(r["tool_use_id"] for r in results) == sorted(waiting), f"{waiting} is not met")
        uses = [block for block in turn["content"] if block["type"] == "tool_use"]
        waiting = [use["id"] for use in uses]
        need(not used & set(waiting) and len(set(waiting)) == len(waiting), "an id used twice")
        used |= set(waiting)
        for use in uses:
            need(re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", use["id"]), "an id that is not legal")
            need(re.fullmatch(r"[\w-]{1,64}", use["name"]), "a bad name")
            need(isinstance(use["input"], dict), "arguments that are no object")
        for block in turn["content"]:
            need(block["type"] != "text" or block["text"].strip(), "blank text")
            need(block["type"] != "thinking" or block["signature"], "a thought without signature")
    need(not waiting, f"{waiting} are not answered")


def responses(body: Body) -> None:
    """Responses: each call has one output behind it, and no output is without a call."""
    called: list[str] = []
    answered: list[str] = []
    for item in body["input"]:
        if item["type"] == "function_call":
            called.append(item["call_id"])
            need(re.fullmatch(r"[\w-]{1,64}", item["call_id"]), "an id that is not legal")
            need(re.fullmatch(r"[\w-]{1,64}", item["name"]), "a bad name")
            need(isinstance(json.loads(item["arguments"]), dict), "bad arguments")
        elif item["type"] == "function_call_output":
            need(item["call_id"] in called, "an output without a call")
            answered.append(item["call_id"])
        elif item["type"] == "message":
            need(item["content"], "an empty message")
            open_ = [ident for ident in called if ident not in answered]
            need(item["role"] == "assistant" or not open_, f"{open_} are not answered")
        else:
            need(item["type"] == "reasoning" and item["encrypted_content"], "a bare thought")
    need(len(set(called)) == len(called), "two calls of one id")
    need(called == answered or sorted(called) == sorted(answered), "calls without an output")
    need(not body["store"], "left behind on the server")


def google(body: Body) -> None:
    """Gemini: turns alternate, and the next one answers all calls of a turn, in their order."""
    turns = body["contents"]
    need([t["role"] for t in turns] == (["user", "model"] * len(turns))[: len(turns)], "turns")
    waiting: list[str] = []
    for turn in turns:
        need(turn["parts"], "an empty turn")
        answers = [p["functionResponse"] for p in turn["parts"] if "functionResponse" in p]
        need([a["name"] for a in answers] == waiting, f"{waiting} is not met")
        first = turn["parts"][: len(answers)]
        need(all("functionResponse" in part for part in first), "something comes before a result")
        calls = [part for part in turn["parts"] if "functionCall" in part]
        waiting = [call["functionCall"]["name"] for call in calls]
        need(not calls or calls[0].get("thoughtSignature"), "a first call without a signature")
        for call in calls:
            need(re.fullmatch(r"[\w-]{1,64}", call["functionCall"]["name"]), "a bad name")
            need(isinstance(call["functionCall"]["args"], dict), "arguments that are no object")
    need(not waiting, f"{waiting} are not answered")


CHECKERS: dict[str, Callable[[Body], None]] = {
    "compatible": compatible,
    "anthropic": anthropic,
    "responses": responses,
    "google": google,
}
