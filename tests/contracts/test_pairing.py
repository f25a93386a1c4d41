"""No interruption makes a session unsendable, whoever is asked next."""

import os
from random import Random
from typing import Any

import pytest
from pairing import CHECKERS, Unpaired

from tests.kernel.world import World
from tuiagent.kernel import run as runs
from tuiagent.kernel.message import Call, Message, Prompt, Reasoning, Text, ToolSpec
from tuiagent.providers import DIALECTS
from tuiagent.registry import load

COUNT = int(os.environ.get("INTERRUPTIONS", "1000"))
"""How many times something is broken off."""
MODELS = {
    "compatible": "deepseek-v4",
    "anthropic": "claude-sonnet-5-5",
    "responses": "gpt-6-sol",
    "google": "gemini-3.8-flash",
}
TOOL = ToolSpec("shell", "Runs a command.", {"type": "object", "properties": {}})
IDS = ["c1", "c1", "", "x" * 500, "with space", "toolu_1", "call|fc_1", "schön"]


def body(form: str, messages: tuple[Message, ...], model: str = "") -> dict[str, Any]:
    """The request in this format."""
    model = model or MODELS[form]
    asked = Prompt(model, "Be brief.", (TOOL,), messages, "session/x")
    return load(DIALECTS[form])().request(asked, f"{form}/{model}")


def details(origin: str, random: Random) -> dict[str, Any]:
    """What a model's thoughts may carry."""
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "e"}
    kinds: list[dict[str, Any]] = [{"signature": "s"}, {"data": "d"}, {"item": item}, {}]
    return {"origin": origin, "thoughtSignature": "t", **random.choice(kinds)}


def disguised(messages: list[Any], random: Random) -> tuple[Message, ...]:
    """The same history as if several models with odd ids had answered in it."""
    origins = [f"{form}/{model}" for form, model in MODELS.items()]
    known: dict[str, Call] = {}
    found: list[Message] = []
    for message in messages:
        if message.role == "assistant":
            origin = random.choice(origins)
            blocks: list[Any] = []
            for block in message.blocks:
                if isinstance(block, Call):
                    raw = "{oh" if block.args is None else ""
                    more = details(origin, random) if random.random() < 0.7 else {}
                    block = known[block.id] = Call(
                        block.id,
                        random.choice([block.name, "no such/tool", ""]),
                        block.args,
                        raw,
                        random.choice(IDS),
                        more,
                    )
                blocks.append(block)
            if random.random() < 0.5:
                blocks.insert(0, Reasoning("hm", details(origin, random)))
            if random.random() < 0.2:
                blocks.append(Text(random.choice([" \n", "behind"])))
            message = Message(message.role, tuple(blocks))
        elif message.call is not None:
            message = Message("tool", message.blocks, known[message.call.id], message.failed)
        found.append(message)
    return tuple(found)


def lives() -> Any:
    """Random sessions, until enough was broken off in them."""
    broken = seed = 0
    while broken < COUNT:
        world = World(seed)
        world.live(60)
        world.rest()
        yield world, Random(seed)
        ended = (runs.ReplyInterrupted, runs.InterruptRequested, runs.AttemptFailed)
        broken += sum(isinstance(fact, ended) for fact in world.facts) + world.fence - 1
        seed += 1


@pytest.mark.timeout(900)
def test_whatever_is_broken_off_the_next_request_is_accepted() -> None:
    asked = 0
    for world, random in lives():
        for _, messages in world.sent:
            history = disguised(messages, random)
            for form, check in CHECKERS.items():
                check(body(form, history))
            asked += 1
    assert asked > COUNT / 10


CALLS = tuple(Call(f"a1.{n}", "shell", {}) for n in (1, 2))
BEGIN = Message("user", (Text("go"),))
RESULTS = tuple(Message("tool", (Text("done"),), call) for call in CALLS)
BROKEN = {
    "one result is missing": (BEGIN, Message("assistant", CALLS), RESULTS[0]),
    "a result is doubled": (BEGIN, Message("assistant", CALLS), *RESULTS, RESULTS[1]),
    "words come between": (BEGIN, Message("assistant", CALLS), BEGIN, *RESULTS),
}


@pytest.mark.parametrize("form", sorted(CHECKERS))
@pytest.mark.parametrize("broken", sorted(BROKEN))
def test_the_checkers_find_what_is_wrong(form: str, broken: str) -> None:
    CHECKERS[form](body(form, (BEGIN, Message("assistant", CALLS), *RESULTS)))
    with pytest.raises(Unpaired):
        CHECKERS[form](body(form, BROKEN[broken]))
