"""Facts for measuring: sessions as long as are wanted, without a model."""

import os
import random
from pathlib import Path

from tuiagent.kernel import call as calls
from tuiagent.kernel import run as runs
from tuiagent.kernel.claims import Claims
from tuiagent.kernel.event import Fact
from tuiagent.kernel.message import Call, Observation, Text
from tuiagent.kernel.policy import Verdict
from tuiagent.kernel.reply import Reply
from tuiagent.kernel.session import PromptRebased, PromptSubmitted, SessionOpened


def history(size: int, longest: int = 500) -> list[Fact]:
    """The facts of one long session: prompts, replies, and a call for each."""
    chance = random.Random(1)
    facts: list[Fact] = [
        SessionOpened("/w", "scripted/x", "auto", {}),
        PromptRebased(1, "first", "scripted/x", "", ()),
    ]
    number = 0
    claims = Claims("shell", "execute", "ls", folder="/w")
    while len(facts) < size:
        number += 1
        prompt = f"p{number}"
        facts += [PromptSubmitted(prompt, "go"), runs.RunStarted(prompt)]
        for turn in range(1, 11):
            attempt, ident = f"{prompt}.{turn}", f"{prompt}.{turn}.1"
            words = Text("x" * chance.randrange(200))
            call = Call(ident, "shell", {"command": "ls"})
            facts += [
                runs.AttemptStarted(attempt, 1),
                runs.ReplyReceived(attempt, Reply((words, call), "calls")),
                calls.CallJudged(ident, Verdict("allow", "mode", ""), claims, "d", 0),
                calls.CallStarted(ident, 1),
                calls.CallFinished(ident, Observation("ok", _words(chance, longest))),
            ]
        facts += [
            runs.AttemptStarted(f"{prompt}.11", 1),
            runs.ReplyReceived(f"{prompt}.11", Reply((Text("done"),), "end")),
            runs.RunFinished(prompt, "done"),
        ]
    return facts[:size]


def _words(chance: random.Random, longest: int) -> str:
    """An output of up to so many characters."""
    return chance.randbytes(chance.randrange(longest) // 2).hex()


def spoken(seed: int, turns: int) -> list[Fact]:
    """A session of turns with about 7 KB each, in words and lines of the standard library."""
    chance = random.Random(seed)
    names = ("argparse", "asyncio/base_events", "typing", "tarfile", "inspect", "turtle")
    text = "\n".join((Path(os.__file__).parent / f"{n}.py").read_text() for n in names)
    words = text.split()
    facts: list[Fact] = [
        SessionOpened("/w", "scripted/x", "auto", {}),
        PromptRebased(1, "first", "scripted/x", "", ()),
    ]
    claims = Claims("shell", "execute", "ls", folder="/w")
    for number in range(turns):
        run, start = f"p{number}", chance.randrange(len(text) - 6000)
        asked = " ".join(chance.choices(words, k=30)) + f" turn{seed * turns + number}"
        said = Text(" ".join(chance.choices(words, k=80)))
        call = Call(f"{run}.1.1", "write", {"path": "f", "content": text[start : start + 900]})
        output = Observation("ok", text[start + 1000 : start + 5500])
        facts += [
            PromptSubmitted(run, asked),
            runs.RunStarted(run),
            runs.AttemptStarted(f"{run}.1", 1),
            runs.ReplyReceived(f"{run}.1", Reply((said, call), "calls")),
            calls.CallJudged(call.id, Verdict("allow", "mode", ""), claims, "d", 0),
            calls.CallStarted(call.id, 1),
            calls.CallFinished(call.id, output),
            runs.AttemptStarted(f"{run}.2", 1),
            runs.ReplyReceived(f"{run}.2", Reply((said,), "end")),
            runs.RunFinished(run, "done"),
        ]
    return facts
