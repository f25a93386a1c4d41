"""What fills a context, and why a cache was missed."""

from tests.kernel.world import STREAM
from tuiagent.kernel import run as runs
from tuiagent.kernel.event import Event
from tuiagent.kernel.message import Reply, Text, ToolSpec, Usage
from tuiagent.kernel.session import PromptRebased, PromptSubmitted
from tuiagent.views.context import Breakdown, ContextView


class Told:
    """A view that is told one fact after the other."""

    def __init__(self) -> None:
        self.view = ContextView(STREAM)
        self._number = 0

    def fact(self, fact: object, at: float) -> None:
        self._number += 1
        self.view.apply(Event(self._number, STREAM, self._number, at, "a", fact))  # type: ignore[arg-type]

    def epoch(self, number: int, reason: str, model: str = "x/one") -> None:
        tools = (ToolSpec("read", "reads " * 40, {}),)
        self.fact(PromptRebased(number, reason, model, "s" * 400, tools, 1000), 0.0)

    def answer(self, number: int, at: float, usage: Usage | None) -> None:
        reply = Reply((Text("word " * 80),), usage=usage)
        self.fact(runs.AttemptStarted(f"p1.{number}", 1), at)
        self.fact(runs.ReplyReceived(f"p1.{number}", reply, 0.1, 500 + number), at)

    @property
    def found(self) -> Breakdown:
        return self.view.snapshot()[-1]


def test_the_parts_are_counted() -> None:
    told = Told()
    told.epoch(1, "opened")
    told.fact(PromptSubmitted("p1", "hello"), 0.0)
    told.fact(runs.RunStarted("p1"), 0.0)
    told.answer(1, 1.0, Usage(100, 10))
    sizes = {part.name: part.tokens for part in told.found.parts}
    assert sizes["system"] == 100
    assert sizes["tools"] > 50
    assert sizes["replies and calls"] > 80
    assert (told.found.context, told.found.window) == (501, 1000)


def test_a_missed_cache_has_its_reason() -> None:
    told = Told()
    told.epoch(1, "opened")
    told.answer(1, 0.0, Usage(1000, 10, cache_write=1000))
    told.answer(2, 10.0, Usage(1200, 10, cache_read=1000))
    told.answer(3, 1000.0, Usage(1300, 10))
    told.epoch(2, "tools changed")
    told.answer(4, 1010.0, Usage(1400, 10))
    told.epoch(3, "model changed", "x/two")
    told.answer(5, 1020.0, Usage(1500, 10))
    told.answer(6, 1030.0, Usage(1600, 10))
    whys = [(one.missed, one.why) for one in told.found.asked]
    assert whys[0] == whys[1] == (0, "")
    assert whys[2][0] == 1200
    assert "16 min" in whys[2][1] or "17 min" in whys[2][1]
    assert "tools changed" in whys[3][1]
    assert "x/two" in whys[4][1]
    assert whys[5][1] == "the provider does not say"


def test_a_provider_that_tells_of_no_cache_is_said_to() -> None:
    told = Told()
    told.epoch(1, "opened")
    told.answer(1, 0.0, Usage(1000, 10))
    told.answer(2, 1.0, Usage(1100, 10))
    told.answer(3, 2.0, None)
    assert [one.why for one in told.found.asked] == [
        "",
        "this provider has told of no cache in this session",
    ]
