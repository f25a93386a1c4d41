"""A conversation by itself: items of every kind, and what is shown of them."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from difflib import unified_diff
from typing import Any

from textual.app import App, ComposeResult
from textual.message import Message
from textual.pilot import Pilot
from textual.widgets import Input

from tuiagent.clients.tui.driver import TerminalScreen
from tuiagent.clients.tui.transcript import Transcript
from tuiagent.kernel.message import Command, Diff, Question, Todo, Todos
from tuiagent.kernel.policy import Verdict
from tuiagent.views.transcript import AGAIN, Item

BEFORE = ["import os", "", "def f(x):", "    return x + 1", "", *(f"line {n}" for n in range(30))]
AFTER = ["import os", "import sys", "", "def f(x, y):", "    return x + y", "", *BEFORE[5:-1], "字"]
CHANGE = "\n".join(unified_diff(BEFORE, AFTER, "a/f.py", "b/f.py", lineterm=""))
WORDS = """\
# A heading 字

Some **bold** and `code`, *em* and ~~gone~~, with [a link](https://example.com/x) and
https://bare.org/path?q=1.

- one
  - nested, and so long that it has to be folded somewhere before the end of it
- [x] done
- [ ] open

7. seventh

   with a second paragraph

> a quote
> goes on

| name | what it is | 数 |
|---|---|--:|
| a | some longer text in a cell that may have to be folded | 字字 |

```python
def f(x):
    # a comment
    return "é" + x
```
***
<b>no markup</b> [b]none[/b] &amp; [1]: http://kept
"""
HOSTILE = (
    "\x1b]0;title\x07\x1b[31mred\x1b[0m a\rb \x9b2J evil\u202etxt.exe \ud800 e" + "\u0301" * 50
    + " tab\there [link=x]y[/] \x1b]8;;http://evil\x07https://good.org\x1b]8;;\x07 \x07\x08\x7f"
)  # fmt: skip
OTHERS = "👨‍👩‍👧‍👦 🇩🇪 ❤️ 한국어 नमस्ते ‏שלום‎ 漢字かな交じり文" * 3


def every() -> list[Item]:
    """One item of every kind and in every state that looks different."""
    allowed = Verdict("allow", "mode", "reading in the folder needs no asking", rule="read(**)")
    asked = Verdict("ask", "words", "it removes files", offer="shell(rm f)", neighbour="rm -rf /")
    todos = Todos(tuple(Todo(f"it is {s}", s) for s in ("done", "doing", "open", "dropped")))
    long = "\n".join(f"{n} line" for n in range(200))
    return [
        Item("session/x", "notice", "scripted/x in /work, mode ask", at=1),
        Item("p1", "prompt", "Please change *f*.\n\tAnd run the tests.", "seen", at=2),
        Item("p1.1", "reply", "", "done", reasoning="I should\nlook first."),
        Item("p1.1.1", "call", "", "ok", name="read", args={"path": "src/f.py"}, output=long,
             verdict=allowed, seconds=0.02),
        Item("p1.1.2", "call", "", "error", name="shell", args={"command": "pytest -x | tee log"},
             output="E   1 == 2\nFAILED\nmore", blocks=(Command("x", 1, 2.3),), seconds=72.3),
        Item("p1.2", "reply", "I'll change it.", "done"),
        Item("p1.2.1", "call", "", "ok", name="edit", args={"path": "f.py", "old": "a\nb"},
             output="changed", blocks=(Diff("f.py", CHANGE, "x", "y"),)),
        Item("p1.2.2", "call", "", "ok", name="todo", args={"items": []}, blocks=(todos,)),
        Item("p1.2.3", "call", "", "asked", name="shell", args={"command": "rm f"}, verdict=asked),
        Item("p1.2.4", "call", "", "deferred", name="ask", args={"question": "Which?"},
             blocks=(Question("Which database?", ("sqlite", "postgres")),)),
        Item("p1.2.5", "call", "", "started", name="shell", args={"command": "make"},
             output="compiling\nlinking 字字\n", at=0),
        Item("p1.2.6", "call", '{"broken', "error", name="write", output="no JSON object"),
        Item("p1.2.7", "call", "", "unknown", name="shell", args={"command": "curl x"},
             output="nobody knows"),
        Item("p1.2.8", "call", "", "denied", name="shell", args={"command": "sudo x"},
             output="refused: no"),
        Item("p1.2.9", "call", "", "ok", name="shell", args={"command": "make -j2", "wait": 9.0},
             amended="ann", written={"command": "make", "wait": 9.0}),
        Item("job1", "job", "p1.2.5", "started", name="shell", args={"command": "serve"}, at=0),
        Item("p1.3", "reply", WORDS, "done"),
        Item("p1.end", "run", "", "done", at=64),
        Item("p2", "prompt", "not this", "withdrawn"),
        Item("p3", "prompt", "later", "queued"),
        Item("p4", "prompt", "mind this", "queued", name="steer"),
        Item("p5", "prompt", long, "seen"),
        Item("p5.1", "reply", "half an ans", "interrupted", output="interrupted"),
        Item("p5.2", "reply", "half", "failed", output="overloaded: busy; it is asked again"),
        Item("p5.3", "reply", "", "failed", output="overloaded: the provider is busy"),
        Item("p5.4", "reply", "", "done"),
        Item("p5.end", "run", "the provider is busy", "error"),
        Item("p6.end", "run", "the answer was cut off at the model's output limit", "limit"),
        Item("p7.end", "run", "stopped (refusal)", "refused"),
        Item("p8.end", "run", "", "interrupted"),
        Item("e1", "notice", "the conversation was made shorter: full", output="a summary"),
        Item("h1", "reply", HOSTILE, "done", reasoning=HOSTILE),
        Item("h2", "prompt", HOSTILE, "seen"),
        Item("h2.1.1", "call", "", "error", name=HOSTILE, args={HOSTILE: HOSTILE},
             output=HOSTILE, blocks=(Diff(HOSTILE, CHANGE.replace("line 1", HOSTILE), "x", "y"),)),
        Item("h3", "reply", OTHERS, "done"),
        Item("p9.1", "reply", "", "failed", output="network: example.org could not be reached: "
             f"Connect call failed. Check the network{AGAIN}"),
        Item("p9.2", "reply", "", "failed", output="network: example.org could not be reached: "
             f"Connect call failed. Check the network{AGAIN} after 4 s"),
        Item("p10.1", "reply", "", "open"),
    ]  # fmt: skip


class Rolling(App[None]):
    """A conversation, and a line to type in."""

    CSS = "Input { height: 1; border: none; }"

    def __init__(self, items: Sequence[Item]) -> None:
        super().__init__()
        self.items = list(items)
        self.said: list[Message] = []

    def get_default_screen(self) -> TerminalScreen:
        """As the real app has it."""
        return TerminalScreen(id="_default")

    def compose(self) -> ComposeResult:
        """See App."""
        yield Transcript()
        yield Input()

    def on_mount(self) -> None:
        """Shows them."""
        self.query_one(Transcript).focus()
        self.query_one(Transcript).show(self.items)

    def on_transcript_retry(self, message: Transcript.Retry) -> None:
        """Keeps it."""
        self.said.append(message)

    def on_transcript_jump(self, message: Transcript.Jump) -> None:
        """Keeps it."""
        self.said.append(message)


class Rolled:
    """A conversation that is driven."""

    def __init__(self, app: Rolling, pilot: Pilot[Any]) -> None:
        self.app = app
        self.pilot = pilot
        self.transcript = app.query_one(Transcript)

    @property
    def shown(self) -> str:
        """What is seen of it, without the line below and the scroll bar."""
        strips = self.app.screen._compositor.render_strips()[:-1]
        width = self.app.size.width - 2
        texts = ("".join(s.text for s in strip.crop(1, width + 1)) for strip in strips)
        return "\n".join(text.rstrip() for text in texts)

    async def press(self, *keys: str) -> str:
        """Presses keys; what is seen then."""
        await self.pilot.press(*keys)
        await self.pilot.pause()
        return self.shown

    @property
    def at(self) -> str:
        """The item at hand."""
        cursor = self.transcript.cursor
        return cursor.item.id if cursor else ""


@asynccontextmanager
async def rolled(items: Sequence[Item], size: tuple[int, int] = (80, 24)) -> AsyncGenerator[Rolled]:
    """A conversation with these items."""
    app = Rolling(items)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Rolled(app, pilot)


def lines(transcript: Transcript) -> list[str]:
    """Every row of it, from the first to the last."""
    from tuiagent.clients.tui.transcript.flow import START

    return [row.text for _, row in transcript.flow.walk(START)]
